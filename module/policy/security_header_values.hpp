// Builds and checks the values of single security headers. A value that a browser would ignore is
// an error here, because an ignored header protects nobody.
#pragma once

#include "common/result.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// The values a field with a closed set may take, lower-case; empty for all other fields.
std::span<const std::string_view> closed_values(std::string_view name);

struct HstsOptions {
    double max_age_s = 31536000;  // rounded down
    bool include_subdomains = true;
    bool preload = false;
};
// Errors only on what is not a duration; what is unwise is for the writer of a configuration
// (check_header) and not for the reader of an exported one.
Result<std::string> hsts_value(const HstsOptions& options);
// Syntax of RFC 6797 6.1, and the preload list's conditions where `preload` is written.
Status check_hsts(std::string_view value);

// Tokens joined by commas; every one known, none twice, at least one.
Result<std::string> referrer_policy_value(const std::vector<std::string>& tokens);

// REQUIRES: a field with a closed set. The value as written, when browsers know it.
Result<std::string> closed_value(std::string_view name, std::string_view value);

}  // namespace sallyport::policy
