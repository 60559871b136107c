// Client certificates that a rule picks by authority, name and fingerprint, sessions that must not
// carry them to another server, and the certificates that nginx itself serves: when they expire.
#include "common/json.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/tls_client.hpp"
#include "tests/integration/webhook_clock.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <stdexcept>

namespace sallyport::test {
namespace {

constexpr std::int64_t kDay = 86'400;

// Two authorities, one of them with an intermediate, and clients of theirs.
class Pki {
  public:
    Pki() {
        authority("ops");
        authority("dev");
        leaf("intermediate", "ops", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n");
        leaf("admin", "ops",
             "extendedKeyUsage=clientAuth\n"
             "subjectAltName=DNS:Admin.Test,email:Ops@gateway.test,URI:spiffe://test/Ops\n");
        leaf("other", "ops", "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:other.test\n");
        leaf("nameless", "ops", "extendedKeyUsage=clientAuth\n");
        leaf("below", "intermediate",
             "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:admin.test\n");
        leaf("developer", "dev", "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:admin.test\n");
        leaf("server", "ops", "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:admin.test\n");
        dir_.write("chain.crt", read_file(crt("below")) + read_file(crt("intermediate")));
        dir_.write("all.crt", read_file(crt("ops")) + read_file(crt("dev")));
    }
    std::string crt(const std::string& name) const { return dir_.path(name + ".crt"); }
    std::string key(const std::string& name) const { return dir_.path(name + ".key"); }
    std::string fingerprint(const std::string& name) const {
        const std::string out =
            openssl({"x509", "-noout", "-fingerprint", "-sha256", "-in", crt(name)});
        return out.substr(out.find('=') + 1, 95);
    }

  private:
    static std::string openssl(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "openssl");
        const CommandResult result = run_command(arguments);
        if (result.exit_code != 0) {
            throw std::runtime_error("openssl " + arguments[1] + ": " + result.output);
        }
        return result.output;
    }
    void authority(const std::string& name) {
        openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-days", "2", "-subj", "/CN=" + name, "-keyout", key(name), "-out", crt(name)});
    }
    void leaf(const std::string& name, const std::string& issuer, const std::string& extensions) {
        const std::string request = dir_.path(name + ".csr");
        openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                 "/CN=" + name, "-keyout", key(name), "-out", request});
        openssl({"x509", "-req", "-days", "2", "-in", request, "-CA", crt(issuer), "-CAkey",
                 key(issuer), "-CAcreateserial", "-extfile", dir_.write(name + ".ext", extensions),
                 "-out", crt(name)});
    }

    TempDir dir_{"pki"};
};

const Pki& pki() {
    static const Pki made;
    return made;
}

constexpr std::string_view kRules = R"(
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;
    sallyport_decision_log %%DIR%%/decisions.log refused;
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        sallyport_tls_policy intermediate;
        ssl_verify_client optional;
        ssl_verify_depth 3;
        ssl_client_certificate %%ALL%%;
        location /any { sallyport_tls_policy intermediate client_cert=required; return 200 "in"; }
        location /ca { sallyport_tls_policy modern client_cert=required client_ca=%%OPS%%; return 200 "in"; }
        location /ca/either { sallyport_tls_policy modern client_cert=required client_ca=%%OPS%% client_ca=%%DEV%%; return 200 "in"; }
        location /dns { sallyport_tls_policy modern client_cert=required client_san=dns:admin.test; return 200 "in"; }
        location /email { sallyport_tls_policy modern client_cert=required client_san=email:ops@gateway.test; return 200 "in"; }
        location /uri { sallyport_tls_policy modern client_cert=required client_san=uri:spiffe://test/Ops; return 200 "in"; }
        location /uri/case { sallyport_tls_policy modern client_cert=required client_san=uri:spiffe://test/ops; return 200 "in"; }
        location /pin { sallyport_tls_policy modern client_cert=required client_fingerprint=%%PIN%%; return 200 "in"; }
        location /all { sallyport_tls_policy modern client_cert=required client_ca=%%OPS%% client_san=dns:admin.test; return 200 "in"; }
        location /report { sallyport_tls_mode report; sallyport_tls_policy modern client_cert=required client_san=dns:nobody.test; return 200 "in $sallyport_reason"; }
    }
    server {
        listen 127.0.0.1:%%PORT_SERVER%% ssl;
        sallyport_tls_policy intermediate client_cert=required client_san=dns:admin.test;
        ssl_verify_client optional;
        ssl_client_certificate %%ALL%%;
        return 200 "in";
    }
)";

NginxOptions with_pki() {
    return {.variables = {{"ALL", pki().crt("all")},
                          {"OPS", pki().crt("ops")},
                          {"DEV", pki().crt("dev")},
                          {"PIN", pki().fingerprint("admin")}}};
}

TEST(TlsClientCertificate, RulesPickByAuthorityNameAndFingerprint) {
    NginxServer nginx(kRules, with_pki());
    constexpr const char* kRequired = "tls_certificate_required";
    constexpr const char* kNotAllowed = "tls_certificate_not_allowed";
    const struct {
        const char* path;
        const char* client;  // null: none
        const char* reason;  // null: let in
    } rows[] = {
        {"/any", nullptr, kRequired},         {"/any", "admin", nullptr},
        {"/any", "nameless", nullptr},        {"/any", "developer", nullptr},
        {"/ca", nullptr, kRequired},          {"/ca", "admin", nullptr},
        {"/ca", "developer", kNotAllowed},    {"/ca/either", "admin", nullptr},
        {"/ca/either", "developer", nullptr}, {"/dns", "admin", nullptr},
        {"/dns", "other", kNotAllowed},       {"/dns", "nameless", kNotAllowed},
        {"/dns", "developer", nullptr},       {"/email", "admin", nullptr},
        {"/email", "developer", kNotAllowed}, {"/uri", "admin", nullptr},
        {"/uri/case", "admin", kNotAllowed},  {"/pin", "admin", nullptr},
        {"/pin", "other", kNotAllowed},       {"/all", "admin", nullptr},
        {"/all", "developer", kNotAllowed},   {"/all", "other", kNotAllowed},
    };
    for (const auto& row : rows) {
        HttpRequest request{.url = nginx.tls_url(row.path)};
        if (row.client != nullptr) {
            request.client_certificate = pki().crt(row.client);
            request.client_key = pki().key(row.client);
        }
        const auto response = send(request);
        const std::string shown =
            std::string(row.path) + " " + (row.client == nullptr ? "nobody" : row.client);
        EXPECT_EQ(response.status, row.reason == nullptr ? 200 : 403) << shown << response.error;
        EXPECT_NE(response.body.find(row.reason == nullptr ? "in" : row.reason), std::string::npos)
            << shown << response.body;
    }
    const auto reported = send({.url = nginx.tls_url("/report"),
                                .client_certificate = pki().crt("admin"),
                                .client_key = pki().key("admin")});
    EXPECT_EQ(reported.body, "in tls_certificate_not_allowed");
    // At server level, and for a certificate that is none for clients.
    const auto at_server = [&](const char* client) {
        return visit({.port = nginx.port("PORT_SERVER"),
                      .certificate = pki().crt(client),
                      .key = pki().key(client)})
            .status;
    };
    EXPECT_EQ(at_server("admin"), 200);
    EXPECT_EQ(at_server("other"), 403);
    EXPECT_EQ(at_server("server"), 400);
}

TEST(TlsClientCertificate, AnIntermediateMayComeWithTheClient) {
    NginxServer nginx(kRules, with_pki());
    const auto come = [&](const char* path, TlsSession session = {}) {
        return visit({.port = nginx.port("PORT_TLS"),
                      .path = path,
                      .session = session,
                      .certificate = pki().crt("chain"),
                      .key = pki().key("below")});
    };
    EXPECT_EQ(come("/dns").status, 200);
    EXPECT_EQ(come("/ca").status, 200);
}

// nginx's own clock is two days ahead: the certificate was good when the connection was made.
TEST(TlsClientCertificate, DoesNotOutliveItself) {
    ClockedNginx nginx(kRules, with_pki(), std::time(nullptr));
    const auto come = [&] {
        return send({.url = nginx->tls_url("/any"),
                     .client_certificate = pki().crt("admin"),
                     .client_key = pki().key("admin")});
    };
    EXPECT_EQ(come().status, 200);
    nginx.set(std::time(nullptr) + 3 * kDay);
    EXPECT_NE(come().body.find("tls_certificate_required"), std::string::npos);
}

constexpr std::string_view kTwoAuthorities = R"(
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl default_server;
        server_name open.test;
        ssl_verify_client optional;
        ssl_client_certificate %%DEV%%;
        return 200 "open";
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        server_name admin.test;
        sallyport_tls_policy intermediate client_cert=required;
        ssl_verify_client optional;
        ssl_client_certificate %%OPS%%;
        location / { return 200 "admin"; }
        location /control/ { sallyport_tls_policy off; sallyport_control client_cert; }
    }
)";

// The handshake is another server's: its authorities have verified the certificate.
TEST(TlsClientCertificate, IsShownToTheServerThatAsksForIt) {
    NginxServer nginx(kTwoAuthorities, with_pki());
    for (const bool tls_1_2 : {true, false}) {
        for (const char* name : {"", "open.test", "unknown.test"}) {
            for (const char* path : {"/", "/control/status"}) {
                const auto answer = visit({.port = nginx.port("PORT_TLS"),
                                           .server_name = name,
                                           .host = "admin.test",
                                           .path = path,
                                           .tls_1_2 = tls_1_2,
                                           .certificate = pki().crt("developer"),
                                           .key = pki().key("developer")});
                // nginx itself answers 421 to some of them.
                EXPECT_GE(answer.status, 400) << name << path << answer.response;
            }
        }
        const auto answer = visit({.port = nginx.port("PORT_TLS"),
                                   .server_name = "admin.test",
                                   .path = "/control/status",
                                   .tls_1_2 = tls_1_2,
                                   .certificate = pki().crt("admin"),
                                   .key = pki().key("admin")});
        EXPECT_EQ(answer.status, 200) << answer.response;
    }
}

// CVE-2025-23419: a session that an open server made with a certificate of its own authority is
// resumed at a server that trusts another one. nginx itself looks only at sessions that were made
// under some name.
TEST(TlsClientCertificate, SessionsDoNotCarryItToAnotherServer) {
    for (const char* kind :
         {"ssl_session_tickets on;", "ssl_session_tickets off; ssl_session_cache shared:all:1m;",
          "ssl_session_tickets off; ssl_session_cache builtin:1000;"}) {
        NginxServer nginx(kind + std::string(kTwoAuthorities), with_pki());
        for (const bool tls_1_2 : {true, false}) {
            for (const char* first_name : {"open.test", ""}) {
                TlsVisit what{.port = nginx.port("PORT_TLS"),
                              .server_name = first_name,
                              .host = "open.test",
                              .tls_1_2 = tls_1_2,
                              .certificate = pki().crt("developer"),
                              .key = pki().key("developer")};
                const auto first = visit(what);
                ASSERT_EQ(first.status, 200) << kind << first_name;
                what.server_name = "admin.test";
                what.host = "admin.test";
                what.session = first.session;
                const auto second = visit(what);
                EXPECT_NE(second.status, 200) << kind << first_name << tls_1_2 << second.response;
                EXPECT_EQ(second.response.find("\r\nadmin"), std::string::npos);
                if (!tls_1_2 && *first_name == '\0' && second.resumed) {
                    EXPECT_NE(second.response.find("tls_certificate_required"), std::string::npos)
                        << second.response;
                }
            }
            // Whoever belongs there gets in, and back in.
            TlsVisit what{.port = nginx.port("PORT_TLS"),
                          .server_name = "admin.test",
                          .tls_1_2 = tls_1_2,
                          .certificate = pki().crt("admin"),
                          .key = pki().key("admin")};
            const auto good = visit(what);
            EXPECT_EQ(good.status, 200) << kind << tls_1_2 << good.response;
            what.session = good.session;
            EXPECT_EQ(visit(what).status, 200) << kind << tls_1_2;
        }
    }
}

constexpr std::string_view kServing = R"(
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { sallyport_control; }
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        server_name gateway.test other.test;
        return 200 "in";
    }
    server {
        listen 127.0.0.1:%%PORT_SECOND%% ssl;
        server_name gateway.test;
        ssl_certificate %%OWN%%;
        ssl_certificate_key %%OWN_KEY%%;
        return 200 "in";
    }
)";

std::int64_t ends_at() {
    const auto result = run_command({"openssl", "x509", "-noout", "-enddate", "-dateopt",
                                     "iso_8601", "-in", certificates().server_certificate});
    std::tm parts{};
    strptime(result.output.c_str() + result.output.find('=') + 1, "%Y-%m-%d %H:%M:%S", &parts);
    return timegm(&parts);
}

std::size_t count_of(const std::string& text, std::string_view piece) {
    std::size_t count = 0;
    for (std::size_t at = text.find(piece); at != std::string::npos;
         at = text.find(piece, at + 1)) {
        ++count;
    }
    return count;
}

TEST(TlsCertificateExpiry, IsMeasuredAndWarnedOf) {
    NginxOptions options{
        .variables = {{"OWN", pki().crt("server")}, {"OWN_KEY", pki().key("server")}}};
    const std::int64_t end = ends_at();
    ClockedNginx nginx(kServing, options, std::time(nullptr));
    const auto log = [&] { return nginx->error_log() + nginx->dir().read("output.log"); };
    const std::string labels = "{server=\"gateway.test\",subject=\"server.test\",key=\"ecdsa\"}";
    std::string metrics = get(nginx->url("/metrics")).body;
    const std::string line = "sallyport_tls_certificate_not_after_seconds" + labels + " ";
    const std::size_t at = metrics.find(line);
    ASSERT_NE(at, std::string::npos) << metrics;
    EXPECT_EQ(static_cast<std::int64_t>(std::stod(metrics.substr(at + line.size()))), end);
    EXPECT_NE(metrics.find("sallyport_tls_certificate_good" + labels + " 1"), std::string::npos);
    EXPECT_NE(metrics.find("subject=\"server\""), std::string::npos) << "each server's own";
    EXPECT_EQ(log().find("renew it"), std::string::npos) << log();

    // A third of the life is left: the daily look says so, without a reload.
    nginx.set(end - 3600);
    nginx.advance_timers(kDay + 60);
    ASSERT_TRUE(wait_until([&] {
        metrics = get(nginx->url("/metrics")).body;
        return log().find("renew it") != std::string::npos;
    }));
    EXPECT_NE(log().find("\"server.test\" of the server \"gateway.test\" is about to expire"),
              std::string::npos)
        << log();
    metrics = get(nginx->url("/metrics")).body;
    EXPECT_NE(metrics.find("sallyport_tls_certificate_good" + labels + " 0"), std::string::npos);
    const std::size_t said = count_of(log(), "renew it");
    nginx.set(end + kDay);
    nginx.advance_timers(2 * kDay + 120);
    ASSERT_TRUE(wait_until([&] {
        (void)get(nginx->url("/health"));
        return count_of(log(), "renew it") > said;
    }));
    EXPECT_NE(log().find("is expired"), std::string::npos);
}

TEST(TlsCertificateExpiry, IsToldWhenTheConfigurationIsRead) {
    NginxOptions options{
        .variables = {{"OWN", pki().crt("server")}, {"OWN_KEY", pki().key("server")}}};
    ClockedNginx nginx(kServing, options, ends_at() + kDay);
    const std::string log = nginx->error_log() + nginx->dir().read("output.log");
    EXPECT_NE(log.find("[warn]"), std::string::npos);
    EXPECT_NE(log.find("\"server.test\" of the server \"gateway.test\" is expired (-1 days"),
              std::string::npos)
        << log;
}

}  // namespace
}  // namespace sallyport::test
