#include "common/bytes.hpp"
#include "common/limits.hpp"
#include "common/units.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_conf.hpp"
#include "module/policy/webhook_presets.hpp"

#include <string>

namespace sallyport::ngx {

namespace hook = policy::webhook;

namespace {

// Deliveries larger than this are no webhooks.
constexpr std::uint64_t kBodyBytesMaxMax = std::uint64_t{1} << 30;

Error twice() {
    return Error{"is given twice at the same level; keep one"};
}

WebhookLocation& location_of(DirectiveCall& call) {
    return *static_cast<WebhookLocation*>(call.location);
}

const hook::Pairs* find_profile(const WebhookMain& main, std::string_view name) {
    for (const auto& [known, pairs] : main.profiles) {
        if (known == name) {
            return &pairs;
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
    const hook::Pairs* own = find_profile(webhook_main(call), name);
    const hook::Preset* preset = own == nullptr ? hook::find_preset(name) : nullptr;
    if (own == nullptr && preset == nullptr) {
        return Error{"unknown preset or profile " + in_quotes(name) +
                     "; use a preset such as github, stripe, slack or standard-webhooks, or define "
                     "it above with sallyport_webhook_profile"};
    }
    auto pairs = own != nullptr ? Result<hook::Pairs>(*own) : hook::parse_pairs(preset->text);
    if (!pairs) {
        return pairs.error();
    }
    auto built = hook::build_profile(name, hook::merge_pairs(std::move(*pairs), *overrides));
    if (!built) {
        return Error{in_quotes(name) + ": " + built.message()};
    }
    built->retry_horizon_ms = preset == nullptr ? 0 : preset->retry_horizon_ms;
    location.profile = pool_new<hook::Profile>(call.cf->pool, std::move(*built));
    return Done{};
}

// sallyport_webhook_profile <name> "<keys>"
Status set_profile(DirectiveCall& call) {
    const std::string_view name = call.arg(0);
    if (!is_token(name) || name.size() > limits::kNameBytesMax || name == "off") {
        return Error{in_quotes(name) + " is not a profile name; use letters, digits, - and _"};
    }
    if (hook::find_preset(name) != nullptr) {
        return Error{in_quotes(name) + " is the name of a preset; choose another"};
    }
    if (find_profile(webhook_main(call), name) != nullptr) {
        return Error{"the profile " + in_quotes(name) + " is defined twice; keep one"};
    }
    auto pairs = hook::parse_pairs(call.arg(1));
    const Status checked = pairs ? hook::check_profile(name, *pairs) : Status(pairs.error());
    if (!checked) {
        return Error{in_quotes(name) + ": " + checked.message()};
    }
    webhook_main(call).profiles.emplace_back(name, std::move(*pairs));
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
        return Error{in_quotes(call.arg(0)) + " is not usable; write a size from 1 to 1g"};
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
        return Error{in_quotes(text) +
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
    {"sallyport_webhook_secret", kEverywhere | NGX_CONF_1MORE, set_webhook_secret},
    {"sallyport_webhook_handshake", kEverywhere | NGX_CONF_1MORE, set_webhook_handshake},
    {"sallyport_webhook_certificates", kHttp | NGX_CONF_TAKE1, set_webhook_certificates},
    {"sallyport_webhook_replay", kEverywhere | NGX_CONF_1MORE, set_webhook_replay},
    {"sallyport_webhook_max_body", kEverywhere | NGX_CONF_TAKE1, set_max_body},
    {"sallyport_webhook_reject", kEverywhere | NGX_CONF_TAKE1, set_reject},
    {"sallyport_webhook_mode", kEverywhere | NGX_CONF_TAKE1, set_mode},
};

}  // namespace sallyport::ngx
