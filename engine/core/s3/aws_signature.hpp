// AWS Signature Version 4, as S3 and what is compatible with it verify requests. Pure: the time is
// an argument. Source: docs.aws.amazon.com, "Authenticating Requests (AWS Signature Version 4)".
#pragma once

#include "common/secret.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

struct AwsCredentials {
    std::string key_id;
    Secret secret;
    std::string region;
};

struct AwsRequest {
    std::string method;
    std::string host;   // with the port when it is not the scheme's own
    std::string path;   // percent-encoded once, begins with '/'
    std::string query;  // canonical: encoded and sorted
    std::vector<std::pair<std::string, std::string>> headers;  // lower-case names, without host
    std::string body;
};

// The headers to send beside the request's own: authorization, x-amz-date, x-amz-content-sha256.
std::vector<std::pair<std::string, std::string>> aws_sign(const AwsCredentials& credentials,
                                                          const AwsRequest& request,
                                                          std::string_view service,
                                                          std::int64_t now_ms);

// The query that makes the request good for so many seconds without a header, for whoever has the
// address. REQUIRES: the request has no query, headers or body of its own.
std::string aws_signed_query(const AwsCredentials& credentials, const AwsRequest& request,
                             std::string_view service, std::int64_t seconds, std::int64_t now_ms);

// Every byte but A-Z a-z 0-9 - . _ ~ as %XX; '/' stays when it parts segments.
std::string aws_encode(std::string_view text, bool keep_slashes);

}  // namespace sallyport::engine
