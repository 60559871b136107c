#include "module/policy/rate_priority.hpp"

#include "common/bytes.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

constexpr std::string_view kExample = "write for example reserve=high:0,normal:20,low:50";
constexpr std::uint64_t kPercentMax = 99;

Result<PriorityClass> parse_class(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    std::uint64_t percent = kPercentMax + 1;
    if (colon != std::string_view::npos) {
        percent = parse_u64(text.substr(colon + 1)).value_or(percent);
    }
    if (!is_token(name) || percent > kPercentMax) {
        return Error{"reserve= has the class \"" + std::string(text) +
                     "\", which is no name with 0 to 99 percent behind a colon; " +
                     std::string(kExample)};
    }
    return PriorityClass{std::string(name), static_cast<std::uint32_t>(percent)};
}

}  // namespace

Result<std::vector<PriorityClass>> parse_reserve(std::string_view text) {
    std::vector<PriorityClass> out;
    Status status = Done{};
    for_each_split(text, ',', [&](std::string_view part) {
        auto one = parse_class(part);
        if (!one) {
            status = status ? Status(one.error()) : status;
            return;
        }
        const bool twice = std::any_of(out.begin(), out.end(), [&](const PriorityClass& other) {
            return other.name == one->name;
        });
        if (twice) {
            status = Error{"reserve= names the class \"" + one->name + "\" twice; keep one"};
        }
        out.push_back(std::move(*one));
    });
    if (!status) {
        return status.error();
    }
    if (out.size() > kPriorityClassesMax) {
        return Error{"reserve= names more than " + std::to_string(kPriorityClassesMax) +
                     " classes; join some"};
    }
    const bool has_first = std::any_of(out.begin(), out.end(),
                                       [](const PriorityClass& one) { return one.percent == 0; });
    if (!has_first) {
        return Error{"reserve=\"" + std::string(text) +
                     "\" lets no class have the whole limit; give one of them 0, or " +
                     std::string(kExample)};
    }
    return out;
}

std::uint64_t reserve_units(const std::vector<PriorityClass>& classes, std::string_view name,
                            std::uint64_t whole) {
    std::uint32_t percent = 0;
    for (const PriorityClass& one : classes) {
        if (one.name == name) {
            percent = one.percent;
            break;
        }
        percent = std::max(percent, one.percent);
    }
    return std::min((whole * percent + 99) / 100, whole - 1);
}

}  // namespace sallyport::policy
