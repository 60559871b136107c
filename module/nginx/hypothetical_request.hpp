// A request that nobody sent: described by an operator, put where nginx would put it (listen
// address, virtual server, location), so that features can say what they would do with it. It has
// no socket; whatever tries to send or to read on it fails. nginx's own rewrite, return, try_files
// and error_page do not run.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::ngx {

struct RequestDescription {
    std::string method = "GET";
    std::string url;      // absolute, http or https
    std::string address;  // of the client; "unix:" for a client without one
    std::string listen;   // the port that receives it, when it is not the URL's
    std::vector<std::pair<std::string, std::string>> headers;
    bool tls_1_2 = false;  // of an https URL; else TLS 1.3
};

class HypotheticalRequest {
  public:
    // Errors say what is wrong with the description.
    static Result<std::unique_ptr<HypotheticalRequest>> make(ngx_cycle_t* cycle, ngx_log_t* log,
                                                             const RequestDescription& what);
    ~HypotheticalRequest();
    HypotheticalRequest(const HypotheticalRequest&) = delete;
    HypotheticalRequest& operator=(const HypotheticalRequest&) = delete;

    ngx_http_request_t* r() const { return r_; }
    // Moves the request from its server into its location. False when the URL would be answered
    // with a redirect to itself and a slash.
    Result<bool> enter_location();
    std::string server_name() const;
    std::string listen() const { return listen_; }

  private:
    HypotheticalRequest() = default;
    Status choose_server(ngx_cycle_t* cycle, std::string_view host, std::string_view port);
    Status connect(const RequestDescription& what, bool tls);
    Status parse_target(const RequestDescription& what, std::string_view target);
    Status add_headers(const RequestDescription& what, std::string_view authority);
    void add_header(std::string_view name, std::string_view value);
    Status use_virtual_server(std::string_view host);

    ngx_log_t log_{};
    ngx_pool_t* pool_ = nullptr;
    ngx_connection_t* connection_ = nullptr;
    ngx_http_connection_t* http_ = nullptr;
    ngx_http_request_t* r_ = nullptr;
    ngx_listening_t* listening_ = nullptr;
    std::string listen_;
};

}  // namespace sallyport::ngx
