// What a step or trigger asks of the web (core/piece_http.hpp) as a request of a tenant's.
#pragma once

#include "engine/core/piece_http.hpp"
#include "engine/ports/http_client.hpp"

#include <cstdint>
#include <string>

namespace sallyport::engine {

// `time_ms` is the caller's own bound for calls that name none; none takes longer than
// `time_ms_max`.
HttpRequest request_of(HttpCall call, const std::string& tenant, std::int64_t time_ms,
                       std::int64_t time_ms_max);

}  // namespace sallyport::engine
