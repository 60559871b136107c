// What the tests of the egress client share: a loop, an upstream, and a client that may reach only
// what the test lists.
#pragma once

#include "engine/adapters/http/client.hpp"
#include "tests/engine/poll_loop.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::engine {

using test::Upstream;
using test::UpstreamReply;
using test::UpstreamRequest;

inline constexpr std::string_view kLoopback = "127.0.0.0/8 ::1";

class HttpClientTest : public testing::Test {
  protected:
    void open(std::string_view allowlist, HttpClientOptions options = {}) {
        auto policy = EgressPolicy::parse(allowlist);
        ASSERT_TRUE(policy.ok());
        options.policy = *policy;
        client_ = std::make_unique<CurlHttpClient>(loop_, std::move(options));
    }

    HttpOutcome fetch(HttpRequest request) {
        std::optional<HttpOutcome> outcome;
        client_->send(std::move(request), [&](HttpOutcome ended) { outcome = std::move(ended); });
        EXPECT_FALSE(outcome.has_value()) << "done was called inside send()";
        EXPECT_TRUE(loop_.run_until([&] { return outcome.has_value(); }));
        return outcome ? std::move(*outcome) : HttpOutcome(HttpFailure{});
    }
    HttpOutcome get(std::string url) {
        HttpRequest request;
        request.url = std::move(url);
        return fetch(std::move(request));
    }
    std::string url(std::string_view path) const {
        return "http://" + upstream_.address() + std::string(path);
    }

    test::PollLoop loop_;
    Upstream upstream_;
    std::unique_ptr<CurlHttpClient> client_;
};

inline std::string word(const HttpOutcome& outcome) {
    const auto* failure = std::get_if<HttpFailure>(&outcome);
    return failure == nullptr ? std::to_string(std::get<HttpResponse>(outcome).status)
                              : std::string(to_string(failure->error));
}

inline bool unsent(const HttpOutcome& outcome) {
    return std::get<HttpFailure>(outcome).unsent;
}

}  // namespace sallyport::engine
