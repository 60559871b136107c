// Signed requests to S3 and to what is compatible with it, and what their answers mean. Pure: the
// time is an argument, an HTTP client sends them. For the steps of the S3 piece and for the
// engine's own files.
#pragma once

#include "common/result.hpp"
#include "common/secret.hpp"
#include "engine/core/s3/aws_signature.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

struct S3Account {
    std::string key_id;
    Secret secret;
    std::string region = "us-east-1";
    std::string bucket;
    std::string endpoint;  // empty: Amazon's
    // Where the bucket stands: in the path, in the host's name, or where it usually does: in the
    // path for an endpoint of one's own (which knows no names of buckets) and for a bucket with
    // dots (which fits no certificate).
    enum class Style { usual, path, host };
    Style style = Style::usual;

    S3Account clone() const { return {key_id, secret.clone(), region, bucket, endpoint, style}; }
};

// A bucket, ready to be asked.
struct S3Bucket {
    AwsCredentials credentials;
    std::string origin;  // scheme://host[:port]
    std::string host;    // as the Host field has it
    std::string host_and_port;
    std::string prefix;  // of paths: the bucket, where it is no part of the host
    std::string name;
};
// Error: a part has characters it may not have, or the endpoint is no address without a path.
Result<S3Bucket> s3_bucket(S3Account account);

struct S3Call {
    std::string method;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::string key;  // of the object
};
// Of the object, or of the bucket where there is no key. `query` is not encoded; a name alone has
// an empty value. Header names are lower case. REQUIRES: is_s3_key(key), or none.
struct S3Ask {
    std::string method;
    std::string key;
    std::vector<std::pair<std::string, std::string>> query;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
};
S3Call s3_asked(const S3Bucket& bucket, S3Ask ask, std::int64_t now_ms);
// Of a listing: the objects whose keys begin with `prefix`, at most `count`; `token` is the last
// page's. Keys come percent-encoded, since XML cannot hold all of them.
S3Call s3_list_call(const S3Bucket& bucket, const std::string& prefix, const std::string& token,
                    std::size_t count, std::int64_t now_ms);
// An address that lets whoever has it do `method` with the object for a time, without more.
// REQUIRES: is_s3_key(key).
std::string s3_signed_url(const S3Bucket& bucket, const std::string& method, const std::string& key,
                          std::int64_t seconds, std::int64_t now_ms);
// REQUIRES: is_s3_key(key). Header names are lower case.
S3Call s3_signed(const S3Bucket& bucket, std::string method, std::string key,
                 std::vector<std::pair<std::string, std::string>> headers, std::string body,
                 std::int64_t now_ms);

// 1 to 1024 bytes, without `.` and `..` as a part: a path that parsers would shorten names another
// object than the one that was signed.
bool is_s3_key(std::string_view key);

// What went wrong, for a person: the status, and the code and message that the answer holds.
std::string s3_problem(int status, std::string_view body);

}  // namespace sallyport::engine
