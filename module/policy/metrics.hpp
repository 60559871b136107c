// Measurements as data, written as Prometheus text (exposition format 0.0.4) and as JSON. Pure: who
// measures and when is not known here. Labels have closed sets of values: configuration names,
// never what a client sent.
#pragma once

#include "common/json.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::policy {

// Upper bounds of a latency histogram in seconds; one more bucket takes the rest.
inline constexpr std::array kLatencyBoundsS = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                               0.01,   0.025,   0.05,   0.1,   0.25,   1.0};
inline constexpr std::size_t kLatencyBuckets = kLatencyBoundsS.size() + 1;

// Which bucket a latency falls in.
std::size_t latency_bucket(std::int64_t ns);

class Metrics {
  public:
    using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

    void counter(std::string_view name, std::string_view help, const Labels& labels,
                 std::uint64_t value);
    void gauge(std::string_view name, std::string_view help, const Labels& labels, double value);
    // REQUIRES: counts.size() == kLatencyBuckets; they are not cumulative.
    void latency(std::string_view name, std::string_view help, const Labels& labels,
                 std::span<const std::uint64_t> counts, std::uint64_t sum_ns);

    std::string prometheus() const;
    // [{"name":…, labels…, "value":…}], histograms as count and sum.
    Json json() const;

  private:
    enum class Kind : std::uint8_t { counter, gauge, histogram };
    struct Sample {
        std::vector<std::pair<std::string, std::string>> labels;
        std::uint64_t count = 0;  // counter
        double value = 0;         // gauge; sum in seconds of a histogram
        std::vector<std::uint64_t> buckets;
    };
    struct Family {
        std::string name;
        std::string help;
        Kind kind;
        std::vector<Sample> samples;
    };

    Sample& add(std::string_view name, std::string_view help, Kind kind, const Labels& labels);

    std::vector<Family> families_;  // a family's samples stand together, as the format demands
};

}  // namespace sallyport::policy
