// Security headers on every response (module/policy/security_headers.hpp).
//
//   sallyport_headers helmet|api|owasp|html|sandbox|off    http, server, location
//   sallyport_header <name> <value> [replace|preserve]     http, server, location
//   sallyport_header <name> off                           not sent by the gateway
//   sallyport_headers_mode off|report|enforce
//   sallyport_csp, sallyport_csp_mode                     security_headers_csp.cpp
//
// Levels merge by name. The location that produces the response decides; where it has nothing of
// its own and inherits nothing, the location that the request reached first does (error pages,
// named locations).
#include "common/bytes.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/security_headers_conf.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/security_header_values.hpp"

#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::HeaderChange;
using policy::HeaderProfile;

Status set_profile(DirectiveCall& call) {
    auto* location = static_cast<HeadersLocation*>(call.location);
    if (location->profile) {
        return Error{"is given twice at the same level; keep one"};
    }
    location->profile = policy::header_profile_from(call.arg(0));
    if (!location->profile) {
        return Error{"unknown profile \"" + std::string(call.arg(0)) +
                     "\"; write helmet, api, owasp, html, sandbox or off"};
    }
    static_cast<HeadersMain*>(call.main)->any = true;
    return Done{};
}

Status check_value(ngx_conf_t* cf, const policy::HeaderField& field) {
    const bool constant = field.value.find('$') == std::string::npos;
    const Status checked = policy::check_header(field.name, field.value, constant);
    if (!checked || constant) {
        return checked;
    }
    // Compiled again where it is used; here for its mistakes, at the line that has them.
    const auto compiled = ComplexText::compile(cf, field.value);
    return compiled.ok() ? Status(Done{}) : Status(compiled.error());
}

Status set_header_directive(DirectiveCall& call) {
    auto* location = static_cast<HeadersLocation*>(call.location);
    HeaderChange change{std::string(call.arg(0)), std::nullopt};
    for (const HeaderChange& other : location->changes) {
        if (ascii_iequals(other.name, change.name)) {
            return Error{"\"" + change.name + "\" is given twice at the same level; keep one"};
        }
    }
    // With a third word `off` is a value: X-DNS-Prefetch-Control has one of that name.
    const bool switch_off = call.arg(1) == "off" && call.size() == 2;
    policy::HeaderField field{change.name, std::string(call.arg(1)), false};
    if (call.size() == 3) {
        if (call.arg(2) != "replace" && call.arg(2) != "preserve") {
            return Error{"unknown parameter \"" + std::string(call.arg(2)) +
                         "\"; write replace or preserve"};
        }
        field.preserve = call.arg(2) == "preserve";
    }
    const Status status =
        switch_off ? policy::check_header(change.name, "-", false) : check_value(call.cf, field);
    if (!status) {
        return status;
    }
    if (!switch_off) {
        change.field = field;
    }
    location->changes.push_back(change);
    static_cast<HeadersMain*>(call.main)->any = true;
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_headers", kEverywhere | NGX_CONF_TAKE1, set_profile},
    {"sallyport_header", kEverywhere | NGX_CONF_TAKE23, set_header_directive},
    {"sallyport_headers_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<HeadersLocation>},
    {"sallyport_csp", kEverywhere | NGX_CONF_1MORE, set_csp},
    {"sallyport_csp_mode", kEverywhere | NGX_CONF_TAKE1, set_csp_mode},
};
constexpr Variable kVariables[] = {{"sallyport_csp_nonce", get_csp_nonce}};

// nginx's own error pages name its version unless told otherwise, and a header filter comes too
// late.
void hide_version(ngx_conf_t* cf, const HeadersLocation& location) {
    if (location.profile.value_or(HeaderProfile::off) != HeaderProfile::off &&
        location.acting == policy::Mode::enforce) {
        auto* core = static_cast<ngx_http_core_loc_conf_t*>(
            ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
        core->server_tokens = NGX_HTTP_SERVER_TOKENS_OFF;
    }
}

Status build_plan(ngx_conf_t* cf, HeadersLocation& location) {
    const HeaderProfile profile = location.profile.value_or(HeaderProfile::off);
    const auto set = effective_headers(location);
    if (!set) {
        return set.error();
    }
    auto* plan = pool_new<HeaderPlan>(cf->pool);
    location.plan = plan;
    return plan->build(cf, profile, *set);
}

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const HeadersLocation*>(parent_conf);
    auto& child = *static_cast<HeadersLocation*>(child_conf);
    auto* main = static_cast<HeadersMain*>(feature_main(cf, FeatureId::security_headers));
    child.main = main;
    child.mode = child.mode ? child.mode : parent.mode;
    child.acting = level_mode(cf, child.mode);
    const bool parent_is_http = parent.main == nullptr;
    const bool parent_spoke = parent_is_http ? parent.speaks() : parent.decided;
    const bool own = child.speaks();
    child.decided = own || parent_spoke;
    if (!child.decided) {
        main->silent = true;
        return Done{};
    }
    if (!own && !parent_is_http) {
        child.profile = parent.profile;
        child.changes = parent.changes;
        child.csp = parent.csp;
        child.plan = parent.plan;
        hide_version(cf, child);
        return Done{};
    }
    if (child.profile != HeaderProfile::off) {
        // `off` cuts the outer levels off; everything else adds to them.
        child.changes.insert(child.changes.begin(), parent.changes.begin(), parent.changes.end());
        child.csp = policy::merge_csp(parent.csp, child.csp);
    }
    child.profile = child.profile ? child.profile : parent.profile;
    hide_version(cf, child);
    return build_plan(cf, child);
}

bool active(const void* location) {
    return static_cast<const HeadersLocation*>(location)->main->any;
}

Speaks speaks(const void* location, Stage stage) {
    return speaks_if(stage != Stage::location ||
                     static_cast<const HeadersLocation*>(location)->main->silent);
}

HookResult rewrite(Request& request, const void* location_conf) {
    auto& state = request.feature_state<HeadersState>(FeatureId::security_headers);
    if (state.first == nullptr) {
        state.first = static_cast<const HeadersLocation*>(location_conf);
    }
    return HookResult::pass();
}

// The location whose set counts: null when none has one.
[[gnu::cold]] const HeadersLocation* first_that_decided(const Request& request) {
    const auto* state = request.find_feature_state<HeadersState>(FeatureId::security_headers);
    const HeadersLocation* first = state == nullptr ? nullptr : state->first;
    return first != nullptr && first->decided ? first : nullptr;
}

[[gnu::hot]] void header_filter(Request& request, const void* location_conf, LastFields& last) {
    const auto* location = static_cast<const HeadersLocation*>(location_conf);
    if (!location->decided) {
        location = first_that_decided(request);
    }
    if (location != nullptr && location->acting == policy::Mode::enforce) {
        location->plan->apply(request, last);
    }
}

HookResult explain(Request& request, const void* location_conf, Stage stage, Json&) {
    if (stage == Stage::location && speaks(location_conf, stage) != Speaks::never) {
        return rewrite(request, location_conf);
    }
    if (stage == Stage::response) {
        LastFields last;
        header_filter(request, location_conf, last);
        last.move_into_list(request.r());
    }
    return HookResult::pass();
}

}  // namespace

const Feature kSecurityHeaders = {
    .id = FeatureId::security_headers,
    .name = "security_headers",
    .directives = kDirectives,
    .variables = kVariables,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<HeadersMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<HeadersLocation>(pool); },
    .merge_location = merge,
    .active = active,
    .speaks = speaks,
    .rewrite = rewrite,
    .header_filter = header_filter,
    .explain = explain,
};

}  // namespace sallyport::ngx
