#include "engine/core/oauth2.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/core/egress_policy.hpp"
#include "engine/core/form_json.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kRefreshAheadS = 15 * 60;
// A lifetime from outside: more than any token has, and no overflow in sums.
constexpr std::int64_t kLifetimeSMax = 100LL * 365 * 24 * 60 * 60;

class Form {
  public:
    explicit Form(std::string start = {}) : text_(std::move(start)) {}
    Form& add(std::string_view name, std::string_view value) {
        if (!text_.empty() && text_.back() != '?' && text_.back() != '&') {
            text_ += '&';
        }
        text_ += std::string(name) + "=" + percent_encode(value);
        return *this;
    }
    Form& add_unless_empty(std::string_view name, std::string_view value) {
        return value.empty() ? *this : add(name, value);
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

// RFC 6749 section 2.3.1: each part is encoded as in a form before they are joined.
TokenRequest with_client(Form form, const Json& value, std::string_view client_secret) {
    TokenRequest request;
    request.url = value["token_url"].text();
    const std::string_view id = value["client_id"].text();
    if (value["authorization_method"].text() == "HEADER") {
        const std::string pair = percent_encode(id) + ":" + percent_encode(client_secret);
        request.authorization = "Basic " + base64_encode(as_bytes(pair), pair.size());
    } else {
        form.add("client_id", id).add_unless_empty("client_secret", client_secret);
    }
    request.body = form.text();
    return request;
}

bool is_client_credentials(const Json& value) {
    return value["grant_type"].text() == "client_credentials";
}

// Most answer in JSON, some in a form.
Json answer_of(std::string_view body) {
    const Result<Json> json = Json::parse(body);
    return json.ok() && json->is_object() ? *json : form_to_json(parse_form(body));
}

std::int64_t lifetime_of(const Json& given) {
    const auto from_text = given.is_string() ? parse_u64(given.text()) : std::nullopt;
    if (from_text) {
        return static_cast<std::int64_t>(
            std::min<std::uint64_t>(*from_text, static_cast<std::uint64_t>(kLifetimeSMax)));
    }
    const double seconds = given.number_or(0);
    return seconds > 0
               ? static_cast<std::int64_t>(std::min(seconds, static_cast<double>(kLifetimeSMax)))
               : 0;
}

std::int64_t end_of(const Json& value) {
    return value["claimed_at"].integer_or(0) + value["expires_in"].integer_or(0);
}

TokenRequest cloud_request(std::string_view service, std::string_view path, const Json& body) {
    TokenRequest request;
    request.url = std::string(service) + std::string(path);
    request.content_type = "application/json";
    request.body = body.dump();
    return request;
}

// What both requests say; members that the value does not have are left out.
Json about_client(std::string_view piece, const Json& value) {
    Json body = Json::object({{"pieceName", Json::string(piece)},
                              {"clientId", value["client_id"]},
                              {"edition", Json::string("ce")}});
    for (const auto& [name, member] : {std::pair("authorizationMethod", "authorization_method"),
                                       std::pair("tokenUrl", "token_url")}) {
        if (value[member].is_string()) {
            body.set(name, value[member]);
        }
    }
    return body;
}

}  // namespace

std::string with_props(std::string_view url, const Json& props) {
    std::string out(url);
    props.each_member([&out](std::string_view name, const Json& value) {
        const std::string mark = "{" + std::string(name) + "}";
        const std::string text = value.is_string() ? std::string(value.text()) : value.dump();
        for (std::size_t at = out.find(mark); at != std::string::npos;
             at = out.find(mark, at + text.size())) {
            out.replace(at, mark.size(), text);
        }
    });
    return out;
}

std::string authorization_url(const AuthorizationRequest& request) {
    std::string scopes;
    for (const std::string& scope : request.scopes) {
        scopes += (scopes.empty() ? "" : " ") + scope;
    }
    Form form(request.url + (request.url.find('?') == std::string::npos ? "?" : "&"));
    form.add("response_type", "code")
        .add("client_id", request.client_id)
        .add("redirect_uri", request.redirect_url)
        .add("access_type", "offline")
        .add("state", request.state)
        .add_unless_empty("prompt", request.prompt)
        .add_unless_empty("scope", scopes);
    if (request.pkce != Pkce::none) {
        const bool plain = request.pkce == Pkce::plain;
        form.add("code_challenge",
                 plain ? std::string(request.code_verifier) : pkce_challenge(request.code_verifier))
            .add("code_challenge_method", plain ? "plain" : "S256");
    }
    return form.text();
}

std::string pkce_challenge(std::string_view verifier) {
    const Bytes hash = digest(DigestAlgorithm::sha256, verifier);
    return base64url_encode(hash.data(), hash.size());
}

TokenRequest claim_request(const Json& value, std::string_view client_secret) {
    Form form;
    if (is_client_credentials(value)) {
        form.add("grant_type", "client_credentials")
            .add_unless_empty("scope", value["scope"].text());
    } else {
        form.add("grant_type", "authorization_code")
            .add("code", value["code"].text())
            .add("redirect_uri", value["redirect_url"].text())
            .add_unless_empty("code_verifier", value["code_challenge"].text());
    }
    return with_client(std::move(form), value, client_secret);
}

Result<TokenRequest> refresh_request(const Json& value, std::string_view client_secret) {
    if (is_client_credentials(value)) {
        return claim_request(value, client_secret);
    }
    if (value["refresh_token"].text().empty()) {
        return Error{"the provider gave no refresh token: connect again"};
    }
    Form form;
    form.add("grant_type", "refresh_token").add("refresh_token", value["refresh_token"].text());
    return with_client(std::move(form), value, client_secret);
}

Result<Json> claimed_value(const Json& value, int status, std::string_view body,
                           std::int64_t now_s) {
    if (status < 200 || status > 299) {
        return Error{"the provider answered with status " + std::to_string(status)};
    }
    const Json answer = answer_of(body);
    if (answer["access_token"].text().empty()) {
        return Error{"the provider's answer holds no access_token"};
    }
    Json claimed = value.deep_copy();
    claimed.erase("code");
    claimed.erase("code_challenge");
    claimed.set("access_token", answer["access_token"]);
    claimed.set("token_type", Json::string(answer["token_type"].text_or("Bearer")));
    claimed.set("expires_in", Json::integer(lifetime_of(answer["expires_in"])));
    claimed.set("claimed_at", Json::integer(now_s));
    // One that is not sent again stays good (RFC 6749 section 6).
    if (!answer["refresh_token"].text().empty()) {
        claimed.set("refresh_token", answer["refresh_token"]);
    }
    if (!answer["scope"].text().empty()) {
        claimed.set("scope", answer["scope"]);
    }
    Json rest = answer.deep_copy();
    constexpr std::array<std::string_view, 5> kOwn = {"access_token", "refresh_token", "token_type",
                                                      "expires_in", "scope"};
    for (const std::string_view name : kOwn) {
        rest.erase(name);
    }
    claimed.set("data", rest);
    return claimed;
}

bool is_due(const Json& value, std::int64_t now_s) {
    const std::int64_t lifetime = value["expires_in"].integer_or(0);
    return lifetime > 0 && now_s >= end_of(value) - std::min(kRefreshAheadS, lifetime / 2);
}

bool has_ended(const Json& value, std::int64_t now_s) {
    return value["expires_in"].integer_or(0) > 0 && now_s >= end_of(value);
}

Result<std::string> parse_cloud_service(std::string_view text) {
    const Result<EgressUrl> url = parse_egress_url(text);
    if (!url.ok()) {
        return url.error();
    }
    const bool here = url->literal && (url->host.starts_with("127.") || url->host == "::1");
    if (url->scheme != "https" && !here) {
        return Error{"must begin with https://, unless it is an address of this machine"};
    }
    if (url->target.find('?') != std::string::npos) {
        return Error{"must not have a query"};
    }
    std::string service = url->text();
    while (service.ends_with('/')) {
        service.pop_back();
    }
    return service;
}

TokenRequest cloud_claim_request(std::string_view service, std::string_view piece,
                                 const Json& value) {
    Json body = about_client(piece, value);
    body.set("code", value["code"]);
    if (value["code_challenge"].is_string()) {
        body.set("codeVerifier", value["code_challenge"]);
    }
    return cloud_request(service, "/claim", body);
}

Result<TokenRequest> cloud_refresh_request(std::string_view service, std::string_view piece,
                                           const Json& value) {
    if (value["refresh_token"].text().empty()) {
        return Error{"the provider gave no refresh token: connect again"};
    }
    Json body = about_client(piece, value);
    body.set("refreshToken", value["refresh_token"]);
    return cloud_request(service, "/refresh", body);
}

Result<Json> cloud_claimed_value(const Json& value, int status, std::string_view body,
                                 std::int64_t now_s) {
    Result<Json> claimed = claimed_value(value, status, body, now_s);
    if (claimed.ok()) {
        const Json said = (*claimed)["data"]["data"];
        claimed->set("data", said.is_object() ? said : Json::object());
    }
    return claimed;
}

}  // namespace sallyport::engine
