// Attempts that follow a refusal, before a client that answers as the test says.
#include "engine/adapters/http/patient_http_client.hpp"

#include "engine/adapters/system_clock.hpp"
#include "tests/engine/poll_loop.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

class ScriptedClient final : public HttpClient {
  public:
    explicit ScriptedClient(Loop& loop) : loop_(loop) {}
    RequestId send(HttpRequest request, Done done) override {
        requests.push_back(std::move(request));
        if (answers.empty()) {
            held = std::move(done);
            return ++last_;
        }
        loop_.post([done = std::move(done), answer = std::move(answers.front())]() mutable {
            done(std::move(answer));
        });
        answers.pop_front();
        return ++last_;
    }
    void cancel(RequestId) override {
        if (held) {
            loop_.post([done = std::move(held)] {
                done(HttpFailure{HttpError::cancelled, "cancelled", false});
            });
            held = nullptr;
        }
    }

    std::vector<HttpRequest> requests;
    std::deque<HttpOutcome> answers;  // none left: the request is held
    Done held;

  private:
    Loop& loop_;
    RequestId last_ = 0;
};

HttpResponse answer(int status, const std::string& retry_after = "") {
    HttpResponse response;
    response.status = status;
    if (!retry_after.empty()) {
        response.headers = {{"Retry-After", retry_after}};
    }
    return response;
}

class PatientHttpClientTest : public testing::Test {
  protected:
    static HttpRequest request(HttpRetry retry, std::uint32_t timeout_ms = 20'000) {
        HttpRequest wanted;
        wanted.method = "POST";
        wanted.url = "https://host.example/path";
        wanted.body = "body";
        wanted.tenant = "tenant";
        wanted.idempotency_key = "run:step:1";
        wanted.timeout_ms = timeout_ms;
        wanted.retry = retry;
        return wanted;
    }
    std::string outcome_of(HttpRequest wanted) {
        std::optional<HttpOutcome> outcome;
        client_->send(std::move(wanted), [&](HttpOutcome ended) { outcome = std::move(ended); });
        EXPECT_FALSE(outcome.has_value()) << "done was called inside send()";
        EXPECT_TRUE(loop_.run_until([&] { return outcome.has_value(); }));
        return outcome ? word(*outcome) : "nothing";
    }
    static std::string word(const HttpOutcome& outcome) {
        const auto* failure = std::get_if<HttpFailure>(&outcome);
        return failure == nullptr ? std::to_string(std::get<HttpResponse>(outcome).status)
                                  : std::string(to_string(failure->error));
    }

    test::PollLoop loop_;
    SystemClock clock_;
    ScriptedClient inner_{loop_};
    std::unique_ptr<PatientHttpClient> client_ =
        std::make_unique<PatientHttpClient>(loop_, clock_, inner_);
};

TEST_F(PatientHttpClientTest, SendsTheSameOnceMore) {
    inner_.answers = {answer(429, "0"), answer(503, "0"), answer(200)};
    EXPECT_EQ(outcome_of(request(HttpRetry::when_told)), "200");
    ASSERT_EQ(inner_.requests.size(), 3u);
    for (const HttpRequest& sent : inner_.requests) {
        EXPECT_EQ(sent.body, "body");
        EXPECT_EQ(sent.idempotency_key, "run:step:1");
        EXPECT_LE(sent.timeout_ms, 20'000u);
    }
    EXPECT_LE(inner_.requests[2].timeout_ms, inner_.requests[0].timeout_ms);
}

TEST_F(PatientHttpClientTest, GivesUpWithTheLastAnswer) {
    inner_.answers = {answer(500), HttpFailure{HttpError::connect_failed, "", true}, answer(502),
                      answer(200)};
    EXPECT_EQ(outcome_of(request(HttpRetry::on_5xx)), "502");
    EXPECT_EQ(inner_.requests.size(), kHttpAttemptsMax);
}

TEST_F(PatientHttpClientTest, AsksOnceWhatItIsNotToAskAgain) {
    for (const auto& [retry, said] : std::vector<std::pair<HttpRetry, HttpOutcome>>{
             {HttpRetry::none, answer(429, "0")},
             {HttpRetry::when_told, answer(500)},
             {HttpRetry::on_5xx, answer(404)},
             {HttpRetry::on_error, HttpFailure{HttpError::refused_address, "", true}},
             {HttpRetry::on_error, HttpFailure{HttpError::too_large, "", false}},
             {HttpRetry::when_told, answer(429, "3600")}}) {
        inner_.requests.clear();
        inner_.answers = {said, answer(200)};
        EXPECT_EQ(outcome_of(request(retry)), word(said));
        EXPECT_EQ(inner_.requests.size(), 1u) << word(said);
    }
}

TEST_F(PatientHttpClientTest, HasNoMoreTimeThanItWasGiven) {
    inner_.answers = {answer(429, "2"), answer(200)};
    EXPECT_EQ(outcome_of(request(HttpRetry::when_told, 1'500)), "429");
    EXPECT_EQ(inner_.requests.size(), 1u);
}

TEST_F(PatientHttpClientTest, IsCancelledWhileItWaitsAndWhileItAsks) {
    std::vector<std::string> ended;
    inner_.answers = {answer(429, "30")};
    const auto waiting =
        client_->send(request(HttpRetry::when_told, 60'000),
                      [&](const HttpOutcome& outcome) { ended.push_back(word(outcome)); });
    EXPECT_TRUE(loop_.run_until([&] { return loop_.timer_count() == 1; }));
    client_->cancel(waiting);
    client_->cancel(waiting);
    EXPECT_TRUE(loop_.run_until([&] { return ended.size() == 1; }));
    EXPECT_EQ(loop_.timer_count(), 0u);
    const auto asking =
        client_->send(request(HttpRetry::when_told),
                      [&](const HttpOutcome& outcome) { ended.push_back(word(outcome)); });
    client_->cancel(asking);
    EXPECT_TRUE(loop_.run_until([&] { return ended.size() == 2; }));
    inner_.answers = {answer(429, "30")};
    client_->send(request(HttpRetry::when_told, 60'000),
                  [&](const HttpOutcome& outcome) { ended.push_back(word(outcome)); });
    EXPECT_TRUE(loop_.run_until([&] { return loop_.timer_count() == 1; }));
    client_.reset();
    EXPECT_TRUE(loop_.run_until([&] { return ended.size() == 3; }));
    EXPECT_EQ(ended, std::vector<std::string>(3, "cancelled"));
}

TEST_F(PatientHttpClientTest, LeavesAHostAloneThatDoesNotAnswer) {
    const HttpFailure silence{HttpError::connect_failed, "nobody", true};
    for (unsigned i = 0; i < HostBreaker::kFailuresMax; ++i) {
        inner_.answers = {silence};
        EXPECT_EQ(outcome_of(request(HttpRetry::none)), "connect_failed");
    }
    inner_.requests.clear();
    EXPECT_EQ(outcome_of(request(HttpRetry::none)), "connect_failed");
    EXPECT_TRUE(inner_.requests.empty());
    HttpRequest of_another = request(HttpRetry::none);
    of_another.tenant = "another";
    inner_.answers = {answer(200)};
    EXPECT_EQ(outcome_of(std::move(of_another)), "200") << "tenants do not block each other";
    HttpRequest by_proxy = request(HttpRetry::none);
    by_proxy.proxy = HttpProxy{"proxy.example", 3128, "", ""};
    inner_.answers = {answer(200)};
    EXPECT_EQ(outcome_of(std::move(by_proxy)), "200") << "nor does one way block another";
}

}  // namespace
}  // namespace sallyport::engine
