// Cross-origin resource sharing (module/policy/cors.hpp).
//
//   sallyport_cors origin=… | origins=… [methods=…] [headers=…] [expose=…] [max_age=…]
//   [credentials]
//                  [preflight=answer|continue] [status=…] [unmatched=pass|deny]
//   sallyport_cors off
//   sallyport_cors_mode off|report|enforce
//
// A preflight is answered behind address rules and rate limits and before whatever asks for
// credentials: browsers send none with it. The fields are on every response, errors included, or
// the page would not learn why it failed.
//
// Only what can be nothing but a preflight, where these rules will answer it, is let past a demand
// for credentials (phases.cpp sees to it that nothing else answers it in between).
#include "common/bytes.hpp"
#include "module/nginx/cors_plan.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/levels.hpp"

#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::Decision;
using policy::Reason;

struct CorsMain {
    bool any = false;
    bool silent = false;  // some level says nothing: only then is the first location remembered
    bool varied = false;  // some location's rules are not its server's
};

struct CorsLocation {
    std::optional<const CorsPlan*> plan;  // set: this level decided; null: off
    std::optional<policy::Mode> mode;
    policy::Mode acting{};  // after merging: the mode that holds here
    const CorsMain* main = nullptr;
};

// The location that the request reached first: it decides where an error page has no word of its
// own.
struct CorsState {
    const CorsLocation* first = nullptr;
};

Status set_cors(DirectiveCall& call) {
    auto* location = static_cast<CorsLocation*>(call.location);
    if (location->plan) {
        return Error{"is given twice at the same level; put all its words into one"};
    }
    if (call.size() == 1 && call.arg(0) == "off") {
        location->plan = nullptr;
        return Done{};
    }
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < call.size(); ++i) {
        words.push_back(call.arg(i));
    }
    auto spec = policy::parse_cors(words);
    if (!spec) {
        return spec.error();
    }
    auto* plan = pool_new<CorsPlan>(call.cf->pool);
    const Status built = plan->build(call.cf, std::move(*spec));
    if (!built) {
        return built;
    }
    location->plan = plan;
    static_cast<CorsMain*>(call.main)->any = true;
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_cors", kEverywhere | NGX_CONF_1MORE, set_cors},
    {"sallyport_cors_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<CorsLocation>},
};

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const CorsLocation*>(parent_conf);
    auto& child = *static_cast<CorsLocation*>(child_conf);
    child.plan = child.plan ? child.plan : parent.plan;
    child.mode = child.mode ? child.mode : parent.mode;
    auto* main = static_cast<CorsMain*>(feature_main(cf, FeatureId::cors));
    main->silent = main->silent || !child.plan;
    child.acting = level_mode(cf, child.mode);
    main->varied = main->varied || (!is_server_level(cf, FeatureId::cors, child_conf) &&
                                    (child.plan != parent.plan || child.acting != parent.acting));
    child.main = main;
    return Done{};
}

bool active(const void* location) {
    return static_cast<const CorsLocation*>(location)->main->any;
}

const CorsPlan* plan_of(const void* location_conf) {
    return static_cast<const CorsLocation*>(location_conf)->plan.value_or(nullptr);
}

// A location that is as its server is was judged there, but for origins that are refused. At the
// server and where limits count, only preflights matter.
Speaks speaks(const void* location_conf, Stage stage) {
    const auto& location = *static_cast<const CorsLocation*>(location_conf);
    const CorsPlan* plan = plan_of(location_conf);
    if (stage != Stage::location) {
        return Speaks::of_options;
    }
    return speaks_if(location.main->silent || location.main->varied ||
                     (plan != nullptr && plan->spec().refuses_others));
}

// A browser's preflight: OPTIONS, one Origin, one Access-Control-Request-Method, no body.
bool is_preflight(const Request& request) {
    ngx_http_request_t* r = request.r();
    std::string_view value;
    return r->method == NGX_HTTP_OPTIONS && r->headers_in.content_length_n <= 0 &&
           r->headers_in.chunked == 0 && request_headers(r, "Origin", &value, 1) == 1 &&
           request_headers(r, "Access-Control-Request-Method", &value, 1) == 1 && is_token(value);
}

void note_preflight(Request& request, const CorsLocation& location) {
    const CorsPlan* plan = plan_of(&location);
    request.state().preflight = request.r()->method == NGX_HTTP_OPTIONS && plan != nullptr &&
                                !plan->spec().forwards_preflight &&
                                request.mode(location.mode) == policy::Mode::enforce &&
                                is_preflight(request);
}

HookResult post_read(Request& request, const void* location_conf) {
    note_preflight(request, *static_cast<const CorsLocation*>(location_conf));
    return HookResult::pass();
}

HookResult rewrite(Request& request, const void* location_conf) {
    const auto* location = static_cast<const CorsLocation*>(location_conf);
    if (location->main->silent) {
        auto& state = request.feature_state<CorsState>(FeatureId::cors);
        state.first = state.first == nullptr ? location : state.first;
    }
    note_preflight(request, *location);
    const CorsPlan* plan = plan_of(location);
    if (plan == nullptr || !plan->refuses(request)) {
        return HookResult::pass();
    }
    return HookResult::decided(Decision::deny(Reason::cors_origin_denied, NGX_HTTP_FORBIDDEN),
                               request.mode(location->mode), "cors");
}

HookResult preaccess(Request& request, const void* location_conf) {
    const auto* location = static_cast<const CorsLocation*>(location_conf);
    const CorsPlan* plan = plan_of(location);
    if (plan == nullptr || request.r()->method != NGX_HTTP_OPTIONS ||
        plan->spec().forwards_preflight) {
        return HookResult::pass();
    }
    return HookResult::decided(
        Decision::answer(Reason::cors_preflight, plan->spec().preflight_status),
        request.mode(location->mode), "cors");
}

[[gnu::hot]] void header_filter(Request& request, const void* location_conf, LastFields& last) {
    const auto* location = static_cast<const CorsLocation*>(location_conf);
    if (!location->plan) {
        const auto* state = request.find_feature_state<CorsState>(FeatureId::cors);
        location = state != nullptr && state->first != nullptr ? state->first : location;
    }
    const CorsPlan* plan = plan_of(location);
    if (plan != nullptr && location->acting == policy::Mode::enforce &&
        request.r()->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS) {
        plan->apply(request, last);
    }
}

HookResult explain(Request& request, const void* location_conf, Stage stage, Json& facts) {
    const CorsPlan* plan = plan_of(location_conf);
    if (stage == Stage::server) {
        return post_read(request, location_conf);
    }
    if (plan == nullptr) {
        request.state().preflight = false;
        return HookResult::pass();
    }
    if (stage == Stage::location) {
        const std::string_view allowed = plan->allowed_origin(request);
        facts.append(Json::object(
            {{"allow_origin", allowed.empty() ? Json::null() : Json::string(allowed)}}));
        return rewrite(request, location_conf);
    }
    return stage == Stage::counting ? preaccess(request, location_conf) : HookResult::pass();
}

}  // namespace

const Feature kCors = {
    .id = FeatureId::cors,
    .name = "cors",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<CorsMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<CorsLocation>(pool); },
    .merge_location = merge,
    .active = active,
    .speaks = speaks,
    .post_read = post_read,
    .rewrite = rewrite,
    .preaccess = preaccess,
    .header_filter = header_filter,
    .explain = explain,
};

}  // namespace sallyport::ngx
