// What a step or trigger asks of the web (core/pieces/http.hpp) or of a bucket
// (core/s3/request.hpp) as a request of a tenant's.
#pragma once

#include "engine/core/pieces/http.hpp"
#include "engine/core/s3/request.hpp"
#include "engine/ports/http_client.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace sallyport::engine {

// `time_ms` is the caller's own bound for calls that name none; none takes longer than
// `time_ms_max`.
HttpRequest request_of(HttpCall call, const std::string& tenant, std::int64_t time_ms,
                       std::int64_t time_ms_max);

// A signed request of a tenant's, to be sent once and where it says.
HttpRequest request_of(S3Call call, const std::string& tenant, std::int64_t time_ms,
                       std::size_t answer_bytes_max);

}  // namespace sallyport::engine
