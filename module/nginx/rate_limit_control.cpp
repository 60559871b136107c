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
    if (spec.adapts()) {
        const policy::AdaptiveState now = limit.zone.adaptive();
        out.set(
            "adaptive",
            Json::object({
                {"share", Json::real(static_cast<double>(now.share) / policy::kWhole)},
                {"floor", Json::real(static_cast<double>(spec.adaptive.floor) / policy::kWhole)},
                {"quota_now", number(policy::slowed(spec, now.share).quota)},
                {"baseline_ms", Json::real(now.baseline_us / 1'000.0)},
            }));
    }
    if (spec.needs_zone()) {
        out.set("keys_max", number(limit.zone.places()));
        out.set("bytes_per_key", Json::real(limit.zone.bytes_per_key()));
    }
    if (limit.table != nullptr) {
        out.set("tenants", number(limit.table->size()));
    }
    if (limit.store != nullptr && RateLimitWorker::current != nullptr) {
        out.set("nodes", number(RateLimitWorker::current->nodes(limit.store)));
    }
    return out;
}

// Keys are kept as hashes: an operator who knows a key finds it, a reader of this does not learn
// it.
std::string hash_text(const policy::KeyHash& key) {
    const std::array<std::uint64_t, 2> words = {key.low, key.high};
    return hex_encode(reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words);
}

Json standing_of(const Limit& limit, const RateLimitZone::Usage& usage) {
    const policy::Standing standing = policy::standing(limit.spec, usage.measure);
    return Json::object({
        {"key", text(hash_text(usage.key))},
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

// A key that an operator names, one value a variable with | between them.
Result<LimitKey> named_key(const Limit& limit, std::string_view key) {
    std::vector<std::string_view> values;
    if (limit.key.has_variables()) {
        for_each_split(key, '|', [&](std::string_view one) { values.push_back(one); });
    }
    KeyScratch scratch;
    policy::KeyParts parts;
    if (!limit.key.collect_named(values, scratch, parts)) {
        return Error{"key must give one value for each variable of " + limit.spec.key +
                     ", with | between them"};
    }
    const Limit::KeyNames names = limit.names_of(parts, limit.store != nullptr);
    return LimitKey{&limit, names.hash, names.text, &limit.spec};
}

ControlReply usage(ControlCall& call) {
    const Named found = named_limit(call);
    if (found.limit == nullptr) {
        return found.error;
    }
    const auto key = named_key(*found.limit, call.argument("key").value_or(""));
    if (!key) {
        return ControlReply::error(400, key.message());
    }
    return ControlReply::ok(standing_of(*found.limit, found.limit->zone.usage(key->hash)));
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

Json row_of(const Boost& boost) {
    Json out = Json::object(
        {{"limit", text(boost.limit)},
         {"factor", number(boost.factor)},
         {"left_s", number(static_cast<std::uint64_t>((boost.left_ms + 999) / 1'000))}});
    if (boost.key) {
        out.set("key", text(hash_text(*boost.key)));
    }
    return out;
}

ControlReply boosts(ControlCall& call) {
    Json all = Json::array();
    for (const Boost& one : static_cast<const RateLimitMain*>(call.main)->boosts.list()) {
        all.append(row_of(one));
    }
    return ControlReply::ok(Json::object({{"boosts", all}}));
}

// The limit and the key of an order: `key` left out means every key.
struct Target {
    const Limit* limit = nullptr;
    std::optional<LimitKey> key{};
    ControlReply error{};

    std::optional<policy::KeyHash> hash() const {
        return key ? std::optional(key->hash) : std::nullopt;
    }
};
Target target_of(const ControlCall& call, std::string_view name,
                 const std::optional<std::string>& key) {
    Target out;
    out.limit = static_cast<const RateLimitMain*>(call.main)->limit(name);
    if (out.limit == nullptr) {
        out.error = ControlReply::error(404, "no limit of that name is declared");
        return out;
    }
    if (key) {
        const auto named = named_key(*out.limit, *key);
        if (!named) {
            return {nullptr, std::nullopt, ControlReply::error(400, named.message())};
        }
        out.key = *named;
    }
    return out;
}

// What the key has used is to cost as little as what it will use: relief at once, not when the
// bucket has refilled. A boost of all keys only makes them refill quicker.
void ease(const LimitKey& key, std::uint32_t factor) {
    const Limit& limit = *key.limit;
    if (limit.spec.kind != LimitKind::rate || !limit.spec.needs_zone()) {
        return;
    }
    const std::int64_t back_ns = limit.zone_of()->ease(key.hash, factor);
    const std::int64_t units = back_ns / limit.spec.gcra.interval_ns;
    if (units > 0 && limit.store != nullptr && RateLimitWorker::current != nullptr) {
        RateLimitWorker::current->charge(key, -units);
    }
}

ControlReply boost(ControlCall& call) {
    const Json& body = call.body;
    std::optional<std::string> key;
    if (body.has("key")) {
        if (!body["key"].is_string()) {
            return ControlReply::error(400, "key must be a text; leave it out to boost every key");
        }
        key = std::string(body["key"].text());
    }
    const Target target = target_of(call, body["limit"].text_or(""), key);
    if (target.limit == nullptr) {
        return target.error;
    }
    const std::int64_t factor = body["factor"].integer_or(0);
    const std::int64_t ttl_s = body["ttl_s"].integer_or(0);
    if (factor < 2 || factor > std::int64_t{kBoostFactorMax}) {
        return ControlReply::error(400, "factor must be a whole number, 2 to 1000");
    }
    if (ttl_s < 1 || ttl_s > kBoostTtlMsMax / 1'000) {
        return ControlReply::error(400, "ttl_s must be 1 to 604800: a boost is for a while");
    }
    const Boost one{target.limit->spec.name, target.hash(), static_cast<std::uint32_t>(factor),
                    ttl_s * 1'000};
    auto& main = *static_cast<RateLimitMain*>(call.main);
    if (!main.boosts.add(one)) {
        return ControlReply::error(409, "there are 256 boosts already; end one of them");
    }
    if (target.key) {
        ease(*target.key, one.factor);
    }
    ngx_log_error(NGX_LOG_NOTICE, call.r->connection->log, 0,
                  "sallyport: limit \"%s\"%s is boosted %L times for %L s", one.limit.c_str(),
                  one.key ? ", one key of it," : "", factor, ttl_s);
    return ControlReply::ok(row_of(one));
}

ControlReply unboost(ControlCall& call) {
    const Target target =
        target_of(call, call.argument("limit").value_or(""), call.argument("key"));
    if (target.limit == nullptr) {
        return target.error;
    }
    auto& main = *static_cast<RateLimitMain*>(call.main);
    if (!main.boosts.remove(target.limit->spec.name, target.hash())) {
        return ControlReply::error(404, "there is no such boost");
    }
    ngx_log_error(NGX_LOG_NOTICE, call.r->connection->log, 0,
                  "sallyport: a boost of limit \"%s\" was ended", target.limit->spec.name.c_str());
    return ControlReply::ok(Json::object({{"ended", Json::boolean(true)}}));
}

}  // namespace

constinit const ControlRoute kRateLimitRoutes[6] = {
    {"GET", "/limits", limits},        {"GET", "/limits/usage", usage},
    {"GET", "/limits/top", top},       {"GET", "/limits/boosts", boosts},
    {"POST", "/limits/boosts", boost}, {"DELETE", "/limits/boosts", unboost},
};

}  // namespace sallyport::ngx
