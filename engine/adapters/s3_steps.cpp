#include "engine/adapters/s3_steps.hpp"

#include "engine/core/piece_s3.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kTimeMs = 60'000;

StepResult result_of(const std::string& action, const S3Call& call, const HttpOutcome& outcome) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        return failure->error == HttpError::overloaded
                   ? step_overloaded()
                   : step_failed(std::string(to_string(failure->error)) + ": " + failure->message);
    }
    const auto& response = std::get<HttpResponse>(outcome);
    Result<Json> output = s3_outcome(
        action, call,
        {response.status, response.header("etag"), response.header("content-type"), response.body});
    return output.ok() ? step_succeeded(*std::move(output)) : step_failed(output.message());
}

}  // namespace

StepCancel perform_s3(HttpClient& http, const StepCall& call, StepDone done) {
    Result<S3Call> wanted = s3_call(call.step.action, call.input, call.now_ms);
    if (!wanted.ok()) {
        done(step_failed(wanted.message()));
        return {};
    }
    const auto what = std::make_shared<S3Call>(*std::move(wanted));
    HttpRequest request;
    request.method = what->method;
    request.url = what->url;
    for (const auto& [name, value] : what->headers) {
        request.headers.push_back({name, value});
    }
    request.body = std::move(what->body);
    request.tenant = call.project_id;
    request.timeout_ms =
        static_cast<std::uint32_t>(std::max<std::int64_t>(1, std::min(kTimeMs, call.time_left_ms)));
    request.response_bytes_max = kS3FileBytesMax;
    request.redirects_max = 0;  // a signature is for one address
    const auto id =
        http.send(std::move(request),
                  [what, action = call.step.action, done = std::move(done)](
                      const HttpOutcome& outcome) { done(result_of(action, *what, outcome)); });
    return [&http, id] { http.cancel(id); };
}

}  // namespace sallyport::engine
