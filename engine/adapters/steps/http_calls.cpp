#include "engine/adapters/steps/http_calls.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {

HttpRequest request_of(HttpCall call, const std::string& tenant, std::int64_t time_ms,
                       std::int64_t time_ms_max) {
    HttpRequest request;
    request.method = std::move(call.method);
    request.url = std::move(call.url);
    for (WebHeader& header : call.headers) {
        request.headers.push_back({std::move(header.name), std::move(header.value)});
    }
    request.body = std::move(call.body);
    request.tenant = tenant;
    const std::int64_t asked = call.timeout_ms > 0 ? call.timeout_ms : time_ms;
    request.timeout_ms =
        static_cast<std::uint32_t>(std::max<std::int64_t>(1, std::min(asked, time_ms_max)));
    request.retry = call.retry;
    request.proxy = std::move(call.proxy);
    if (!call.follow_redirects) {
        request.redirects_max = 0;
    }
    return request;
}

HttpRequest request_of(S3Call call, const std::string& tenant, std::int64_t time_ms,
                       std::size_t answer_bytes_max) {
    HttpRequest request;
    request.method = std::move(call.method);
    request.url = std::move(call.url);
    for (auto& [name, value] : call.headers) {
        request.headers.push_back({std::move(name), std::move(value)});
    }
    request.body = std::move(call.body);
    request.tenant = tenant;
    request.timeout_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(1, time_ms));
    request.response_bytes_max = answer_bytes_max;
    request.redirects_max = 0;  // a signature is for one address
    return request;
}

}  // namespace sallyport::engine
