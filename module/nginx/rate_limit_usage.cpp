// Looking at a limit's table without changing it: for the operator.
#include "module/nginx/rate_limit_entry.hpp"

#include <algorithm>

namespace sallyport::ngx {
namespace {

using policy::ConcurrencyEntry;
using policy::LeaseEntry;
using policy::LimitSpec;
using policy::Measure;
using policy::TableEntry;
using policy::WindowEntry;

Measure measure(const TableEntry& entry, const LimitSpec& spec, std::int64_t now_ns) {
    return {spec.gcra.ahead(entry.tat_ns, now_ns), 0};
}
Measure measure(const LeaseEntry& entry, const LimitSpec& spec, std::int64_t now_ns) {
    return {spec.gcra.ahead(entry.tat_ns, now_ns), 0};
}
Measure measure(const WindowEntry& entry, const LimitSpec& spec, std::int64_t now_ns) {
    const policy::WindowStanding now = policy::window_standing(entry, spec.window, now_ns);
    return {now.used, now.next_ns};
}
Measure measure(const ConcurrencyEntry& entry, const LimitSpec&, std::int64_t) {
    return {entry.held(), 0};
}

}  // namespace

RateLimitZone::Usage RateLimitZone::usage(const policy::KeyHash& key) const {
    const std::int64_t now_ns = monotonic_ns();
    return of_kind(*spec_, [&]<typename Entry>() -> Usage {
        const ZoneLock lock(*this);
        const Entry* entry = table<Entry>().find(key, now_ns);
        return {key, entry == nullptr ? Measure{} : measure(*entry, *spec_, now_ns)};
    });
}

std::vector<RateLimitZone::Usage> RateLimitZone::top(std::size_t count) const {
    constexpr std::size_t kSampleSets = 16'384;
    const std::int64_t now_ns = monotonic_ns();
    std::vector<Usage> best;
    const auto more = [](const Usage& a, const Usage& b) {
        return a.measure.used > b.measure.used;
    };
    of_kind(*spec_, [&]<typename Entry>() {
        table<Entry>().sample(now_ns, kSampleSets, [&](const Entry& entry) {
            const Usage one{entry.key, measure(entry, *spec_, now_ns)};
            best.insert(std::upper_bound(best.begin(), best.end(), one, more), one);
            if (best.size() > count) {
                best.pop_back();
            }
        });
    });
    return best;
}

}  // namespace sallyport::ngx
