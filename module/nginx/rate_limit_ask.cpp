#include "module/nginx/rate_limit_ask.hpp"

#include "common/bytes.hpp"

#include <algorithm>

namespace sallyport::ngx {
namespace {

using policy::LimitTerms;

// A request that costs more than this is a mistake in the variable.
constexpr std::uint64_t kCostMax = 1'000'000;

const LimitTerms* keep_terms(const Request& request, const LimitTerms& terms) {
    auto* kept = static_cast<LimitTerms*>(ngx_palloc(request.r()->main->pool, sizeof(LimitTerms)));
    if (kept == nullptr) {
        throw std::bad_alloc();
    }
    return new (kept) LimitTerms(terms);
}

// One unit unless cost= says otherwise; what is no number costs one. More than a request of its
// class can ever have could never be paid, and is brought down to that.
std::uint32_t cost_of(const Request& request, const Limit& limit, std::uint64_t most) {
    if (!limit.cost) {
        return 1;
    }
    const auto number = policy::parse_units(limit.cost->evaluate(request.r()));
    return static_cast<std::uint32_t>(
        std::min({number ? *number : std::uint64_t{1}, most, kCostMax}));
}

}  // namespace

Asking asking_with_options(const Request& request, const Limit& limit, const policy::KeyHash& key) {
    const LimitTerms* terms = &limit.spec;
    LimitTerms changed;
    if (limit.table != nullptr) {
        const auto* numbers = limit.table->find(limit.tenant->evaluate(request.r()));
        if (numbers != nullptr && numbers->unlimited) {
            return {terms, {0, 0}};
        }
        if (numbers != nullptr) {
            changed = policy::with_numbers(*terms, *numbers);
            terms = &changed;
        }
    }
    if (limit.boosts->any()) {
        const std::uint32_t factor = limit.boosts->factor(limit.spec.name, key);
        if (factor > 1) {
            changed = policy::boosted(*terms, factor);
            terms = &changed;
        }
    }
    if (limit.spec.adapts() && limit.zone.share() < policy::kWhole) {
        changed = policy::slowed(*terms, limit.zone.share());
        terms = &changed;
    }
    if (terms == &changed) {
        terms = keep_terms(request, changed);
    }
    const std::uint64_t whole = terms->whole_units();
    std::uint64_t reserve = 0;
    if (limit.priority) {
        reserve =
            policy::reserve_units(limit.spec.reserve, limit.priority->evaluate(request.r()), whole);
    }
    return {terms, {cost_of(request, limit, whole - reserve), terms->measure_of(reserve)}};
}

}  // namespace sallyport::ngx
