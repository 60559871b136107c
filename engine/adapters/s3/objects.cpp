#include "engine/adapters/s3/objects.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kPauseMs = 200;          // doubled with each attempt
constexpr std::size_t kAnswerBytesMax = 65536;  // of answers that are not an object

bool passes_by_itself(HttpError error) {
    return error == HttpError::resolve_failed || error == HttpError::connect_failed ||
           error == HttpError::timeout || error == HttpError::bad_response;
}

bool passes_by_itself(int status) {
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

}  // namespace

struct S3Objects::Wish {
    std::string method;
    std::string key;
    std::string body;
    std::size_t answer_bytes_max = kAnswerBytesMax;
    std::function<void(Result<HttpResponse>)> done;  // 2xx and 404
    std::int64_t until_ms = 0;                       // by the steady clock
    int attempts = 0;
};

void S3Objects::attempt(const std::shared_ptr<Wish>& wish) {
    wish->attempts += 1;
    S3Call call = s3_signed(
        bucket_, wish->method, wish->key,
        wish->method == "PUT"
            ? std::vector<std::pair<std::string, std::string>>{{"content-type",
                                                                "application/octet-stream"}}
            : std::vector<std::pair<std::string, std::string>>{},
        wish->body, clock_.now_ms());
    HttpRequest request;
    request.method = std::move(call.method);
    request.url = std::move(call.url);
    for (auto& [name, value] : call.headers) {
        request.headers.push_back({name, value});
    }
    request.body = std::move(call.body);
    request.timeout_ms =
        static_cast<std::uint32_t>(std::max<std::int64_t>(1, time_ms_ / kAttempts));
    request.response_bytes_max = wish->answer_bytes_max;
    request.redirects_max = 0;  // a signature is for one address
    http_.send(std::move(request),
               [this, wish, alive = std::weak_ptr<bool>(alive_)](HttpOutcome outcome) {
                   if (!alive.expired()) {
                       judge(wish, std::move(outcome));
                   }
               });
}

void S3Objects::judge(const std::shared_ptr<Wish>& wish, HttpOutcome outcome) {
    std::string problem;
    bool passes = false;
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        problem = "s3: " + std::string(to_string(failure->error)) + ": " + failure->message;
        passes = passes_by_itself(failure->error);
    } else {
        auto& response = std::get<HttpResponse>(outcome);
        if ((response.status >= 200 && response.status < 300) || response.status == 404) {
            return wish->done(std::move(response));
        }
        problem = s3_problem(response.status, response.body);
        passes = passes_by_itself(response.status);
    }
    const std::int64_t pause_ms = kPauseMs << (wish->attempts - 1);
    if (!passes || wish->attempts >= kAttempts || clock_.steady_ms() + pause_ms >= wish->until_ms) {
        return wish->done(Error{problem + " (" + wish->method + " " + wish->key + ", attempt " +
                                std::to_string(wish->attempts) + ")"});
    }
    loop_.after(pause_ms, [this, wish, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired()) {
            attempt(wish);
        }
    });
}

void S3Objects::put(std::string key, std::string bytes, StoreDone<Done> done) {
    auto wish = std::make_shared<Wish>();
    wish->method = "PUT";
    wish->key = std::move(key);
    wish->body = std::move(bytes);
    wish->until_ms = clock_.steady_ms() + time_ms_;
    wish->done = [done = std::move(done)](const Result<HttpResponse>& response) {
        if (!response.ok()) {
            done(response.error());
        } else if (response->status == 404) {  // of the bucket
            done(Error{s3_problem(response->status, response->body)});
        } else {
            done(Done{});
        }
    };
    attempt(wish);
}

void S3Objects::get(std::string key, std::size_t size, StoreDone<std::optional<std::string>> done) {
    auto wish = std::make_shared<Wish>();
    wish->method = "GET";
    wish->key = std::move(key);
    wish->answer_bytes_max = std::max(size, kAnswerBytesMax);
    wish->until_ms = clock_.steady_ms() + time_ms_;
    wish->done = [size, done = std::move(done)](Result<HttpResponse> response) {
        if (!response.ok()) {
            return done(response.error());
        }
        if (response->status == 404) {
            const bool bucket = response->body.find("NoSuchBucket") != std::string::npos;
            return bucket ? done(Error{s3_problem(response->status, response->body)})
                          : done(std::optional<std::string>());
        }
        if (response->body.size() != size) {
            return done(Error{"s3: the object has " + std::to_string(response->body.size()) +
                              " bytes, not the " + std::to_string(size) + " that were kept"});
        }
        done(std::optional(std::move(response->body)));
    };
    attempt(wish);
}

void S3Objects::remove(std::string key, StoreDone<Done> done) {
    auto wish = std::make_shared<Wish>();
    wish->method = "DELETE";
    wish->key = std::move(key);
    wish->until_ms = clock_.steady_ms() + time_ms_;
    wish->done = [done = std::move(done)](const Result<HttpResponse>& response) {
        done(response.ok() ? Status(Done{}) : Status(response.error()));
    };
    attempt(wish);
}

}  // namespace sallyport::engine
