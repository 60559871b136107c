#include "module/nginx/webhook_handshake.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/nginx/asked_host.hpp"
#include "module/nginx/str.hpp"

#include <array>
#include <string>
#include <utility>

namespace sallyport::ngx {

namespace hook = policy::webhook;
using policy::Decision;
using policy::Reason;

namespace {

class NginxHandshakeRequest : public hook::HandshakeRequest {
  public:
    NginxHandshakeRequest(const Request& request, const hook::Profile& profile,
                          std::string_view body)
        : request_(request), profile_(profile), body_(body) {}

    std::string_view method() const override { return view(request_.r()->method_name); }
    std::string_view target() const override { return view(request_.r()->unparsed_uri); }
    std::string url() const override {
        if (!profile_.url.empty()) {
            return profile_.url;  // what the provider was told, where a proxy in front changes it
        }
        const ngx_http_request_t* r = request_.r();
        std::string out = request_.is_https() ? "https://" : "http://";
        return out.append(asked_host(r)).append(target().substr(0, target().find('?')));
    }
    std::optional<std::string_view> header(std::string_view name) const override {
        std::string_view value;
        return request_headers(request_.r(), name, &value, 1) == 1 ? std::optional(value)
                                                                   : std::nullopt;
    }
    std::string_view body() const override { return body_; }

  private:
    const Request& request_;
    const hook::Profile& profile_;
    std::string_view body_;
};

// Trust on first use: the secret becomes a file that nobody has written before. The location's key
// ring looks at it like at any other secret file.
bool keep_secret(const WebhookHandshake& handshake, const std::string& secret, ngx_log_t* log) {
    const int file =
        open(handshake.store.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        ngx_log_error(
            NGX_LOG_WARN, log, ngx_errno,
            "sallyport: the secret of handshake \"%s\" is not kept: \"%s\" cannot be made",
            handshake.handshake.name.c_str(), handshake.store.c_str());
        return false;
    }
    const bool whole =
        write(file, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
        fsync(file) == 0;
    close(file);
    if (!whole) {
        unlink(handshake.store.c_str());
        return false;
    }
    const std::string fingerprint =
        hex_encode(digest(DigestAlgorithm::sha256, secret)).substr(0, 16);
    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "sallyport: handshake \"%s\" brought a secret, kept in \"%s\" (SHA-256 %s…)",
                  handshake.handshake.name.c_str(), handshake.store.c_str(), fingerprint.c_str());
    return true;
}

// Only while there is no key that it could replace, and only while it is armed.
bool may_bring_secret(const WebhookLocation& location, const WebhookHandshake& handshake) {
    const bool keyless = location.ring == nullptr || location.ring->current()->keys.empty();
    return keyless && (handshake.until_ms == 0 || now_ms() < handshake.until_ms);
}

void send(Request& request, const hook::HandshakeAnswer& answer) {
    ngx_http_request_t* r = request.r();
    for (const auto& [name, value] : answer.fields) {
        set_header(r, keep(r, name), keep(r, value));
    }
    // What is echoed is somebody else's text: never a document.
    set_header(r, "X-Content-Type-Options", "nosniff");
    ngx_str_t type = ngx_string("text/plain");
    if (answer.json) {
        type = ngx_string("application/json");
    }
    ngx_http_complex_value_t body{};
    body.value = borrow(keep(r, answer.body));
    r->err_status = 0;
    const ngx_int_t rc = ngx_http_send_response(r, answer.status, &type, &body);
    ngx_http_finalize_request(r, rc);
}

HandshakeResult refused(const hook::Handshake& handshake, std::uint16_t status) {
    return {HandshakeResult::Kind::refused,
            Decision::deny(Reason::webhook_handshake_refused, status), handshake.name};
}

const Secret* first_secret(const WebhookLocation& location) {
    if (location.ring == nullptr || location.ring->current()->keys.empty()) {
        return nullptr;
    }
    return &location.ring->current()->keys.front().bytes();
}

}  // namespace

HandshakeResult try_handshakes(Request& request, const WebhookLocation& location, bool verified,
                               std::optional<std::string_view> body) {
    HandshakeResult out;
    const NginxHandshakeRequest asked(request, **location.profile,
                                      body.value_or(std::string_view()));
    for (const WebhookHandshake& own : *location.handshakes) {
        const hook::Handshake& handshake = own.handshake;
        if ((handshake.trust == hook::Handshake::Trust::signed_) != verified ||
            !hook::may_be(handshake, asked)) {
            continue;
        }
        if (!body && handshake.reads_body()) {
            out.kind = HandshakeResult::Kind::needs_body;
            continue;
        }
        const hook::HandshakeAnswer answer = hook::answer_handshake(
            handshake, asked, own.token ? &*own.token : nullptr, first_secret(location));
        if (answer.kind == hook::HandshakeAnswer::Kind::no_handshake) {
            continue;
        }
        if (answer.kind == hook::HandshakeAnswer::Kind::refused) {
            return refused(handshake, answer.status);
        }
        if (handshake.trust == hook::Handshake::Trust::first) {
            if (!may_bring_secret(location, own)) {
                continue;  // a delivery like any other: its signature decides
            }
            if (!keep_secret(own, answer.challenge, request.log())) {
                return refused(handshake, NGX_HTTP_FORBIDDEN);
            }
        }
        if ((handshake.name == "sns" || handshake.name == "aws-sns") &&
            location.certificates != nullptr) {
            location.certificates->ask_to_call(answer.challenge);
        }
        return {HandshakeResult::Kind::answered,
                Decision::answer(Reason::webhook_handshake, answer.status), handshake.name, answer};
    }
    return out;
}

void send_handshake_answer(Request& request, const HandshakeResult& result) {
    request.state().record(
        {FeatureId::webhook, policy::Mode::enforce, result.decision, result.rule});
    send(request, result.answer);
}

}  // namespace sallyport::ngx
