// The configuration of https_glue.cpp; the TLS policy asks whether early data is judged.
#pragma once

#include "module/policy/decision.hpp"
#include "module/policy/https.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sallyport::ngx {

struct HttpsMain {
    bool any_strict = false;  // some server judges misdirected requests
};

struct HttpsLocation {
    const HttpsMain* main = nullptr;
    const policy::HttpsRule* rule = nullptr;
    std::optional<bool> strict_sni;          // sallyport_strict_sni_host
    std::optional<policy::EarlyData> early;  // sallyport_early_data
    std::optional<policy::Mode> mode;        // sallyport_https_mode
    // Of the server: names a redirect may keep, the first of them for everybody else.
    std::vector<std::string> names;
};

}  // namespace sallyport::ngx
