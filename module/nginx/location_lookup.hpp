// Which listen address, virtual server and location nginx chooses. nginx keeps these searches to
// itself; here they are again over its own tables, for requests that nobody sent.
#pragma once

#include "module/nginx/ngx.hpp"

#include <string>
#include <string_view>

namespace sallyport::ngx {

struct ListenChoice {
    ngx_listening_t* listening = nullptr;  // null: nobody listens there
    ngx_http_addr_conf_t* conf = nullptr;
    std::string known;  // what is listened on, when nobody listens there
};

// The listener on `port`: the one whose address is `host`, else the first. A port that is not a
// number is the path of a unix socket.
ListenChoice choose_listen(ngx_cycle_t* cycle, std::string_view host, std::string_view port);

// REQUIRES: `host` in lower case without port.
const ngx_http_core_srv_conf_t* find_server(ngx_http_request_t* r, const ngx_http_addr_conf_t& conf,
                                            std::string_view host);

// Sets r->loc_conf by r->uri. NGX_DONE: nginx would redirect to the same URI and a slash.
ngx_int_t find_location(ngx_http_request_t* r);

}  // namespace sallyport::ngx
