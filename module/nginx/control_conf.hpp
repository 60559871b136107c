// The control location's configuration and what it knows of a caller. Included by the control files
// only.
#pragma once

#include "module/nginx/control.hpp"
#include "module/nginx/counters.hpp"
#include "module/nginx/feature.hpp"
#include "module/policy/control_token.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

struct ControlLocation {
    bool on = false;
    std::vector<policy::ControlToken> tokens;
    bool client_certificate = false;
    bool open_health = false;  // /health and /ready without a credential
    std::string_view prefix;   // the location's name
    std::string where;         // file:line

    bool demands_credential() const { return !tokens.empty() || client_certificate; }
};

struct ControlMain {
    struct Place {
        const ngx_http_core_srv_conf_t* server;
        const ControlLocation* location;
    };
    std::vector<Place> places;
    Counters* counters = nullptr;  // when there is a place
};

struct ControlState {
    const ControlLocation* admitted = nullptr;  // the location that has let the caller in
    bool health_only = false;
    std::string_view caller;  // a token's name, "certificate" or "loopback"
};

// The path below the location, from its slash; empty when there is none.
std::string_view control_path(const ngx_http_request_t* r, const ControlLocation& location);

// nginx's content handler of a control location.
ngx_int_t control_content_handler(ngx_http_request_t* r) noexcept;

// Health, readiness, status, metrics, explain.
std::span<const ControlRoute> control_routes();

}  // namespace sallyport::ngx
