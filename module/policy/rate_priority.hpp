// Priority classes: less important requests are refused first.
//
// Every class has a reserve, a share of the whole limit. A request passes only when at least the
// reserve of its class is left after it. So with `reserve=high:0,normal:20,low:50` and burst=100,
// `low` is refused once fewer than 50 units would be left, `normal` at 20, `high` when nothing is
// left: it can always have what the others may not touch. It is the same one decision as the
// limit's own, and a refusal consumes nothing.
//
// Which class a request has, a variable says. What is no class of the list counts as the one with
// the largest reserve: nobody gets ahead by a word that nobody knows.
#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

inline constexpr std::size_t kPriorityClassesMax = 16;

struct PriorityClass {
    std::string name;
    std::uint32_t percent = 0;  // 0 to 99
};

// `name:percent,…`, at least one of them 0: else a part of the limit could never be had.
Result<std::vector<PriorityClass>> parse_reserve(std::string_view text);

// Units of `whole` (at least 1) that must be left after a request of that class: rounded up, and
// always one less than the whole, so that each class has something.
std::uint64_t reserve_units(const std::vector<PriorityClass>& classes, std::string_view name,
                            std::uint64_t whole);

}  // namespace sallyport::policy
