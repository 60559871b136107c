// TLS policy against real nginx and real handshakes: defaults, refusals of weak settings, run-time
// rules.
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2;
        sallyport_tls_policy intermediate;
        ssl_verify_client optional;
        ssl_client_certificate %%CA%%;
        location / { return 200 "$ssl_protocol $ssl_cipher $ssl_curves"; }
        location /tls/ { sallyport_tls_policy intermediate; return 200 in; }
        location /new/ { sallyport_tls_policy modern; return 200 in; location /new/below/ { return 200 in; } }
        location /min/ { sallyport_tls_policy intermediate min=TLSv1.3; return 200 in; }
        location /admin/ {
            sallyport_tls_policy intermediate client_cert=required;
            return 200 in;
            location /admin/open/ { sallyport_tls_policy off; return 200 in; }
        }
        location /report/ { sallyport_tls_mode report; sallyport_tls_policy modern; return 200 "in $sallyport_reason $sallyport_rule"; }
        location /off/ { sallyport_tls_mode off; sallyport_tls_policy modern; return 200 "in $sallyport_reason"; }
    }
    server {
        listen 127.0.0.1:%%PORT_MODERN%% ssl;
        sallyport_tls_policy modern;
        return 200 $ssl_protocol;
    }
    server {
        listen 127.0.0.1:%%PORT_MTLS%% ssl;
        listen 127.0.0.1:%%PORT_MTLS_PLAIN%%;
        sallyport_tls_policy intermediate client_cert=required;
        ssl_verify_client optional;
        ssl_client_certificate %%CA%%;
        return 200 in;
    }
    server {
        listen 127.0.0.1:%%PORT_SHARED%% ssl default_server;
        server_name lax.gateway.test;
        ssl_protocols TLSv1.2 TLSv1.3;
        return 200 lax;
    }
    server {
        listen 127.0.0.1:%%PORT_SHARED%% ssl;
        server_name strict.gateway.test;
        sallyport_tls_policy modern;
        return 200 strict;
    }
)";

enum class Client { plain, v1_2, v1_3, certified, stranger };

HttpRequest request(const NginxServer& nginx, Client client, const char* port, const char* path) {
    HttpRequest out;
    out.url = client == Client::plain ? nginx.url(path, port) : nginx.tls_url(path, port);
    out.tls = client == Client::v1_2   ? TlsVersion::v1_2
              : client == Client::v1_3 ? TlsVersion::v1_3
                                       : TlsVersion::any;
    if (client == Client::certified) {
        out.client_certificate = certificates().client_certificate;
        out.client_key = certificates().client_key;
    } else if (client == Client::stranger) {
        out.client_certificate = certificates().stranger_certificate;
        out.client_key = certificates().stranger_key;
    }
    return out;
}

TEST(TlsPolicy, Table) {
    NginxServer nginx(kConf);
    const struct {
        Client client;
        const char* port;
        const char* path;
        int status;  // 0: no handshake
        const char* body;
    } rows[] = {
        {Client::plain, "PORT", "/", 200, ""},
        {Client::plain, "PORT", "/tls/", 403, "tls_required"},
        {Client::plain, "PORT", "/new/", 403, "tls_required"},
        {Client::plain, "PORT", "/admin/", 403, "tls_required"},
        {Client::plain, "PORT", "/report/", 200, "in tls_required modern"},
        {Client::plain, "PORT", "/off/", 200, "in none"},
        {Client::v1_2, "PORT_TLS", "/", 200, "TLSv1.2 ECDHE-ECDSA-"},
        {Client::v1_3, "PORT_TLS", "/", 200, "TLSv1.3 TLS_"},
        {Client::v1_2, "PORT_TLS", "/tls/", 200, "in"},
        {Client::v1_2, "PORT_TLS", "/new/", 403, "tls_version_too_old"},
        {Client::v1_2, "PORT_TLS", "/new/below/", 403, "tls_version_too_old"},
        {Client::v1_3, "PORT_TLS", "/new/", 200, "in"},
        {Client::v1_2, "PORT_TLS", "/min/", 403, "tls_version_too_old"},
        {Client::v1_2, "PORT_TLS", "/report/", 200, "in tls_version_too_old modern"},
        {Client::v1_3, "PORT_TLS", "/admin/", 403, "tls_certificate_required"},
        {Client::v1_3, "PORT_TLS", "/admin/open/", 200, "in"},
        {Client::certified, "PORT_TLS", "/admin/", 200, "in"},
        {Client::v1_2, "PORT_MODERN", "/", 0, ""},
        {Client::v1_3, "PORT_MODERN", "/", 200, "TLSv1.3"},
        {Client::v1_3, "PORT_MTLS", "/", 403, "tls_certificate_required"},
        {Client::certified, "PORT_MTLS", "/", 200, "in"},
        {Client::plain, "PORT_MTLS_PLAIN", "/", 403, "tls_required"},
    };
    for (const auto& row : rows) {
        const auto response = send(request(nginx, row.client, row.port, row.path));
        const std::string shown =
            std::string(row.port) + row.path + " " + std::to_string(static_cast<int>(row.client));
        EXPECT_EQ(response.status, row.status) << shown << " " << response.error << response.body;
        EXPECT_NE(response.body.find(row.body), std::string::npos)
            << shown << ": " << response.body;
    }
}

TEST(TlsPolicy, ACertificateOfAStrangerIsNone) {
    NginxServer nginx(kConf);
    // nginx itself answers 400 to a certificate that does not verify, before any location is known.
    const int status = send(request(nginx, Client::stranger, "PORT_TLS", "/admin/")).status;
    EXPECT_TRUE(status == 400 || status == 403) << status;
}

TEST(TlsPolicy, StrictServerBehindALaxDefaultServer) {
    NginxServer nginx(kConf);
    const auto ask = [&](const char* host, TlsVersion version) {
        const std::string port = std::to_string(nginx.port("PORT_SHARED"));
        return send({.url = "https://" + std::string(host) + ":" + port + "/",
                     .tls = version,
                     .resolve = {std::string(host) + ":" + port + ":127.0.0.1"}});
    };
    EXPECT_EQ(ask("lax.gateway.test", TlsVersion::v1_2).body, "lax");
    EXPECT_EQ(ask("strict.gateway.test", TlsVersion::v1_3).body, "strict");
    const auto refused = ask("strict.gateway.test", TlsVersion::v1_2);
    // nginx 1.27 and later refuses in the handshake; older ones let it through to our rule.
    EXPECT_TRUE(refused.status == 0 || refused.status == 403) << refused.status << refused.body;
}

std::string server(const char* directives) {
    return std::string(
               "server { listen 127.0.0.1:%%PORT_TLS%% ssl; ssl_certificate %%CERT%%; "
               "ssl_certificate_key %%KEY%%; ") +
           directives + " }";
}

TEST(TlsPolicy, AcceptsWhatIsStrongEnough) {
    for (const char* directives : {
             "sallyport_tls_policy intermediate;",
             "sallyport_tls_policy intermediate; ssl_protocols TLSv1.2 TLSv1.3;",
             "sallyport_tls_policy intermediate; ssl_protocols TLSv1.3;",
             "sallyport_tls_policy intermediate; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256;",
             "sallyport_tls_policy intermediate; ssl_ecdh_curve X25519:secp521r1;",
             "sallyport_tls_policy modern; ssl_protocols TLSv1.3; ssl_ciphers HIGH;",
             "sallyport_tls_policy off; ssl_protocols TLSv1;",
             "sallyport_tls_policy custom;",
             "sallyport_tls_policy custom ciphers=DHE-RSA-AES256-GCM-SHA384:"
             "ECDHE-ECDSA-AES128-GCM-SHA256 groups=X448:prime256v1;",
             "sallyport_tls_policy intermediate; ssl_early_data on; sallyport_early_data refuse;",
             "sallyport_tls_mode off; sallyport_tls_policy modern; ssl_protocols TLSv1;",
         }) {
        const auto check = check_config(server(directives));
        EXPECT_TRUE(check.ok()) << directives << "\n" << check.messages;
    }
}

TEST(TlsPolicy, ReportModeWarnsAndChangesNothing) {
    NginxServer nginx(
        server("sallyport_mode report; sallyport_tls_policy modern; "
               "ssl_protocols TLSv1.2 TLSv1.3; "
               "return 200 \"$ssl_protocol $sallyport_reason\";"));
    EXPECT_EQ(send(request(nginx, Client::v1_2, "PORT_TLS", "/")).body,
              "TLSv1.2 tls_version_too_old");
    EXPECT_NE((nginx.error_log() + nginx.dir().read("output.log")).find("offers TLSv1.2"),
              std::string::npos);
}

// What the server alone would have seen to is judged where the server does not enforce it.
TEST(TlsPolicy, ALocationEnforcesWhatItsServerReports) {
    NginxServer nginx(
        server("sallyport_tls_policy modern; sallyport_tls_mode report; "
               "ssl_protocols TLSv1.2 TLSv1.3; location / { return 200 in; } "
               "location /same/ { sallyport_tls_policy modern; sallyport_tls_mode enforce; "
               "return 200 in; }"));
    EXPECT_EQ(send(request(nginx, Client::v1_2, "PORT_TLS", "/")).body, "in");
    EXPECT_EQ(send(request(nginx, Client::v1_2, "PORT_TLS", "/same/")).status, 403);
    EXPECT_EQ(send(request(nginx, Client::v1_3, "PORT_TLS", "/same/")).body, "in");
}

TEST(TlsPolicy, HttpLevelReachesEveryServer) {
    NginxServer nginx(std::string("sallyport_tls_policy modern; ") +
                      server("return 200 $ssl_protocol;"));
    EXPECT_EQ(send(request(nginx, Client::v1_2, "PORT_TLS", "/")).status, 0);
    EXPECT_EQ(send(request(nginx, Client::v1_3, "PORT_TLS", "/")).body, "TLSv1.3");
}

TEST(TlsPolicy, CustomListsAreWhatIsNegotiated) {
    NginxServer nginx(
        server("sallyport_tls_policy custom ciphers=ECDHE-ECDSA-AES256-GCM-SHA384 "
               "groups=secp384r1; return 200 \"$ssl_cipher $ssl_curves\";"));
    EXPECT_EQ(send(request(nginx, Client::v1_2, "PORT_TLS", "/"))
                  .body.find("ECDHE-ECDSA-AES256-GCM-SHA384 "),
              0u);
}

class TlsPolicyMistake : public testing::TestWithParam<Mistake> {};
TEST_P(TlsPolicyMistake, NamesDirectiveValueAndRemedy) {
    expect_mistake(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Table, TlsPolicyMistake,
    testing::Values(
        Mistake{"sallyport_tls_policy;", "sallyport_tls_policy", "invalid number of arguments", ""},
        Mistake{"sallyport_tls_policy old;", "sallyport_tls_policy", "\"old\"",
                "modern, intermediate, custom or off"},
        Mistake{"sallyport_tls_policy modern min=TLSv1.2;", "sallyport_tls_policy", "min=TLSv1.2",
                "write intermediate"},
        Mistake{"sallyport_tls_policy intermediate min=1.3;", "sallyport_tls_policy", "min=1.3",
                "min=TLSv1.3"},
        Mistake{"sallyport_tls_policy intermediate client_cert=yes;", "sallyport_tls_policy",
                "client_cert=yes", "client_cert=required"},
        Mistake{"sallyport_tls_policy intermediate cipher=x;", "sallyport_tls_policy", "cipher=x",
                "min=TLSv1.2|TLSv1.3"},
        Mistake{"sallyport_tls_policy intermediate ciphers=x;", "sallyport_tls_policy",
                "ciphers=", "write custom"},
        Mistake{"sallyport_tls_policy off min=TLSv1.3;", "sallyport_tls_policy", "min=TLSv1.3",
                "choose a profile"},
        Mistake{"sallyport_tls_policy modern; sallyport_tls_policy modern;", "sallyport_tls_policy",
                "twice", "keep one"},
        Mistake{"sallyport_tls_mode maybe;", "sallyport_tls_mode", "maybe",
                "off, report or enforce"},
        Mistake{"sallyport_tls_policy intermediate; ssl_protocols TLSv1 TLSv1.1 TLSv1.2;",
                "ssl_protocols", "TLSv1", "remove"},
        Mistake{"sallyport_tls_policy intermediate; server { ssl_protocols TLSv1.1 TLSv1.2; }",
                "ssl_protocols", "TLSv1.1", "remove"},
        Mistake{"ssl_protocols TLSv1.2; server { sallyport_tls_policy modern; }",
                "sallyport_tls_policy modern", "ssl_protocols", "remove"},
        Mistake{"server { sallyport_tls_policy intermediate min=TLSv1.3; ssl_protocols TLSv1.2 "
                "TLSv1.3; }",
                "ssl_protocols", "TLSv1.2", "remove"},
        Mistake{"server { sallyport_tls_policy intermediate; ssl_ciphers HIGH:!aNULL:!MD5; }",
                "ssl_ciphers", "offers", "remove the directive"},
        Mistake{"server { sallyport_tls_policy intermediate; ssl_ciphers "
                "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0; }",
                "ssl_ciphers", "security level", "remove @SECLEVEL"},
        Mistake{"server { sallyport_tls_policy intermediate; ssl_ecdh_curve X25519:secp224r1; }",
                "ssl_ecdh_curve", "secp224r1", "remove the directive"},
        Mistake{"server { sallyport_tls_policy intermediate; ssl_conf_command MinProtocol TLSv1; }",
                "ssl_conf_command", "MinProtocol", "remove it"},
        Mistake{"server { sallyport_tls_policy intermediate; ssl_early_data on; }",
                "ssl_early_data", "replay", "sallyport_early_data safe"},
        Mistake{"sallyport_early_data safe; server { sallyport_tls_policy intermediate; "
                "sallyport_early_data off; ssl_early_data on; }",
                "ssl_early_data", "replay", "sallyport_early_data safe"},
        Mistake{"server { sallyport_tls_policy intermediate client_cert=required; }",
                "client_cert=required", "ssl_verify_client optional", "ssl_client_certificate"},
        Mistake{"server { location / { sallyport_tls_policy modern client_cert=required; } }",
                "client_cert=required", "ssl_verify_client optional", "ssl_client_certificate"},
        Mistake{"server { location / { sallyport_tls_policy modern; error_page 403 =200 /x; } }",
                "tls_policy", "error_page 403 =200", "leave out"}));

INSTANTIATE_TEST_SUITE_P(
    Parameters, TlsPolicyMistake,
    testing::Values(
        Mistake{"sallyport_tls_policy custom ciphers=AES128-SHA;", "sallyport_tls_policy",
                "AES128-SHA", "leave it out"},
        Mistake{"sallyport_tls_policy custom ciphers=TLS_AES_256_GCM_SHA384;",
                "sallyport_tls_policy", "TLS_AES_256_GCM_SHA384", "leave it out"},
        Mistake{"sallyport_tls_policy custom ciphers=ECDHE-RSA-AES512-GCM-SHA512;",
                "sallyport_tls_policy", "ECDHE-RSA-AES512-GCM-SHA512", "leave it out"},
        Mistake{"sallyport_tls_policy custom groups=secp224r1;", "sallyport_tls_policy",
                "secp224r1", "leave it out"},
        Mistake{"server { location / { sallyport_tls_policy custom groups=X25519; } }",
                "sallyport_tls_policy", "groups=", "server level"},
        Mistake{"server { sallyport_tls_policy custom ciphers=ECDHE-RSA-AES128-GCM-SHA256; "
                "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384; }",
                "ssl_ciphers", "ECDHE-RSA-AES256-GCM-SHA384", "remove the directive"},
        Mistake{"sallyport_tls_policy modern client_san=dns:a;", "sallyport_tls_policy",
                "client_san=", "client_cert=required"},
        Mistake{"sallyport_tls_policy modern client_cert=required client_san=admin;",
                "sallyport_tls_policy", "client_san=admin", "dns:NAME"},
        Mistake{"sallyport_tls_policy modern client_cert=required client_fingerprint=00:11;",
                "sallyport_tls_policy", "00:11", "openssl x509"},
        Mistake{"sallyport_tls_policy modern client_cert=required client_ca=none.pem;",
                "sallyport_tls_policy", "none.pem", "mend the path"}));

}  // namespace
}  // namespace sallyport::test
