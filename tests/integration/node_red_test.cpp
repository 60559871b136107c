// A real automation engine behind the gateway: Node-RED from npm (scripts/fetch-node-red) runs a
// flow that counts what reaches it, and only what is genuine does.
#include "common/file_text.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/ports.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

constexpr const char* kFolder = SALLYPORT_NODE_RED;

// Webhooks go into a list that /seen shows; /fail answers 500 until it was called twice.
constexpr std::string_view kFlows = R"([
 {"id":"tab","type":"tab","label":"hooks"},
 {"id":"in","type":"http in","z":"tab","url":"/github","method":"post","wires":[["keep"]]},
 {"id":"keep","type":"function","z":"tab","func":"const seen = flow.get('seen') || []; seen.push({n: msg.payload.n, verified: msg.req.headers['x-verified'] || ''}); flow.set('seen', seen); msg.payload = 'kept'; return msg;","wires":[["out"]]},
 {"id":"fail","type":"http in","z":"tab","url":"/fail","method":"post","wires":[["twice"]]},
 {"id":"twice","type":"function","z":"tab","func":"const n = (flow.get('n') || 0) + 1; flow.set('n', n); msg.statusCode = n < 3 ? 500 : 200; msg.payload = String(n); return msg;","wires":[["out"]]},
 {"id":"seen","type":"http in","z":"tab","url":"/seen","method":"get","wires":[["show"]]},
 {"id":"show","type":"function","z":"tab","func":"msg.payload = JSON.stringify(flow.get('seen') || []); return msg;","wires":[["out"]]},
 {"id":"out","type":"http response","z":"tab","wires":[]}
])";

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

class NodeRed : public testing::Test {
  protected:
    void SetUp() override {
        const std::string program = std::string(kFolder) + "/node_modules/node-red/red.js";
        ASSERT_TRUE(std::filesystem::exists(program)) << "run scripts/fetch-node-red " << kFolder;
        std::ofstream(folder_.path("flows.json")) << kFlows;
        std::ofstream(folder_.path("settings.js"))
            << "module.exports = { uiHost: '127.0.0.1', uiPort: " << held_.number()
            << ", flowFile: 'flows.json', httpNodeRoot: '/hooks', disableEditor: false,"
               " telemetry: { enabled: false }, logging: { console: { level: 'warn' } },"
               " externalModules: { autoInstall: false, palette: { allowInstall: false } } };\n";
        node_red_ = Process::spawn(
            {first_line(std::string(kFolder) + "/node"), program, "--userDir", folder_.path(),
             "--settings", folder_.path("settings.js")},
            {.environment = {"NODE_OPTIONS="}, .output_path = folder_.path("node-red.log")});
        HttpClient client;
        ASSERT_TRUE(wait_until([&] { return client.get(direct("/hooks/seen")).body == "[]"; },
                               std::chrono::minutes(1)))
            << read_file_text(folder_.path("node-red.log"), 1 << 16).value();
        nginx_.emplace(conf(), options());
    }
    std::string conf() const {
        std::string http(R"(
            sallyport_webhook_replay zone=once:1m;
            proxy_next_upstream off;
            server {
                listen 127.0.0.1:%%PORT%%;
                add_header X-Webhook "$sallyport_webhook_status" always;
                proxy_set_header X-Verified $sallyport_webhook_status;
                location /hooks/ {
                    sallyport_webhook github;
                    sallyport_webhook_secret file:%%DIR%%/hook.key;
                    proxy_pass http://%%NODE_RED%%;
                }
            })");
        return http;
    }
    NginxOptions options() const {
        NginxOptions out;
        out.variables = {{"NODE_RED", "127.0.0.1:" + std::to_string(held_.number())}};
        out.files = webhook_files();
        out.workers = 2;
        return out;
    }
    std::string direct(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(held_.number()) + path;
    }
    std::string seen() {
        HttpClient client;
        return client.get(direct("/hooks/seen")).body;
    }
    HttpResponse post(const std::string& path, const std::string& body, HeaderList headers) {
        return send(delivery(nginx_->url(path), body, std::move(headers)));
    }

    // What became of a delivery is noted when its answer is out: until then the other worker says
    // that it is under way, and to come again.
    HttpResponse post_when_free(const std::string& path, const std::string& body) {
        HttpResponse answer;
        EXPECT_TRUE(wait_until([&] {
            answer = post(path, body, github_headers(body));
            return answer.body.find("webhook_in_flight") == std::string::npos;
        }));
        return answer;
    }

    TempDir folder_{"node-red"};
    HeldPort held_;
    Process node_red_;
    std::optional<NginxServer> nginx_;
};

TEST_F(NodeRed, ReceivesOnlyWhatIsGenuine) {
    const std::string good = R"({"n":1})";
    EXPECT_EQ(post("/hooks/github", good, {}).status, 401);
    EXPECT_EQ(
        post("/hooks/github", good, github_headers(good, "another secret, a stranger's")).status,
        401);
    EXPECT_EQ(post("/hooks/github", R"({"n":2})", github_headers(good)).status, 401);
    EXPECT_EQ(seen(), "[]");

    const HttpResponse kept = post("/hooks/github", good, github_headers(good));
    EXPECT_EQ(kept.status, 200);
    EXPECT_EQ(kept.body, "kept");
    EXPECT_EQ(seen(), R"([{"n":1,"verified":"valid"}])");
    EXPECT_EQ(post("/hooks/github", good, github_headers(good)).header("X-Webhook"), "duplicate");

    // Sixteen copies at once.
    const std::string crowd = R"({"n":3})";
    std::vector<std::thread> senders;
    for (int i = 0; i < 16; ++i) {
        senders.emplace_back([&] { post("/hooks/github", crowd, github_headers(crowd)); });
    }
    for (std::thread& sender : senders) {
        sender.join();
    }
    EXPECT_EQ(seen(), R"([{"n":1,"verified":"valid"},{"n":3,"verified":"valid"}])");
}

TEST_F(NodeRed, AFlowThatFailsGetsItsDeliveryAgain) {
    const std::string body = R"({"n":"f"})";
    EXPECT_EQ(post_when_free("/hooks/fail", body).status, 500);
    EXPECT_EQ(post_when_free("/hooks/fail", body).status, 500);
    EXPECT_EQ(post_when_free("/hooks/fail", body).body, "3");
    EXPECT_EQ(post_when_free("/hooks/fail", body).header("X-Webhook"), "duplicate");
}

}  // namespace
}  // namespace sallyport::test
