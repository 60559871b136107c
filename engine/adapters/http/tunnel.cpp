// HttpTransfer through a proxy: the tunnel leads to an address that was checked here, so that the
// proxy's idea of a name cannot open what the policy keeps shut.
#include "engine/adapters/http/transfer.hpp"
#include "engine/core/url_host.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

// Many proxies have no IPv6.
std::string preferred(const std::vector<IpAddress>& addresses) {
    const auto v4 = std::find_if(addresses.begin(), addresses.end(),
                                 [](const IpAddress& address) { return address.is_v4(); });
    return url_host((v4 == addresses.end() ? addresses.front() : *v4).to_string());
}

}  // namespace

std::optional<HttpFailure> HttpTransfer::check_proxy(const EgressPolicy& policy) {
    if (!request_.proxy) {
        return std::nullopt;
    }
    auto url = parse_egress_url("http://" + url_host(request_.proxy->host) + ":" +
                                std::to_string(request_.proxy->port) + "/");
    if (!url.ok() || url->target != "/") {
        return failure(HttpError::refused_url, "the proxy's host is not a name or an address");
    }
    const Status allowed = policy.check_url(*url);
    if (!allowed.ok()) {
        return failure(HttpError::refused_url, "proxy refused: " + allowed.message());
    }
    proxy_ = std::move(*url);
    return std::nullopt;
}

std::optional<HttpFailure> HttpTransfer::accept_proxy(const EgressPolicy& policy,
                                                      std::vector<IpAddress> addresses) {
    targets_ = std::move(addresses_);
    return accept_for(*proxy_, policy, std::move(addresses));
}

// A connection through somebody's proxy is never another request's.
void HttpTransfer::prepare_tunnel() {
    CURL* easy = easy_.get();
    const HttpProxy& proxy = *request_.proxy;
    const std::string port = std::to_string(url_.port);
    connect_to_.reset(
        curl_slist_append(nullptr, ("::" + preferred(targets_) + ":" + port).c_str()));
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_.get());
    const std::string address =
        "http://" + preferred(addresses_) + ":" + std::to_string(proxy_->port);
    curl_easy_setopt(easy, CURLOPT_PROXY, address.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    if (!proxy.username.empty() && !proxy.password.empty()) {
        curl_easy_setopt(easy, CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
        curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, proxy.username.c_str());
        curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, proxy.password.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

long HttpTransfer::tunnel_refusal() const {
    long status = 0;
    if (proxy_) {
        curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &status);
    }
    return status >= 200 && status < 300 ? 0 : status;
}

}  // namespace sallyport::engine
