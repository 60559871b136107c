#include "module/policy/helmet_options.hpp"

#include "common/bytes.hpp"
#include "module/policy/content_security_policy.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

std::string dashed(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z') {
            out += '-';
        }
        out += ascii_lower(c);
    }
    return out;
}

Result<std::string> csp_value(const HelmetOptions::Csp& options) {
    ContentSecurityPolicy csp;
    if (options.use_defaults) {
        csp = ContentSecurityPolicy::helmet();
    }
    std::vector<std::string> seen;
    for (const auto& change : options.changes) {
        const std::string name = dashed(change.directive);
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
            return Error{"Content-Security-Policy: \"" + name + "\" is given twice"};
        }
        seen.push_back(name);
        const Status status = change.sources ? csp.set(name, *change.sources) : csp.remove(name);
        if (!status) {
            return status.error();
        }
    }
    if (!csp.has("default-src")) {
        return Error{"Content-Security-Policy: needs a default-src"};
    }
    return csp.text();
}

}  // namespace

Result<HeaderSet> helmet_headers(const HelmetOptions& options) {
    HeaderSet out;
    std::string error;
    const auto add = [&](std::string_view name, const Result<std::string>& value) {
        if (!value.ok()) {
            error = error.empty() ? value.message() : error;
            return;
        }
        out.push_back({std::string(name), *value});
    };
    const auto add_closed = [&](std::string_view name, const std::optional<std::string>& value) {
        if (value) {
            add(name, closed_value(name, *value));
        }
    };
    if (options.csp) {
        add(options.csp->report_only ? "Content-Security-Policy-Report-Only"
                                     : "Content-Security-Policy",
            csp_value(*options.csp));
    }
    add_closed("Cross-Origin-Embedder-Policy", options.embedder_policy);
    add_closed("Cross-Origin-Opener-Policy", options.opener_policy);
    add_closed("Cross-Origin-Resource-Policy", options.resource_policy);
    if (options.origin_agent_cluster) {
        add("Origin-Agent-Cluster", std::string("?1"));
    }
    if (options.referrer_policy) {
        add("Referrer-Policy", referrer_policy_value(*options.referrer_policy));
    }
    if (options.hsts) {
        add(kHstsHeader, hsts_value(*options.hsts));
    }
    if (options.content_type_options) {
        add("X-Content-Type-Options", std::string("nosniff"));
    }
    if (options.dns_prefetch_allow) {
        add("X-DNS-Prefetch-Control", std::string(*options.dns_prefetch_allow ? "on" : "off"));
    }
    if (options.download_options) {
        add("X-Download-Options", std::string("noopen"));
    }
    if (options.frame_action) {
        std::string action = ascii_lower(*options.frame_action);
        action = action == "same-origin" ? "sameorigin" : action;
        const auto checked = closed_value("X-Frame-Options", action);
        add("X-Frame-Options",
            !checked ? checked : std::string(action == "deny" ? "DENY" : "SAMEORIGIN"));
    }
    add_closed("X-Permitted-Cross-Domain-Policies", options.permitted_policies);
    if (options.xss_protection) {
        add("X-XSS-Protection", std::string("0"));
    }
    if (!error.empty()) {
        return Error{error};
    }
    return out;
}

}  // namespace sallyport::policy
