#include "module/nginx/ban_conf.hpp"

#include <bit>

namespace sallyport::ngx {
namespace {

using policy::BanKind;
using policy::BanRule;
using policy::BanSubject;

Json standing_of(const BanMain& main, const BanSubject& subject, BanRuleMask rules, bool exempt) {
    const auto row = main.zone.look(subject);
    Json fact = Json::object({
        {"subject", Json::string(policy::to_string(subject))},
        {"state", Json::string(exempt         ? "exempt"
                               : !row         ? "free"
                               : row->allowed ? "allowed"
                               : row->banned  ? "banned"
                                              : "remembered")},
    });
    if (row && row->banned) {
        fact.set("rule", Json::string(row->rule));
        fact.set("remaining_s", row->remaining_ms < 0 ? Json::string("ever")
                                                      : Json::integer(row->remaining_ms / 1000));
    }
    Json counts = Json::array();
    for (; rules != 0; rules &= rules - 1) {
        const BanRule& rule = main.rules[static_cast<std::size_t>(std::countr_zero(rules))];
        const bool counted =
            subject.kind == BanKind::address ? rule.by_address : rule.by_credential;
        if (counted) {
            counts.append(
                Json::object({{"rule", Json::string(rule.name)},
                              {"outcomes", Json::integer(main.zone.outcomes(rule, subject))},
                              {"after", Json::integer(rule.after)}}));
        }
    }
    fact.set("counts", counts);
    return fact;
}

}  // namespace

// At the server whether there is a ban; at the location what would count towards the next one.
HookResult explain_ban(Request& request, const void* location_conf, Stage stage, Json& facts) {
    const auto& location = *static_cast<const BanLocation*>(location_conf);
    if (stage == Stage::server) {
        return ban_post_read(request, location_conf);
    }
    if (stage != Stage::location) {
        return HookResult::pass();
    }
    const BanMain& main = *location.main;
    ban_rewrite(request, location_conf);
    const BanState* state = request.find_feature_state<BanState>(FeatureId::ban);
    const BanRuleMask rules =
        (state == nullptr ? 0 : state->rules) | (location.rules & ~main.with_path);
    if (const IpAddress* client = bannable(request)) {
        facts.append(standing_of(main, main.zone.subject_of(*client), rules, main.spares(*client)));
    }
    const std::string_view credential =
        main.by_credential ? ban_credential_of(main, request.r()) : std::string_view();
    if (!credential.empty()) {
        facts.append(standing_of(main, main.zone.credential(credential), rules, false));
    }
    return HookResult::pass();
}

}  // namespace sallyport::ngx
