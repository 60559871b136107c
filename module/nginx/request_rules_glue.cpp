// What a request may look like (module/policy/request_rules.hpp).
//
//   sallyport_methods off | METHOD…                               http, server, location
//   sallyport_strict_requests off | [http2] [path] [semicolons]   http, server
//   sallyport_request_rules_mode off|report|enforce               http, server, location
//
// Forms are judged in POST_READ. A location's methods are judged in REWRITE; in POST_READ a method
// that no location of the server has, so that a server's own `return` answers none either.
#include "module/nginx/feature.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/location_lookup.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/request_rules.hpp"

#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::Decision;
using policy::MethodList;
using policy::Mode;
using policy::Reason;
using policy::StrictRules;

constexpr FeatureId kId = FeatureId::request_rules;
constexpr ngx_uint_t kHttpAndServer = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF;

struct RequestRulesMain {
    bool any = false;  // error pages of quiet locations tell the methods of the others
};

struct RequestRulesLocation {
    std::optional<const MethodList*> methods;  // set: this level decided; null: all
    std::optional<StrictRules> strict;
    std::optional<Mode> mode;
    const RequestRulesMain* main = nullptr;
    // At server level: of the server and all its locations. Null: some place lets all pass.
    MethodList* somewhere = nullptr;
};

// Made for requests that were refused for their method: what may be asked instead.
struct RefusedMethod {
    const MethodList* allowed = nullptr;
};

std::vector<std::string_view> words_of(const DirectiveCall& call) {
    std::vector<std::string_view> words;
    for (std::size_t i = 0; i < call.size(); ++i) {
        words.push_back(call.arg(i));
    }
    return words;
}

Status set_methods(DirectiveCall& call) {
    auto* location = static_cast<RequestRulesLocation*>(call.location);
    if (location->methods) {
        return Error{"is given twice at the same level; put all methods into one"};
    }
    static_cast<RequestRulesMain*>(call.main)->any = true;
    if (call.size() == 1 && call.arg(0) == "off") {
        location->methods = nullptr;
        return Done{};
    }
    auto list = MethodList::parse(words_of(call));
    if (!list) {
        return list.error();
    }
    location->methods = pool_new<MethodList>(call.cf->pool, std::move(*list));
    return Done{};
}

Status set_strict(DirectiveCall& call) {
    auto* location = static_cast<RequestRulesLocation*>(call.location);
    if (location->strict) {
        return Error{"is given twice at the same level; put all its words into one"};
    }
    static_cast<RequestRulesMain*>(call.main)->any = true;
    if (call.size() == 1 && call.arg(0) == "off") {
        location->strict.emplace();
        return Done{};
    }
    const auto rules = StrictRules::parse(words_of(call));
    if (!rules) {
        return rules.error();
    }
    location->strict = *rules;
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_methods", kEverywhere | NGX_CONF_1MORE, set_methods},
    {"sallyport_strict_requests", kHttpAndServer | NGX_CONF_1MORE, set_strict},
    {"sallyport_request_rules_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<RequestRulesLocation>},
};

const MethodList* methods_of(const RequestRulesLocation& level) {
    return level.methods.value_or(nullptr);
}

// A location's methods are some of its server's.
void tell_server(ngx_conf_t* cf, const RequestRulesLocation& level) {
    auto* core = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    auto& server = *static_cast<RequestRulesLocation*>(feature_server(core, kId));
    if (methods_of(level) == nullptr || level_mode(cf, level.mode) != Mode::enforce) {
        server.somewhere = nullptr;
    } else if (server.somewhere != nullptr) {
        server.somewhere->add(*methods_of(level));
    }
}

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const RequestRulesLocation*>(parent_conf);
    auto& child = *static_cast<RequestRulesLocation*>(child_conf);
    child.main = static_cast<const RequestRulesMain*>(feature_main(cf, kId));
    child.methods = child.methods ? child.methods : parent.methods;
    child.strict = child.strict ? child.strict : parent.strict;
    child.mode = child.mode ? child.mode : parent.mode;
    if (!is_server_level(cf, kId, child_conf)) {
        tell_server(cf, child);
    } else if (const MethodList* own = methods_of(child)) {
        child.somewhere = pool_new<MethodList>(cf->pool, *own);
    }
    return methods_of(child) != nullptr && level_mode(cf, child.mode) == Mode::enforce
               ? check_error_pages(cf, NGX_HTTP_NOT_ALLOWED)
               : Status(Done{});
}

bool active(const void* location) {
    return static_cast<const RequestRulesLocation*>(location)->main->any;
}

std::string_view http2_fault(ngx_http_request_t* r) {
    if (r->http_version < NGX_HTTP_VERSION_20) {
        return {};
    }
    const std::string_view scheme = policy::http2_scheme_fault(view(r->schema));
    if (!scheme.empty()) {
        return scheme;
    }
    for (ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        const auto* fields = static_cast<const ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            // HTTP/2 has names in lower case, and nginx takes no others.
            const std::string_view fault =
                policy::http2_field_fault(view(fields[i].key), view(fields[i].value));
            if (!fault.empty()) {
                return fault;
            }
        }
    }
    return {};
}

HookResult judge_method(Request& request, const MethodList& methods, Mode mode) {
    if (methods.allows(view(request.r()->method_name)) || request.state().preflight) {
        return HookResult::pass();
    }
    if (mode == Mode::enforce) {
        request.feature_state<RefusedMethod>(kId).allowed = &methods;
    }
    return HookResult::decided(Decision::deny(Reason::method_not_allowed, NGX_HTTP_NOT_ALLOWED),
                               mode, "sallyport_methods");
}

// Before nginx looks for the place, for the Allow field.
const MethodList& methods_of_place(ngx_http_request_t* r, const MethodList& otherwise) {
    void** const server = r->loc_conf;
    (void)find_location(r);
    const auto* place = static_cast<const RequestRulesLocation*>(feature_location(r, kId));
    r->loc_conf = server;
    const MethodList* methods = methods_of(*place);
    return methods != nullptr ? *methods : otherwise;
}

HookResult post_read(Request& request, const void* location_conf) {
    const auto& level = *static_cast<const RequestRulesLocation*>(location_conf);
    const Mode mode = request.mode(level.mode);
    if (mode == Mode::off) {
        return HookResult::pass();
    }
    ngx_http_request_t* r = request.r();
    const StrictRules strict = level.strict.value_or(StrictRules{});
    if (strict.any()) {
        std::string_view fault = strict.http2 ? http2_fault(r) : std::string_view();
        fault = fault.empty() ? policy::path_fault(view(r->unparsed_uri), strict) : fault;
        if (!fault.empty()) {
            return HookResult::decided(
                Decision::deny(Reason::request_malformed, NGX_HTTP_BAD_REQUEST), mode, fault);
        }
    }
    // OPTIONS may be a preflight that the location answers.
    const bool known = level.somewhere == nullptr || mode != Mode::enforce ||
                       r->method == NGX_HTTP_OPTIONS ||
                       level.somewhere->allows(view(r->method_name));
    return known ? HookResult::pass()
                 : judge_method(request, methods_of_place(r, *level.somewhere), mode);
}

HookResult rewrite(Request& request, const void* location_conf) {
    const auto& level = *static_cast<const RequestRulesLocation*>(location_conf);
    const Mode mode = request.mode(level.mode);
    const MethodList* methods = methods_of(level);
    return mode == Mode::off || methods == nullptr ? HookResult::pass()
                                                   : judge_method(request, *methods, mode);
}

// RFC 9110 section 15.5.6: who is refused a method learns which there are. nginx's own word on
// TRACE and CONNECT, which it says before any location is known, has the server's.
void header_filter(Request& request, const void* location_conf, LastFields&) {
    const ngx_http_request_t* r = request.r();
    const auto* refused = request.find_feature_state<RefusedMethod>(kId);
    const auto& level = *static_cast<const RequestRulesLocation*>(location_conf);
    const bool by_nginx = r->headers_out.status == NGX_HTTP_NOT_ALLOWED &&
                          (r->method == NGX_HTTP_TRACE || view(r->method_name) == "CONNECT") &&
                          request.mode(level.mode) == Mode::enforce;
    const MethodList* allowed = refused != nullptr ? refused->allowed
                                : by_nginx         ? methods_of(level)
                                                   : nullptr;
    if (allowed != nullptr) {
        set_header(request.r(), "Allow", allowed->allow_field());
    }
}

HookResult explain(Request& request, const void* location_conf, Stage stage, Json& facts) {
    const auto& level = *static_cast<const RequestRulesLocation*>(location_conf);
    if (stage == Stage::server) {
        return post_read(request, location_conf);
    }
    if (stage != Stage::location) {
        return HookResult::pass();
    }
    if (const MethodList* methods = methods_of(level)) {
        facts.append(Json::object({{"methods", Json::string(methods->allow_field())}}));
    }
    return rewrite(request, location_conf);
}

}  // namespace

const Feature kRequestRules = {
    .id = kId,
    .name = "request_rules",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<RequestRulesMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* {
        return pool_new<RequestRulesLocation>(pool);
    },
    .merge_location = merge,
    .active = active,
    .post_read = post_read,
    .rewrite = rewrite,
    .header_filter = header_filter,
    .explain = explain,
};

}  // namespace sallyport::ngx
