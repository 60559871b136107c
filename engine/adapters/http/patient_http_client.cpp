#include "engine/adapters/http/patient_http_client.hpp"

#include "engine/core/egress_policy.hpp"

#include <random>
#include <string>
#include <unordered_map>
#include <utility>

namespace sallyport::engine {
namespace {

// Whether the host is to blame that there is no answer.
bool is_no_answer(HttpError error) {
    switch (error) {
        case HttpError::resolve_failed:
        case HttpError::connect_failed:
        case HttpError::timeout:
            return true;
        case HttpError::refused_url:
        case HttpError::refused_address:
        case HttpError::refused_request:
        case HttpError::tls_failed:
        case HttpError::too_large:
        case HttpError::too_many_redirects:
        case HttpError::bad_response:
        case HttpError::overloaded:
        case HttpError::cancelled:
            return false;
    }
    return false;
}

// Whose silence it would be: a host's on the way that leads there. What a step's own proxy does
// says nothing of the host.
std::string host_of(const HttpRequest& request) {
    const Result<EgressUrl> url = parse_egress_url(request.url);
    std::string host = request.tenant + "\n" + (url.ok() ? url->origin() : std::string());
    if (request.proxy) {
        host += "\n" + request.proxy->host + ":" + std::to_string(request.proxy->port);
    }
    return host;
}

HttpFailure left_alone(const HttpRequest& request) {
    const Result<EgressUrl> url = parse_egress_url(request.url);
    return {HttpError::connect_failed,
            (url.ok() ? url->host : std::string("the host")) + " did not answer " +
                std::to_string(HostBreaker::kFailuresMax) +
                " times in a row and is left alone for some seconds",
            true};
}

}  // namespace

class PatientHttpClient::Impl : public std::enable_shared_from_this<PatientHttpClient::Impl> {
  public:
    Impl(Loop& loop, const Clock& clock, HttpClient& client)
        : loop_(loop), clock_(clock), client_(client), chance_(std::random_device{}()) {}

    RequestId send(HttpRequest request, Done done) {
        const RequestId id = ++last_id_;
        Entry& entry = entries_[id];
        entry.done = std::move(done);
        entry.host = host_of(request);
        entry.ends_ms = clock_.steady_ms() + request.timeout_ms;
        entry.request = std::move(request);
        attempt(id);
        return id;
    }

    void cancel(RequestId id) {
        const auto found = entries_.find(id);
        if (found == entries_.end()) {
            return;
        }
        if (found->second.timer == 0) {
            return client_.cancel(found->second.under_way);
        }
        end(id, HttpFailure{HttpError::cancelled, "the request was cancelled", false});
    }

    void stop() {
        while (!entries_.empty()) {
            const auto& [id, entry] = *entries_.begin();
            if (entry.timer == 0) {
                client_.cancel(entry.under_way);
            }
            end(id, HttpFailure{HttpError::cancelled, "the engine stops", false});
        }
    }

  private:
    struct Entry {
        HttpRequest request;
        Done done;
        std::string host;
        std::int64_t ends_ms = 0;  // steady
        unsigned attempts = 0;
        RequestId under_way = 0;
        Loop::TimerId timer = 0;  // waits for the next attempt
    };

    void attempt(RequestId id) {
        Entry& entry = entries_[id];
        ++entry.attempts;
        const std::int64_t now = clock_.steady_ms();
        if (!breaker_.admits(entry.host, now)) {
            return end(id, left_alone(entry.request));
        }
        const bool last =
            entry.request.retry == HttpRetry::none || entry.attempts >= kHttpAttemptsMax;
        HttpRequest request = last ? std::move(entry.request) : entry.request;
        request.timeout_ms =
            static_cast<std::uint32_t>(std::max<std::int64_t>(1, entry.ends_ms - now));
        entry.under_way =
            client_.send(std::move(request), [self = weak_from_this(), id](HttpOutcome outcome) {
                if (const auto impl = self.lock()) {
                    impl->ended(id, std::move(outcome));
                }
            });
    }

    void ended(RequestId id, HttpOutcome outcome) {
        const auto found = entries_.find(id);
        if (found == entries_.end()) {
            return;
        }
        Entry& entry = found->second;
        FailedAttempt failed;
        failed.number = entry.attempts;
        bool may_again = true;
        if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
            may_again = is_no_answer(failure->error) || failure->error == HttpError::bad_response;
            if (is_no_answer(failure->error)) {
                breaker_.note(entry.host, false, clock_.steady_ms());
            }
        } else {
            const auto& response = std::get<HttpResponse>(outcome);
            failed.status = response.status;
            failed.retry_after = response.header("retry-after");
            breaker_.note(entry.host, true, clock_.steady_ms());
        }
        const auto wait =
            may_again ? wait_before_retry_ms(entry.request.retry, failed, clock_.now_ms(),
                                             std::uniform_real_distribution<>(0, 1)(chance_))
                      : std::nullopt;
        if (!wait || clock_.steady_ms() + *wait >= entry.ends_ms) {
            return end(id, std::move(outcome));
        }
        entry.timer = loop_.after(*wait, [this, id] {
            entries_[id].timer = 0;
            attempt(id);
        });
    }

    // Posted: the caller may send, cancel or destroy the client in it.
    void end(RequestId id, HttpOutcome outcome) {
        auto node = entries_.extract(id);
        if (node.mapped().timer != 0) {
            loop_.cancel(node.mapped().timer);
        }
        loop_.post([done = std::move(node.mapped().done), outcome = std::move(outcome)]() mutable {
            done(std::move(outcome));
        });
    }

    Loop& loop_;
    const Clock& clock_;
    HttpClient& client_;
    std::mt19937 chance_;
    HostBreaker breaker_;
    RequestId last_id_ = 0;
    std::unordered_map<RequestId, Entry> entries_;
};

PatientHttpClient::PatientHttpClient(Loop& loop, const Clock& clock, HttpClient& client)
    : impl_(std::make_shared<Impl>(loop, clock, client)) {}

PatientHttpClient::~PatientHttpClient() {
    impl_->stop();
}

HttpClient::RequestId PatientHttpClient::send(HttpRequest request, Done done) {
    return impl_->send(std::move(request), std::move(done));
}

void PatientHttpClient::cancel(RequestId id) {
    impl_->cancel(id);
}

}  // namespace sallyport::engine
