#include "module/nginx/location_lookup.hpp"

#include "common/bytes.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>

namespace sallyport::ngx {
namespace {

ngx_http_core_loc_conf_t* core_of(ngx_http_request_t* r) {
    return static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
}

bool is_http(const ngx_listening_t& listening) {
    return listening.handler == ngx_http_init_connection && listening.servers != nullptr;
}

std::string_view host_of(std::string_view address) {
    const std::size_t colon = address.rfind(':');
    return address.substr(0, colon);
}

// A socket that listens on every address may serve several addresses that were asked for; the one
// for all of them stands last.
ngx_http_addr_conf_t* conf_of(const ngx_listening_t& listening, std::string_view host) {
    const auto* port = static_cast<const ngx_http_port_t*>(listening.servers);
    const ngx_uint_t last = port->naddrs - 1;
    const std::string bare(
        host.starts_with('[') && host.size() > 2 ? host.substr(1, host.size() - 2) : host);
    if (listening.sockaddr->sa_family == AF_INET6) {
        auto* addresses = static_cast<ngx_http_in6_addr_t*>(port->addrs);
        in6_addr wanted{};
        const bool is_address = inet_pton(AF_INET6, bare.c_str(), &wanted) == 1;
        for (ngx_uint_t i = 0; i < last && is_address; ++i) {
            if (std::memcmp(&addresses[i].addr6, &wanted, sizeof(wanted)) == 0) {
                return &addresses[i].conf;
            }
        }
        return &addresses[last].conf;
    }
    auto* addresses = static_cast<ngx_http_in_addr_t*>(port->addrs);
    in_addr wanted{};
    const bool is_address = inet_pton(AF_INET, bare.c_str(), &wanted) == 1;
    for (ngx_uint_t i = 0; i < last && is_address; ++i) {
        if (addresses[i].addr == wanted.s_addr) {
            return &addresses[i].conf;
        }
    }
    return &addresses[last].conf;
}

ngx_int_t find_static(ngx_http_request_t* r, const ngx_http_location_tree_node_t* node) {
    std::size_t len = r->uri.len;
    u_char* uri = r->uri.data;
    ngx_int_t found = NGX_DECLINED;
    while (node != nullptr) {
        const std::size_t node_len = node->len;
        const std::size_t n = std::min(len, node_len);
        const ngx_int_t order = ngx_filename_cmp(uri, const_cast<u_char*>(node->name), n);
        if (order != 0) {
            node = order < 0 ? node->left : node->right;
            continue;
        }
        if (len > node_len) {
            if (node->inclusive == nullptr) {
                node = node->right;
                continue;
            }
            r->loc_conf = node->inclusive->loc_conf;
            found = NGX_AGAIN;
            node = node->tree;
            uri += n;
            len -= n;
            continue;
        }
        if (len == node_len) {
            r->loc_conf =
                node->exact != nullptr ? node->exact->loc_conf : node->inclusive->loc_conf;
            return node->exact != nullptr ? NGX_OK : NGX_AGAIN;
        }
        if (len + 1 == node_len && node->auto_redirect != 0) {
            r->loc_conf =
                node->exact != nullptr ? node->exact->loc_conf : node->inclusive->loc_conf;
            found = NGX_DONE;
        }
        node = node->left;
    }
    return found;
}

}  // namespace

ListenChoice choose_listen(ngx_cycle_t* cycle, std::string_view host, std::string_view port) {
    ListenChoice choice;
    auto* listening = static_cast<ngx_listening_t*>(cycle->listening.elts);
    for (ngx_uint_t i = 0; i < cycle->listening.nelts; ++i) {
        ngx_listening_t& one = listening[i];
        if (!is_http(one)) {
            continue;
        }
        const std::string_view text = view(one.addr_text);
        choice.known.append(choice.known.empty() ? "" : ", ").append(text);
        const bool is_unix = one.sockaddr->sa_family == AF_UNIX;
        const bool same_port =
            is_unix ? text == port : parse_u64(port) == ngx_inet_get_port(one.sockaddr);
        if (same_port && (choice.listening == nullptr || host_of(text) == host)) {
            choice.listening = &one;
        }
    }
    if (choice.listening != nullptr) {
        choice.conf = conf_of(*choice.listening, host);
    }
    return choice;
}

const ngx_http_core_srv_conf_t* find_server(ngx_http_request_t* r, const ngx_http_addr_conf_t& conf,
                                            std::string_view host) {
    const ngx_http_virtual_names_t* names = conf.virtual_names;
    if (names == nullptr) {
        return conf.default_server;
    }
    ngx_str_t text = copy(r->pool, host);
    auto* found = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_hash_find_combined(const_cast<ngx_hash_combined_t*>(&names->names),
                               ngx_hash_key(text.data, text.len), text.data, text.len));
    if (found != nullptr) {
        return found;
    }
    for (ngx_uint_t i = 0; i < names->nregex; ++i) {
        if (ngx_http_regex_exec(r, names->regex[i].regex, &text) == NGX_OK) {
            return names->regex[i].server;
        }
    }
    return conf.default_server;
}

ngx_int_t find_location(ngx_http_request_t* r) {
    const ngx_http_core_loc_conf_t* parent = core_of(r);
    bool regexes = true;
    ngx_int_t rc = find_static(r, parent->static_locations);
    if (rc == NGX_AGAIN) {
        regexes = core_of(r)->noregex == 0;
        rc = find_location(r);
    }
    if (rc == NGX_OK || rc == NGX_DONE) {
        return rc;
    }
    if (!regexes || parent->regex_locations == nullptr) {
        return rc;
    }
    for (ngx_http_core_loc_conf_t** one = parent->regex_locations; *one != nullptr; ++one) {
        const ngx_int_t match = ngx_http_regex_exec(r, (*one)->regex, &r->uri);
        if (match == NGX_OK) {
            r->loc_conf = (*one)->loc_conf;
            return find_location(r) == NGX_ERROR ? NGX_ERROR : NGX_OK;
        }
        if (match != NGX_DECLINED) {
            return NGX_ERROR;
        }
    }
    return rc;
}

}  // namespace sallyport::ngx
