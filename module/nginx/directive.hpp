// Directives as data: a row a directive, a setter that returns a Status.
//
// Rows become nginx's command table in module.cpp. A setter never logs: it returns an Error whose
// message names the value and the remedy, and the framework prints it as [emerg] with the directive's
// name in front. What a setter accepted cannot fail later for a reason of configuration.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/decision.hpp"

namespace sallyport::ngx {

struct DirectiveCall {
    ngx_conf_t* cf;
    std::string_view name;
    void* main;      // the feature's main configuration; null when it has none
    void* location;  // the feature's configuration at this level; null when it has none

    std::size_t size() const { return cf->args->nelts - 1; }
    // REQUIRES: index < size(). Arguments count from 0, behind the directive's name. Zero-terminated.
    std::string_view arg(std::size_t index) const;
    bool at_http_level() const { return (cf->cmd_type & NGX_HTTP_MAIN_CONF) != 0; }
    bool at_server_level() const { return (cf->cmd_type & NGX_HTTP_SRV_CONF) != 0; }
};

struct Directive {
    const char* name;
    ngx_uint_t type;  // NGX_HTTP_*_CONF | NGX_CONF_*
    Status (*set)(DirectiveCall&);
};

inline constexpr ngx_uint_t kHttp = NGX_HTTP_MAIN_CONF;
inline constexpr ngx_uint_t kEverywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

// "off", "report" or "enforce".
std::optional<policy::Mode> mode_from(std::string_view text);
Result<policy::Mode> parse_mode(std::string_view text);

// The setter of every `…_mode` directive: once a level, into the level's `mode`.
template <typename Location>
Status set_mode(DirectiveCall& call) {
    auto* location = static_cast<Location*>(call.location);
    if (location->mode) {
        return Error{"is given twice at the same level; keep one"};
    }
    const auto mode = parse_mode(call.arg(0));
    if (!mode) {
        return mode.error();
    }
    location->mode = *mode;
    return Done{};
}

// `name=value`: the value when `arg` has that name.
std::optional<std::string_view> option(std::string_view arg, std::string_view name);

// A text that may hold nginx variables, compiled once and evaluated for each request.
class ComplexText {
public:
    // Errors are nginx's own ([emerg] already logged), hence the general message.
    static Result<ComplexText> compile(ngx_conf_t* cf, std::string_view text);
    // An empty view when evaluation fails. Lives in the request's pool.
    std::string_view evaluate(ngx_http_request_t* r) const;
    bool is_constant() const { return value_.lengths == nullptr; }

private:
    mutable ngx_http_complex_value_t value_{};
};

// Reports a risk that does not stop nginx from starting.
void warn(ngx_conf_t* cf, const std::string& message);

}  // namespace sallyport::ngx
