// Questions about configuration levels that several features ask while levels are merged.
#pragma once

#include "common/result.hpp"
#include "module/nginx/feature.hpp"

#include <optional>

namespace sallyport::ngx {

// REQUIRES: called from a feature's merge_location. True when `child` belongs to a server rather
// than to a location.
bool is_server_level(ngx_conf_t* cf, FeatureId id, const void* child);

// REQUIRES: as above. The mode a feature acts in at this level.
policy::Mode level_mode(ngx_conf_t* cf, std::optional<policy::Mode> own);

// REQUIRES: as above. Refuses `error_page <status> =2xx`, which would turn a refusal into a
// success, and warns of `error_page <status> = <page>`, which may.
Status check_error_pages(ngx_conf_t* cf, ngx_int_t status);

// For postconfiguration. True when `wanted` says so of a listener of this server.
bool any_listener(ngx_conf_t* cf, const ngx_http_core_srv_conf_t* server,
                  bool (*wanted)(const ngx_http_listen_opt_t&));

}  // namespace sallyport::ngx
