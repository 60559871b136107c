#include "module/policy/ip_list_spec.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace sallyport::policy {
namespace {

// Lists smaller than this may change by any factor: a few lines more or less are an edit.
constexpr std::size_t kGuardFrom = 100;
constexpr std::int64_t kRefreshMsMin = 1000;
constexpr std::int64_t kRefreshMsMax = std::int64_t{24} * 3'600'000;
constexpr unsigned kFactorMin = 2;
constexpr unsigned kFactorMax = 1000;
// Every list has room to grow to this many blocks; the pages stay untouched until then.
constexpr std::size_t kRoomMin = 16'384;
constexpr std::size_t kRoomFactor = 4;
// A stored list's size is not known when its room is made.
constexpr std::size_t kStoredRoom = 1'000'000;
constexpr std::size_t kKeyBytesMax = 512;

Status set_file(IpListSpec& spec, std::string_view value) {
    if (value.empty()) {
        return Error{"file= is empty; write file=PATH"};
    }
    spec.sources.push_back({{}, std::string(value)});
    return Done{};
}

Status set_feed(IpListSpec& spec, std::string_view value) {
    const std::size_t colon = value.find(':');
    if (colon == std::string_view::npos || colon + 1 == value.size()) {
        return Error{"feed=" + in_quotes(value) +
                     " names no file; write for example feed=github.hooks:feeds/github.json"};
    }
    auto feed = parse_feed_source(value.substr(0, colon));
    if (!feed) {
        return Error{"feed=" + feed.message()};
    }
    spec.sources.push_back({std::move(*feed), std::string(value.substr(colon + 1))});
    return Done{};
}

Status set_redis(IpListSpec& spec, std::string_view value) {
    const std::size_t colon = value.find(':');
    const std::string_view key = colon == std::string_view::npos ? "" : value.substr(colon + 1);
    if (colon == 0 || key.empty() || key.size() > kKeyBytesMax) {
        return Error{"redis=" + in_quotes(value) +
                     " names no list; write a store and a key, for example redis=main:blocked"};
    }
    spec.stored = {std::string(value.substr(0, colon)), std::string(key)};
    return Done{};
}

Status set_unloaded(IpListSpec& spec, std::string_view value) {
    if (value != "refuse" && value != "empty") {
        return Error{"unloaded=" + in_quotes(value) +
                     ": write refuse (its gates refuse until it was loaded) or empty"};
    }
    spec.refuse_unloaded = value == "refuse";
    return Done{};
}

Status set_refresh(IpListSpec& spec, std::string_view value) {
    if (value == "off") {
        spec.refresh_ms = 0;
        return Done{};
    }
    const auto ms = parse_duration_ms(value);
    if (!ms || *ms < kRefreshMsMin || *ms > kRefreshMsMax) {
        return Error{"refresh=" + in_quotes(value) + ": write a time from 1s to 24h, or off"};
    }
    spec.refresh_ms = *ms;
    return Done{};
}

Status set_guard(IpListSpec& spec, std::string_view value) {
    if (value == "off") {
        spec.guard.factor = 0;
        return Done{};
    }
    const auto factor = parse_u64(value);
    if (!factor || *factor < kFactorMin || *factor > kFactorMax) {
        return Error{
            "guard=" + in_quotes(value) +
            ": write by which factor a list may grow or shrink at once, 2 to 1000, or off"};
    }
    spec.guard.factor = static_cast<double>(*factor);
    return Done{};
}

Status set_share(IpListSpec& spec, std::string_view value) {
    std::string_view digits = value;
    if (digits.ends_with('%')) {
        digits.remove_suffix(1);
    }
    const auto percent = parse_u64(digits);
    if (!percent || *percent == 0 || *percent > 100) {
        return Error{"share=" + in_quotes(value) +
                     ": write how much of the address space the list may cover, 1% to 100%"};
    }
    spec.guard.share_max = static_cast<unsigned>(*percent);
    return Done{};
}

Status set_max(IpListSpec& spec, std::string_view value) {
    const auto blocks = parse_u64(value);
    if (!blocks || *blocks == 0 || *blocks > kIpListBlocksMax) {
        return Error{"max=" + in_quotes(value) +
                     ": write how many blocks the list may grow to, 1 to " +
                     std::to_string(kIpListBlocksMax)};
    }
    spec.blocks_max = static_cast<std::size_t>(*blocks);
    return Done{};
}

struct Option {
    std::string_view name;
    Status (*set)(IpListSpec&, std::string_view);
    bool repeats;
};
constexpr Option kOptions[] = {
    {"file", set_file, true},    {"feed", set_feed, true},          {"refresh", set_refresh, false},
    {"guard", set_guard, false}, {"share", set_share, false},       {"max", set_max, false},
    {"redis", set_redis, false}, {"unloaded", set_unloaded, false},
};

Status add_argument(IpListSpec& spec, std::string_view argument, std::uint32_t& seen) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos) {
        const auto block = parse_ip_block(argument);
        if (!block) {
            return Error{block.message() + " (list " + in_quotes(spec.name) +
                         "; or write file=PATH)"};
        }
        spec.blocks.push_back(*block);
        return Done{};
    }
    const auto* option =
        std::find_if(std::begin(kOptions), std::end(kOptions),
                     [&](const Option& one) { return one.name == argument.substr(0, equals); });
    if (option == std::end(kOptions)) {
        return Error{
            "unknown option " + in_quotes(argument) +
            "; write blocks, or file=PATH, feed=, redis=, refresh=, guard=, share=, max= or "
            "unloaded="};
    }
    const std::uint32_t bit = 1U << (option - std::begin(kOptions));
    if (!option->repeats && (seen & bit) != 0) {
        return Error{std::string(option->name) + "= stands there twice; keep one"};
    }
    seen |= bit;
    return option->set(spec, argument.substr(equals + 1));
}

std::string percent(double share) {
    char text[16];
    std::snprintf(text, sizeof text, "%.1f%%", share * 100);
    return text;
}

}  // namespace

Result<IpListSpec> parse_ip_list_spec(std::span<const std::string_view> arguments) {
    IpListSpec spec;
    spec.name = arguments.front();
    if (!is_ip_list_name(spec.name)) {
        return Error{in_quotes(spec.name) +
                     " is not a list name; write lower-case letters, digits and underscores, "
                     "starting with a letter (all, off and unix are taken)"};
    }
    std::uint32_t seen = 0;
    for (const std::string_view argument : arguments.subspan(1)) {
        if (const Status added = add_argument(spec, argument, seen); !added) {
            return added.error();
        }
    }
    if (spec.sources.empty() && spec.blocks.empty() && !spec.stored.given()) {
        return Error{"list " + in_quotes(spec.name) +
                     " has no addresses; write blocks, file=PATH, feed=FORMAT:PATH or "
                     "redis=STORE:KEY"};
    }
    if (spec.stored.given() && !spec.sources.empty()) {
        return Error{"list " + in_quotes(spec.name) +
                     " has files and a store; make two lists, a rule may name both"};
    }
    if (spec.stored.given() && spec.refresh_ms == 0) {
        return Error{"refresh=\"off\": a list in a store is read by looking at it; write a time"};
    }
    if (!spec.stored.given() && !spec.refuse_unloaded) {
        return Error{"unloaded=\"empty\" is for lists in a store (redis=STORE:KEY); leave it out"};
    }
    return spec;
}

std::size_t ip_list_room(const IpListSpec& spec, std::size_t blocks) {
    if (!spec.is_looked_at()) {
        return blocks;
    }
    if (spec.stored.given() && spec.blocks_max == 0) {
        return std::max(blocks, kStoredRoom);
    }
    const std::size_t room =
        spec.blocks_max != 0 ? spec.blocks_max : std::max(kRoomFactor * blocks, kRoomMin);
    return std::min(std::max(room, blocks), kIpListBlocksMax);
}

Status check_share(const IpListGuard& guard, const IpCoverage& coverage) {
    const double most = guard.share_max / 100.0;
    const double share = std::max(coverage.v4, coverage.v6);
    if (guard.share_max == 100 || share <= most) {
        return Done{};
    }
    return Error{"covers " + percent(share) + " of all " +
                 (coverage.v4 > coverage.v6 ? "IPv4" : "IPv6") + " addresses, more than " +
                 std::to_string(guard.share_max) +
                 "%; mend it, or write share=100% if that is meant"};
}

Status check_size(const IpListGuard& guard, std::size_t blocks_now, std::size_t blocks_new) {
    if (guard.factor == 0) {
        return Done{};
    }
    const auto now = static_cast<double>(blocks_now);
    const auto next = static_cast<double>(blocks_new);
    const bool large = std::max(blocks_now, blocks_new) >= kGuardFrom;
    const bool changed =
        large && blocks_now > 0 && (next > now * guard.factor || next * guard.factor < now);
    const bool emptied = blocks_now > 0 && blocks_new == 0;
    if (!changed && !emptied) {
        return Done{};
    }
    return Error{"has " + std::to_string(blocks_new) + " blocks where there were " +
                 std::to_string(blocks_now) +
                 "; if that is meant, reload nginx, or write guard=off"};
}

}  // namespace sallyport::policy
