#include "module/nginx/hypothetical_request.hpp"

#include "common/bytes.hpp"
#include "common/ip.hpp"
#include "module/nginx/location_lookup.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"

#include <arpa/inet.h>
#include <openssl/ssl.h>

#include <algorithm>

namespace sallyport::ngx {
namespace {

constexpr std::size_t kPoolBytes = 4096;
constexpr std::uint32_t kRequestSignature = 0x50545448;  // nginx's own mark, "HTTP"

ssize_t refuse_io(ngx_connection_t*, u_char*, size_t) {
    return NGX_ERROR;
}
ngx_chain_t* refuse_chain(ngx_connection_t*, ngx_chain_t*, off_t) {
    return NGX_CHAIN_ERROR;
}
ssize_t refuse_chain_read(ngx_connection_t*, ngx_chain_t*, off_t) {
    return NGX_ERROR;
}
void ignore_event(ngx_event_t*) {}
void ignore_request(ngx_http_request_t*) {}

template <typename T>
T* zeroed(ngx_pool_t* pool, std::size_t count = 1) {
    void* memory = ngx_pcalloc(pool, std::max<std::size_t>(count, 1) * sizeof(T));
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return static_cast<T*>(memory);
}

struct Url {
    bool tls = false;
    std::string_view authority;
    std::string_view host;
    std::string_view port;
    std::string_view target;
};

std::optional<Url> split_url(std::string_view text) {
    Url url;
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) {
        return std::nullopt;
    }
    url.tls = text.substr(0, scheme) == "https";
    if (!url.tls && text.substr(0, scheme) != "http") {
        return std::nullopt;
    }
    text.remove_prefix(scheme + 3);
    const std::size_t slash = std::min(text.find_first_of("/?"), text.size());
    url.authority = text.substr(0, slash);
    url.target = text.substr(slash);
    const std::size_t bracket = url.authority.find(']');
    const std::size_t colon =
        url.authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    url.host = url.authority.substr(0, colon);
    url.port = colon == std::string_view::npos ? std::string_view(url.tls ? "443" : "80")
                                               : url.authority.substr(colon + 1);
    return url.host.empty() || !parse_u64(url.port) ? std::nullopt : std::optional<Url>(url);
}

// The SSL object of a connection that has not shaken hands: its version is the method's, it has no
// peer certificate, and it was asked for `host`.
SSL* make_tls(bool tls_1_2, const std::string& host) {
    // The methods of one version are deprecated for real connections; nothing else fixes the
    // version of one that never shakes hands.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    SSL_CTX* context = SSL_CTX_new(tls_1_2 ? TLSv1_2_server_method() : TLS_server_method());
#pragma GCC diagnostic pop
    if (context == nullptr) {
        return nullptr;
    }
    SSL* ssl = SSL_new(context);
    SSL_CTX_free(context);
    if (ssl == nullptr) {
        return nullptr;
    }
    (void)SSL_set_tlsext_host_name(ssl, host.c_str());
    return ssl;
}

std::string plain_host(std::string_view host) {
    std::string out = ascii_lower(host);
    if (out.size() > 1 && out.back() == '.') {
        out.pop_back();
    }
    return out;
}

}  // namespace

HypotheticalRequest::~HypotheticalRequest() {
    if (connection_ != nullptr && connection_->ssl != nullptr) {
        SSL* ssl = connection_->ssl->connection;
        ngx_destroy_pool(pool_);  // states of features may look at the connection while they end
        SSL_free(ssl);
    } else if (pool_ != nullptr) {
        ngx_destroy_pool(pool_);
    }
}

Result<std::unique_ptr<HypotheticalRequest>> HypotheticalRequest::make(
    ngx_cycle_t* cycle, ngx_log_t* log, const RequestDescription& what) {
    const auto url = split_url(what.url);
    if (!url) {
        return Error{"url must be absolute, such as https://hooks.example.org/webhook?x=1"};
    }
    if (!is_token(what.method) || std::any_of(what.method.begin(), what.method.end(),
                                              [](char c) { return c >= 'a' && c <= 'z'; })) {
        return Error{"method must be an upper-case token, such as POST"};
    }
    if (what.method == "TRACE" || what.method == "CONNECT") {
        return Error{"nginx refuses " + what.method + " with 405 before any rule is asked"};
    }
    std::unique_ptr<HypotheticalRequest> out(new HypotheticalRequest());
    out->log_ = *log;
    out->log_.handler = nullptr;
    out->log_.data = nullptr;
    out->log_.action = nullptr;
    out->pool_ = ngx_create_pool(kPoolBytes, &out->log_);
    if (out->pool_ == nullptr) {
        throw std::bad_alloc();
    }
    const std::string_view port = what.listen.empty() ? url->port : std::string_view(what.listen);
    const std::string host = plain_host(url->host);
    Status status = out->choose_server(cycle, host, port);
    if (status.ok()) {
        status = out->connect(what, url->tls);
    }
    if (status.ok()) {
        status = out->use_virtual_server(host);
    }
    if (status.ok()) {
        status = out->parse_target(what, url->target);
    }
    if (status.ok()) {
        status = out->add_headers(what, url->authority);
    }
    if (!status) {
        return status.error();
    }
    return out;
}

Status HypotheticalRequest::choose_server(ngx_cycle_t* cycle, std::string_view host,
                                          std::string_view port) {
    http_ = zeroed<ngx_http_connection_t>(pool_);
    const ListenChoice choice = choose_listen(cycle, host, port);
    if (choice.listening == nullptr) {
        return Error{"no server listens on port " + std::string(port) + "; listening are " +
                     choice.known + " (say which one receives the request with listen)"};
    }
    listening_ = choice.listening;
    listen_ = std::string(view(choice.listening->addr_text));
    http_->addr_conf = choice.conf;
    http_->conf_ctx = choice.conf->default_server->ctx;
    return Done{};
}

Status HypotheticalRequest::connect(const RequestDescription& what, bool tls) {
    connection_ = zeroed<ngx_connection_t>(pool_);
    ngx_connection_t& c = *connection_;
    c.fd = static_cast<ngx_socket_t>(-1);
    c.pool = pool_;
    c.log = &log_;
    c.read = zeroed<ngx_event_t>(pool_);
    c.write = zeroed<ngx_event_t>(pool_);
    for (ngx_event_t* event : {c.read, c.write}) {
        event->data = &c;
        event->log = &log_;
        event->handler = ignore_event;
    }
    c.recv = refuse_io;
    c.send = refuse_io;
    c.recv_chain = refuse_chain_read;
    c.send_chain = refuse_chain;
    c.listening = listening_;
    c.local_sockaddr = listening_->sockaddr;
    c.local_socklen = listening_->socklen;
    if (what.address == "unix:") {
        c.sockaddr = zeroed<sockaddr>(pool_);
        c.sockaddr->sa_family = AF_UNIX;
        c.socklen = sizeof(sa_family_t);
    } else {
        ngx_addr_t address{};
        const ngx_str_t text = copy(pool_, what.address);
        if (!IpAddress::parse(what.address) ||
            ngx_parse_addr(pool_, &address, text.data, text.len) != NGX_OK) {
            return Error{"address must be an IPv4 or IPv6 address, or unix:"};
        }
        c.sockaddr = address.sockaddr;
        c.socklen = address.socklen;
    }
    c.addr_text = copy(pool_, what.address);
    c.requests = 1;
    if (tls) {
        c.ssl = zeroed<ngx_ssl_connection_t>(pool_);
        const auto url = split_url(what.url);
        c.ssl->connection = make_tls(what.tls_1_2, plain_host(url->host));
        if (c.ssl->connection == nullptr) {
            c.ssl = nullptr;
            return Error{"OpenSSL cannot make a connection of this version"};
        }
        http_->ssl = 1;
    }
    return Done{};
}

Status HypotheticalRequest::use_virtual_server(std::string_view host) {
    r_ = zeroed<ngx_http_request_t>(pool_);
    ngx_http_request_t& r = *r_;
    connection_->data = r_;
    r.signature = kRequestSignature;
    r.connection = connection_;
    r.http_connection = http_;
    r.pool = pool_;
    r.main = r_;
    r.count = 1;
    r.read_event_handler = ignore_request;
    r.write_event_handler = ignore_request;
    r.http_version = NGX_HTTP_VERSION_11;
    r.http_major = 1;
    r.http_minor = 1;
    r.uri_changes = NGX_HTTP_MAX_URI_CHANGES + 1;
    r.subrequests = NGX_HTTP_MAX_SUBREQUESTS + 1;
    const ngx_time_t* now = ngx_timeofday();
    r.start_sec = now->sec;
    r.start_msec = now->msec;
    r.headers_in.content_length_n = -1;
    r.headers_in.keep_alive_n = -1;
    r.headers_out.content_length_n = -1;
    r.headers_out.last_modified_time = -1;
    const ngx_http_conf_ctx_t* ctx = http_->conf_ctx;
    r.main_conf = ctx->main_conf;
    r.ctx = zeroed<void*>(pool_, ngx_http_max_module);
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        ctx->main_conf[ngx_http_core_module.ctx_index]);
    r.variables = zeroed<ngx_http_variable_value_t>(pool_, core->variables.nelts);
    if (ngx_list_init(&r.headers_in.headers, pool_, 20, sizeof(ngx_table_elt_t)) != NGX_OK ||
        ngx_list_init(&r.headers_out.headers, pool_, 20, sizeof(ngx_table_elt_t)) != NGX_OK ||
        ngx_list_init(&r.headers_out.trailers, pool_, 4, sizeof(ngx_table_elt_t)) != NGX_OK) {
        throw std::bad_alloc();
    }
    const ngx_http_core_srv_conf_t* server = find_server(r_, *http_->addr_conf, host);
    r.srv_conf = server->ctx->srv_conf;
    r.loc_conf = server->ctx->loc_conf;
    r.headers_in.server = copy(pool_, host);
    return Done{};
}

Status HypotheticalRequest::parse_target(const RequestDescription& what, std::string_view target) {
    std::string line = what.method + " " + (target.starts_with('/') ? "" : "/");
    line.append(target.substr(0, target.find('#'))).append(" HTTP/1.1\r\n");
    ngx_buf_t* buffer = zeroed<ngx_buf_t>(pool_);
    const ngx_str_t text = copy(pool_, line);
    buffer->start = buffer->pos = text.data;
    buffer->end = buffer->last = text.data + text.len;
    ngx_http_request_t& r = *r_;
    r.header_in = buffer;
    if (ngx_http_parse_request_line(r_, buffer) != NGX_OK) {
        return Error{"url is one that nginx refuses with 400"};
    }
    const auto size = [](const u_char* from, const u_char* to) {
        return static_cast<std::size_t>(to - from);
    };
    r.request_line = {size(r.request_start, r.request_end), r.request_start};
    r.method_name = {size(r.request_start, r.method_end + 1), r.request_start};
    r.http_protocol = copy(pool_, "HTTP/1.1");
    r.uri.len = r.args_start != nullptr ? size(r.uri_start, r.args_start - 1)
                                        : size(r.uri_start, r.uri_end);
    if (r.complex_uri || r.quoted_uri) {
        r.uri.data = static_cast<u_char*>(ngx_pnalloc(pool_, r.uri.len + 1));
        if (r.uri.data == nullptr) {
            throw std::bad_alloc();
        }
        const auto* server = static_cast<const ngx_http_core_srv_conf_t*>(
            r.srv_conf[ngx_http_core_module.ctx_index]);
        if (ngx_http_parse_complex_uri(r_, static_cast<ngx_uint_t>(server->merge_slashes)) !=
            NGX_OK) {
            return Error{"url is one that nginx refuses with 400"};
        }
    } else {
        r.uri.data = r.uri_start;
    }
    r.unparsed_uri = {size(r.uri_start, r.uri_end), r.uri_start};
    r.valid_unparsed_uri = 1;
    if (r.uri_ext != nullptr && !r.complex_uri && !r.quoted_uri) {
        r.exten = {size(r.uri_ext, r.args_start != nullptr ? r.args_start - 1 : r.uri_end),
                   r.uri_ext};
    }
    if (r.args_start != nullptr && r.uri_end > r.args_start) {
        r.args = {size(r.args_start, r.uri_end), r.args_start};
    }
    return Done{};
}

void HypotheticalRequest::add_header(std::string_view name, std::string_view value) {
    auto* header = static_cast<ngx_table_elt_t*>(ngx_list_push(&r_->headers_in.headers));
    if (header == nullptr) {
        throw std::bad_alloc();
    }
    *header = {};
    header->key = copy(pool_, name);
    header->value = copy(pool_, value);
    header->lowcase_key = copy(pool_, ascii_lower(name)).data;
    header->hash = ngx_hash_key(header->lowcase_key, header->key.len);
    const std::string lower = ascii_lower(name);
    if (lower == "host") {
        r_->headers_in.host = header;
        return;
    }
    // nginx's own handlers fill the pointers by which it knows a field. Those of fields that may
    // stand once end the request when there are two; a described request has no end, so they see
    // the first.
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        r_->main_conf[ngx_http_core_module.ctx_index]);
    auto* known = static_cast<ngx_http_header_t*>(
        ngx_hash_find(const_cast<ngx_hash_t*>(&core->headers_in_hash), header->hash,
                      header->lowcase_key, header->key.len));
    const bool many = lower == "cookie" || lower == "x-forwarded-for";
    if (known == nullptr || known->handler == nullptr) {
        return;
    }
    const auto* slot = reinterpret_cast<ngx_table_elt_t* const*>(
        reinterpret_cast<const char*>(&r_->headers_in) + known->offset);
    if (many || *slot == nullptr) {
        (void)known->handler(r_, header, known->offset);
    }
}

Status HypotheticalRequest::add_headers(const RequestDescription& what,
                                        std::string_view authority) {
    const auto has_host =
        std::any_of(what.headers.begin(), what.headers.end(),
                    [](const auto& header) { return ascii_iequals(header.first, "host"); });
    if (!has_host) {
        add_header("Host", authority);
    }
    for (const auto& [name, value] : what.headers) {
        if (!is_token(name) || !is_field_value(value)) {
            return Error{"headers: \"" + name + "\" is not a field that HTTP allows"};
        }
        add_header(name, value);
    }
    if (r_->headers_in.content_length != nullptr) {
        const auto length = parse_u64(view(r_->headers_in.content_length->value));
        if (!length) {
            return Error{"headers: Content-Length is not a number; nginx refuses it with 400"};
        }
        r_->headers_in.content_length_n = static_cast<off_t>(*length);
    }
    return Done{};
}

Result<bool> HypotheticalRequest::enter_location() {
    const ngx_int_t rc = find_location(r_);
    if (rc == NGX_ERROR) {
        return Error{"a regular expression of a location cannot be evaluated"};
    }
    return rc != NGX_DONE;
}

std::string HypotheticalRequest::server_name() const {
    const auto* server =
        static_cast<const ngx_http_core_srv_conf_t*>(r_->srv_conf[ngx_http_core_module.ctx_index]);
    return std::string(view(server->server_name));
}

}  // namespace sallyport::ngx
