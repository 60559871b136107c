#include "module/policy/rate_limit_terms.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/policy/rate_adaptive.hpp"
#include "module/policy/rate_concurrency.hpp"

#include <algorithm>
#include <limits>

namespace sallyport::policy {
namespace {

Gcra with_interval(std::int64_t interval_ns, std::uint64_t burst) {
    const auto units = static_cast<std::int64_t>(burst);
    const std::int64_t longest_ns = kRefillNsMax / units;
    const std::int64_t ns = std::clamp(interval_ns, kIntervalNsMin, longest_ns);
    return {ns, ns * units};
}

}  // namespace

std::optional<std::uint64_t> parse_units(std::string_view text) {
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    const auto number = parse_u64(text);
    return number || !digits ? number : std::numeric_limits<std::uint64_t>::max();
}

LimitTerms slowed(const LimitTerms& terms, std::uint32_t share) {
    if (terms.kind != LimitKind::rate || share >= kWhole) {
        return terms;
    }
    LimitTerms out = terms;
    const std::uint64_t parts = std::max(share, 1U);
    // Rounded up: never more than the share.
    const double exact_ns =
        static_cast<double>(terms.gcra.interval_ns) * kWhole / static_cast<double>(parts);
    const auto interval_ns =
        static_cast<std::int64_t>(std::min(exact_ns, static_cast<double>(kRefillNsMax))) + 1;
    out.gcra = with_interval(interval_ns, terms.burst);
    out.quota = std::max(terms.quota * parts / kWhole, std::uint64_t{1});
    return out;
}

LimitTerms boosted(const LimitTerms& terms, std::uint32_t factor) {
    LimitTerms out = terms;
    switch (terms.kind) {
        case LimitKind::rate: {
            out.quota = terms.quota * factor;
            const auto most = static_cast<std::uint64_t>(kRefillNsMax / terms.gcra.interval_ns);
            out.burst = std::min(terms.burst * factor, most * factor);
            const std::int64_t interval_ns = (terms.gcra.interval_ns + factor - 1) / factor;
            out.gcra = with_interval(interval_ns, out.burst);
            break;
        }
        case LimitKind::window:
            out.window.max = static_cast<std::uint32_t>(
                std::min(std::uint64_t{terms.window.max} * factor, std::uint64_t{kWindowMaxUnits}));
            out.quota = out.window.max;
            break;
        case LimitKind::concurrent:
            out.concurrent = static_cast<std::uint32_t>(
                std::min(std::uint64_t{terms.concurrent} * factor, std::uint64_t{kConcurrentMax}));
            out.quota = out.concurrent;
            break;
    }
    return out;
}

[[gnu::hot]] Standing standing(const LimitTerms& terms, const Measure& measure, const Ask& ask) {
    if (terms.kind == LimitKind::rate) {
        return standing({terms.gcra.interval_ns, terms.gcra.capacity_ns - ask.reserve},
                        measure.used, ask.units);
    }
    const auto used = static_cast<std::uint64_t>(std::max(measure.used, std::int64_t{0}));
    const std::uint64_t usable =
        terms.quota - std::min(terms.quota, static_cast<std::uint64_t>(ask.reserve));
    Standing out;
    out.remaining = usable - std::min(used, usable);
    if (terms.kind == LimitKind::window) {
        out.next_s = seconds_up(measure.next_ns);
        out.full_s = out.next_s;
    }
    if (out.remaining < ask.units) {
        // When a slot comes free nobody knows: soon.
        out.retry_after_s = std::max(1U, out.next_s);
    }
    return out;
}

bool admits(const LimitTerms& terms, const Measure& measure, const Ask& ask) {
    return measure.used + terms.measure_of(ask.units) + ask.reserve <= terms.most();
}

}  // namespace sallyport::policy
