#include "module/policy/rate_adaptive.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

// Latency may grow so far, in tenths of the baseline, and by the clock's grain, before it counts.
constexpr std::uint64_t kToleratedTenths = 20;
constexpr std::uint64_t kGrainUs = 1'000;
constexpr std::uint64_t kGradientMin = kWhole / 2;
constexpr std::uint64_t kAfterFailures = kWhole * 7 / 10;
constexpr std::uint32_t kStep = kWhole / 20;
// How quickly slowness becomes normal at the floor: a hundredth a look.
constexpr std::uint32_t kDriftParts = 100;

std::uint32_t scaled(std::uint32_t share, std::uint64_t by) {
    return static_cast<std::uint32_t>(share * by / kWhole);
}

std::uint32_t next_baseline(const AdaptiveState& state, const AdaptiveTerms& terms,
                            std::uint32_t latency_us) {
    if (state.baseline_us == 0 || latency_us < state.baseline_us) {
        return std::max(latency_us, 1U);
    }
    if (state.share <= terms.floor) {
        return std::min(latency_us, state.baseline_us + state.baseline_us / kDriftParts + 1);
    }
    return state.baseline_us;
}

// Which part of the present rate the upstream's latency speaks for.
std::uint64_t gradient(std::uint32_t baseline_us, std::uint32_t latency_us) {
    const std::uint64_t tolerated_us = baseline_us * kToleratedTenths / 10 + kGrainUs;
    if (latency_us <= tolerated_us) {
        return kWhole;
    }
    return std::max(tolerated_us * kWhole / latency_us, kGradientMin);
}

}  // namespace

AdaptiveState adapt(const AdaptiveState& state, const AdaptiveTerms& terms,
                    const AdaptiveWindow& window) {
    AdaptiveState out = state;
    std::uint64_t by = kWhole;
    if (window.answers > 0) {
        constexpr std::uint64_t kLatencyUsMax = std::uint64_t{3'600} * 1'000'000;
        const auto latency_us =
            static_cast<std::uint32_t>(std::min(window.latency_us / window.answers, kLatencyUsMax));
        const std::uint64_t failed = std::uint64_t{window.failures} * kWhole / window.answers;
        if (failed > terms.failures_max) {
            // What fails answers quickly or not at all: its latency says nothing.
            by = kAfterFailures;
        } else {
            out.baseline_us = next_baseline(state, terms, latency_us);
            by = gradient(out.baseline_us, latency_us);
        }
    }
    out.share = by < kWhole ? scaled(state.share, by) : state.share + kStep;
    out.share = std::clamp(out.share, std::min(terms.floor, kWhole), kWhole);
    return out;
}

}  // namespace sallyport::policy
