#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/policy/webhook_presets.hpp"

#include <map>
#include <string>

namespace sallyport::ngx {

namespace hook = policy::webhook;

namespace {

// A zone smaller than this holds too few ids to be meant.
constexpr std::uint64_t kZoneBytesMin = 64 * 1024;
// Deliveries larger than this are no webhooks.
constexpr std::uint64_t kBodyBytesMaxMax = std::uint64_t{1} << 30;

std::string quoted(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

Error twice() {
    return Error{"is given twice at the same level; keep one"};
}

WebhookLocation& location_of(DirectiveCall& call) {
    return *static_cast<WebhookLocation*>(call.location);
}

WebhookMain& main_of(DirectiveCall& call) {
    return *static_cast<WebhookMain*>(call.main);
}

const hook::Profile* find_profile(const WebhookMain& main, std::string_view name) {
    for (const auto& profile : main.profiles) {
        if (profile->name == name) {
            return profile.get();
        }
    }
    return nullptr;
}

// The arguments behind the name, each in the profile language.
Result<hook::Pairs> overrides_of(DirectiveCall& call) {
    hook::Pairs out;
    for (std::size_t i = 1; i < call.size(); ++i) {
        const auto pairs = hook::parse_pairs(call.arg(i));
        if (!pairs) {
            return pairs.error();
        }
        for (const auto& [key, value] : *pairs) {
            for (const auto& [known, ignored] : out) {
                if (known == key) {
                    return Error{"the key \"" + key + "\" is given twice; keep one"};
                }
            }
            out.emplace_back(key, value);
        }
    }
    return out;
}

// sallyport_webhook <preset|profile> [key=value …] | off
Status set_webhook(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.profile) {
        return twice();
    }
    const std::string_view name = call.arg(0);
    if (name == "off") {
        if (call.size() > 1) {
            return Error{"\"off\" takes no further arguments"};
        }
        location.profile = nullptr;
        return Done{};
    }
    const auto overrides = overrides_of(call);
    if (!overrides) {
        return overrides.error();
    }
    const hook::Profile* own = find_profile(main_of(call), name);
    if (own != nullptr && overrides->empty()) {
        location.profile = own;
        return Done{};
    }
    const hook::Preset* preset = hook::find_preset(name);
    if (own != nullptr) {
        return Error{"overrides belong to presets; change the profile " + quoted(name) +
                     " instead"};
    }
    if (preset == nullptr) {
        return Error{"unknown preset or profile " + quoted(name) +
                     "; use a preset such as github, stripe, slack or standard-webhooks, or define "
                     "it above with sallyport_webhook_profile"};
    }
    auto pairs = hook::parse_pairs(preset->text);
    if (!pairs) {
        return pairs.error();
    }
    auto built = hook::build_profile(name, hook::merge_pairs(std::move(*pairs), *overrides));
    if (!built) {
        return Error{quoted(name) + ": " + built.message()};
    }
    built->retry_horizon_ms = preset->retry_horizon_ms;
    location.profile = pool_new<hook::Profile>(call.cf->pool, std::move(*built));
    return Done{};
}

// sallyport_webhook_profile <name> "<keys>"
Status set_profile(DirectiveCall& call) {
    const std::string_view name = call.arg(0);
    if (!is_token(name) || name.size() > limits::kNameBytesMax || name == "off") {
        return Error{quoted(name) + " is not a profile name; use letters, digits, - and _"};
    }
    if (hook::find_preset(name) != nullptr) {
        return Error{quoted(name) + " is the name of a preset; choose another"};
    }
    if (find_profile(main_of(call), name) != nullptr) {
        return Error{"the profile " + quoted(name) + " is defined twice; keep one"};
    }
    auto built = hook::parse_profile(name, call.arg(1));
    if (!built) {
        return Error{quoted(name) + ": " + built.message()};
    }
    main_of(call).profiles.push_back(std::make_unique<hook::Profile>(std::move(*built)));
    return Done{};
}

// nginx forgets the environment after start, so what was read once is kept for reloads. Master
// only.
Result<Secret> secret_from_environment(const std::string& name) {
    static std::map<std::string, Secret> seen;
    if (const char* value = std::getenv(name.c_str()); value != nullptr && *value != '\0') {
        seen[name] = Secret(std::string_view(value));
    }
    const auto found = seen.find(name);
    if (found == seen.end()) {
        return Error{"the environment variable " + quoted(name) +
                     " is not set or empty; set it for nginx, or use file:PATH"};
    }
    return found->second.clone();
}

Result<Secret> read_secret(DirectiveCall& call) {
    const std::string_view text = call.arg(0);
    if (text.starts_with("file:")) {
        std::string path(text.substr(5));
        if (path.empty()) {
            return Error{"\"file:\" names no file; write file:PATH"};
        }
        if (path.front() != '/') {
            ngx_str_t full = copy(call.cf->pool, path);
            if (ngx_conf_full_name(call.cf->cycle, &full, 1) != NGX_OK) {
                return Error{"the path " + quoted(path) + " cannot be resolved"};
            }
            path = view(full);
        }
        return read_secret_file(path);
    }
    if (text.starts_with("env:")) {
        const std::string name(text.substr(4));
        if (name.empty()) {
            return Error{"\"env:\" names no variable; write env:NAME"};
        }
        return secret_from_environment(name);
    }
    return Secret(text);
}

// sallyport_webhook_secret file:PATH | env:NAME | literal
Status set_secret(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.own_secrets == nullptr) {
        location.own_secrets = pool_new<std::vector<Secret>>(call.cf->pool);
        location.secrets = location.own_secrets;
    }
    if (location.own_secrets->size() == hook::kSecretsMax) {
        return Error{"at most " + std::to_string(hook::kSecretsMax) +
                     " secrets can be live at once; retire the oldest"};
    }
    auto secret = read_secret(call);
    if (!secret) {
        return secret.error();
    }
    if (secret->empty()) {
        return Error{
            "the secret is empty, so anybody could sign with it; give the provider's secret"};
    }
    if (secret->size() < limits::kSecretBytesMin) {
        warn(call.cf, "sallyport_webhook_secret is shorter than " +
                          std::to_string(limits::kSecretBytesMin) +
                          " bytes and can be guessed from one delivery; use a longer one");
    }
    for (const Secret& other : *location.own_secrets) {
        if (constant_time_equal(other.reveal(), secret->reveal())) {
            return Error{"the same secret is given twice at the same level; keep one"};
        }
    }
    location.own_secrets->push_back(std::move(*secret));
    return Done{};
}

Result<WebhookReplayZone*> zone_of(DirectiveCall& call, std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string name(text.substr(0, colon));
    if (!is_token(name) || name.size() > limits::kNameBytesMax) {
        return Error{quoted(text) + " is not a zone; write for example zone=deliveries:10m"};
    }
    WebhookReplayZone* known = nullptr;
    for (WebhookReplayZone* zone : main_of(call).zones) {
        known = zone->name() == name ? zone : known;
    }
    if (colon == std::string_view::npos) {
        if (known == nullptr) {
            return Error{"the zone " + quoted(name) + " has no size yet; write zone=" + name +
                         ":10m"};
        }
        return known;
    }
    const auto bytes = parse_size_bytes(text.substr(colon + 1));
    if (!bytes) {
        return bytes.error();
    }
    if (*bytes < kZoneBytesMin) {
        return Error{"the zone " + quoted(name) +
                     " is smaller than 64k; 10m holds about 190 000 ids"};
    }
    if (known != nullptr) {
        if (known->bytes() != *bytes) {
            return Error{"the zone " + quoted(name) +
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
    main_of(call).zones.push_back(zone);
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
        return Error{std::string(name) + "=" + std::string(text) +
                     " is too short; write at least " + std::to_string(min_ms / 1000) + "s"};
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

Status set_replay_option(DirectiveCall& call, WebhookReplay& replay, std::string_view arg) {
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
    if (const auto ttl = option(arg, "ttl")) {
        if (*ttl == "auto") {
            return Done{};
        }
        const auto span = span_option("ttl", *ttl, 1000);
        if (!span) {
            return span.error();
        }
        replay.ttl_ms = *span;
        return Done{};
    }
    if (const auto lease = option(arg, "inflight")) {
        const auto span = span_option("inflight", *lease, 1000);
        if (!span) {
            return span.error();
        }
        replay.lease_ms = *span;
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
    return Error{"unknown parameter " + quoted(arg) +
                 "; known are zone=NAME:SIZE, key=auto|id|signature, ttl=auto|TIME, inflight=TIME, "
                 "duplicate=STATUS, busy=STATUS, full=reject|pass and scope=TEXT"};
}

// sallyport_webhook_replay zone=NAME:SIZE […] | off
Status set_replay(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.replay) {
        return twice();
    }
    if (call.arg(0) == "off" && call.size() == 1) {
        location.replay = nullptr;
        return Done{};
    }
    auto* replay = pool_new<WebhookReplay>(call.cf->pool);
    for (std::size_t i = 0; i < call.size(); ++i) {
        const Status status = set_replay_option(call, *replay, call.arg(i));
        if (!status) {
            return status;
        }
    }
    if (replay->zone == nullptr) {
        return Error{"names no zone; write for example zone=deliveries:10m"};
    }
    location.replay = replay;
    return Done{};
}

// sallyport_webhook_max_body SIZE
Status set_max_body(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.body_bytes_max) {
        return twice();
    }
    const auto bytes = parse_size_bytes(call.arg(0));
    if (!bytes) {
        return bytes.error();
    }
    if (*bytes == 0 || *bytes > kBodyBytesMaxMax) {
        return Error{quoted(call.arg(0)) + " is not usable; write a size from 1 to 1g"};
    }
    location.body_bytes_max = *bytes;
    return Done{};
}

// sallyport_webhook_reject STATUS
Status set_reject(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.reject_status) {
        return twice();
    }
    const std::string_view text = call.arg(0);
    if (text != "401" && text != "403" && text != "400") {
        return Error{quoted(text) +
                     " is not usable; write 401, 403 or 400 (several providers delete a "
                     "webhook that answers 404 or 410)"};
    }
    location.reject_status = static_cast<std::uint16_t>(*parse_u64(text));
    return Done{};
}

// sallyport_webhook_mode off | report | enforce
Status set_mode(DirectiveCall& call) {
    WebhookLocation& location = location_of(call);
    if (location.mode) {
        return twice();
    }
    const auto mode = parse_mode(call.arg(0));
    if (!mode) {
        return mode.error();
    }
    location.mode = *mode;
    return Done{};
}

}  // namespace

constinit const Directive kWebhookDirectives[kWebhookDirectiveCount] = {
    {"sallyport_webhook", kEverywhere | NGX_CONF_1MORE, set_webhook},
    {"sallyport_webhook_profile", kHttp | NGX_CONF_TAKE2, set_profile},
    {"sallyport_webhook_secret", kEverywhere | NGX_CONF_TAKE1, set_secret},
    {"sallyport_webhook_replay", kEverywhere | NGX_CONF_1MORE, set_replay},
    {"sallyport_webhook_max_body", kEverywhere | NGX_CONF_TAKE1, set_max_body},
    {"sallyport_webhook_reject", kEverywhere | NGX_CONF_TAKE1, set_reject},
    {"sallyport_webhook_mode", kEverywhere | NGX_CONF_TAKE1, set_mode},
};

}  // namespace sallyport::ngx
