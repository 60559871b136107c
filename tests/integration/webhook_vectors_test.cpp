// Every signature vector through the shipped module in a real nginx whose clock stands where the
// vector says: over TLS with HTTP/1.1 and HTTP/2, and in the clear chunked, byte by byte and with
// Expect: 100-continue. Then fifty changes of one byte of each genuine request, all refused.
#include "tests/integration/webhook_vectors.hpp"

#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/webhook_clock.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::int64_t kNow = 1'767'225'600;

// A place of its own for each description with its secrets.
struct Place {
    std::string config;
    std::vector<std::string> params;
    std::vector<std::string> secrets;
    bool operator<(const Place& other) const {
        return std::tie(config, params, secrets) <
               std::tie(other.config, other.params, other.secrets);
    }
};

Place place_of(const SignatureVector& vector) {
    return {vector.config, vector.params, vector.secrets};
}

// For nginx's configuration: in single quotes.
std::string in_quotes(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + "'";
}

bool signs_url(const SignatureVector& vector) {
    return vector.config.find("{url") != std::string::npos ||
           vector.config.find("query:") != std::string::npos ||
           vector.config.find("httpsig") != std::string::npos;
}

class WebhookVectors : public testing::Test {
  protected:
    WebhookVectors() : nginx_(make_http(), options(), kNow) {}

    std::string make_http() {
        std::string profiles;
        std::string tls;
        std::string plain = "server { listen 127.0.0.1:%%PORT%%;\n";
        for (const SignatureVector& vector : signature_vectors()) {
            const auto [found, added] = places_.emplace(place_of(vector), places_.size());
            if (!added) {
                continue;
            }
            const std::string name = "v" + std::to_string(found->second);
            profiles += "sallyport_webhook_profile " + name + " " + in_quotes(vector.config) + ";\n";
            std::string body = "sallyport_webhook " + name;
            for (const std::string& param : vector.params) {
                body += " " + in_quotes(param);
            }
            body += ";";
            for (const std::string& secret : vector.secrets) {
                body += " sallyport_webhook_secret " + in_quotes(secret) + ";";
            }
            body += " proxy_pass http://%%UPSTREAM%%; ";
            tls +=
                "server { listen unix:%%DIR%%/" + name +
                " ssl http2; ssl_certificate %%CERT%%; ssl_certificate_key %%KEY%%; location / { " +
                body + "} }\n";
            plain += "location /" + name + "/ { " + body + "}\n";
        }
        return "client_max_body_size 4m; sallyport_webhook_max_body 2m;\n" + profiles + tls +
               plain + "}\n";
    }
    NginxOptions options() {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}};
        return out;
    }
    std::string name_of(const SignatureVector& vector) const {
        return "v" + std::to_string(places_.at(place_of(vector)));
    }
    // Genuine deliveries reach the upstream as they came, all others do not.
    void expect_verdict(const SignatureVector& vector, int status, const std::string& how) {
        EXPECT_EQ(status, vector.expect == "valid" ? 200 : 401) << vector.id << " " << how;
        if (vector.expect == "valid" && status == 200) {
            ASSERT_TRUE(upstream_.wait_for_requests(++forwarded_)) << vector.id;
            EXPECT_TRUE(upstream_.last_request().body == vector.body) << vector.id << " " << how;
        }
        EXPECT_EQ(upstream_.request_count(), forwarded_) << vector.id << " " << how;
    }
    HttpRequest plain_request(const SignatureVector& vector) const {
        HttpRequest request;
        request.url = nginx_url(vector);
        request.method = vector.method;
        request.headers = vector.headers;
        request.headers.emplace_back("Expect", "");  // libcurl's own, for larger bodies
        request.body = vector.body;
        return request;
    }
    std::string nginx_url(const SignatureVector& vector) const {
        return const_cast<ClockedNginx&>(nginx_)->url("/" + name_of(vector) + "/");
    }
    std::string raw(const SignatureVector& vector, std::string_view framing) const {
        std::string out = vector.method + " /" + name_of(vector) +
                          "/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n";
        for (const auto& [name, value] : vector.headers) {
            out += name + ": " + value + "\r\n";
        }
        return out + std::string(framing) + "\r\n";
    }

    std::map<Place, std::size_t> places_;
    Upstream upstream_;
    ClockedNginx nginx_;
    std::size_t forwarded_ = 0;
};

// Of the final answer: an interim one may come before it.
int status_of(std::string_view answer) {
    if (answer.starts_with("HTTP/1.1 100")) {
        answer.remove_prefix(std::min(answer.size(), answer.find("\r\n\r\n") + 4));
    }
    return answer.size() > 12 ? std::atoi(std::string(answer.substr(9, 3)).c_str()) : 0;
}

TEST_F(WebhookVectors, OverTlsWithHttp1AndHttp2) {
    ASSERT_EQ(signature_vectors().size(), 376U);
    std::int64_t now = kNow;
    for (const SignatureVector& vector : signature_vectors()) {
        if (vector.now_s != now) {
            nginx_.set(now = vector.now_s);
        }
        for (const bool http2 : {false, true}) {
            HttpRequest request;
            request.url = vector.url;
            request.method = vector.method;
            request.headers = vector.headers;
            request.headers.emplace_back("Expect", "");
            request.body = vector.body;
            request.unix_socket = nginx_->dir().path(name_of(vector));
            request.http2 = http2;
            const auto response = send(request);
            ASSERT_EQ(response.error, "") << vector.id;
            expect_verdict(vector, response.status, http2 ? "HTTP/2" : "HTTP/1.1");
        }
    }
    EXPECT_GE(forwarded_, 2 * 145U);
}

TEST_F(WebhookVectors, ChunkedSlowAndExpecting) {
    std::int64_t now = kNow;
    for (const SignatureVector& vector : signature_vectors()) {
        if (signs_url(vector)) {
            continue;  // signs another address than this server's
        }
        if (vector.now_s != now) {
            nginx_.set(now = vector.now_s);
        }
        std::string chunks;
        const std::size_t piece = vector.body.size() > 4096 ? 65'536 : 7;
        for (std::size_t at = 0; at < vector.body.size(); at += piece) {
            const std::string part = vector.body.substr(at, piece);
            char head[32];
            std::snprintf(head, sizeof(head), "%zx\r\n", part.size());
            chunks += head + part + "\r\n";
        }
        expect_verdict(
            vector,
            status_of(raw_exchange(nginx_->port(), raw(vector, "Transfer-Encoding: chunked\r\n") +
                                                       chunks + "0\r\n\r\n")),
            "chunked");
        if (vector.body.size() > 512) {
            continue;
        }
        RawSocket slow(nginx_->port());
        slow.send(raw(vector, "Content-Length: " + std::to_string(vector.body.size()) +
                                  "\r\nExpect: 100-continue\r\n"));
        std::string answer = vector.body.empty() ? "" : slow.receive_until("\r\n\r\n");
        if (answer.starts_with("HTTP/1.1 100") || vector.body.empty()) {
            for (const char& c : vector.body) {
                slow.send({&c, 1});
            }
            answer = slow.receive_all();
        }
        expect_verdict(vector, status_of(answer), "byte by byte");
    }
}

// What a signature covers, as the tests know it: the body, and the fields named in the description.
bool covers_body(const SignatureVector& vector) {
    const std::string& config = vector.config;
    return config.find("type=token") == std::string::npos &&
           config.find("builtin=aws-sns") == std::string::npos &&
           config.find("sig=json") == std::string::npos &&
           config.find("gunzip") == std::string::npos;
}

bool is_covered_field(const SignatureVector& vector, const std::string& name) {
    const std::string& config = vector.config;
    const bool list = config.find("split=") != std::string::npos ||
                      config.find("case=any") != std::string::npos ||
                      config.find("-*") != std::string::npos ||
                      config.find("|header") != std::string::npos;
    return config.find("ts=header:" + name + " ") != std::string::npos ||
           config.find("{header:" + name + "}") != std::string::npos ||
           (!list && config.find("sig=header:" + name + " ") != std::string::npos);
}

TEST_F(WebhookVectors, AnyChangedByteIsRefused) {
    std::mt19937 random(20'260'101);
    HttpClient client;
    std::size_t changes = 0;
    for (const SignatureVector& vector : signature_vectors()) {
        if (vector.expect != "valid" || signs_url(vector) || vector.body.size() > 65'536 ||
            vector.now_s != kNow) {
            continue;
        }
        const HttpRequest genuine = plain_request(vector);
        for (int round = 0; round < 50; ++round) {
            HttpRequest changed = genuine;
            std::vector<std::string*> targets;
            if (covers_body(vector) && !changed.body->empty()) {
                targets.push_back(&*changed.body);
            }
            for (auto& [name, value] : changed.headers) {
                if (is_covered_field(vector, name)) {
                    targets.push_back(&value);
                }
            }
            if (targets.empty()) {
                break;
            }
            std::string& target = *targets[random() % targets.size()];
            const bool header = !changed.body || &target != &*changed.body;
            char& byte = target[random() % target.size()];
            // In a field another digit or letter, in a body any other byte.
            const char before = byte;
            while (byte == before) {
                byte = header ? "0123456789abcdefXYZ"[random() % 19]
                              : static_cast<char>(random() & 0xff);
            }
            ++changes;
            const auto response = client.send(changed);
            EXPECT_EQ(response.status, 401) << vector.id << " round " << round;
        }
    }
    EXPECT_GT(changes, 4000U);
    EXPECT_EQ(upstream_.request_count(), 0U);
}

}  // namespace
}  // namespace sallyport::test
