// Bans after too many failures (module/policy/ban.hpp).
//
//   sallyport_ban <name> [option=value]… | off              http, server, location
//   sallyport_ban_zone [size=4m] [ipv4=32] [ipv6=64] [redis=NAME]   http
//   sallyport_ban_exempt <list|CIDR>…                       http
//   sallyport_ban_credential <header>…                      http
//   sallyport_ban_mode off|report|enforce                   http, server, location
//
// A ban is enforced in POST_READ, before `rewrite` and `return` can answer, in every server; what
// leads to one is counted in the log phase, when the outcome is known. Rules of inner levels add to
// those of outer ones.
#include "common/crypto.hpp"
#include "module/nginx/ban_conf.hpp"
#include "module/nginx/ban_routes.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/http_status.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::BanEntry;
using policy::BanKind;
using policy::BanOutcome;
using policy::BanRule;
using policy::BanSubject;

// Longer values cannot be a credential that anybody accepts; hashing them would be work for
// nothing.
constexpr std::size_t kCredentialBytesMax = 8192;

// Merging begins after the whole http block was read: the rules are complete.
Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const BanLocation*>(parent_conf);
    auto& child = *static_cast<BanLocation*>(child_conf);
    const auto* main = static_cast<const BanMain*>(feature_main(cf, FeatureId::ban));
    child.main = main->rules.empty() ? nullptr : main;
    child.mode = child.mode ? child.mode : parent.mode;
    if (!child.off) {
        child.rules |= parent.rules;
    }
    child.server_rules =
        is_server_level(cf, FeatureId::ban, child_conf) ? child.rules : parent.server_rules;
    return child.main != nullptr && level_mode(cf, child.mode) == policy::Mode::enforce
               ? check_error_pages(cf, NGX_HTTP_FORBIDDEN)
               : Status(Done{});
}

Status finish(ngx_conf_t* cf, void* main_conf) {
    auto* main = static_cast<BanMain*>(main_conf);
    if (main->rules.empty()) {
        return Done{};
    }
    main->exempt = policy::IpSet(main->exempt_blocks);
    if (!main->store_name.empty()) {
        main->store = redis_store(cf, main->store_name);
        if (main->store == nullptr) {
            return Error{"\"sallyport_ban_zone\": redis=\"" + main->store_name +
                         "\" is not declared; write: sallyport_redis " + main->store_name +
                         " redis://…"};
        }
        main->store->used = true;
        policy::HashSecret secret;
        const Secret derived =
            derive_key(main->store->key_secret, "sallyport ban credentials", secret.size());
        std::copy_n(derived.data(), secret.size(), secret.begin());
        main->zone.share(secret);
    }
    return main->zone.announce(cf, main->zone_bytes, main->prefixes);
}

Status init_process(ngx_cycle_t* cycle, void* main_conf) {
    auto& main = *static_cast<BanMain*>(main_conf);
    if (main.store != nullptr && main.store->client != nullptr) {
        main.sync = std::make_unique<BanSync>(main.zone, *main.store, cycle);
    }
    return Done{};
}

bool active(const void* location) {
    return static_cast<const BanLocation*>(location)->main != nullptr;
}

Speaks speaks(const void* location, Stage stage) {
    return speaks_if(stage != Stage::location ||
                     static_cast<const BanLocation*>(location)->location_rules() != 0);
}

std::string_view rule_of(const BanMain& main, const BanEntry& entry, ngx_http_request_t* r) {
    for (const BanRule& rule : main.rules) {
        if (rule.name == entry.rule_name()) {
            return rule.name;
        }
    }
    return keep(r, entry.rule_name());
}

std::optional<BanEntry> find_ban(const Request& request, const BanMain& main) {
    if (const IpAddress* client = bannable(request)) {
        auto found = main.zone.find(main.zone.subject_of(*client));
        if (found && !main.spares(*client)) {
            return found;
        }
    }
    if (main.by_credential) {
        const std::string_view value = ban_credential_of(main, request.r());
        if (!value.empty()) {
            return main.zone.find(main.zone.credential(value));
        }
    }
    return std::nullopt;
}

BanRuleMask matching(const BanMain& main, BanRuleMask rules, std::string_view uri) {
    BanRuleMask out = 0;
    for (; rules != 0; rules &= rules - 1) {
        const int i = std::countr_zero(rules);
        if (main.rules[static_cast<std::size_t>(i)].matches_path(uri)) {
            out |= BanRuleMask{1} << i;
        }
    }
    return out;
}

void note_rules(Request& request, BanRuleMask rules) {
    if (rules != 0) {
        request.feature_state<BanState>(FeatureId::ban).rules |= rules;
    }
}

// Where a ban may hold, or a rule counts on some paths only. Out of line: nearly every request
// passes by.
[[gnu::noinline]] HookResult meet(Request& request, const BanLocation& location,
                                  BanRuleMask with_path) {
    const policy::Mode mode = request.mode(location.mode);
    if (mode == policy::Mode::off) {
        return HookResult::pass();
    }
    const BanMain& main = *location.main;
    // The path is judged as the client sent it; redirects change it.
    note_rules(request, matching(main, with_path, view(request.r()->uri)));
    const auto ban = find_ban(request, main);
    return ban ? HookResult::decided(
                     policy::Decision::deny(policy::Reason::banned, policy::kForbidden), mode,
                     rule_of(main, *ban, request.r()))
               : HookResult::pass();
}

BanOutcome outcome_of(const Request& request) {
    const ngx_http_request_t* r = request.r();
    BanOutcome outcome;
    if (const Finding* finding = request.enforced()) {
        const policy::Reason reason = finding->decision.reason;
        outcome.status = finding->decision.status;
        outcome.bad_signature = reason > policy::Reason::webhook_secret_missing &&
                                reason <= policy::Reason::webhook_id_malformed;
    } else {
        outcome.status =
            static_cast<std::uint16_t>(r->err_status != 0 ? r->err_status : r->headers_out.status);
    }
    return outcome;
}

void strike(const Request& request, const BanMain& main, const BanRule& rule,
            const BanSubject& subject) {
    auto& zone = const_cast<BanZone&>(main.zone);
    bool counted = false;
    const auto made = zone.strike(rule, subject, counted);
    if (main.sync != nullptr && made) {
        main.sync->say_soon();
    } else if (main.sync != nullptr && counted) {
        main.sync->count(rule, subject);
    }
    if (made) {
        ngx_log_error(NGX_LOG_NOTICE, request.log(), 0,
                      "sallyport: ban \"%s\": %s is banned for %L s (%uD outcomes, ban number %ui)",
                      rule.name.c_str(), policy::to_string(subject).c_str(),
                      (made->until_ms - made->since_ms) / 1000, made->count,
                      ngx_uint_t{made->level} + 1);
    }
}

void count(const Request& request, const BanMain& main, BanRuleMask rules,
           const BanOutcome& outcome) {
    const IpAddress* client = bannable(request);
    if (client != nullptr && main.spares(*client)) {
        return;
    }
    for (; rules != 0; rules &= rules - 1) {
        const BanRule& rule = main.rules[static_cast<std::size_t>(std::countr_zero(rules))];
        if (client != nullptr && rule.counts(outcome, BanKind::address)) {
            strike(request, main, rule, main.zone.subject_of(*client));
        }
        if (rule.counts(outcome, BanKind::credential)) {
            const std::string_view value = ban_credential_of(main, request.r());
            if (!value.empty()) {
                strike(request, main, rule, main.zone.credential(value));
            }
        }
    }
}

void note_failure(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const BanLocation*>(location_conf);
    const Finding* finding = request.enforced();
    if (finding != nullptr && finding->feature == FeatureId::ban) {
        return;  // a ban does not prolong itself
    }
    if (request.mode(location.mode) == policy::Mode::off) {
        return;
    }
    const BanState* state = request.find_feature_state<BanState>(FeatureId::ban);
    const BanRuleMask noted = state == nullptr ? 0 : state->rules;
    count(request, *location.main, noted | (location.rules & ~location.main->with_path),
          outcome_of(request));
}

void inspect(policy::Metrics& out, void* main_conf) {
    const auto& main = *static_cast<const BanMain*>(main_conf);
    if (main.rules.empty()) {
        return;
    }
    const BanZone::Totals totals = main.zone.totals();
    out.gauge("sallyport_bans", "Bans that hold now.", {}, static_cast<double>(totals.live));
    out.gauge("sallyport_ban_allowances", "Subjects that are never to be banned.", {},
              static_cast<double>(totals.allowed));
    out.counter("sallyport_bans_made_total", "Bans made, by rules and by hand.", {}, totals.made);
    const policy::Metrics::Labels labels = {{"feature", "ban"}, {"zone", "bans"}};
    out.gauge(
        "sallyport_zone_fill_ratio", "How full a table in shared memory is, 0 to 1.", labels,
        static_cast<double>(totals.live + totals.allowed) / static_cast<double>(totals.places));
    out.counter("sallyport_zone_evictions_total", "Live keys that had to give way.", labels,
                totals.evictions);
}

}  // namespace

std::string_view ban_credential_of(const BanMain& main, ngx_http_request_t* r) {
    for (const std::string& name : main.credential_headers) {
        std::string_view value;
        if (request_headers(r, name, &value, 1) > 0 && !value.empty() &&
            value.size() <= kCredentialBytesMax) {
            return value;
        }
    }
    return {};
}

const IpAddress* bannable(const Request& request) {
    const IpAddress* client = request.client_address();
    return request.client_verified() ? client : nullptr;
}

HookResult ban_post_read(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const BanLocation*>(location_conf);
    const BanMain& main = *location.main;
    const BanRuleMask with_path = location.rules & main.with_path;
    if (with_path == 0 && !main.zone.any()) {
        return HookResult::pass();
    }
    return meet(request, location, with_path);
}

// A location's own rules are noted, because an error_page may lead the request elsewhere.
HookResult ban_rewrite(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const BanLocation*>(location_conf);
    const BanRuleMask own = location.location_rules();
    if (own != 0 && request.mode(location.mode) != policy::Mode::off) {
        note_rules(request, matching(*location.main, own, view(request.r()->uri)));
    }
    return HookResult::pass();
}

BanZone* ban_zone(ngx_cycle_t* cycle) {
    auto* main = static_cast<BanMain*>(feature_main(cycle, FeatureId::ban));
    return main == nullptr || main->rules.empty() ? nullptr : &main->zone;
}

const Feature kBan = {
    .id = FeatureId::ban,
    .name = "ban",
    .directives = kBanDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<BanMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<BanLocation>(pool); },
    .merge_location = merge,
    .postconfiguration = finish,
    .init_process = init_process,
    .exit_process = [](ngx_cycle_t*, void* main) { static_cast<BanMain*>(main)->sync.reset(); },
    .active = active,
    .speaks = speaks,
    .post_read = ban_post_read,
    .rewrite = ban_rewrite,
    .failure = note_failure,
    .explain = explain_ban,
    .routes = kBanRoutes,
    .inspect = inspect,
};

}  // namespace sallyport::ngx
