// Adaptive limits against a model of an upstream: a queue with a capacity that changes. No clock,
// no randomness: a step is a second.
#include "module/policy/rate_adaptive.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace sallyport::policy {
namespace {

// Serves `capacity` requests a second, 10 ms each when idle; what is too much waits in a queue of
// at most two seconds' work.
struct Upstream {
    double capacity = 1'000;
    double service_ms = 10;
    double queued = 0;
    double failing = 0;  // share of answers

    AdaptiveWindow second(double offered) {
        queued = std::clamp(queued + offered - capacity, 0.0, 2 * capacity);
        const double latency_ms = service_ms + queued / capacity * 1'000;
        AdaptiveWindow out;
        out.answers = static_cast<std::uint32_t>(std::min(offered + queued, capacity));
        out.failures = static_cast<std::uint32_t>(out.answers * failing);
        out.latency_us = static_cast<std::uint64_t>(latency_ms * 1'000) * out.answers;
        return out;
    }
};

struct Scene {
    AdaptiveTerms terms{.floor = kWhole / 10, .failures_max = 50'000};
    double ceiling = 2'000;
    AdaptiveState state;
    Upstream upstream;
    std::vector<double> rates;

    void seconds(int count, double offered) {
        for (int i = 0; i < count; ++i) {
            const double rate = ceiling * state.share / kWhole;
            rates.push_back(rate);
            state = adapt(state, terms, upstream.second(std::min(offered, rate)));
            ASSERT_GE(state.share, terms.floor);
            ASSERT_LE(state.share, kWhole);
        }
    }
    double mean(std::size_t last) const {
        double sum = 0;
        for (std::size_t i = rates.size() - last; i < rates.size(); ++i) {
            sum += rates[i];
        }
        return sum / static_cast<double>(last);
    }
};

TEST(RateAdaptive, StaysAtTheCeilingWhileTheUpstreamIsWell) {
    Scene run;
    run.upstream.capacity = 3'000;
    run.seconds(60, 5'000);
    EXPECT_EQ(run.state.share, kWhole);
    EXPECT_EQ(run.state.baseline_us, 10'000u);
}

TEST(RateAdaptive, AnOverloadedUpstreamGetsWhatItCanServe) {
    Scene run;
    run.seconds(10, 500);  // the baseline
    run.seconds(120, 5'000);
    EXPECT_GT(run.mean(60), 0.7 * run.upstream.capacity);
    EXPECT_LT(run.mean(60), 1.1 * run.upstream.capacity);
    EXPECT_LT(run.upstream.queued, 0.5 * run.upstream.capacity);
    run.upstream.capacity = 3'000;
    run.seconds(30, 5'000);
    EXPECT_EQ(run.state.share, kWhole) << "what recovers is given all again";
}

TEST(RateAdaptive, FailuresShrinkTheRateToItsFloorAndNoFurther) {
    Scene run;
    run.upstream.capacity = 5'000;
    run.seconds(10, 2'000);
    run.upstream.failing = 0.06;
    run.seconds(1, 2'000);
    EXPECT_EQ(run.state.share, kWhole * 7 / 10);
    run.seconds(20, 2'000);
    EXPECT_EQ(run.state.share, run.terms.floor);
    run.upstream.failing = 0.04;
    run.seconds(20, 2'000);
    EXPECT_EQ(run.state.share, kWhole);
}

TEST(RateAdaptive, SlownessThatTheFloorDoesNotCureBecomesNormal) {
    Scene run;
    run.upstream.capacity = 5'000;
    run.seconds(10, 1'000);
    run.upstream.service_ms = 100;
    run.seconds(10, 1'000);
    EXPECT_EQ(run.state.share, run.terms.floor);
    run.seconds(400, 1'000);
    EXPECT_EQ(run.state.share, kWhole);
    run.upstream.service_ms = 10;
    run.seconds(1, 1'000);
    EXPECT_EQ(run.state.baseline_us, 10'000u) << "better is believed at once";
}

TEST(RateAdaptive, AnIdleLimitRecovers) {
    Scene run;
    run.state = {kWhole / 10, 10'000};
    run.seconds(20, 0);
    EXPECT_EQ(run.state.share, kWhole);
    EXPECT_EQ(run.state.baseline_us, 10'000u);
}

TEST(RateAdaptive, AFewAnswersTellNothing) {
    EXPECT_TRUE((AdaptiveWindow{0, 0, 0}.tells()));
    EXPECT_FALSE((AdaptiveWindow{kAdaptSamplesMin - 1, 0, 0}.tells()));
    EXPECT_TRUE((AdaptiveWindow{kAdaptSamplesMin, 0, 0}.tells()));
}

TEST(RateAdaptive, TheGrainOfTheClockIsNoSlowness) {
    AdaptiveState state;
    for (const std::uint64_t ms : {0, 1, 0, 2, 1, 0, 1}) {
        state = adapt(state, {.floor = kWhole / 10}, {100, 0, ms * 1'000 * 50});
        EXPECT_EQ(state.share, kWhole) << ms;
    }
}

}  // namespace
}  // namespace sallyport::policy
