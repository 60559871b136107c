// The module's own configuration: a slot a feature, and what concerns them all. Included by the
// framework's files only; features reach their slots through the hooks' arguments.
#pragma once

#include "common/prefetch.hpp"
#include "module/nginx/feature.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sallyport::ngx {

struct DecisionLog;

struct LocationConf;

struct MainConf {
    std::array<void*, kFeatureCount> slots{};
    bool used = false;       // a directive of ours appeared: without one nothing is registered
    FeatureMask active = 0;  // features that act in some location
    std::vector<const DecisionLog*> decision_logs;
    std::vector<LocationConf*> locations;  // every merged level
};

// The first feature of a mask that is not empty, and the mask without it.
inline std::size_t first_of(FeatureMask mask) {
    return static_cast<std::size_t>(std::countr_zero(mask));
}
inline FeatureMask rest_of(FeatureMask mask) {
    return mask & (mask - 1);
}

// The features that are asked at one stage, by the requests about which they are.
struct Asked {
    FeatureMask always = 0;
    FeatureMask over_tls = 0;
    FeatureMask in_clear = 0;
    FeatureMask of_options = 0;

    FeatureMask about(const ngx_http_request_t* r) const {
        return always | (r->connection->ssl != nullptr ? over_tls : in_clear) |
               (r->method == NGX_HTTP_OPTIONS ? of_options : 0);
    }
    bool anybody() const { return (always | over_tls | in_clear | of_options) != 0; }
};

// Every request looks at the masks, and a response again: they lie together.
struct alignas(kCacheLine) LocationConf {
    // Bit i is set when feature i acts here, has that hook, and the hook may have something to say.
    Asked post_read;
    Asked rewrite;
    Asked preaccess;
    FeatureMask header_mask = 0;
    FeatureMask body_mask = 0;
    FeatureMask failure_mask = 0;
    std::optional<policy::Mode> mode;  // sallyport_mode
    bool logs_decisions = false;       // after merging: `decision_log` is there

    std::array<void*, kFeatureCount> slots{};
    // Bit i is set when feature i acts here.
    FeatureMask active_mask = 0;
    std::optional<DecisionLog*> decision_log;  // set: this level decided; null: off
};
static_assert(offsetof(LocationConf, slots) == kCacheLine);
static_assert(kFeatureCount < 32,
              "a mask has one bit for each feature, and is shifted past the last");

const std::array<const Feature*, kFeatureCount>& features();

inline LocationConf* location_conf(ngx_http_request_t* r) {
    return static_cast<LocationConf*>(ngx_http_get_module_loc_conf(r, ngx_http_sallyport_module));
}

// Features that act somewhere in the running configuration.
FeatureMask running_features(ngx_cycle_t* cycle);

// The directives that belong to no feature: sallyport_mode, sallyport_decision_log.
std::span<const Directive> common_directives();
std::span<const Variable> common_variables();

}  // namespace sallyport::ngx
