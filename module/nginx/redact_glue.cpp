// Secrets stay out of logs (module/policy/redact.hpp).
//
//   sallyport_redact on | off | [args=…] [headers=…] [keep=…] [paths=…]   http, server, location
//   sallyport_redact_key PATH | random                                   http
//
// Variables for log formats, redacted unless `off` says otherwise. While the feature is on, nginx's
// own error log names the request in the same way.
#include "common/bytes.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/key_file.hpp"
#include "module/nginx/redact.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/redact.hpp"

#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::Redactor;
using policy::RedactRules;

// Random once for each start of nginx: reloads keep it, so that pseudonyms stay comparable.
const HmacKey& start_key() {
    static const HmacKey key = policy::redact_key(Secret(random_bytes(32)));
    return key;
}

struct RedactMain {
    const HmacKey* key = &start_key();
    bool key_given = false;
};

struct RedactLocation {
    std::optional<bool> on;
    std::vector<std::string> words;  // after merging, the outer levels' first
    const RedactRules* rules = nullptr;
    const RedactMain* main = nullptr;
};

Status set_redact(DirectiveCall& call) {
    auto* location = static_cast<RedactLocation*>(call.location);
    if (location->on) {
        return Error{"is given twice at the same level; put all its words into one"};
    }
    const bool single = call.size() == 1;
    location->on = !(single && call.arg(0) == "off");
    if (single && (call.arg(0) == "on" || call.arg(0) == "off")) {
        return Done{};
    }
    RedactRules probe;
    for (std::size_t i = 0; i < call.size(); ++i) {
        const Status status = probe.add(call.arg(i));
        if (!status) {
            return status;
        }
        location->words.emplace_back(call.arg(i));
    }
    return Done{};
}

Status set_key(DirectiveCall& call) {
    auto* main = static_cast<RedactMain*>(call.main);
    if (main->key_given) {
        return Error{"is given twice; keep one"};
    }
    main->key_given = true;
    if (call.arg(0) == "random") {
        return Done{};
    }
    const auto secret = read_key_file(call.cf, call.arg(0));
    if (!secret) {
        return secret.error();
    }
    main->key = pool_new<HmacKey>(call.cf->pool, policy::redact_key(*secret));
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_redact", kEverywhere | NGX_CONF_1MORE, set_redact},
    {"sallyport_redact_key", kHttp | NGX_CONF_TAKE1, set_key},
};

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const RedactLocation*>(parent_conf);
    auto& child = *static_cast<RedactLocation*>(child_conf);
    child.main = static_cast<const RedactMain*>(feature_main(cf, FeatureId::redact));
    child.on = child.on ? child.on : parent.on;
    if (child.words.empty() && parent.rules != nullptr) {
        child.words = parent.words;
        child.rules = parent.rules;
        return Done{};
    }
    child.words.insert(child.words.begin(), parent.words.begin(), parent.words.end());
    auto* rules = pool_new<RedactRules>(cf->pool);
    for (const std::string& word : child.words) {
        const Status status = rules->add(word);
        if (!status) {
            return status;
        }
    }
    child.rules = rules;
    return Done{};
}

bool active(const void* location) {
    return static_cast<const RedactLocation*>(location)->on.value_or(false);
}

// Null where `off` asks for the plain text.
const RedactLocation* rules_here(ngx_http_request_t* r) {
    const auto* location =
        static_cast<const RedactLocation*>(feature_location(r, FeatureId::redact));
    return location->on.value_or(true) ? location : nullptr;
}

template <typename Rewrite>
std::string_view rewritten(ngx_http_request_t* r, std::string_view text, Rewrite&& rewrite) {
    const RedactLocation* location = rules_here(r);
    if (location == nullptr || text.empty()) {
        return text;
    }
    Redactor redactor(*location->rules, *location->main->key);
    const std::string out = rewrite(redactor, text);
    return redactor.changed() ? keep(r, out) : text;
}

std::string_view referer_of(ngx_http_request_t* r) {
    return r->headers_in.referer == nullptr ? std::string_view()
                                            : view(r->headers_in.referer->value);
}

std::string_view rewritten_uri(ngx_http_request_t* r, std::string_view text) {
    const RedactLocation* location = rules_here(r);
    if (location == nullptr || !policy::may_be_sensitive(*location->rules, text)) {
        return text;
    }
    return rewritten(r, text, [](Redactor& by, std::string_view uri) { return by.uri(uri); });
}

std::string_view get_request_uri(Request& request) {
    return rewritten_uri(request.r(), view(request.r()->unparsed_uri));
}
std::string_view get_args(Request& request) {
    return rewritten(request.r(), view(request.r()->args),
                     [](Redactor& by, std::string_view text) { return by.query(text); });
}
// What nginx shows as $request: the line, or what there was of it when it could not be read.
std::string_view line_of(ngx_http_request_t* r) {
    if (r->request_line.data != nullptr || r->request_start == nullptr) {
        return view(r->request_line);
    }
    const std::string_view rest(reinterpret_cast<const char*>(r->request_start),
                                static_cast<std::size_t>(r->header_in->last - r->request_start));
    return rest.substr(0, rest.find_first_of("\r\n"));
}

std::string_view get_request(Request& request) {
    ngx_http_request_t* r = request.r();
    const RedactLocation* location = rules_here(r);
    const std::string_view line = line_of(r);
    if (location == nullptr || !policy::may_be_sensitive(*location->rules, line)) {
        return line;
    }
    return rewritten(r, line,
                     [](Redactor& by, std::string_view text) { return by.request_line(text); });
}

std::string_view get_referer(Request& request) {
    return rewritten_uri(request.r(), referer_of(request.r()));
}
std::string_view get_uri(Request& request) {
    return redacted_path(request);
}

constexpr Variable kVariables[] = {
    {"sallyport_request_uri", get_request_uri},
    {"sallyport_args", get_args},
    {"sallyport_request", get_request},
    {"sallyport_referer", get_referer},
    {"sallyport_uri", get_uri},
};

// $sallyport_http_<name> and $sallyport_sent_http_<name>: nginx hands over the whole name, which
// has underscores where the field has dashes.
constexpr std::string_view kRequestPrefix = "sallyport_http_";
constexpr std::string_view kResponsePrefix = "sallyport_sent_http_";

bool is_named(const ngx_table_elt_t& header, std::string_view variable) {
    if (header.hash == 0 || header.key.len != variable.size()) {
        return false;
    }
    for (std::size_t i = 0; i < variable.size(); ++i) {
        const char c = ascii_lower(static_cast<char>(header.key.data[i]));
        if ((c == '-' ? '_' : c) != variable[i]) {
            return false;
        }
    }
    return true;
}

// All fields of the name, joined as nginx joins them.
std::string redacted_fields(const RedactLocation* location, ngx_list_t& headers,
                            std::string_view variable) {
    std::string out;
    for (ngx_list_part_t* part = &headers.part; part != nullptr; part = part->next) {
        auto* fields = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (!is_named(fields[i], variable)) {
                continue;
            }
            out.append(out.empty() ? "" : ", ");
            const std::string_view value = view(fields[i].value);
            out.append(location == nullptr ? std::string(value)
                                           : Redactor(*location->rules, *location->main->key)
                                                 .header(view(fields[i].key), value));
        }
    }
    return out;
}

std::string_view prefixed(ngx_http_request_t* r, std::string_view name) {
    const bool request = name.starts_with(kRequestPrefix);
    name.remove_prefix(request ? kRequestPrefix.size() : kResponsePrefix.size());
    return keep(r, redacted_fields(rules_here(r),
                                   request ? r->headers_in.headers : r->headers_out.headers, name));
}

ngx_int_t get_prefixed(ngx_http_request_t* r, ngx_http_variable_value_t* value,
                       uintptr_t data) noexcept {
    return guarded(r->connection->log, "variable", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        const std::string_view text = prefixed(r, view(*reinterpret_cast<ngx_str_t*>(data)));
        value->not_found = text.empty();
        value->valid = !text.empty();
        value->no_cacheable = 1;
        value->escape = 0;
        value->len = static_cast<unsigned>(text.size()) & 0xfffffffu;
        value->data = borrow(text).data;
        return NGX_OK;
    });
}

Status postconfiguration(ngx_conf_t* cf, void*) {
    for (const std::string_view prefix : {kRequestPrefix, kResponsePrefix}) {
        ngx_str_t name = borrow(prefix);
        ngx_http_variable_t* variable =
            ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_PREFIX);
        if (variable == nullptr) {
            return Error{"the variables $" + std::string(prefix) + "* cannot be added"};
        }
        variable->get_handler = get_prefixed;
    }
    return Done{};
}

// What the error log shows of a request. Strings of its own: a log line must not depend on the
// request's pool.
struct ErrorLine {
    std::string request;
    std::string referer;
};

// A failure in here would log a line, and that line would come here again.
bool writing_error_line = false;

ErrorLine error_line(ngx_http_request_t* r) noexcept {
    ErrorLine out;
    if (writing_error_line) {
        return out;
    }
    writing_error_line = true;
    guarded(r->connection->log, "redaction", [&] {
        const RedactLocation* location = rules_here(r);
        const auto shown = [location](std::string_view text, auto member) {
            if (location == nullptr || !policy::may_be_sensitive(*location->rules, text)) {
                return std::string(text);
            }
            Redactor redactor(*location->rules, *location->main->key);
            return (redactor.*member)(text);
        };
        out.request = shown(line_of(r), &Redactor::request_line);
        out.referer = shown(referer_of(r), &Redactor::uri);
    });
    writing_error_line = false;
    return out;
}

// Replaces nginx's ngx_http_log_error_handler: the same line but for what is redacted.
u_char* log_error_handler(ngx_http_request_t* r, ngx_http_request_t* sr, u_char* buf,
                          size_t len) noexcept {
    const auto* core = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    u_char* const end = buf + len;
    u_char* p = ngx_slprintf(buf, end, ", server: %V", &core->server_name);
    const ErrorLine line = error_line(r);
    if (!line.request.empty()) {
        ngx_str_t text = borrow(line.request);
        p = ngx_slprintf(p, end, ", request: \"%V\"", &text);
    }
    if (r != sr) {
        p = ngx_slprintf(p, end, ", subrequest: \"%V\"", &sr->uri);
    }
    if (const ngx_http_upstream_t* u = sr->upstream; u != nullptr && u->peer.name != nullptr) {
        const std::string_view whole = view(u->uri);
        const std::string_view path = whole.substr(0, whole.find('?'));
        // Its path may be another than the client's, and its arguments stand in the request
        // already.
        const bool plain = rules_here(r) == nullptr || !rules_here(r)->rules->has_paths();
        ngx_str_t shown = borrow(plain ? path : std::string_view("/~"));
        const char* arguments = path.size() == whole.size() ? "" : "?~";
        p = ngx_slprintf(p, end, ", upstream: \"%V%V%V%s\"", &u->schema, u->peer.name, &shown,
                         arguments);
    }
    if (r->headers_in.host != nullptr) {
        p = ngx_slprintf(p, end, ", host: \"%V\"", &r->headers_in.host->value);
    }
    if (!line.referer.empty()) {
        ngx_str_t referer = borrow(line.referer);
        p = ngx_slprintf(p, end, ", referrer: \"%V\"", &referer);
    }
    return p;
}

[[gnu::hot]] HookResult post_read(Request& request, const void*) {
    request.r()->log_handler = log_error_handler;
    return HookResult::pass();
}

}  // namespace

std::string_view redacted_path(Request& request) {
    const std::string_view path = view(request.r()->uri);
    const RedactLocation* location = rules_here(request.r());
    if (location == nullptr || !policy::may_be_sensitive(*location->rules, path)) {
        return path;
    }
    return rewritten(request.r(), path,
                     [](Redactor& by, std::string_view text) { return by.path(text); });
}

const Feature kRedact = {
    .id = FeatureId::redact,
    .name = "redact",
    .directives = kDirectives,
    .variables = kVariables,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<RedactMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<RedactLocation>(pool); },
    .merge_location = merge,
    .postconfiguration = postconfiguration,
    .active = active,
    .post_read = post_read,
};

}  // namespace sallyport::ngx
