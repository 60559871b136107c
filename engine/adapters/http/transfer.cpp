#include "engine/adapters/http/transfer.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/socket_address.hpp"
#include "engine/core/url_host.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sallyport::engine {
namespace {

// A header section larger than this is an attack; servers themselves rarely allow more than 16 KB.
// Informational answers (1xx) count as well, so that an endless row of them ends.
constexpr std::size_t kHeaderBytesMax = 64 * 1024;
constexpr std::size_t kHeadersMax = 200;
// What a caller may send; more than common servers accept.
constexpr std::size_t kRequestHeadersMax = 100;
constexpr std::size_t kRequestHeaderBytesMax = 32 * 1024;
// An answer may have come so far before it asks for room: less than 512 of them cost by far what
// the answers that have room do.
constexpr std::size_t kSmallAnswerBytes = 256 * 1024;
// Chunk framing and an incompressible body may make the wire form larger than the body.
constexpr std::size_t kWireSlackBytes = 64 * 1024;
// A dead address must leave time for the other ones.
constexpr long kConnectTimeoutMs = 10'000;
// Pooled connections: checked addresses grow old.
constexpr long kIdleConnectionAgeMaxS = 60;
constexpr long kConnectionLifeMaxS = 600;
// Enough of a digest that no tenant can find another's pool name.
constexpr std::size_t kPoolNameDigestBytes = 16;

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

HttpError classify(CURLcode code) {
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return HttpError::timeout;
        case CURLE_COULDNT_RESOLVE_HOST:
            return HttpError::resolve_failed;
        case CURLE_COULDNT_CONNECT:
            return HttpError::connect_failed;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
            return HttpError::tls_failed;
        case CURLE_FILESIZE_EXCEEDED:
            return HttpError::too_large;
        default:
            return HttpError::bad_response;
    }
}

bool has_scheme(std::string_view reference) {
    const std::size_t colon = reference.find(':');
    return colon != std::string_view::npos && reference.find_first_of("/?#") > colon;
}

// RFC 3986 section 5. A reference with an authority of its own goes to our strict parser as it is:
// libcurl would mend what we refuse.
std::string resolve_reference(const EgressUrl& from, const std::string& reference) {
    if (has_scheme(reference)) {
        return reference;
    }
    if (reference.starts_with("//")) {
        return from.scheme + ":" + reference;
    }
    const std::string base = from.text();
    const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
    if (url == nullptr || curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
        curl_url_set(url.get(), CURLUPART_URL, reference.c_str(), CURLU_URLENCODE) != CURLUE_OK) {
        return {};
    }
    char* text = nullptr;
    if (curl_url_get(url.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) {
        return {};
    }
    std::string resolved(text);
    curl_free(text);
    return resolved;
}

}  // namespace

HttpTransfer::HttpTransfer(HttpClient::RequestId id, HttpRequest request, HttpClient::Done done)
    : id_(id), request_(std::move(request)), done_(std::move(done)) {}

HttpFailure HttpTransfer::failure(HttpError error, std::string message) const {
    long sent = 0;
    if (easy_ != nullptr) {
        curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &sent);
    }
    return {error, std::move(message), !answered_ && sent == 0};
}

std::optional<HttpFailure> HttpTransfer::check(const EgressPolicy& policy) {
    const Status method = check_method(request_.method);
    if (!method.ok()) {
        return failure(HttpError::refused_request, method.message());
    }
    std::size_t bytes = 0;
    for (const auto& header : request_.headers) {
        const Status checked = check_header(header.name, header.value);
        if (!checked.ok()) {
            return failure(HttpError::refused_request, checked.message());
        }
        bytes += header.name.size() + header.value.size();
    }
    if (request_.headers.size() > kRequestHeadersMax || bytes > kRequestHeaderBytesMax) {
        return failure(HttpError::refused_request, "the request has too many or too long headers");
    }
    if (request_.idempotency_key && !is_field_value(*request_.idempotency_key)) {
        return failure(HttpError::refused_request, "the idempotency key holds a control character");
    }
    auto url = parse_egress_url(request_.url);
    if (!url.ok()) {
        return failure(HttpError::refused_url, url.message());
    }
    const Status allowed = policy.check_url(*url);
    if (!allowed.ok()) {
        return failure(HttpError::refused_url, allowed.message());
    }
    url_ = std::move(*url);
    return check_proxy(policy);
}

std::optional<HttpFailure> HttpTransfer::accept(const EgressPolicy& policy,
                                                std::vector<IpAddress> addresses) {
    return accept_for(url_, policy, std::move(addresses));
}

std::optional<HttpFailure> HttpTransfer::accept_for(const EgressUrl& url,
                                                    const EgressPolicy& policy,
                                                    std::vector<IpAddress> addresses) {
    if (addresses.empty()) {
        return failure(HttpError::resolve_failed, url.host + " has no address");
    }
    for (const auto& address : addresses) {
        const Status allowed = policy.check_address(url, address);
        if (!allowed.ok()) {
            return failure(HttpError::refused_address, allowed.message());
        }
    }
    // One order, so that the pool's name does not depend on the name server's rotation.
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    addresses_ = std::move(addresses);
    return std::nullopt;
}

void HttpTransfer::prepare(const HttpClientOptions& options) {
    response_ = {};
    place_ = nullptr;
    asked_ = false;
    header_bytes_ = 0;
    header_ended_ = false;
    error_text_[0] = '\0';
    easy_.reset(curl_easy_init());
    prepare_method();
    prepare_headers(options);
    prepare_guards(options);
    proxy_ ? prepare_tunnel() : prepare_address();
}

void HttpTransfer::prepare_method() {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, url_.text().c_str());
    if (request_.method == "HEAD") {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    const bool expects_body =
        request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
    if (expects_body || !request_.body.empty()) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(request_.body.size()));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

void HttpTransfer::prepare_headers(const HttpClientOptions& options) {
    List list;
    const auto add = [&list](const std::string& line) {
        curl_slist* longer = curl_slist_append(list.get(), line.c_str());
        if (longer != nullptr) {
            static_cast<void>(list.release());
            list.reset(longer);
        }
    };
    bool type = false;
    bool agent = false;
    bool encoding = false;
    bool key = false;
    for (const auto& header : request_.headers) {
        type = type || ascii_iequals(header.name, "content-type");
        agent = agent || ascii_iequals(header.name, "user-agent");
        encoding = encoding || ascii_iequals(header.name, "accept-encoding");
        key = key || ascii_iequals(header.name, "idempotency-key");
        const std::string_view value = trim_ows(header.value);
        // libcurl takes "Name:" as a wish to remove a field and "Name;" as an empty one.
        add(value.empty() ? header.name + ";" : header.name + ": " + std::string(value));
    }
    if (!type) {
        add("Content-Type:");  // libcurl would call every body a form
    }
    add("Expect:");  // waiting for 100 Continue costs a second with servers that do not know it
    if (request_.idempotency_key && !key) {
        add("Idempotency-Key: " + *request_.idempotency_key);
    }
    if (!agent) {
        curl_easy_setopt(easy_.get(), CURLOPT_USERAGENT, options.user_agent.c_str());
    }
    if (!encoding) {  // a caller who names encodings gets the bytes as they come
        curl_easy_setopt(easy_.get(), CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    }
    headers_ = std::move(list);
    curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, headers_.get());
}

// The connection is made to a name of our own that only this tenant, origin and set of checked
// addresses has. libcurl reuses connections and remembers addresses by that name; certificate, SNI
// and Host stay those of the URL.
void HttpTransfer::prepare_address() {
    std::string list;
    for (const auto& address : addresses_) {
        list += (list.empty() ? "" : ",");
        list += url_host(address.to_string());
    }
    const std::string identity =
        std::to_string(request_.tenant.size()) + ":" + request_.tenant + url_.origin() + list;
    const Bytes mark = digest(DigestAlgorithm::sha256, identity);
    const std::string name = hex_encode(mark.data(), kPoolNameDigestBytes) + ".invalid";
    const std::string port = std::to_string(url_.port);
    // '+': the entry may be forgotten after libcurl's usual time, so that names do not pile up.
    resolve_.reset(curl_slist_append(nullptr, ("+" + name + ":" + port + ":" + list).c_str()));
    connect_to_.reset(curl_slist_append(nullptr, ("::" + name + ":" + port).c_str()));
    curl_easy_setopt(easy_.get(), CURLOPT_RESOLVE, resolve_.get());
    curl_easy_setopt(easy_.get(), CURLOPT_CONNECT_TO, connect_to_.get());
}

void HttpTransfer::prepare_guards(const HttpClientOptions& options) {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");  // also switches the environment's proxies off
    curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options.ca_file.empty()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kIdleConnectionAgeMaxS);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, kConnectionLifeMaxS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpTransfer::on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &HttpTransfer::on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, this);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

std::size_t HttpTransfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    const std::size_t bytes = size * count;
    if (bytes > transfer.request_.response_bytes_max - transfer.response_.body.size()) {
        transfer.stopped_ = HttpError::too_large;
        return CURL_WRITEFUNC_ERROR;
    }
    const bool is_small = transfer.response_.body.size() + bytes <= kSmallAnswerBytes;
    if (!is_small && !std::exchange(transfer.asked_, true) &&
        !transfer.ask_for_room_(transfer.expected_bytes())) {
        return CURL_WRITEFUNC_PAUSE;  // and is given again
    }
    transfer.response_.body.append(data, bytes);
    return bytes;
}

// What the peer says counts while nothing is decompressed.
std::size_t HttpTransfer::expected_bytes() const {
    curl_off_t length = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    const bool says = length >= 0 && response_.header("content-encoding").empty();
    return says ? std::min(static_cast<std::size_t>(length), request_.response_bytes_max)
                : request_.response_bytes_max;
}

std::size_t HttpTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    const std::size_t bytes = size * count;
    transfer.header_bytes_ += bytes;
    if (transfer.header_bytes_ > kHeaderBytesMax ||
        transfer.response_.headers.size() > kHeadersMax) {
        transfer.stopped_ = HttpError::too_large;
        return CURL_WRITEFUNC_ERROR;
    }
    transfer.take_header_line({data, bytes});
    return bytes;
}

void HttpTransfer::take_header_line(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
        line.remove_suffix(1);
    }
    if (line.starts_with("HTTP/") && response_.body.empty()) {
        response_.headers.clear();  // a section after an informational one
        header_ended_ = false;
        return;
    }
    header_ended_ = header_ended_ || line.empty();
    const std::size_t colon = line.find(':');
    if (header_ended_ || colon == std::string_view::npos) {
        return;  // trailers are not fields of the answer
    }
    response_.headers.push_back(
        {std::string(line.substr(0, colon)), std::string(trim_ows(line.substr(colon + 1)))});
}

int HttpTransfer::on_progress(void* self, curl_off_t, curl_off_t received, curl_off_t, curl_off_t) {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    if (static_cast<std::uint64_t>(received) >
        transfer.request_.response_bytes_max + kWireSlackBytes) {
        transfer.stopped_ = HttpError::too_large;
        return 1;
    }
    return 0;
}

// The last look, at what the kernel will really be told.
curl_socket_t HttpTransfer::on_open(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<HttpTransfer*>(self);
    const auto& checked = transfer.addresses_;
    const auto target = ip_of(&address->addr);
    if (!target || std::find(checked.begin(), checked.end(), *target) == checked.end()) {
        transfer.stopped_ = HttpError::refused_address;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->protocol);
}

std::optional<HttpOutcome> HttpTransfer::conclude(CURLcode code, const EgressPolicy& policy) {
    if (code != CURLE_OK) {
        return explain(code);
    }
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    response_.url = url_.text();
    const std::string location(response_.header("location"));
    if (!is_redirect(response_.status) || request_.redirects_max == 0 || location.empty()) {
        response_.place = std::move(place_);
        return std::move(response_);
    }
    answered_ = true;
    auto refused = follow(location, policy);
    if (refused) {
        return std::move(*refused);
    }
    return std::nullopt;
}

std::optional<HttpFailure> HttpTransfer::follow(std::string_view location,
                                                const EgressPolicy& policy) {
    if (++hop_ > request_.redirects_max) {
        return failure(HttpError::too_many_redirects,
                       "more than " + std::to_string(request_.redirects_max) + " redirects");
    }
    auto next = parse_egress_url(resolve_reference(url_, std::string(location)));
    if (!next.ok()) {
        return failure(HttpError::refused_url, "redirect refused: " + next.message());
    }
    if (url_.scheme == "https" && next->scheme == "http") {
        return failure(HttpError::refused_url, "redirect refused: it leads from https to http");
    }
    const Status allowed = policy.check_url(*next);
    if (!allowed.ok()) {
        return failure(HttpError::refused_url, "redirect refused: " + allowed.message());
    }
    // RFC 9110 section 15.4: 303 asks for GET; 301 and 302 turn POST into GET by long custom.
    const bool to_get = (response_.status == 303 && request_.method != "HEAD") ||
                        (response_.status <= 302 && request_.method == "POST");
    if (to_get) {
        request_.method = "GET";
        request_.body.clear();
    }
    const bool same_origin = next->origin() == url_.origin();
    std::erase_if(request_.headers, [&](const HttpHeader& header) {
        return (!same_origin && !survives_origin_change(header.name)) ||
               (to_get && ascii_lower(header.name).starts_with("content-"));
    });
    url_ = std::move(*next);
    return std::nullopt;
}

HttpFailure HttpTransfer::explain(CURLcode code) const {
    const HttpError error = stopped_.value_or(classify(code));
    const EgressUrl& to = proxy_ ? *proxy_ : url_;
    switch (error) {
        case HttpError::too_large:
            return failure(error, "the answer of " + url_.host + " is larger than allowed (" +
                                      std::to_string(request_.response_bytes_max) + " bytes)");
        case HttpError::refused_address:
            return failure(error, "the address of " + to.host + " is not allowed");
        case HttpError::timeout:
            return failure(error, url_.host + " did not answer in time");
        case HttpError::connect_failed:
            return failure(error,
                           to.host + " accepts no connection on port " + std::to_string(to.port));
        case HttpError::refused_url:
        case HttpError::refused_request:
        case HttpError::resolve_failed:
        case HttpError::tls_failed:
        case HttpError::too_many_redirects:
        case HttpError::bad_response:
        case HttpError::overloaded:
        case HttpError::cancelled:
            break;
    }
    const long refusal = tunnel_refusal();
    if (refusal != 0) {
        return failure(
            error, "the proxy " + to.host + " opens no tunnel: status " + std::to_string(refusal));
    }
    const std::string detail = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
    return failure(error, url_.host + ": " + detail);
}

}  // namespace sallyport::engine
