// HttpTransfer: one request on its way through its hops. It owns the easy handle, prepares it for
// the checked addresses, collects the answer within its bounds and decides about redirects. It
// knows neither the loop nor the multi handle.
#pragma once

#include "common/ip.hpp"
#include "engine/adapters/http/client.hpp"

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::engine {

class HttpTransfer {
  public:
    HttpTransfer(HttpClient::RequestId id, HttpRequest request, HttpClient::Done done);
    HttpTransfer(const HttpTransfer&) = delete;
    HttpTransfer& operator=(const HttpTransfer&) = delete;

    HttpClient::RequestId id() const { return id_; }
    const HttpRequest& request() const { return request_; }
    const EgressUrl& url() const { return url_; }
    // Null without a proxy; its target means nothing.
    const EgressUrl* proxy() const { return proxy_ ? &*proxy_ : nullptr; }
    unsigned hop() const { return hop_; }
    CURL* easy() const { return easy_.get(); }
    HttpClient::Done take_done() { return std::move(done_); }

    // Method, header fields and URL; the first thing asked.
    std::optional<HttpFailure> check(const EgressPolicy& policy);
    // Every address must be allowed: a name that has one private address among public ones is an
    // attack or a mistake. They become the only ones this hop may connect to, or one of them the
    // one that the proxy is told to connect to.
    std::optional<HttpFailure> accept(const EgressPolicy& policy, std::vector<IpAddress> addresses);
    // Likewise for those of proxy(), which become the only ones to connect to.
    std::optional<HttpFailure> accept_proxy(const EgressPolicy& policy,
                                            std::vector<IpAddress> addresses);
    // Readies the easy handle for this hop. REQUIRES: accept() said yes, and with a proxy
    // accept_proxy(). `options` outlives this.
    void prepare(const HttpClientOptions& options);

    // Asked when an answer turns out not to be small, at most once a hop, of which so many bytes
    // may come; false: it waits, unread, until go_on().
    using AskForRoom = std::function<bool(std::size_t bytes)>;
    void on_large(AskForRoom ask) { ask_for_room_ = std::move(ask); }
    // From inside `ask` or later.
    void hold(std::shared_ptr<const void> place) { place_ = std::move(place); }
    // What waits is given to us from inside the call. Not CURLE_OK: libcurl has ended the hop.
    CURLcode go_on() { return curl_easy_pause(easy_.get(), CURLPAUSE_CONT); }

    // After libcurl ended the hop: the outcome, or nothing when a redirect leads to another hop
    // (which begins with the address of url(), again).
    std::optional<HttpOutcome> conclude(CURLcode code, const EgressPolicy& policy);
    HttpFailure failure(HttpError error, std::string message) const;

  private:
    struct EasyDeleter {
        void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
    };
    struct ListDeleter {
        void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    };
    using List = std::unique_ptr<curl_slist, ListDeleter>;

    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
    static int on_progress(void* self, curl_off_t total, curl_off_t received, curl_off_t,
                           curl_off_t);
    static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);

    void take_header_line(std::string_view line);
    std::size_t expected_bytes() const;
    void prepare_method();
    void prepare_headers(const HttpClientOptions& options);
    std::optional<HttpFailure> check_proxy(const EgressPolicy& policy);
    std::optional<HttpFailure> accept_for(const EgressUrl& url, const EgressPolicy& policy,
                                          std::vector<IpAddress> addresses);
    void prepare_address();
    void prepare_tunnel();
    long tunnel_refusal() const;  // the proxy's status; 0: it did not refuse
    void prepare_guards(const HttpClientOptions& options);
    std::optional<HttpFailure> follow(std::string_view location, const EgressPolicy& policy);
    HttpFailure explain(CURLcode code) const;

    HttpClient::RequestId id_;
    HttpRequest request_;
    HttpClient::Done done_;
    EgressUrl url_;
    std::optional<EgressUrl> proxy_;
    std::vector<IpAddress> addresses_;  // that a socket may be connected to
    std::vector<IpAddress> targets_;    // of url(), when there is a proxy
    unsigned hop_ = 0;
    bool answered_ = false;  // an earlier hop reached a server

    List headers_;
    List resolve_;
    List connect_to_;
    char error_text_[CURL_ERROR_SIZE] = {};

    HttpResponse response_;
    AskForRoom ask_for_room_;
    bool asked_ = false;                 // in this hop
    std::shared_ptr<const void> place_;  // of this hop's answer, when it is large
    std::size_t header_bytes_ = 0;
    bool header_ended_ = false;
    std::optional<HttpError> stopped_;  // why one of our callbacks ended the hop

    // Last, so that it goes first: it points into the members above.
    std::unique_ptr<CURL, EasyDeleter> easy_;
};

}  // namespace sallyport::engine
