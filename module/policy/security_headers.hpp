// Which security headers a response carries: profiles, merging across configuration levels, and
// what is removed. Names compare without regard to case everywhere.
#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

enum class HeaderProfile : std::uint8_t { off, helmet, api, owasp };

std::optional<HeaderProfile> header_profile_from(std::string_view text);

struct HeaderField {
    std::string name;
    std::string value;
    // What happens when the upstream sent the field: false: ours replaces it, true: its own stays.
    bool preserve = false;

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

}  // namespace sallyport::policy
