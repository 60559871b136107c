// OWASP ASVS 5.0 and API Security Top 10 (2023): each requirement that a gateway can meet by itself
// is one row here, named by its id, and one request (or a small loop) against a hardened gateway.
// What only the application can meet (sessions, passwords, tenants) is not here; what a request may
// look like, the log's chain, inventory and posture are in asvs_edge_test.cpp.
#include "common/crypto.hpp"
#include "tests/integration/asvs_rows.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/process.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace sallyport::test {
namespace {

std::string only(const HttpResponse& response, const char* name) {
    const auto values = response.header_all(name);
    EXPECT_EQ(values.size(), 1u) << name << " of a " << response.status;
    return values.empty() ? "" : values[0];
}

void hsts(Gateway& g) {
    for (const auto& response : g.one_of_each()) {
        const std::string value = only(response, "Strict-Transport-Security");
        const std::size_t at = value.find("max-age=");
        ASSERT_NE(at, std::string::npos) << response.status;
        EXPECT_GE(std::stol(value.substr(at + 8)), 31'536'000) << response.status;
        EXPECT_TRUE(has(value, "includeSubDomains")) << value;
    }
    EXPECT_EQ(get(g.nginx.url("/")).header("Strict-Transport-Security"), std::nullopt);
    EXPECT_EQ(get(g.nginx.url("/api/x")).header("Strict-Transport-Security"), std::nullopt);
}

void allowed_origins(Gateway& g) {
    for (const char* origin :
         {"https://evil.example", "null", "https://app.example.com.evil.example",
          "https://evil-app.example.com", "https://app.example.com:444", "http://app.example.com",
          "https://APP.example.com", "https://app.example.com/", "https://app_example.com"}) {
        const auto response = g.ask("/", {{"Origin", origin}});
        EXPECT_EQ(response.header("Access-Control-Allow-Origin"), std::nullopt) << origin;
    }
    const auto allowed = g.ask("/", {{"Origin", kApp}});
    EXPECT_EQ(allowed.header("Access-Control-Allow-Origin"), kApp);
    EXPECT_TRUE(has(allowed.header("Vary").value_or(""), "Origin"));
}

void content_security_policy(Gateway& g) {
    auto responses = g.one_of_each();
    responses.push_back(g.ask("/page/"));
    for (const auto& response : responses) {
        const std::string csp = only(response, "Content-Security-Policy");
        EXPECT_TRUE(has(csp, "object-src 'none'") || has(csp, "default-src 'none'")) << csp;
        EXPECT_TRUE(has(csp, "base-uri 'none'") || has(csp, "base-uri 'self'")) << csp;
    }
}

void no_sniffing(Gateway& g) {
    for (const auto& response : g.one_of_each()) {
        EXPECT_EQ(only(response, "X-Content-Type-Options"), "nosniff") << response.status;
    }
}

void referrer(Gateway& g) {
    for (const auto& response : g.one_of_each()) {
        EXPECT_EQ(only(response, "Referrer-Policy"), "no-referrer") << response.status;
    }
}

void frame_ancestors(Gateway& g) {
    for (const auto& response : g.one_of_each()) {
        EXPECT_TRUE(has(only(response, "Content-Security-Policy"), "frame-ancestors"));
    }
}

void opener(Gateway& g) {
    const std::string value = only(g.ask("/page/"), "Cross-Origin-Opener-Policy");
    EXPECT_TRUE(value == "same-origin" || value == "same-origin-allow-popups") << value;
}

void forged_by_a_page(Gateway& g) {
    const auto forged = g.ask(
        "/pages-only/",
        {{"Origin", "https://evil.example"}, {"Cookie", "id=1"}, {"Content-Type", "text/plain"}},
        "POST", "x=1");
    EXPECT_EQ(forged.status, 403);
    EXPECT_TRUE(has(forged.body, "cors_origin_denied"));
    EXPECT_EQ(g.upstream.request_count(), 0u) << "no change of state";
    EXPECT_EQ(g.ask("/pages-only/", {{"Origin", kApp}}, "POST", "x=1").status, 200);
    g.upstream.clear();
    EXPECT_EQ(g.ask("/writes/").status, 405) << "a link changes nothing";
    EXPECT_EQ(g.ask("/writes/").header("Allow"), "POST");
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

void content_of_users(Gateway& g) {
    const auto response = g.ask("/user-content/x.html");
    EXPECT_TRUE(has(only(response, "Content-Security-Policy"), "sandbox"));
    EXPECT_EQ(only(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.header("Set-Cookie"), std::nullopt);
}

void content_types(Gateway& g) {
    for (const auto& response : g.one_of_each()) {
        const std::string type = only(response, "Content-Type");
        EXPECT_TRUE(has(type, "json") || has(type, "text/html")) << response.status << type;
    }
}

void only_pages_are_redirected(Gateway& g) {
    const auto page = get(g.nginx.url("/"));
    EXPECT_EQ(page.status, 308);
    EXPECT_TRUE(page.header("Location").value_or("").starts_with("https://localhost"));
    for (const char* path : {"/api/v1/x", "/webhook/x"}) {
        EXPECT_EQ(
            send({.url = g.nginx.url(path), .headers = {{"Authorization", "Bearer x"}}}).status,
            403);
    }
    EXPECT_EQ(g.decision("https_credential_exposed")["status"].integer_or(0), 403);
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

void forwarded_fields(Gateway& g) {
    const HeaderList forged = {
        {"X-Forwarded-For", "6.6.6.6"},  {"X-Forwarded-Proto", "http"},
        {"X-Forwarded-Host", "evil"},    {"X-Real-IP", "6.6.6.6"},
        {"Forwarded", "for=6.6.6.6"},    {"X-Sallyport-Verdict", "v1;ip=6.6.6.6"},
        {"X-Sallyport-Anything", "true"}};
    EXPECT_EQ(g.ask("/", forged, "GET", std::nullopt, "127.0.0.9").status, 200);
    const UpstreamRequest seen = g.upstream.last_request();
    EXPECT_EQ(seen.header("X-Forwarded-For"), "127.0.0.9");
    EXPECT_EQ(seen.header("X-Forwarded-Proto"), "https");
    EXPECT_EQ(seen.header("Forwarded"), std::nullopt);
    EXPECT_EQ(seen.header("X-Sallyport-Anything"), std::nullopt);
    EXPECT_TRUE(has(seen.header("X-Sallyport-Verdict").value_or(""), "ip=127.0.0.9"));
    for (const auto& [name, value] : seen.headers) {
        EXPECT_FALSE(has(value, "6.6.6.6")) << name;
    }
    g.ask("/denied/", forged, "GET", std::nullopt, "127.0.0.9");
    EXPECT_EQ(g.decision("ip_denied")["client"].text(), "127.0.0.9") << "audit and limiter agree";
}

void smuggling(Gateway& g) {
    const std::string start = "POST / HTTP/1.1\r\nHost: localhost\r\n";
    const std::string hidden = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (const char* fields :
         {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
          "Content-Length: 5\r\nContent-Length: 5\r\n",
          "Content-Length: 5\r\nContent-Length: 0\r\n", "Content-Length: +5\r\n",
          "Content-Length: 5, 5\r\n", "Content-Length: 5x\r\n",
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
          "Transfer-Encoding: \x0b"
          "chunked\r\n",
          "Transfer-Encoding : chunked\r\n", "X-A: b\r\n c\r\n Content-Length: 5\r\n",
          "X-A: b\rContent-Length: 5\r\n"}) {
        const std::string answer =
            raw_exchange(g.nginx.port("PORT_INNER"), start + fields + "\r\n0\r\n\r\n" + hidden);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 501"))
            << fields << answer.substr(0, 100);
        EXPECT_EQ(answer.find("HTTP/1.1", 8), std::string::npos) << fields << "a second answer";
    }
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

void websocket_origin(Gateway& g) {
    const HeaderList upgrade = {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
    HeaderList evil = upgrade;
    evil.emplace_back("Origin", "https://evil.example");
    EXPECT_EQ(g.ask("/pages-only/", evil).status, 403);
    EXPECT_EQ(send({.url = g.nginx.url("/ws"), .headers = upgrade}).status, 403) << "ws://";
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

void anti_automation(Gateway& g) {
    for (const char* path : {"/limited/", "/global/"}) {
        const bool global = std::string_view(path) == "/global/";
        for (int i = 0; i < (global ? 3 : 2); ++i) {
            EXPECT_EQ(g.ask(path, {}, "GET", std::nullopt, "127.0.0.1").status, 200) << path;
        }
        const auto refused =
            g.ask(path, {}, "GET", std::nullopt, global ? "127.0.0.2" : "127.0.0.1");
        EXPECT_EQ(refused.status, 429) << path;
        EXPECT_GT(std::stol(refused.header("Retry-After").value_or("0")), 0);
        EXPECT_TRUE(refused.header("RateLimit").has_value()) << path;
    }
    EXPECT_EQ(g.ask("/limited/", {}, "GET", std::nullopt, "127.0.0.2").status, 200);
}

void sizes(Gateway& g) {
    EXPECT_EQ(
        g.ask("/", {{"Content-Type", "application/json"}}, "POST", std::string(1025, ' ')).status,
        413);
    EXPECT_EQ(g.ask("/", {{"Transfer-Encoding", "chunked"}}, "POST", std::string(4096, ' ')).status,
              413)
        << "counted as it comes";
    EXPECT_EQ(g.ask("/", {{"X-Large", std::string(9000, 'a')}}).status, 400);
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

void brute_force(Gateway& g) {
    const char* from = "127.0.0.33";
    HttpClient client;
    const auto sign_in = [&](const char* credential, const char* forged) {
        return client.send({.url = g.nginx.tls_url("/sign-in"),
                            .headers = {{"Authorization", credential}, {"X-Forwarded-For", forged}},
                            .local_address = from});
    };
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(sign_in("Bearer wrong", "6.6.6.6").status, 401);
    }
    const auto right = sign_in("Bearer right", "7.7.7.7");
    EXPECT_EQ(right.status, 403) << "the right one is not confirmed while banned";
    EXPECT_EQ(sign_in("Bearer wrong", "8.8.8.8").body, right.body) << "and tells nothing";
    EXPECT_EQ(
        g.ask("/sign-in", {{"Authorization", "Bearer right"}}, "GET", std::nullopt, "127.0.0.34")
            .status,
        200);
}

void forged_tokens(Gateway& g) {
    const std::string time = std::to_string(std::time(nullptr) + 600);
    const std::string past = std::to_string(std::time(nullptr) - 600);
    const std::string good =
        R"({"iss":"https://issuer.example","aud":"gateway","exp":)" + time + "}";
    const auto status = [&](const std::string& token) {
        return g.ask("/jwt/", {{"Authorization", "Bearer " + token}}).status;
    };
    EXPECT_EQ(status(g.rsa.token(good)), 200);
    EXPECT_EQ(status(g.ec.token(good)), 200);
    EXPECT_EQ(status(g.stranger.token(good)), 401) << "another key under the same name";
    const std::string none =
        base64url(R"({"alg":"none","typ":"JWT"})") + "." + base64url(good) + ".";
    EXPECT_EQ(status(none), 401);
    EXPECT_EQ(status(base64url(R"({"alg":"nOnE"})") + "." + base64url(good) + "."), 401);
    const std::string head = base64url(R"({"alg":"HS256","kid":"r1"})") + "." + base64url(good);
    HmacStream mac(HmacKey(DigestAlgorithm::sha256, g.rsa.public_pem()));
    mac.update(head);
    Bytes confused(32);
    mac.finish(confused.data());
    EXPECT_EQ(status(head + "." + base64url(as_text(confused))), 401)
        << "HS256 with the public key";
    for (const char* header :
         {R"({"alg":"RS256","kid":"other"})", R"({"alg":"RS256","kid":"r1","crit":["x"]})",
          R"({"alg":"ES256","kid":"r1"})", R"({"alg":"RS512","kid":"r1"})"}) {
        EXPECT_EQ(status(g.rsa.token_with(header, good)), 401) << header;
    }
    for (const std::string& claims :
         {R"({"iss":"https://evil.example","aud":"gateway","exp":)" + time + "}",
          R"({"iss":"https://issuer.example","aud":"another","exp":)" + time + "}",
          R"({"iss":"https://issuer.example","aud":"gateway","exp":)" + past + "}",
          R"({"iss":"https://issuer.example","aud":"gateway","exp":)" + time + R"(,"nbf":)" + time +
              "}",
          std::string(R"({"iss":"https://issuer.example","aud":"gateway"})"),
          std::string(R"({"aud":"gateway","exp":99999999999})")}) {
        EXPECT_EQ(status(g.rsa.token(claims)), 401) << claims;
    }
    std::string changed = g.rsa.token(good);
    changed[changed.size() / 2] = changed[changed.size() / 2] == 'A' ? 'B' : 'A';
    EXPECT_EQ(status(changed), 401);
}

void secrets_in_urls(Gateway& g) {
    const std::string canary(kCanary);
    g.ask("/denied/?token=" + canary + "&x=1",
          {{"Authorization", "Bearer " + canary},
           {"Cookie", "session=" + canary},
           {"Referer", "https://a.example/?api_key=" + canary}});
    EXPECT_TRUE(g.decision("ip_denied").exists());
    ASSERT_TRUE(wait_until([&] { return has(g.nginx.dir().read("safe.log"), "/denied/"); }));
    for (const char* log : {"safe.log", "decisions.log", "error.log"}) {
        EXPECT_FALSE(has(g.nginx.dir().read(log), canary)) << log;
    }
}

void no_store(Gateway& g) {
    for (const char* path : {"/", "/token/", "/denied/"}) {
        EXPECT_TRUE(has(only(g.ask(path), "Cache-Control"), "no-store")) << path;
    }
}

void tls_versions(Gateway& g) {
    const auto with = [&](TlsVersion version) {
        return send({.url = g.nginx.tls_url("/"), .tls = version}).status;
    };
    EXPECT_EQ(with(TlsVersion::v1_3), 200);
    EXPECT_EQ(with(TlsVersion::v1_2), 200);
    const std::string address = "localhost:" + std::to_string(g.nginx.port("PORT_TLS"));
    for (const char* old : {"-tls1_1", "-tls1"}) {
        const auto result = run_command({"openssl", "s_client", "-connect", address, old, "-cipher",
                                         "ALL:@SECLEVEL=0", "-brief"});
        EXPECT_NE(result.exit_code, 0) << old << result.output;
    }
    for (const char* weak : {"AES128-SHA:AES256-SHA:@SECLEVEL=0",
                             "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0"}) {
        const auto result = run_command(
            {"openssl", "s_client", "-connect", address, "-tls1_2", "-cipher", weak, "-brief"});
        EXPECT_NE(result.exit_code, 0) << weak << result.output;
    }
}

void client_certificates(Gateway& g) {
    const Certificates& known = certificates();
    const auto with = [&](const std::string& certificate, const std::string& key) {
        return send({.url = g.nginx.tls_url("/admin/"),
                     .client_certificate = certificate,
                     .client_key = key})
            .status;
    };
    EXPECT_EQ(with("", ""), 403);
    EXPECT_EQ(with(known.stranger_certificate, known.stranger_key), 400);
    EXPECT_EQ(with(known.client_certificate, known.client_key), 200);
    EXPECT_EQ(send({.url = g.nginx.tls_url("/"), .headers = {{"Host", "gateway.test"}}}).status,
              421);
}

void stores_are_verified(Gateway& g) {
    EXPECT_EQ(g.ask("/verified/").status, 503) << "a server that is not who it must be is no store";
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

void discloses_nothing(Gateway& g) {
    EXPECT_EQ(g.ask("/", {}, "TRACE").status, 405);
    for (const char* path : {"/metrics", "/stub_status", "/.git/HEAD", "/openapi.json"}) {
        EXPECT_EQ(g.ask(path).status, 404) << path;
    }
    EXPECT_EQ(g.upstream.request_count(), 0u);
    for (const auto& response : g.one_of_each()) {
        EXPECT_EQ(response.header("X-Powered-By"), std::nullopt) << response.status;
        for (const char* piece : {"nginx/", "engine/", "Express"}) {
            EXPECT_FALSE(has(response.header("Server").value_or(""), piece)) << response.status;
            EXPECT_FALSE(has(response.body, piece)) << response.status << response.body;
        }
    }
}

void traversal(Gateway& g) {
    EXPECT_EQ(g.ask("/files/public.txt").status, 200);
    EXPECT_EQ(g.ask("/files/").status, 403) << "no listing";
    for (const char* path :
         {"/files../nginx.conf", "/files/../nginx.conf", "/files/../../nginx.conf",
          "/files/%2e%2e/verdict.key", "/files/..%2fverdict.key", "/files/..%5cverdict.key"}) {
        const std::string answer = raw_exchange(
            g.nginx.port("PORT_INNER"),
            std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 ")) << path;
        for (const char* piece : {"0123456789abcdef", "load_module"}) {
            EXPECT_FALSE(has(answer, piece)) << path;
            EXPECT_FALSE(has(g.ask(path).body, piece)) << path;
        }
    }
    EXPECT_TRUE(raw_exchange(g.nginx.port("PORT_INNER"),
                             "GET /../x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    .starts_with("HTTP/1.1 400"));
}

void audit(Gateway& g) {
    g.one_of_each();
    for (const char* reason :
         {"auth_missing", "ip_denied", "rate_limited", "misdirected", "body_too_large"}) {
        const Json line = g.decision(reason);
        EXPECT_EQ(line["client"].text(), "127.0.0.1") << "who: " << line.dump();
        EXPECT_FALSE(line["feature"].text().empty()) << "what: " << line.dump();
        EXPECT_TRUE(has(line["time"].text_or(""), "T")) << "when: " << line.dump();
        EXPECT_TRUE(has(line.dump(), "\"uri\"") || has(line.dump(), "\"path\"") ||
                    has(line.dump(), "\"target\""))
            << "where: " << line.dump();
    }
}

void fails_closed(Gateway& g) {
    EXPECT_EQ(g.ask("/closed/").status, 503)
        << "the limiter's store is gone, and on_store_error=deny";
    const auto down = g.ask("/down/");
    EXPECT_EQ(down.status, 502);
    for (const char* piece : {"127.0.0.1", "errno", "refused", "nginx/"}) {
        EXPECT_FALSE(has(down.body, piece)) << down.body;
    }
    const auto check = check_config(
        "sallyport_ip_list office file=none.txt; server { listen 127.0.0.1:%%PORT%%; "
        "sallyport_allow "
        "office; }");
    EXPECT_FALSE(check.ok()) << "an allowlist that cannot be read";
    EXPECT_EQ(g.upstream.request_count(), 0u);
}

constexpr Row kRows[] = {
    {1, "V3.4.1", "HSTS on every response over TLS, and on no other", hsts},
    {2, "V3.4.2", "allowed origins alone may read", allowed_origins},
    {3, "V3.4.3", "a content security policy on every response", content_security_policy},
    {4, "V3.4.4", "nosniff on every response", no_sniffing},
    {5, "V3.4.5", "a referrer policy on every response", referrer},
    {6, "V3.4.6", "frame-ancestors on every response", frame_ancestors},
    {7, "V3.4.8", "documents have an opener policy", opener},
    {9, "V3.5.1", "a page of another origin changes nothing", forged_by_a_page},
    {10, "V3.2.1", "what users wrote is not rendered", content_of_users},
    {12, "V4.1.1", "every body has a content type", content_types},
    {13, "V4.1.2", "only pages are redirected to https", only_pages_are_redirected},
    {14, "V4.1.3_V15.3.4", "nobody sets a proxy's fields", forwarded_fields},
    {16, "V4.2.1_API8", "no second request in a body", smuggling},
    {18, "V4.4.1", "handshakes of WebSockets know their origin", websocket_origin},
    {21, "V2.4.1_API4_API6", "limits by client and for all", anti_automation},
    {22, "API4", "sizes are bounded before the upstream sees them", sizes},
    {23, "V6.3.1_API2", "guessing ends in a ban that nothing shortens", brute_force},
    {36, "V9.1.1_API2", "forged tokens", forged_tokens},
    {37, "V14.2.1", "no secret in a log", secrets_in_urls},
    {38, "V14.3.2", "answers of an API are not stored", no_store},
    {39, "V12.1.1", "TLS 1.2 and later, with forward secrecy", tls_versions},
    {40, "V12.1.3", "client certificates, and names that agree", client_certificates},
    {41, "V12.3.1", "a store is verified", stores_are_verified},
    {42, "V13.4.4", "TRACE is off and versions are nobody's business", discloses_nothing},
    {43, "V13.4.3", "no listing, no way out of a folder", traversal},
    {44, "V16.3.1", "every refusal is recorded: who, what, when, where", audit},
    {46, "V16.5.1", "faults tell nothing and open nothing", fails_closed},
};

TEST_P(Asvs, Holds) {
    Gateway gateway;
    GetParam().check(gateway);
}
INSTANTIATE_TEST_SUITE_P(Checklist, Asvs, testing::ValuesIn(kRows), row_name);

}  // namespace
}  // namespace sallyport::test
