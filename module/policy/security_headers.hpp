// Which security headers a response carries: profiles, merging across configuration levels, and
// what is removed. Names compare without regard to case everywhere.
#pragma once

#include "common/result.hpp"
#include "module/policy/content_security_policy.hpp"
#include "module/policy/decision.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

enum class HeaderProfile : std::uint8_t { off, helmet, api, owasp, html, sandbox };

std::optional<HeaderProfile> header_profile_from(std::string_view text);

struct HeaderField {
    std::string name;
    std::string value;
    // What happens when the upstream sent the field: false: ours replaces it, true: its own stays.
    bool preserve = false;
    // Sent instead when a variable brought a separator that would begin another CSP directive.
    std::string fallback{};

    friend bool operator==(const HeaderField&, const HeaderField&) = default;
};
using HeaderSet = std::vector<HeaderField>;

HeaderSet profile_headers(HeaderProfile profile);

// One `sallyport_header`: a field, or (without one) the word that the field is not sent.
struct HeaderChange {
    std::string name;
    std::optional<HeaderField> field;
};

// Later changes win over earlier ones, and over the set, by name. Order: the set's, then new names.
HeaderSet apply_changes(HeaderSet set, const std::vector<HeaderChange>& changes);

// What `sallyport_csp` and `sallyport_csp_mode` say at a level, outer levels' words included.
struct CspSettings {
    bool reset = false;  // `sallyport_csp off`: begins with nothing instead of the profile's policy
    std::vector<ContentSecurityPolicy::Change> changes;
    std::optional<Mode> mode;  // report: sent as Content-Security-Policy-Report-Only

    bool speaks() const { return reset || !changes.empty(); }
    // The field that these settings write.
    std::string_view field_name() const;
};
// An inner level's settings on top of an outer one's.
CspSettings merge_csp(const CspSettings& outer, const CspSettings& inner);
// `set` is the profile's: its policy is what the settings change.
Result<HeaderSet> apply_csp(HeaderSet set, const CspSettings& settings);

// Finds what browsers would ignore or misread in a value written by the operator: HSTS, CSP and the
// fields with a closed set of values. Values with variables are judged by their shape only
// (`constant` false). Names that HTTP itself or nginx owns are refused.
Status check_header(std::string_view name, std::string_view value, bool constant);

// Fields that tell an attacker what runs behind the gateway, or that only an intermediary may read,
// lower-case; with X-XSS-Protection in profiles that want it absent (owasp, api). Empty for off.
std::vector<std::string_view> removed_headers(HeaderProfile profile);
// The same as prefixes: X-Accel-*, X-Envoy-* and their like.
bool has_revealing_prefix(std::string_view name);
bool is_removed_header(HeaderProfile profile, std::string_view name);

// RFC 6797 7.2: never over plaintext.
inline constexpr std::string_view kHstsHeader = "Strict-Transport-Security";
inline constexpr std::string_view kCspHeader = "Content-Security-Policy";
inline constexpr std::string_view kCspReportHeader = "Content-Security-Policy-Report-Only";

}  // namespace sallyport::policy
