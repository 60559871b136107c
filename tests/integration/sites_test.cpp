// The example sites of conf.d/sites work as shipped, but for addresses, certificates and secrets:
// deliveries reach the engine only when they are genuine, its editor only from the office.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/site_conf.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr const char* kStranger = "127.0.0.66";

struct Site {
    const char* name;
    const char* host;
    const char* upstream;     // as shipped
    const char* signed_path;  // github's, or another that signs the body alike
    const char* signature;    // its field
    const char* secret_path;  // shows a secret of the operator's
    std::pair<std::string, std::string> secret_field;
    std::vector<const char*> office;  // what only the office may see
    std::vector<const char*> open;    // what anybody may call
    std::vector<const char*> closed;  // what nobody may
};

std::ostream& operator<<(std::ostream& out, const Site& site) {
    return out << site.name;
}

const Site kSites[] = {
    {"n8n",
     "n8n.example.com",
     "127.0.0.1:5678",
     "/webhook/github",
     "X-Hub-Signature-256",
     "/webhook/orders/new",
     {"X-Webhook-Secret", kSharedSecret},
     {"/", "/rest/push?sessionId=x", "/api/v1/workflows", "/webhook-test/github", "/metrics",
      "/form-test/x", "/mcp/x"},
     {"/webhook-waiting/17", "/form/survey"},
     {}},
    {"activepieces",
     "flows.example.com",
     "127.0.0.1:8080",
     "/api/v1/webhooks/GitHubFlowId00000000/sync",
     "X-Hub-Signature-256",
     "/api/v1/webhooks/AnotherFlowId0000000/sync",
     {"X-Webhook-Secret", kSharedSecret},
     {"/", "/api/v1/flows", "/api/socket.io/?EIO=4", "/api/v1/webhooks/GitHubFlowId00000000/test",
      "/api/v1/webhooks/AnotherFlowId0000000/draft/sync"},
     {"/api/v1/flow-runs/r1/requests/q1"},
     {"/api/v1/app-events/square", "/api/v2/flows", "/v2/flows", "/api/V3", "/API/v0/flows",
      "/api/v11/flows"}},
    {"automatisch",
     "automatisch.example.com",
     "127.0.0.1:3000",
     "",
     "",
     "/webhooks/flows/00000000-0000-4000-8000-0000000000ff",
     {"X-Webhook-Secret", kSharedSecret},
     {"/", "/api/v1/flows", "/admin/queues"},
     {},
     {}},
    {"node-red",
     "red.example.com",
     "127.0.0.1:1880",
     "/hooks/github",
     "X-Hub-Signature-256",
     "/hooks/sensors",
     {"Authorization", "Bearer " + kSharedSecret},
     {"/admin/", "/admin/comms", "/dashboard/page1", "/ui"},
     {},
     {"/", "/flows"}},
};

class Sites : public testing::TestWithParam<Site> {
  protected:
    Sites()
        : nginx_(site_conf(GetParam().name, GetParam().host, GetParam().upstream),
                 site_options(upstream_.address())) {}

    HttpResponse ask(const std::string& path, HeaderList headers = {}, const std::string& body = "",
                     const char* from = kStranger) {
        HttpRequest request;
        request.url = nginx_.tls_url(path);
        request.headers = std::move(headers);
        request.headers.emplace_back("Host", GetParam().host);
        request.local_address = from;
        if (!body.empty()) {
            request.method = "POST";
            request.body = body;
        }
        return send(request);
    }

    Upstream upstream_;
    NginxServer nginx_;
};

TEST_P(Sites, LetInWhatBelongs) {
    const Site& site = GetParam();
    if (*site.signed_path != '\0') {
        const std::string body = R"({"n":1})";
        EXPECT_EQ(ask(site.signed_path, {}, body).status, 401);
        EXPECT_EQ(ask(site.signed_path, github_headers(body, "another secret, a stranger's"), body)
                      .status,
                  401);
        EXPECT_EQ(upstream_.request_count(), 0U);
        EXPECT_EQ(ask(site.signed_path, github_headers(body), body).status, 200);
        EXPECT_EQ(upstream_.request_count(), 1U);
        EXPECT_EQ(ask(site.signed_path, github_headers(body), body).status, 200) << "a copy";
        EXPECT_EQ(upstream_.request_count(), 1U);
        EXPECT_EQ(upstream_.requests()[0].target, site.signed_path);
        EXPECT_EQ(upstream_.requests()[0].body, body);
    }
    upstream_.clear();
    EXPECT_EQ(ask(site.secret_path, {}, "{}").status, 401);
    EXPECT_EQ(upstream_.request_count(), 0U);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(ask(site.secret_path, {site.secret_field}, "{}").status, 200);
        EXPECT_EQ(ask(site.secret_path, {site.secret_field}).status, 200) << "GET";
    }
    EXPECT_EQ(upstream_.request_count(), 4U);
}

TEST_P(Sites, KeepTheEditorForTheOffice) {
    const Site& site = GetParam();
    for (const char* path : site.office) {
        upstream_.clear();
        EXPECT_EQ(ask(path).status, 403) << path;
        EXPECT_EQ(upstream_.request_count(), 0U) << path;
        EXPECT_EQ(ask(path, {}, "", "127.0.0.1").status, 200) << path;
        EXPECT_EQ(upstream_.requests()[0].target, path);
        EXPECT_EQ(upstream_.requests()[0].header("Host"), site.host);
    }
    for (const char* path : site.open) {
        EXPECT_EQ(ask(path).status, 200) << path;
    }
    for (const char* path : site.closed) {
        EXPECT_EQ(ask(path, {}, "", "127.0.0.1").status, 404) << path;
    }
}

TEST_P(Sites, PassWebsocketsOn) {
    const Site& site = GetParam();
    if (site.name == std::string("automatisch")) {
        return;  // has none
    }
    const HeaderList upgrade = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
    EXPECT_EQ(ask(site.office[1], upgrade, "", "127.0.0.1").status, 200);
    EXPECT_EQ(upstream_.requests()[0].header("Upgrade"), "websocket");
    EXPECT_EQ(upstream_.requests()[0].header("Connection"), "upgrade");
    EXPECT_EQ(ask(site.office[1], {}, "", "127.0.0.1").status, 200);
    EXPECT_FALSE(upstream_.requests()[1].header("Upgrade"));
    EXPECT_FALSE(upstream_.requests()[1].header("Connection"));
}

INSTANTIATE_TEST_SUITE_P(All, Sites, testing::ValuesIn(kSites), [](const auto& which) {
    std::string name = which.param.name;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

}  // namespace
}  // namespace sallyport::test
