// What a piece in Node is given for a file, and what goes out with its requests: both by the
// engine's HTTP, whose stub says what was asked.
#include "common/crypto.hpp"
#include "tests/engine/nodebox_fixture.hpp"

#include <gmock/gmock.h>

#include <set>

namespace sallyport::test {
namespace {

using engine::HttpOutcome;
using engine::HttpRequest;
using engine::SandboxResult;
using engine::SandboxStatus;
using testing::HasSubstr;

constexpr std::string_view kPackage = R"js(
class Piece {
    getAction(name) { return actions[name]; }
    getTrigger() {}
    metadata() { return {}; }
}
const actions = {
    take: {
        props: { file: { type: 'FILE', required: true } },
        run: async ({ propsValue: { file } }) => ({
            name: file.filename, extension: file.extension, text: file.data.toString(), base64: file.base64,
        }),
    },
    send: {
        props: {},
        run: async () => {
            const post = (path, body, headers = {}) => fetch('https://api.test/' + path, { method: 'POST', body, headers });
            await post('a', 'one');
            await post('a', 'one');
            await post('b', 'one');
            await post('a', 'two');
            await post('a', 'one', { 'idempotency-key': 'its own' });
            await fetch('https://api.test/a', { method: 'PATCH', body: 'one' });
            await fetch('https://api.test/a');
            return null;
        },
    },
};
exports.own = new Piece();
)js";

class NodeboxRequests : public NodeboxFixture {
  protected:
    void SetUp() override {
        const std::string at = folder_.path("node_modules/own");
        std::filesystem::create_directories(at);
        std::ofstream(at + "/index.js") << kPackage;
        std::ofstream(at + "/package.json") << R"({"name":"own","version":"1.0.0"})";
        start();
    }
    SandboxResult act(std::string_view action, const Json& input, const std::string& key = "") {
        Json task = *Json::parse(R"({"do":"action","piece":"own","auth":null,"payload":null,
            "resumePayload":null,"execution":"BEGIN","propertySettings":{},"step":"step_1",
            "project":{"id":"project-1"},"run":{"id":"run-1"},
            "flow":{"id":"flow-1","versionId":"version-1"},
            "webhookUrl":"https://sallyport.test/api/v1/webhooks/flow-1",
            "waitpoint":{"id":"wait-1","url":"https://sallyport.test/resume/wait-1"},
            "server":{"apiUrl":"http://engine.internal/api/",
                      "publicUrl":"https://sallyport.test/api/","token":"token-1"}})");
        task.set("action", Json::string(action));
        task.set("idempotencyKey", Json::string(key));
        engine::NodeRequest request;
        request.kind = engine::NodeRequest::Kind::piece;
        request.tenant = "tenant-a";
        request.code = task.dump();
        request.input = input;
        request.packages = folder_.path("");
        request.limits.time_ms = 30'000;
        request.limits.memory_bytes = 256u << 20;
        return run(std::move(request));
    }
    SandboxResult take(const std::string& file) {
        return act("take", Json::object({{"file", Json::string(file)}}));
    }
    // The keys of all requests so far, in their order; "-" for one without.
    std::vector<std::string> keys() const {
        std::vector<std::string> all;
        for (const HttpRequest& request : http.requests) {
            std::string key = "-";
            for (const auto& header : request.headers) {
                key = ascii_iequals(header.name, "idempotency-key") ? header.value : key;
            }
            all.push_back(key);
        }
        return all;
    }

    TempDir folder_{"own-piece"};
};

TEST_F(NodeboxRequests, AFileComesFromItsText) {
    const Json inline_file = take("data:text/plain;name=a%20b.txt;base64,aGk=").value["output"];
    EXPECT_EQ(inline_file["name"].text(), "a b.txt");
    EXPECT_EQ(inline_file["extension"].text(), "txt");
    EXPECT_EQ(inline_file["text"].text(), "hi");
    EXPECT_EQ(inline_file["base64"].text(), "aGk=");
    EXPECT_EQ(take("data:image/png,%00").value["output"]["name"].text(), "unknown.png");
    EXPECT_TRUE(http.requests.empty());
    for (const char* wrong : {"a.txt", "ftp://files.test/a", "file:///etc/passwd"}) {
        const SandboxResult result = take(wrong);
        EXPECT_EQ(result.status, SandboxStatus::error) << wrong;
        EXPECT_THAT(result.error, HasSubstr("Expected file url or base64 with mimeType")) << wrong;
    }
    EXPECT_TRUE(http.requests.empty());
}

TEST_F(NodeboxRequests, AFileComesFromItsAddressAsFarAsTheEngineGoes) {
    http.answer = [](const HttpRequest& request) -> HttpOutcome {
        engine::HttpResponse answer;
        answer.status = request.url.ends_with("/gone") ? 404 : 200;
        answer.headers = {{"Content-Type", "application/pdf"}};
        if (request.url.ends_with("/named")) {
            answer.headers.push_back({"Content-Disposition", "attachment; filename=\"bill.pdf\""});
        }
        answer.body = request.url.ends_with("/large") ? std::string(9u << 20, 'x') : "pages";
        return answer;
    };
    const Json named = take("https://files.test/named").value["output"];
    EXPECT_EQ(named["name"].text(), "bill.pdf");
    EXPECT_EQ(named["text"].text(), "pages");
    EXPECT_EQ(http.requests.back().tenant, "tenant-a");
    EXPECT_EQ(http.requests.back().response_bytes_max, 8u << 20);
    const Json plain = take("https://files.test/folder/letter?x=1").value["output"];
    EXPECT_EQ(plain["name"].text(), "letter.pdf");
    EXPECT_EQ(plain["extension"].text(), "pdf");
    EXPECT_THAT(take("https://files.test/gone").error, HasSubstr("the address answered 404"));
    EXPECT_THAT(take("https://files.test/large").error, HasSubstr("too large"));
    http.answer = [](const HttpRequest&) -> HttpOutcome {
        return engine::HttpFailure{engine::HttpError::refused_address, "not this one", true};
    };
    const SandboxResult refused = take("http://169.254.169.254/latest");
    EXPECT_EQ(refused.status, SandboxStatus::error);
    EXPECT_THAT(refused.error, HasSubstr("not this one"));
}

TEST_F(NodeboxRequests, ARepeatedStepRepeatsItsKeys) {
    http.answer = [](const HttpRequest&) { return json_answer(200, "{}"); };
    EXPECT_EQ(act("send", Json::object(), "run-1:step_1:0").status, SandboxStatus::ok);
    const std::vector<std::string> first = keys();
    ASSERT_EQ(first.size(), 7U);
    EXPECT_EQ(first[4], "its own");
    EXPECT_EQ(first[6], "-") << "GET changes nothing";
    const std::set<std::string> others(first.begin(), first.begin() + 6);
    EXPECT_EQ(others.size(), 6U) << "what a piece asks twice it means twice";
    for (const std::size_t i : {0, 1, 2, 3, 5}) {
        EXPECT_TRUE(first[i].starts_with("run-1:step_1:0:")) << first[i];
    }
    http.requests.clear();
    EXPECT_EQ(act("send", Json::object(), "run-1:step_1:0").status, SandboxStatus::ok);
    EXPECT_EQ(keys(), first) << "performed again after a crash";
    http.requests.clear();
    EXPECT_EQ(act("send", Json::object(), "run-1:step_1:1").status, SandboxStatus::ok);
    EXPECT_NE(keys()[0], first[0]) << "the next attempt";
    http.requests.clear();
    EXPECT_EQ(act("send", Json::object()).status, SandboxStatus::ok);
    EXPECT_EQ(keys()[0], "-") << "of no step";
}

}  // namespace
}  // namespace sallyport::test
