#include "engine/adapters/s3/steps.hpp"

#include "engine/adapters/steps/http_calls.hpp"
#include "engine/core/pieces/s3.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kTimeMs = 60'000;

StepResult result_of(const std::string& action, const S3Step& step, const S3Call& call,
                     const HttpOutcome& outcome) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        return failure->error == HttpError::overloaded
                   ? step_overloaded()
                   : step_failed(std::string(to_string(failure->error)) + ": " + failure->message);
    }
    const auto& response = std::get<HttpResponse>(outcome);
    S3Answer answer{response.status, {}, response.body};
    for (const HttpHeader& field : response.headers) {
        answer.headers.push_back({field.name, field.value});
    }
    Result<Json> output = s3_outcome(action, step, call, answer);
    return output.ok() ? step_succeeded(*std::move(output)) : step_failed(output.message());
}

// The requests of a step, one after the other.
struct Way {
    std::string action;
    std::string tenant;
    std::int64_t time_ms;
    S3Step step;
    std::size_t next = 0;
    Json output;  // of the first
    HttpClient::RequestId under_way = 0;
    bool cancelled = false;
    StepDone done;
};

void send_next(HttpClient& http, const std::shared_ptr<Way>& way) {
    S3Call& call = way->step.calls[way->next];
    S3Call sent{call.method, call.url, call.headers, std::move(call.body), {}};
    way->under_way =
        http.send(request_of(std::move(sent), way->tenant, way->time_ms, kS3FileBytesMax),
                  [&http, way, &call](const HttpOutcome& outcome) {
                      StepResult result = result_of(way->action, way->step, call, outcome);
                      if (result.kind != StepResult::Kind::succeeded) {
                          return way->done(std::move(result));
                      }
                      way->output = way->next == 0 ? std::move(result.output) : way->output;
                      way->next += 1;
                      if (way->next == way->step.calls.size()) {
                          return way->done(step_succeeded(way->output));
                      }
                      if (way->cancelled) {
                          return way->done(step_failed("The step was cancelled"));
                      }
                      send_next(http, way);
                  });
}

}  // namespace

StepCancel perform_s3(HttpClient& http, const StepCall& call, StepDone done) {
    Result<S3Step> wanted = s3_step(call.step.action, call.input, call.now_ms);
    if (!wanted.ok()) {
        done(step_failed(wanted.message()));
        return {};
    }
    if (wanted->calls.empty()) {
        done(step_succeeded(wanted->output));
        return {};
    }
    const auto way = std::make_shared<Way>();
    way->action = call.step.action;
    way->tenant = call.project_id;
    way->time_ms = std::min(kTimeMs, call.time_left_ms);
    way->step = *std::move(wanted);
    way->done = std::move(done);
    send_next(http, way);
    return [&http, way] {
        way->cancelled = true;
        http.cancel(way->under_way);
    };
}

}  // namespace sallyport::engine
