// sallyport_webhook_replay: where deliveries are remembered, and what repetitions are told.
#include "common/bytes.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/redis_conf.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/nginx/webhook_replay_redis.hpp"

#include <algorithm>
#include <string>

namespace sallyport::ngx {

namespace hook = policy::webhook;

namespace {

// A zone smaller than this holds too few ids to be meant.
constexpr std::uint64_t kZoneBytesMin = 64 * 1024;
// Senders give up after about this long.
constexpr std::int64_t kWaitMsMax = 10'000;

Result<WebhookReplayZone*> zone_of(DirectiveCall& call, std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string name(text.substr(0, colon));
    if (!is_token(name) || name.size() > limits::kNameBytesMax) {
        return Error{in_quotes(text) + " is not a zone; write for example zone=deliveries:10m"};
    }
    WebhookReplayZone* known = nullptr;
    for (WebhookReplayZone* zone : webhook_main(call).zones) {
        known = zone->name() == name ? zone : known;
    }
    if (colon == std::string_view::npos) {
        if (known == nullptr) {
            return Error{"the zone " + in_quotes(name) + " has no size yet; write zone=" + name +
                         ":10m"};
        }
        return known;
    }
    const auto bytes = parse_size_bytes(text.substr(colon + 1));
    if (!bytes) {
        return bytes.error();
    }
    if (*bytes < kZoneBytesMin) {
        return Error{"the zone " + in_quotes(name) +
                     " is smaller than 64k; 10m holds about 190 000 ids"};
    }
    if (known != nullptr) {
        if (known->bytes() != *bytes) {
            return Error{"the zone " + in_quotes(name) +
                         " has two sizes; give it once and refer to it "
                         "with zone=" +
                         name};
        }
        return known;
    }
    auto* zone = pool_new<WebhookReplayZone>(call.cf->pool);
    const Status announced = zone->announce(call.cf, name, *bytes);
    if (!announced) {
        return announced.error();
    }
    webhook_main(call).zones.push_back(zone);
    return zone;
}

// 2xx, or one of the statuses that a sender takes for "come again".
Result<std::uint16_t> status_option(std::string_view name, std::string_view text) {
    const auto number = parse_u64(text);
    const bool good = number && ((*number >= 200 && *number <= 299) || *number == 409 ||
                                 *number == 425 || *number == 429 || *number == 503);
    if (!good) {
        return Error{std::string(name) + "=" + std::string(text) +
                     " is not usable; write 200 to 299, 409, 425, 429 or 503"};
    }
    return static_cast<std::uint16_t>(*number);
}

Result<std::int64_t> span_option(std::string_view name, std::string_view text,
                                 std::int64_t min_ms) {
    const auto duration = parse_duration_ms(text);
    if (!duration) {
        return duration.error();
    }
    if (*duration < min_ms) {
        return Error{
            std::string(name) + "=" + std::string(text) + " is too short; write at least " +
            (min_ms < 1000 ? std::to_string(min_ms) + "ms" : std::to_string(min_ms / 1000) + "s")};
    }
    return *duration;
}

Status set_replay_key(WebhookReplay& replay, std::string_view value) {
    if (value == "auto") {
        replay.key = hook::ReplayKeyChoice::automatic;
    } else if (value == "id") {
        replay.key = hook::ReplayKeyChoice::id;
    } else if (value == "signature") {
        replay.key = hook::ReplayKeyChoice::signature;
    } else {
        return Error{"key=" + std::string(value) + " is unknown; write auto, id or signature"};
    }
    return Done{};
}

bool is_time(std::string_view arg) {
    return arg.starts_with("ttl=") || arg.starts_with("inflight=") || arg.starts_with("wait=");
}

Status set_replay_time(WebhookReplay& replay, std::string_view arg) {
    const std::string_view name = arg.substr(0, arg.find('='));
    const std::string_view value = arg.substr(name.size() + 1);
    if (name == "ttl" && value == "auto") {
        return Done{};
    }
    const auto span = span_option(name, value, name == "wait" ? 1 : 1000);
    if (!span) {
        return span.error();
    }
    if (name == "ttl") {
        replay.ttl_ms = *span;
    } else if (name == "inflight") {
        replay.lease_ms = *span;
    } else if (*span > kWaitMsMax) {
        return Error{"wait=" + std::string(value) + " is too long; write at most 10s"};
    } else {
        replay.wait_ms = *span;
    }
    return Done{};
}

Status set_replay_option(DirectiveCall& call, WebhookReplay& replay, std::string_view arg) {
    if (const auto store = option(arg, "redis")) {
        if (store->empty()) {
            return Error{"redis= names no store; write redis= and the name of a sallyport_redis"};
        }
        replay.redis_name = *store;
        return Done{};
    }
    if (const auto zone = option(arg, "zone")) {
        const auto found = zone_of(call, *zone);
        if (!found) {
            return found.error();
        }
        replay.zone = *found;
        return Done{};
    }
    if (const auto key = option(arg, "key")) {
        return set_replay_key(replay, *key);
    }
    if (is_time(arg)) {
        return set_replay_time(replay, arg);
    }
    if (arg == "down=reject" || arg == "down=pass") {
        replay.pass_when_down = arg == "down=pass";
        return Done{};
    }
    for (const bool busy : {false, true}) {
        const std::string_view name = busy ? "busy" : "duplicate";
        if (const auto text = option(arg, name)) {
            const auto status = status_option(name, *text);
            if (!status) {
                return status.error();
            }
            (busy ? replay.busy_status : replay.duplicate_status) = *status;
            return Done{};
        }
    }
    if (const auto scope = option(arg, "scope")) {
        auto text = ComplexText::compile(call.cf, *scope);
        if (!text) {
            return text.error();
        }
        replay.scope = *text;
        return Done{};
    }
    if (arg == "full=reject" || arg == "full=pass") {
        replay.pass_when_full = arg == "full=pass";
        return Done{};
    }
    if (arg == "commit=2xx") {
        return Done{};  // what other statuses would mean is the sender's to say, not ours
    }
    return Error{"unknown parameter " + in_quotes(arg) +
                 "; known are zone=NAME:SIZE, redis=NAME, key=auto|id|signature, ttl=auto|TIME, "
                 "inflight=TIME, duplicate=STATUS, busy=STATUS, full=reject|pass, "
                 "down=reject|pass, wait=TIME, commit=2xx and scope=TEXT"};
}

// Whether the parameter at `index` has the name of an earlier one.
bool given_before(DirectiveCall& call, std::size_t index) {
    const std::string_view arg = call.arg(index);
    const std::string_view name = arg.substr(0, arg.find('='));
    for (std::size_t i = 0; i < index; ++i) {
        const std::string_view other = call.arg(i);
        if (other.substr(0, other.find('=')) == name) {
            return true;
        }
    }
    return false;
}

}  // namespace

// sallyport_webhook_replay zone=NAME:SIZE | redis=NAME […] | off
Status set_webhook_replay(DirectiveCall& call) {
    auto& location = *static_cast<WebhookLocation*>(call.location);
    if (location.replay) {
        return Error{"is given twice at the same level; keep one"};
    }
    if (call.arg(0) == "off" && call.size() == 1) {
        location.replay = nullptr;
        return Done{};
    }
    auto* replay = pool_new<WebhookReplay>(call.cf->pool);
    for (std::size_t i = 0; i < call.size(); ++i) {
        if (given_before(call, i)) {
            return Error{"has " + in_quotes(call.arg(i).substr(0, call.arg(i).find('='))) +
                         " twice; keep one"};
        }
        const Status status = set_replay_option(call, *replay, call.arg(i));
        if (!status) {
            return status;
        }
    }
    if (replay->zone == nullptr && replay->redis_name.empty()) {
        return Error{
            "names no zone; write for example zone=deliveries:10m, or redis= and the name of a "
            "sallyport_redis when several nodes take the same deliveries"};
    }
    if (replay->zone != nullptr && !replay->redis_name.empty()) {
        return Error{"has zone= and redis=; one of them remembers, remove the other"};
    }
    location.replay = replay;
    return Done{};
}

Status resolve_webhook_replay(ngx_conf_t* cf, WebhookReplay& replay) {
    if (replay.redis_name.empty() || replay.redis != nullptr) {
        return Done{};
    }
    RedisStore* store = redis_store(cf, replay.redis_name);
    if (store == nullptr) {
        return Error{"\"sallyport_webhook_replay\": store " + in_quotes(replay.redis_name) +
                     " is not declared; add sallyport_redis " + replay.redis_name +
                     " redis://host:port, or write zone=deliveries:10m"};
    }
    store->used = true;
    auto& main = *static_cast<WebhookMain*>(feature_main(cf, FeatureId::webhook));
    const auto known = std::find_if(main.redis.begin(), main.redis.end(), [&](const auto* one) {
        return one->name() == replay.redis_name;
    });
    if (known != main.redis.end()) {
        replay.redis = *known;
        return Done{};
    }
    replay.redis = pool_new<WebhookReplayRedis>(cf->pool, *store);
    main.redis.push_back(replay.redis);
    return Done{};
}

}  // namespace sallyport::ngx
