// helmet's options as a structure, and the fields they produce: what an exported Express
// configuration means, value for value.
#pragma once

#include "common/result.hpp"
#include "module/policy/security_header_values.hpp"
#include "module/policy/security_headers.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sallyport::policy {

// helmet 8's options, as far as they are not booleans in disguise. Absent: the field is not sent.
struct HelmetOptions {
    struct CspChange {
        std::string directive;               // dashed or camelCase
        std::optional<std::string> sources;  // absent: removed
    };
    struct Csp {
        bool use_defaults = true;
        bool report_only = false;
        std::vector<CspChange> changes;
    };
    std::optional<Csp> csp = Csp{};
    std::optional<std::string> embedder_policy;
    std::optional<std::string> opener_policy = "same-origin";
    std::optional<std::string> resource_policy = "same-origin";
    bool origin_agent_cluster = true;
    std::optional<std::vector<std::string>> referrer_policy =
        std::vector<std::string>{"no-referrer"};
    std::optional<HstsOptions> hsts = HstsOptions{};
    bool content_type_options = true;
    std::optional<bool> dns_prefetch_allow = false;
    bool download_options = true;
    std::optional<std::string> frame_action = "sameorigin";
    std::optional<std::string> permitted_policies = "none";
    bool xss_protection = true;
};
Result<HeaderSet> helmet_headers(const HelmetOptions& options);

}  // namespace sallyport::policy
