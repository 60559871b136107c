// Certificates that providers rotate, from the note of a worker over `sallyport certs` and a server
// that plays the provider to the verified delivery; and secrets that change while nginx runs.
#include "common/crypto_public_key.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace sallyport::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTopic = "arn:aws:sns:us-east-1:123456789012:orders";
constexpr const char* kSnsHost = "sns.us-east-1.amazonaws.com";
constexpr const char* kSnsPath = "/SimpleNotificationService-0123abcd.pem";
constexpr const char* kPaypalUrl = "https://api.paypal.com/v1/notifications/certs/CERT-1";

void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const CommandResult result = run_command(arguments);
    if (result.exit_code != 0) {
        throw std::runtime_error(result.output);
    }
}

// The certificate in `pem`, a day too old and signed anew by `key`: what the openssl command makes
// in one version and refuses in the next.
std::string expired_since_yesterday(const std::string& pem, const std::string& key) {
    constexpr long kDay = 86'400;
    const auto text = [](const std::string& of) {
        return std::unique_ptr<BIO, decltype(&BIO_free)>(
            BIO_new_mem_buf(of.data(), static_cast<int>(of.size())), BIO_free);
    };
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(text(pem).get(), nullptr, nullptr, nullptr), X509_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> signer(
        PEM_read_bio_PrivateKey(text(key).get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -2 * kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), -kDay);
    X509_sign(certificate.get(), signer.get(), EVP_sha256());
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(out.get(), certificate.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

// A provider's signing key with its certificate, and a web server's of a CA that only the test
// knows.
struct ProviderKeys {
    explicit ProviderKeys(const TempDir& dir) : web_key(dir.path("web.key")) {
        openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=sns", "-days", "2",
                 "-keyout", dir.path("sns.key"), "-out", dir.path("sns.pem")});
        openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", "/CN=web", "-days", "2", "-addext",
                 std::string("subjectAltName=DNS:") + kSnsHost + ",DNS:api.paypal.com", "-keyout",
                 web_key, "-out", dir.path("web.pem")});
        chmod(web_key.c_str(), 0644);
        certificate = dir.read("sns.pem");
        expired = expired_since_yesterday(certificate, dir.read("sns.key"));
        key = PrivateKey::from_pem(Secret(dir.read("sns.key"))).value();
    }
    std::string sign(const std::string& text) const {
        const Bytes made =
            key->sign(SignatureScheme::rsa_pkcs1, DigestAlgorithm::sha256, text).value();
        return base64_encode(made.data(), made.size());
    }
    std::string web_key;
    std::string certificate;
    std::string expired;
    std::optional<PrivateKey> key;
};

class WebhookCertificates : public testing::Test {
  protected:
    WebhookCertificates()
        : keys_(dir_),
          provider_([this](const UpstreamRequest& request) { return provide(request); }),
          provider_tls_(
              R"(
            server {
                listen 127.0.0.1:%%PORT_TLS%% ssl;
                ssl_certificate %%WEB%%.pem;
                ssl_certificate_key %%WEB%%.key;
                location / { proxy_set_header Host $host; proxy_pass http://%%PROVIDER%%; }
            })",
              {.variables = {{"WEB", dir_.path("web")}, {"PROVIDER", provider_.address()}}}),
          gateway_(R"(
            sallyport_webhook_certificates %%NOTES%%;
            server {
                listen 127.0.0.1:%%PORT%%;
                add_header X-Webhook "$sallyport_webhook_status $sallyport_webhook_reason" always;
                location /sns {
                    sallyport_webhook aws-sns topic=%%TOPIC%%;
                    sallyport_webhook_handshake aws-sns;
                    proxy_pass http://%%UPSTREAM%%;
                }
                location /paypal {
                    sallyport_webhook paypal-certificates webhook_id=W1;
                    proxy_pass http://%%UPSTREAM%%;
                }
            })",
                   {.variables = {{"NOTES", notes_folder()},
                                  {"TOPIC", kTopic},
                                  {"UPSTREAM", upstream_.address()}}}) {}

    std::string notes_folder() {
        const std::string folder = dir_.path("notes");
        fs::create_directory(folder);
        chmod(dir_.path().c_str(), 0755);
        chmod(folder.c_str(), 0777);  // workers may run as nobody
        return folder;
    }
    UpstreamReply provide(const UpstreamRequest& request) const {
        UpstreamReply reply;
        const bool certificate =
            request.target == kSnsPath || request.target == "/v1/notifications/certs/CERT-1";
        reply.body = certificate                                         ? keys_.certificate
                     : request.target == "/v1/notifications/certs/OLD"   ? keys_.expired
                     : request.target == "/v1/notifications/certs/PLAIN" ? "no certificate"
                                                                         : "";
        reply.status = request.target == "/v1/notifications/certs/NONE" ? 404 : 200;
        return reply;
    }
    // `sallyport certs` over what is asked for now.
    CommandResult certs(bool trusted = true) const {
        const std::string port = std::to_string(provider_tls_.port("PORT_TLS"));
        std::vector<std::string> words = {
            environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "certs",
            dir_.path("notes"), "--once"};
        for (const std::string host : {kSnsHost, "api.paypal.com"}) {
            words.insert(words.end(), {"--connect-to", host + ":443:127.0.0.1:" + port});
        }
        if (trusted) {
            words.insert(words.end(), {"--ca", dir_.path("web.pem")});
        }
        return run_command(words);
    }
    std::size_t notes(const std::string& begin) const {
        std::size_t count = 0;
        for (const auto& entry : fs::directory_iterator(dir_.path("notes"))) {
            count += entry.path().filename().string().starts_with(begin) ? 1 : 0;
        }
        return count;
    }
    bool certificate_is_there() const {
        for (const auto& entry : fs::directory_iterator(dir_.path("notes"))) {
            if (entry.path().extension() == ".pem") {
                return true;
            }
        }
        return false;
    }
    HttpResponse sns(const std::string& type, const std::string& url, const std::string& message,
                     const std::string& confirm = "") {
        const std::string time = "2026-01-01T00:00:00.000Z";
        std::string text = "Message\n" + message + "\nMessageId\nm1\n";
        std::string more;
        if (type == "Notification") {
            text += "Timestamp\n" + time + "\n";
        } else {
            text += "SubscribeURL\n" + confirm + "\nTimestamp\n" + time + "\nToken\nt1\n";
            more = R"(,"SubscribeURL":")" + confirm + R"(","Token":"t1")";
        }
        text += std::string("TopicArn\n") + kTopic + "\nType\n" + type + "\n";
        const std::string body = R"({"Type":")" + type + R"(","MessageId":"m1","Message":")" +
                                 message + R"(","Timestamp":")" + time + R"(","TopicArn":")" +
                                 kTopic + R"(","SignatureVersion":"2","SigningCertURL":")" + url +
                                 R"(","Signature":")" + keys_.sign(text) + "\"" + more + "}";
        return send(delivery(gateway_.url("/sns"), body, {}));
    }
    HttpResponse paypal(const std::string& url) {
        const std::string body = "123456789";  // its CRC-32 is the check value of every table
        const std::string time = "2026-01-01T00:00:00Z";
        return send(delivery(gateway_.url("/paypal"), body,
                             {{"Paypal-Transmission-Id", "T1"},
                              {"Paypal-Transmission-Time", time},
                              {"Paypal-Cert-Url", url},
                              {"Paypal-Transmission-Sig",
                               keys_.sign("T1|" + time + "|W1|" + std::to_string(0xcbf43926U))}}));
    }

    TempDir dir_{"certificates"};
    ProviderKeys keys_;
    Upstream upstream_;
    Upstream provider_;
    NginxServer provider_tls_;
    NginxServer gateway_;
};

TEST_F(WebhookCertificates, AreFetchedForThoseWhoAsk) {
    const std::string url = std::string("https://") + kSnsHost + kSnsPath;
    const HttpResponse first = sns("Notification", url, "hello");
    EXPECT_EQ(first.status, 503) << "the certificate is not there yet";
    EXPECT_EQ(first.header("X-Webhook"), "nocertificate webhook_certificate_pending");
    EXPECT_TRUE(first.header("Retry-After"));
    EXPECT_EQ(sns("Notification", url, "hello").status, 503);
    EXPECT_EQ(notes("want-"), 1U) << "asked for once";
    EXPECT_EQ(upstream_.request_count(), 0U);

    // Whoever answers for the host without its certificate is not believed.
    EXPECT_NE(certs(false).exit_code, 0);
    EXPECT_FALSE(certificate_is_there());
    EXPECT_EQ(provider_.request_count(), 0U);

    EXPECT_TRUE(wait_until(
        [&] { return sns("Notification", url, "hello").status == 503 && notes("want-") == 1; }));
    const CommandResult fetched = certs();
    EXPECT_EQ(fetched.exit_code, 0) << fetched.output;
    EXPECT_TRUE(certificate_is_there());
    EXPECT_EQ(notes("want-"), 0U);
    EXPECT_TRUE(wait_until([&] { return sns("Notification", url, "hello").status == 200; }));
    EXPECT_EQ(upstream_.request_count(), 1U);
    ASSERT_FALSE(provider_.requests().empty());
    EXPECT_EQ(provider_.requests().back().header("Host"), kSnsHost);

    // From now on without anybody's help.
    const std::size_t asked = provider_.request_count();
    EXPECT_EQ(sns("Notification", url, "again").status, 200);
    EXPECT_EQ(provider_.request_count(), asked);
    EXPECT_EQ(notes("want-"), 0U);
}

TEST_F(WebhookCertificates, OtherHostsAreNeverAsked) {
    for (const std::string url :
         {"https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
          "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
          "https://evil.example/SimpleNotificationService-1.pem"}) {
        EXPECT_EQ(sns("Notification", url, "x").status, 401) << url;
    }
    EXPECT_EQ(paypal("https://paypal.com.evil.example/c").status, 401);
    EXPECT_EQ(notes(""), 0U);
    // Nor when somebody else writes the note.
    std::ofstream(dir_.path("notes/want-1")) << "https://evil.example/x\n";
    EXPECT_NE(certs().exit_code, 0);
    EXPECT_EQ(provider_.request_count(), 0U);
    EXPECT_EQ(notes(""), 0U);
}

TEST_F(WebhookCertificates, PaypalsAndWhatIsNoCertificate) {
    EXPECT_EQ(paypal(kPaypalUrl).status, 503);
    EXPECT_EQ(certs().exit_code, 0);
    EXPECT_TRUE(wait_until([&] { return paypal(kPaypalUrl).status == 200; }));
    EXPECT_EQ(upstream_.request_count(), 1U);
    const std::string place = "https://api.paypal.com/v1/notifications/certs/";
    for (const std::string name : {"OLD", "PLAIN", "NONE"}) {
        EXPECT_EQ(paypal(place + name).status, 503) << name;
        EXPECT_NE(certs().exit_code, 0) << name;
        EXPECT_EQ(paypal(place + name).status, 503) << name;
    }
    EXPECT_EQ(upstream_.request_count(), 1U);
}

TEST_F(WebhookCertificates, ASubscriptionIsConfirmedOnceItIsGenuine) {
    const std::string url = std::string("https://") + kSnsHost + kSnsPath;
    const std::string confirm = std::string("https://") + kSnsHost +
                                "/?Action=ConfirmSubscription&TopicArn=" + kTopic + "&Token=t1";
    EXPECT_EQ(sns("SubscriptionConfirmation", url, "confirm", confirm).status, 503);
    EXPECT_EQ(notes("call-"), 0U) << "not before its signature is known";
    EXPECT_EQ(certs().exit_code, 0);
    EXPECT_TRUE(wait_until(
        [&] { return sns("SubscriptionConfirmation", url, "confirm", confirm).status == 200; }));
    EXPECT_EQ(notes("call-"), 1U);
    EXPECT_EQ(upstream_.request_count(), 0U) << "answered at the edge";
    EXPECT_EQ(certs().exit_code, 0);
    EXPECT_EQ(notes("call-"), 0U);
    EXPECT_EQ(provider_.requests().back().target, confirm.substr(confirm.find("/?")));
    // A genuine envelope that confirms something elsewhere: signed, but called by nobody.
    const std::string elsewhere = "https://evil.example/?Action=ConfirmSubscription&Token=t1";
    EXPECT_EQ(sns("SubscriptionConfirmation", url, "confirm", elsewhere).status, 200);
    const std::size_t asked = provider_.request_count();
    EXPECT_NE(certs().exit_code, 0);
    EXPECT_EQ(provider_.request_count(), asked);
}

class WebhookSecretFiles : public testing::Test {
  protected:
    WebhookSecretFiles()
        : gateway_(R"(
            server {
                listen 127.0.0.1:%%PORT%%;
                add_header X-Secret "$sallyport_webhook_secret_index" always;
                location /hook {
                    sallyport_webhook github;
                    sallyport_webhook_secret file:%%SECRET%%;
                    sallyport_webhook_secret "the second of two secrets, steady";
                    proxy_pass http://%%UPSTREAM%%;
                }
            })",
                   {.variables = {{"SECRET", put("the first secret, of last year")},
                                  {"UPSTREAM", upstream_.address()}},
                    .workers = 2}) {}

    // In place by a rename, as secrets are rolled out.
    std::string put(const std::string& text) const {
        chmod(dir_.path().c_str(), 0755);
        const std::string path = dir_.write("hook.key.new", text, 0640);
        if (geteuid() == 0) {
            const passwd* nobody = getpwnam("nobody");  // as whom nginx's workers run
            EXPECT_EQ(chown(path.c_str(), nobody->pw_uid, nobody->pw_gid), 0);
        }
        fs::rename(path, dir_.path("hook.key"));
        return dir_.path("hook.key");
    }
    int status(std::string_view secret) {
        return send(delivery(gateway_.url("/hook"), "body", github_headers("body", secret))).status;
    }

    // Both workers: each looks for itself.
    bool all_answer(std::string_view secret, int wanted) {
        return wait_until([&] {
            for (int i = 0; i < 16; ++i) {
                if (status(secret) != wanted) {
                    return false;
                }
            }
            return true;
        });
    }

    TempDir dir_{"secret"};
    Upstream upstream_;
    NginxServer gateway_;
};

TEST_F(WebhookSecretFiles, AreReadAgainWhenTheyChange) {
    const std::string first = "the first secret, of last year";
    const std::string second = "a new secret, rolled out today";
    EXPECT_EQ(status(first), 200);
    EXPECT_EQ(status(second), 401);
    put(second + "\n");
    EXPECT_TRUE(all_answer(second, 200)) << gateway_.error_log();
    EXPECT_TRUE(all_answer(first, 401));
    EXPECT_EQ(status("the second of two secrets, steady"), 200);

    // What cannot be used is said, and the secret before it stays.
    put("");
    EXPECT_TRUE(wait_until([&] {
        return gateway_.error_log().find("hook.key") != std::string::npos;
    })) << gateway_.error_log();
    EXPECT_EQ(status(second), 200);
    EXPECT_EQ(gateway_.error_log().find(second), std::string::npos) << "no secret in a log";
    fs::remove(dir_.path("hook.key"));
    EXPECT_EQ(status(second), 200);
    put(first);
    EXPECT_TRUE(all_answer(first, 200));
    EXPECT_TRUE(all_answer(second, 401));
}

}  // namespace
}  // namespace sallyport::test
