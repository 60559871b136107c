// Adaptive limits: how much of its rate a limit gives while the upstream is slow or failing.
//
// Once a second the latency of the upstream's answers is compared with what it is when all is well
// (the baseline). Slower than twice that: the rate shrinks in the same proportion, at most by half.
// More failures than allowed: it shrinks by three tenths. Otherwise it grows by a twentieth of the
// ceiling. It never leaves the space between floor and ceiling.
//
// The baseline follows quicker answers at once and slower ones only while the rate is at its floor:
// slowness that the floor does not cure is not of the limit's making, and becomes the new normal.
// (The gradient is that of Netflix' concurrency-limits and Envoy's adaptive concurrency; the
// failures' share that of Envoy's admission control.)
//
// Pure: the gateway keeps state and window in shared memory and calls adapt() from a timer.
#pragma once

#include <cstdint>

namespace sallyport::policy {

inline constexpr std::uint32_t kWhole = 1'000'000;  // shares are parts of a million
inline constexpr std::int64_t kAdaptEveryMs = 1'000;
// Fewer answers than this say nothing; they are kept for the next look.
inline constexpr std::uint32_t kAdaptSamplesMin = 10;

struct AdaptiveTerms {
    std::uint32_t floor = kWhole;         // of the rate; kWhole: not adaptive
    std::uint32_t failures_max = 50'000;  // share of answers that may fail
};

struct AdaptiveState {
    std::uint32_t share = kWhole;   // of the rate that is given now
    std::uint32_t baseline_us = 0;  // latency when all is well; 0: not known yet
};

// What was seen since the last look.
struct AdaptiveWindow {
    std::uint32_t answers = 0;
    std::uint32_t failures = 0;    // 5xx, and no answer at all
    std::uint64_t latency_us = 0;  // of all answers, until their first byte
    // Whether it is enough to go by; a window without any answer is, too.
    bool tells() const { return answers == 0 || answers >= kAdaptSamplesMin; }
};

// The state after a window that tells.
AdaptiveState adapt(const AdaptiveState& state, const AdaptiveTerms& terms,
                    const AdaptiveWindow& window);

}  // namespace sallyport::policy
