#include "module/nginx/rate_limit_control.hpp"

#include "common/bytes.hpp"
#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/rate_limit_worker.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::LimitKind;

constexpr std::size_t kTopDefault = 10;
constexpr std::uint64_t kTopMax = 100;

Json text(std::string_view value) {
    return Json::string(value);
}
Json number(std::uint64_t value) {
    return Json::integer(static_cast<std::int64_t>(value));
}

std::string_view kind_word(const policy::LimitSpec& spec) {
    switch (spec.kind) {
        case LimitKind::rate:
            return "rate";
        case LimitKind::window:
            return "window";
        case LimitKind::concurrent:
            return "concurrent";
    }
    return {};
}

Json description(const Limit& limit) {
    const policy::LimitSpec& spec = limit.spec;
    Json out = Json::object({
        {"name", text(spec.name)},
        {"kind", text(kind_word(spec))},
        {"store", text(spec.store)},
        {"mode", text(spec.is_local() ? "local"
                      : spec.leases() ? "lease"
                                      : "strict")},
        {"key", text(spec.key)},
        {"quota", number(spec.quota)},
        {"bound", text(policy::bound_text(spec))},
    });
    if (spec.window_s != 0) {
        out.set("window_s", number(spec.window_s));
    }
    if (limit.store != nullptr && RateLimitWorker::current != nullptr) {
        out.set("nodes", number(RateLimitWorker::current->nodes(limit.store)));
    }
    return out;
}

// Keys are kept as hashes: an operator who knows a key finds it, a reader of this does not learn
// it.
Json standing_of(const Limit& limit, const RateLimitZone::Usage& usage) {
    const std::array<std::uint64_t, 2> words = {usage.key.low, usage.key.high};
    const policy::Standing standing = policy::standing(limit.spec, usage.measure);
    return Json::object({
        {"key",
         text(hex_encode(reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words))},
        {"remaining", number(standing.remaining)},
        {"used", number(limit.spec.kind == LimitKind::rate
                            ? limit.spec.burst - std::min(standing.remaining, limit.spec.burst)
                            : static_cast<std::uint64_t>(usage.measure.used))},
        {"next_s", number(standing.next_s)},
        {"full_s", number(standing.full_s)},
        {"retry_after_s", number(standing.retry_after_s)},
    });
}

struct Named {
    const Limit* limit = nullptr;
    ControlReply error{};
};

Named named_limit(ControlCall& call) {
    const auto name = call.argument("limit");
    if (!name) {
        return {nullptr, ControlReply::error(400, "name the limit: ?limit=NAME")};
    }
    const Limit* limit = static_cast<const RateLimitMain*>(call.main)->limit(*name);
    if (limit == nullptr) {
        return {nullptr, ControlReply::error(404, "no limit of that name is declared")};
    }
    if (!limit->spec.needs_zone()) {
        return {nullptr,
                ControlReply::error(404, "this limit keeps nothing in shared memory here")};
    }
    return {limit, {}};
}

ControlReply limits(ControlCall& call) {
    Json all = Json::array();
    for (const auto& limit : static_cast<const RateLimitMain*>(call.main)->limits) {
        all.append(description(*limit));
    }
    return ControlReply::ok(Json::object({{"limits", all}}));
}

ControlReply usage(ControlCall& call) {
    const Named found = named_limit(call);
    if (found.limit == nullptr) {
        return found.error;
    }
    const std::string key = call.argument("key").value_or("");
    std::vector<std::string_view> values;
    if (found.limit->key.has_variables()) {
        for_each_split(key, '|', [&](std::string_view one) { values.push_back(one); });
    }
    KeyScratch scratch;
    policy::KeyParts parts;
    if (!found.limit->key.collect_named(values, scratch, parts)) {
        return ControlReply::error(400, "key= must give one value for each variable of " +
                                            found.limit->spec.key + ", with | between them");
    }
    const RateLimitZone& zone = found.limit->zone;
    return ControlReply::ok(standing_of(*found.limit, zone.usage(zone.hash(parts))));
}

ControlReply top(ControlCall& call) {
    const Named found = named_limit(call);
    if (found.limit == nullptr) {
        return found.error;
    }
    const auto wanted = parse_u64(call.argument("count").value_or(std::to_string(kTopDefault)));
    if (!wanted || *wanted == 0 || *wanted > kTopMax) {
        return ControlReply::error(400, "count= must be 1 to 100");
    }
    Json keys = Json::array();
    for (const auto& one : found.limit->zone.top(static_cast<std::size_t>(*wanted))) {
        keys.append(standing_of(*found.limit, one));
    }
    return ControlReply::ok(
        Json::object({{"limit", text(found.limit->spec.name)}, {"keys", keys}}));
}

}  // namespace

constinit const ControlRoute kRateLimitRoutes[3] = {
    {"GET", "/limits", limits},
    {"GET", "/limits/usage", usage},
    {"GET", "/limits/top", top},
};

}  // namespace sallyport::ngx
