// What senders with rules of their own may send, and what nobody may send in their name: the rows
// of webhook-senders.json (tests/vectors/make_webhook_senders.py) through real nginx.
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/webhook_clock.hpp"
#include "tests/integration/webhook_vectors.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::int64_t kNow = 1'767'225'600;

struct Row {
    SignatureVector vector;
    std::string options;
    std::string place;  // of the server that has this preset, these options and this secret
};

const std::vector<Row>& rows() {
    static const std::vector<Row> all = [] {
        const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/webhook-senders.json", 1 << 20);
        const Json file = Json::parse(text.value()).value();
        std::vector<Row> out;
        std::map<std::string, std::string> places;
        file.each_element([&](const Json& each) {
            Row row{vector_from(each), std::string(each["options"].text()), ""};
            std::string& place =
                places[row.vector.scheme + "\n" + row.options + "\n" + row.vector.secrets[0]];
            if (place.empty()) {
                place = "p" + std::to_string(places.size());
            }
            row.place = place;
            out.push_back(std::move(row));
        });
        return out;
    }();
    return all;
}

class WebhookRows : public testing::Test {
  protected:
    WebhookRows() : nginx_(conf(), options(), kNow) {}

    static std::string conf() {
        std::map<std::string, const Row*> servers;
        for (const Row& row : rows()) {
            servers.emplace(row.place, &row);
        }
        std::string http =
            "add_header X-Webhook \"$sallyport_webhook_status $sallyport_webhook_reason\" "
            "always;\n";
        for (const auto& [place, row] : servers) {
            http += "server { listen unix:%%DIR%%/" + place +
                    " ssl; ssl_certificate %%CERT%%; ssl_certificate_key %%KEY%%; location / { "
                    "sallyport_webhook " +
                    row->vector.scheme + " " + row->options +
                    "; sallyport_webhook_secret file:%%DIR%%/" + place +
                    ".key; proxy_pass http://%%UPSTREAM%%; } }\n";
        }
        return http + "server { listen 127.0.0.1:%%PORT%%; }";
    }
    NginxOptions options() const {
        NginxOptions out;
        out.variables = {{"UPSTREAM", upstream_.address()}};
        for (const Row& row : rows()) {
            out.files[row.place + ".key"] = row.vector.secrets[0];
        }
        return out;
    }

    Upstream upstream_;
    ClockedNginx nginx_;
};

TEST_F(WebhookRows, OnlyWhatIsGenuineAndFreshReachesTheUpstream) {
    std::size_t forwarded = 0;
    for (const Row& row : rows()) {
        const SignatureVector& vector = row.vector;
        HttpRequest request;
        request.url = "https://example.com" + vector.path;
        request.unix_socket = nginx_->dir().path(row.place);
        request.method = vector.method;
        request.headers = vector.headers;
        request.headers.emplace_back("Expect", "");
        request.body = vector.body;
        const HttpResponse response = send(request);
        const std::string said = response.header("X-Webhook").value_or("") + response.error;
        EXPECT_EQ(response.status, vector.expect == "valid" ? 200 : 401) << vector.id << said;
        EXPECT_TRUE(said.starts_with(vector.expect + " ")) << vector.id << ": " << said;
        forwarded += vector.expect == "valid" ? 1 : 0;
        ASSERT_EQ(upstream_.request_count(), forwarded) << vector.id;
        if (vector.expect == "valid") {
            EXPECT_EQ(upstream_.last_request().body, vector.body) << vector.id;
        }
    }
    EXPECT_GT(forwarded, 40U);
}

}  // namespace
}  // namespace sallyport::test
