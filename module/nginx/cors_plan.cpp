#include "module/nginx/cors_plan.hpp"

#include "common/bytes.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>
#include <cstring>

namespace sallyport::ngx {
namespace {

constexpr std::string_view kAllowOrigin = "Access-Control-Allow-Origin";
constexpr std::string_view kAllowHeaders = "Access-Control-Allow-Headers";
constexpr std::string_view kVary = "Vary";
// What most upstreams say; merged when the configuration is read.
constexpr std::string_view kUsualVary = "Accept-Encoding";
// An origin is short, and an expression that needs more steps for it is an attack.
constexpr std::string_view kRegexBound = "(*LIMIT_MATCH=20000)";

std::string joined(const std::vector<std::string_view>& names) {
    return policy::merge_vary({}, names);
}

// How many Origin fields the request has, and the first one's value.
struct Origins {
    std::size_t count = 0;
    std::string_view first{};
    // No browser sends more than one.
    std::string_view only() const { return count == 1 ? first : std::string_view(); }
};

[[gnu::hot]] Origins origins_of(ngx_http_request_t* r) {
    constexpr std::string_view kName = "origin";
    Origins out;
    for (ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (headers[i].hash != 0 && headers[i].key.len == kName.size() &&
                std::memcmp(headers[i].lowcase_key, kName.data(), kName.size()) == 0) {
                out.first = out.count == 0 ? view(headers[i].value) : out.first;
                ++out.count;
            }
        }
    }
    return out;
}

// False for most fields of a response, by their first letter.
bool may_concern(std::string_view name) {
    return !name.empty() && ((name[0] | 0x20) == 'a' || (name[0] | 0x20) == 'v');
}

}  // namespace

Status CorsPlan::build(ngx_conf_t* cf, policy::CorsSpec spec) {
    spec_ = std::move(spec);
    if (spec_.origin == policy::CorsOrigin::dynamic) {
        auto compiled = ComplexText::compile(cf, spec_.fixed);
        if (!compiled) {
            return compiled.error();
        }
        dynamic_ = *compiled;
    }
    for (const std::string& regex : spec_.regexes) {
        ngx_regex_compile_t compile{};
        u_char message[NGX_MAX_CONF_ERRSTR];
        compile.pattern = copy(cf->pool, std::string(kRegexBound) + regex);
        compile.pool = cf->pool;
        compile.err = {sizeof(message), message};
        if (ngx_regex_compile(&compile) != NGX_OK) {
            return Error{"\"" + regex + "\" is no expression: " + std::string(view(compile.err))};
        }
        regexes_.push_back(compile.regex);
    }
    if (spec_.fields_stand_ready()) {
        always_.push_back(response_field(kAllowOrigin, spec_.origin == policy::CorsOrigin::any
                                                           ? std::string_view("*")
                                                           : std::string_view(spec_.fixed)));
    }
    if (spec_.credentials) {
        always_.push_back(response_field("Access-Control-Allow-Credentials", "true"));
    }
    if (!spec_.exposed.empty()) {
        always_.push_back(response_field("Access-Control-Expose-Headers", spec_.exposed));
    }
    preflight_.push_back(response_field("Access-Control-Allow-Methods", spec_.methods));
    if (spec_.headers && !spec_.headers->empty()) {
        preflight_.push_back(response_field(kAllowHeaders, *spec_.headers));
    }
    if (!spec_.max_age.empty()) {
        preflight_.push_back(response_field("Access-Control-Max-Age", spec_.max_age));
    }
    if (spec_.varies_by_origin()) {
        vary_names_.push_back("Origin");
    }
    vary_names_preflight_ = vary_names_;
    if (spec_.reflects_headers()) {
        vary_names_preflight_.push_back("Access-Control-Request-Headers");
    }
    vary_ = joined(vary_names_);
    vary_preflight_ = joined(vary_names_preflight_);
    vary_usual_ = policy::merge_vary(kUsualVary, vary_names_);
    vary_usual_preflight_ = policy::merge_vary(kUsualVary, vary_names_preflight_);
    make_usual();
    return Done{};
}

void CorsPlan::make_usual() {
    std::vector<ngx_table_elt_t> fields = always_;
    if (!vary_names_.empty()) {
        fields.push_back(response_field(kVary, vary_));
    }
    usual_.build(fields);
    usual_of_origin_.resize(spec_.exact.size());
    for (std::size_t i = 0; i < spec_.exact.size(); ++i) {
        std::vector<ngx_table_elt_t> whole = fields;
        whole.insert(whole.begin(), response_field(kAllowOrigin, spec_.exact[i]));
        usual_of_origin_[i].build(std::move(whole));
    }
}

bool CorsPlan::in_list(Request& request, std::string_view origin) const {
    return policy::cors_list_contains(spec_, origin) ||
           (!regexes_.empty() && matches_regex(request, origin));
}

bool CorsPlan::matches_regex(Request& request, std::string_view origin) const {
    // An expression may match nothing at all; no origin is no origin.
    if (origin.empty() || origin.size() > policy::kCorsOriginBytesMax) {
        return false;
    }
    ngx_str_t text = borrow(origin);
    return std::any_of(regexes_.begin(), regexes_.end(), [&](ngx_regex_t* regex) {
        const ngx_int_t rc = ngx_regex_exec(regex, &text, nullptr, 0);
        if (rc < 0 && rc != NGX_REGEX_NO_MATCHED) {
            ngx_log_error(NGX_LOG_ERR, request.log(), 0,
                          "sallyport: an expression of sallyport_cors needs too many steps; the "
                          "origin counts as not allowed");
        }
        return rc >= 0;
    });
}

CorsPlan::Allowed CorsPlan::allowed(Request& request, std::string_view origin) const {
    switch (spec_.origin) {
        case policy::CorsOrigin::any:
            return {Match::any, "*"};
        case policy::CorsOrigin::fixed:
            return {Match::origin, spec_.fixed};
        case policy::CorsOrigin::list:
            return in_list(request, origin) ? Allowed{Match::origin, origin} : Allowed{};
        case policy::CorsOrigin::reflect:
            return policy::is_reflectable_origin(origin) ? Allowed{Match::origin, origin}
                                                         : Allowed{};
        case policy::CorsOrigin::dynamic:
            break;
    }
    const std::string_view value = dynamic_.evaluate(request.r());
    if (value == "*") {
        return spec_.credentials ? Allowed{} : Allowed{Match::any, value};
    }
    // A variable may hold anything: with credentials only what the directive itself would take.
    const bool fits = spec_.credentials ? policy::check_cors_origin(value).ok() &&
                                              policy::is_trustworthy_origin(value)
                                        : policy::is_reflectable_origin(value);
    return fits ? Allowed{Match::origin, value} : Allowed{};
}

bool CorsPlan::refuses(Request& request) const {
    if (!spec_.refuses_others) {
        return false;
    }
    ngx_http_request_t* r = request.r();
    const Origins origins = origins_of(r);
    if (origins.count == 0) {
        return false;
    }
    const Allowed found = allowed(request, origins.only());
    if (origins.count == 1 && (found.match == Match::any || found.origin == origins.first)) {
        return false;
    }
    const ngx_table_elt_t* host = r->headers_in.host;
    return origins.count > 1 || host == nullptr ||
           !policy::is_same_host(origins.first, view(host->value));
}

std::string_view CorsPlan::allowed_origin(Request& request) const {
    return allowed(request, origins_of(request.r()).only()).origin;
}

void CorsPlan::vary(Request& request, ngx_table_elt_t* upstream, bool preflight) const {
    const auto& names = preflight ? vary_names_preflight_ : vary_names_;
    if (names.empty()) {
        return;
    }
    if (upstream != nullptr) {
        const std::string_view own = view(upstream->value);
        if (own == kUsualVary) {
            upstream->value = borrow(preflight ? vary_usual_preflight_ : vary_usual_);
        } else if (!policy::vary_names_all(own, names)) {
            upstream->value = borrow(keep(request.r(), policy::merge_vary(own, names)));
        }
        return;
    }
    add_header(request.r(), kVary, preflight ? vary_preflight_ : vary_);
}

void CorsPlan::add_preflight(Request& request) const {
    ngx_http_request_t* r = request.r();
    add_headers(r, preflight_);
    if (!spec_.reflects_headers()) {
        return;
    }
    std::string_view asked;
    if (request_headers(r, "Access-Control-Request-Headers", &asked, 1) == 1 &&
        policy::is_reflectable_header_list(asked)) {
        add_header(r, kAllowHeaders, asked);
    }
}

ngx_table_elt_t* CorsPlan::clear_and_find_vary(ngx_http_request_t* r) {
    ngx_table_elt_t* vary = nullptr;
    for (ngx_list_part_t* part = &r->headers_out.headers.part; part != nullptr; part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            const std::string_view name = view(headers[i].key);
            if (headers[i].hash == 0 || !may_concern(name)) {
                continue;
            }
            if (ascii_iequals(name, kVary)) {
                vary = vary == nullptr ? &headers[i] : vary;
            } else if (policy::is_cors_response_field(name)) {
                headers[i].hash = 0;
            }
        }
    }
    return vary;
}

void CorsPlan::apply(Request& request, LastFields& last) const {
    ngx_http_request_t* r = request.r();
    ngx_table_elt_t* upstream_vary = clear_and_find_vary(r);
    const std::string_view origin =
        spec_.fields_stand_ready() ? std::string_view() : origins_of(r).only();
    if (upstream_vary != nullptr || r->method == NGX_HTTP_OPTIONS ||
        request.enforced() != nullptr) {
        apply_by_field(request, origin, upstream_vary);
        return;
    }
    const FixedFields* usual = &usual_;
    if (const auto named = policy::find_exact_origin(spec_, origin)) {
        usual = &usual_of_origin_[*named];
    } else {
        add_origin(request, origin);
    }
    last.add(*usual, usual->size());
}

void CorsPlan::add_origin(Request& request, std::string_view origin) const {
    if (spec_.fields_stand_ready()) {
        return;
    }
    const Allowed found = allowed(request, origin);
    if (found.match != Match::none) {
        add_header(request.r(), kAllowOrigin, found.origin);
    }
}

void CorsPlan::apply_by_field(Request& request, std::string_view origin,
                              ngx_table_elt_t* upstream) const {
    const bool preflight = request.r()->method == NGX_HTTP_OPTIONS;
    add_origin(request, origin);
    add_headers(request.r(), always_);
    vary(request, upstream, preflight);
    if (preflight) {
        add_preflight(request);
    }
}

}  // namespace sallyport::ngx
