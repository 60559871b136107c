// Tables of tenants and classes of priorities from any bytes: no crash, an error has words, and
// what was accepted gives terms that a store can count in.
#include "module/policy/rate_priority.hpp"
#include "module/policy/tenant_limits.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace sallyport;  // a fuzz target is one function
using namespace sallyport::policy;

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_terms(const LimitTerms& terms) {
    require(terms.most() > 0);
    if (terms.kind == LimitKind::rate) {
        require(terms.gcra.interval_ns >= kIntervalNsMin && terms.gcra.capacity_ns <= kRefillNsMax);
        require(terms.gcra.capacity_ns >= terms.gcra.interval_ns);
    }
    require(standing(terms, {}).retry_after_s == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto classes = parse_reserve(text);
    require(classes.ok() || !classes.message().empty());
    if (classes.ok()) {
        require(reserve_units(*classes, text.substr(0, text.find(':')), 100) < 100);
    }
    const auto table = TenantLimits::parse(text);
    require(table.ok() || !table.message().empty());
    if (!table.ok()) {
        return 0;
    }
    const auto* numbers = table->find(text.substr(0, text.find(' ')));
    if (numbers == nullptr) {
        return 0;
    }
    LimitTerms rate;
    rate.gcra = Gcra::make(10, 1'000'000'000, 10);
    rate.quota = 10;
    rate.burst = 10;
    rate.window_s = 1;
    LimitTerms window;
    window.kind = LimitKind::window;
    window.window = {5, 1'000'000'000};
    window.quota = 5;
    LimitTerms slots;
    slots.kind = LimitKind::concurrent;
    slots.concurrent = 3;
    slots.quota = 3;
    for (const LimitTerms& own : {rate, window, slots}) {
        const LimitTerms terms = with_numbers(own, *numbers);
        check_terms(terms);
        check_terms(boosted(terms, 1'000));
        check_terms(slowed(terms, 1'000));
    }
    return 0;
}
