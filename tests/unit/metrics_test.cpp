#include "module/policy/metrics.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy {
namespace {

TEST(Metrics, WritesFamiliesTogether) {
    Metrics metrics;
    metrics.counter("a_total", "First.", {{"k", "1"}}, 7);
    metrics.gauge("b", "Second.", {}, 0.25);
    metrics.counter("a_total", "First.", {{"k", "2"}}, 18446744073709551615u);
    EXPECT_EQ(metrics.prometheus(),
              "# HELP a_total First.\n"
              "# TYPE a_total counter\n"
              "a_total{k=\"1\"} 7\n"
              "a_total{k=\"2\"} 18446744073709551615\n"
              "# HELP b Second.\n"
              "# TYPE b gauge\n"
              "b 0.25\n");
    EXPECT_EQ(metrics.json().size(), 3u);
    EXPECT_EQ(metrics.json().at(0)["k"].text(), "1");
}

TEST(Metrics, EscapesWhatTheFormatDemands) {
    Metrics metrics;
    metrics.gauge("g", "a \\ \"b\"\nc", {{"l", "q\"b\\n\n"}}, -3);
    EXPECT_EQ(metrics.prometheus(),
              "# HELP g a \\\\ \"b\"\\nc\n# TYPE g gauge\ng{l=\"q\\\"b\\\\n\\n\"} -3\n");
}

TEST(Metrics, HistogramsAreCumulative) {
    std::array<std::uint64_t, kLatencyBuckets> counts{};
    ++counts[latency_bucket(0)];
    ++counts[latency_bucket(100'000)];         // exactly on the first bound
    ++counts[latency_bucket(100'001)];         // beyond it
    ++counts[latency_bucket(60'000'000'000)];  // beyond all
    Metrics metrics;
    metrics.latency("h_seconds", "H.", {{"s", "x"}}, counts, 60'000'200'001);
    const std::string text = metrics.prometheus();
    EXPECT_NE(text.find("h_seconds_bucket{s=\"x\",le=\"0.0001\"} 2\n"), std::string::npos) << text;
    EXPECT_NE(text.find("h_seconds_bucket{s=\"x\",le=\"0.00025\"} 3\n"), std::string::npos);
    EXPECT_NE(text.find("h_seconds_bucket{s=\"x\",le=\"1\"} 3\n"), std::string::npos);
    EXPECT_NE(text.find("h_seconds_bucket{s=\"x\",le=\"+Inf\"} 4\n"), std::string::npos);
    EXPECT_NE(text.find("h_seconds_count{s=\"x\"} 4\n"), std::string::npos);
    EXPECT_NE(text.find("h_seconds_sum{s=\"x\"} 60.000200001\n"), std::string::npos) << text;
    EXPECT_EQ(metrics.json().at(0)["count"].integer_or(0), 4);
}

}  // namespace
}  // namespace sallyport::policy
