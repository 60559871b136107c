// Each preset by its name in real nginx: the deliveries of webhook-presets.json, signed by another
// implementation, reach the upstream unchanged and once; without what proves them they do not.
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/webhook_clock.hpp"
#include "tests/integration/webhook_vectors.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::int64_t kNow = 1'767'225'600;

struct PresetCase {
    SignatureVector vector;
    std::string options;
    std::string place;
};

const std::vector<PresetCase>& preset_cases() {
    static const std::vector<PresetCase> all = [] {
        const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/webhook-presets.json", 1 << 20);
        std::vector<PresetCase> out;
        const Json file = Json::parse(text.value()).value();
        file.each_element([&](const Json& each) {
            out.push_back({vector_from(each), std::string(each["options"].text()),
                           "p" + std::to_string(out.size())});
        });
        return out;
    }();
    return all;
}

class WebhookPresetsInNginx : public testing::Test {
  protected:
    WebhookPresetsInNginx() : nginx_(conf(), options(), kNow) {}

    static std::string conf() {
        std::string http =
            "ignore_invalid_headers off; underscores_in_headers on;\n"
            "sallyport_webhook_replay zone=all:1m;\n"
            "add_header X-Webhook \"$sallyport_webhook_status $sallyport_webhook_reason\" "
            "always;\n";
        for (const PresetCase& each : preset_cases()) {
            http += "server { listen unix:%%DIR%%/" + each.place + " ssl; server_name " +
                    each.place +
                    "; ssl_certificate %%CERT%%; ssl_certificate_key %%KEY%%; location / { "
                    "sallyport_webhook " +
                    each.vector.scheme + " " + each.options +
                    "; sallyport_webhook_secret file:%%DIR%%/" + each.place +
                    ".key; proxy_pass http://%%UPSTREAM%%; } }\n";
        }
        return http + "server { listen 127.0.0.1:%%PORT%%; }";
    }
    NginxOptions options() const {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}};
        for (const PresetCase& each : preset_cases()) {
            out.files[each.place + ".key"] = each.vector.secrets[0];
        }
        return out;
    }
    HttpResponse ask(const PresetCase& each, const HeaderList& headers, const std::string& path,
                     const std::string& body) {
        HttpRequest request;
        request.url = "https://example.com" + path;
        request.unix_socket = nginx_->dir().path(each.place);
        request.method = "POST";
        request.headers = headers;
        request.headers.emplace_back("Expect", "");
        request.body = body;
        return send(request);
    }

    Upstream upstream_;
    ClockedNginx nginx_;
};

TEST_F(WebhookPresetsInNginx, AcceptWhatTheSenderSignedOnce) {
    std::size_t forwarded = 0;
    for (const PresetCase& each : preset_cases()) {
        const SignatureVector& vector = each.vector;
        const HttpResponse response = ask(each, vector.headers, vector.path, vector.body);
        EXPECT_EQ(response.status, 200)
            << vector.id << ": " << response.header("X-Webhook").value_or("") << response.error;
        if (response.status != 200) {
            continue;
        }
        EXPECT_TRUE(upstream_.wait_for_requests(++forwarded)) << vector.id;
        EXPECT_EQ(upstream_.last_request().body, vector.body) << vector.id;
        EXPECT_EQ(ask(each, vector.headers, vector.path, vector.body).header("X-Webhook"),
                  "duplicate webhook_duplicate")
            << vector.id;
        EXPECT_EQ(upstream_.request_count(), forwarded) << vector.id;
    }
}

TEST_F(WebhookPresetsInNginx, RefuseWhatProvesNothing) {
    for (const PresetCase& each : preset_cases()) {
        const SignatureVector& vector = each.vector;
        const std::string path = vector.path.substr(0, vector.path.find('?'));
        EXPECT_EQ(ask(each, {}, path, R"({"id":"evt_1"})").status, 401) << vector.id;
        EXPECT_EQ(ask(each, {}, path, "").status, 401) << vector.id;
        EXPECT_EQ(ask(each, {}, path, "[]").status, 401) << vector.id;
        HeaderList empty = vector.headers;
        for (auto& [name, value] : empty) {
            value = "x";
        }
        EXPECT_EQ(ask(each, empty, path, "{}").status, 401) << vector.id;
    }
    EXPECT_EQ(upstream_.request_count(), 0U);
}

}  // namespace
}  // namespace sallyport::test
