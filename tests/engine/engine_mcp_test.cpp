// MCP servers on the real engine: the published client lists and calls flows as tools.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string mcp_trigger(std::string_view name, bool waits) {
    return R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-mcp","pieceVersion":"0.1.0","triggerName":"mcp_tool","propertySettings":{},"input":{"toolName":")" +
           std::string(name) +
           R"(","toolDescription":"Doubles","inputSchema":[{"name":"n","type":"Number","required":true,"description":"what"}],"returnsResponse":)" +
           (waits ? "true" : "false") + "}}}";
}

std::string reply_step() {
    return R"({"type":"PIECE","displayName":"Reply","valid":true,"name":"reply","settings":{"pieceName":"@activepieces/piece-mcp","pieceVersion":"0.1.0","actionName":"reply_to_mcp_client","propertySettings":{},"input":{"mode":"simple","response":{"response":{"double":"{{step_1.output}}"}},"respond":"stop"}}})";
}

class EngineMcp : public ::testing::Test {
  protected:
    EngineMcp() { ann_.sign_up(); }

    std::string tool_flow(std::string_view name, bool waits) {
        const std::string flow =
            ann_.make_flow({code_step("step_1", "export const code = async (i) => i.n * 2;",
                                      R"({"n":"{{trigger.output.n}}"})"),
                            reply_step()});
        EXPECT_EQ(ann_.operate(flow, "UPDATE_TRIGGER", mcp_trigger(name, waits)).status, 200);
        EXPECT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
        return flow;
    }

    // `kind` is "sse" for the transport of protocol 2024-11-05.
    Json assistant(const std::string& path, const std::string& token, const std::string& calls,
                   const std::string& kind = "") {
        const std::string packages = SALLYPORT_MCP_PACKAGES;
        std::ifstream file(packages + "/node");
        std::string node;
        std::getline(file, node);
        EXPECT_FALSE(node.empty()) << "run scripts/fetch-mcp-sdk " << packages;
        const CommandResult ran = run_command(
            {node, SALLYPORT_MCP_CLIENT, packages, engine_.url(path), token, calls, kind});
        const Result<Json> told = Json::parse(ran.output);
        EXPECT_TRUE(told.ok()) << ran.output;
        return told.ok() ? *told : Json();
    }

    HttpResponse rpc(const std::string& path, const std::string& body,
                     const std::string& token = "", HeaderList headers = {}) {
        HttpRequest request;
        request.method = "POST";
        request.url = engine_.url(path);
        request.headers = {{"Content-Type", "application/json"},
                           {"Accept", "application/json, text/event-stream"}};
        for (auto& header : headers) {
            request.headers.push_back(std::move(header));
        }
        if (!token.empty()) {
            request.headers.emplace_back("Authorization", "Bearer " + token);
        }
        request.body = body;
        return send(request);
    }

    std::string project_token() {
        return std::string(
            ann_.get("/v1/projects/" + ann_.project() + "/mcp-server").body["token"].text());
    }

    // A named server's token.
    std::string old_token() {
        return std::string(
            ann_.post("/v1/mcp-servers", R"({"projectId":")" + ann_.project() + R"(","name":"M"})")
                .body["token"]
                .text());
    }
    // Opens a stream of events and reads where its messages go.
    std::string endpoint_of(RawSocket& stream, const std::string& token) {
        stream.send("GET /v1/mcp/" + token + "/sse HTTP/1.1\r\nHost: e\r\n\r\n");
        const std::string head = stream.receive_until("\n\n");
        const std::string begin = "event: endpoint\ndata: ";
        const std::size_t at = head.find(begin);
        return at == std::string::npos
                   ? head
                   : head.substr(at + begin.size(),
                                 head.find('\n', at + begin.size()) - at - begin.size());
    }

    EngineProcess engine_;
    ApiUser ann_{engine_};
};

TEST_F(EngineMcp, FlowsAreToolsForThePublishedClient) {
    const std::string waits = tool_flow("double", true);
    const std::string fires = tool_flow("fire and forget", false);
    const std::string name = "double_" + waits.substr(0, 4);
    const std::string calls = R"([{"name":")" + name + R"(","arguments":{"n":21}},{"name":")" +
                              name + R"(","arguments":{}},{"name":"none","arguments":{}},)" +
                              R"({"name":"fire_and_forget_)" + fires.substr(0, 4) +
                              R"(","arguments":{"n":1}},{"name":"ap_list_flows","arguments":{}}])";
    for (const std::string& path :
         {std::string("/mcp"), "/api/v1/projects/" + ann_.project() + "/mcp-server/http"}) {
        const Json told = assistant(path, project_token(), calls);
        ASSERT_TRUE(told.has("results")) << told.dump();
        EXPECT_EQ(told["server"]["name"].text(), "sallyport-engine");
        bool listed = false;
        told["tools"].each_element([&](const Json& tool) {
            if (tool["name"].text() == name) {
                listed = true;
                EXPECT_EQ(
                    tool["inputSchema"].dump(),
                    R"({"type":"object","properties":{"n":{"type":"number","description":"what"}},"required":["n"]})");
            }
        });
        EXPECT_TRUE(listed) << told["tools"].dump();
        const Json results = told["results"];
        EXPECT_EQ(results.at(0)["structuredContent"].dump(), R"({"response":{"double":42}})");
        EXPECT_TRUE(results.at(1)["isError"].is_true());
        EXPECT_EQ(results.at(1)["content"].at(0)["text"].text(), "Missing required parameters: n");
        EXPECT_EQ(results.at(2)["code"].integer_or(0), -32602);
        EXPECT_FALSE(results.at(3)["isError"].is_true());
        EXPECT_EQ(results.at(4)["structuredContent"]["data"].size(), 2U);
    }
}

TEST_F(EngineMcp, ToolsOfPiecesHaveConnectionsOfTheirOwn) {
    const auto in_project = [this](const std::string& members) {
        return R"({"projectId":")" + ann_.project() + "\"," + members + "}";
    };
    const ApiAnswer connection = ann_.post(
        "/v1/app-connections",
        in_project(
            R"("externalId":"c","displayName":"C","pieceName":"slack","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"s"})"));
    ASSERT_EQ(connection.status, 201) << connection.raw.body;
    const std::string path =
        "/v1/mcp-servers/" +
        std::string(ann_.post("/v1/mcp-servers", in_project(R"("name":"M")")).body["id"].text());
    const auto put = [&](const std::string& piece, const std::string& external) {
        return ann_.post(path, R"({"tools":[{"type":"PIECE","pieceMetadata":{"pieceName":")" +
                                   piece + R"(","connectionExternalId":")" + external + "\"}}]}");
    };
    EXPECT_EQ(put("slack", "c").status, 200);
    const ApiAnswer refused = put("gmail", "c");
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.body["code"].text(), "MCP_PIECE_CONNECTION_MISMATCH");
    EXPECT_EQ(refused.body["params"].dump(),
              R"({"pieceName":"gmail","connectionPieceName":"slack","connectionId":")" +
                  std::string(connection.body["id"].text()) + "\"}");
    EXPECT_EQ(ann_.get(path).body["tools"].at(0)["pieceMetadata"]["pieceName"].text(), "slack")
        << "it is as it was";
    EXPECT_EQ(put("gmail", "later").status, 200) << "what is not there yet";
}

TEST_F(EngineMcp, OldServersOfferTheirFlows) {
    const std::string one = tool_flow("one", true);
    const std::string two = tool_flow("two", true);
    const ApiAnswer made =
        ann_.post("/v1/mcp-servers", R"({"projectId":")" + ann_.project() + R"(","name":"M"})");
    ASSERT_EQ(made.status, 200);
    const std::string token(made.body["token"].text());
    const std::string id(made.body["id"].text());
    EXPECT_EQ(assistant("/v1/mcp/" + token + "/sse", "", "[]")["tools"].size(), 2U);
    ASSERT_EQ(
        ann_.post("/v1/mcp-servers/" + id, R"({"tools":[{"type":"FLOW","flowId":")" + two + "\"}]}")
            .status,
        200);
    const Json told = assistant("/v1/mcp/" + token + "/sse", "", "[]");
    ASSERT_EQ(told["tools"].size(), 1U);
    EXPECT_EQ(told["tools"].at(0)["name"].text(), "two_" + two.substr(0, 4));
    // A new token ends the old one.
    const std::string rotated(
        ann_.post("/v1/mcp-servers/" + id + "/rotate", "{}").body["token"].text());
    EXPECT_NE(rotated, token);
    const std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
    EXPECT_EQ(rpc("/v1/mcp/" + token + "/sse", ping).status, 404);
    EXPECT_EQ(rpc("/v1/mcp/" + rotated + "/sse", ping).body,
              R"({"jsonrpc":"2.0","id":1,"result":{}})");
    ASSERT_EQ(ann_.call("DELETE", "/v1/mcp-servers/" + id).status, 204);
    EXPECT_EQ(rpc("/v1/mcp/" + rotated + "/sse", ping).status, 404);
}

TEST_F(EngineMcp, ThePublishedClientSpeaksByEvents) {
    const std::string flow = tool_flow("double", true);
    const std::string name = "double_" + flow.substr(0, 4);
    const Json told = assistant(
        "/api/v1/mcp/" + old_token() + "/sse", "",
        R"([{"name":")" + name + R"(","arguments":{"n":21}},{"name":"none","arguments":{}}])",
        "sse");
    ASSERT_TRUE(told.has("results")) << told.dump();
    EXPECT_EQ(told["tools"].size(), 1U);
    EXPECT_EQ(told["results"].at(0)["structuredContent"].dump(), R"({"response":{"double":42}})");
    EXPECT_EQ(told["results"].at(1)["code"].integer_or(0), -32602);
    EXPECT_TRUE(assistant("/v1/mcp/aaaaaaaaaaaaaaaaaaaaa/sse", "", "[]", "sse").has("failure"));
}

TEST_F(EngineMcp, EventsGoToWhoOpenedTheStream) {
    const std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
    EXPECT_EQ(rpc("/v1/mcp/messages", ping).status, 400);
    EXPECT_NE(rpc("/v1/mcp/messages", ping).body.find(R"("message":"Missing session ID")"),
              std::string::npos);
    EXPECT_EQ(rpc("/v1/mcp/messages?sessionId=x", ping).status, 404);

    const std::string token = old_token();
    RawSocket one(engine_.port());
    RawSocket two(engine_.port());
    const std::string to_one = endpoint_of(one, token);
    const std::string to_two = endpoint_of(two, token);
    ASSERT_TRUE(to_one.starts_with("/api/v1/mcp/messages?sessionId=")) << to_one;
    ASSERT_NE(to_one, to_two);
    EXPECT_EQ(rpc(to_two, R"({"jsonrpc":"2.0","id":2,"method":"ping"})").status, 202);
    EXPECT_EQ(rpc(to_one, ping).status, 202);
    EXPECT_EQ(one.receive_until("\n\n"),
              "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n");
    EXPECT_EQ(two.receive_until("\n\n"),
              "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\n");
    EXPECT_EQ(rpc(to_one, R"({"jsonrpc":"2.0","method":"notifications/initialized"})").status, 202);
    EXPECT_EQ(rpc(to_one, "{").status, 400);
    // Who leaves is forgotten.
    two.shutdown_write();
    EXPECT_TRUE(wait_until([&] { return rpc(to_two, ping).status == 404; }));
    // A token that ends takes its streams along.
    const std::string id(
        ann_.get("/v1/mcp-servers?projectId=" + ann_.project()).body["data"].at(0)["id"].text());
    ASSERT_EQ(ann_.post("/v1/mcp-servers/" + id + "/rotate", "{}").status, 200);
    EXPECT_EQ(rpc(to_one, ping).status, 404);
    EXPECT_EQ(one.receive_until("never"), "") << "closed";
}

TEST_F(EngineMcp, StreamsAreBoundedAndDoNotHoldUpTheEnd) {
    const std::string token = old_token();
    constexpr int kOfOneServer = 32;
    std::vector<std::unique_ptr<RawSocket>> streams;
    for (int i = 0; i < kOfOneServer; ++i) {
        streams.push_back(std::make_unique<RawSocket>(engine_.port()));
        ASSERT_TRUE(endpoint_of(*streams.back(), token).starts_with("/api/")) << i;
    }
    EXPECT_EQ(get(engine_.url("/v1/mcp/" + token + "/sse")).status, 429);
    streams.pop_back();
    EXPECT_TRUE(wait_until([&] {
        RawSocket again(engine_.port());
        return endpoint_of(again, token).starts_with("/api/");
    }));
    EXPECT_EQ(engine_.stop(), 0) << "though streams are open";
}

TEST_F(EngineMcp, MessagesAreAnsweredAsTheProtocolHasIt) {
    const std::string token = project_token();
    struct Case {
        std::string_view body;
        int status;
        std::string_view part;
    };
    const std::vector<Case> cases = {
        {R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"c","version":"1"}}})",
         200, R"("protocolVersion":"2024-11-05")"},
        {R"({"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"1999-01-01"}})",
         200, R"("protocolVersion":"2025-06-18")"},
        {R"({"jsonrpc":"2.0","method":"notifications/initialized"})", 202, ""},
        {R"({"jsonrpc":"2.0","id":9,"result":{}})", 202, ""},
        {R"({"jsonrpc":"2.0","id":1,"method":"resources/list"})", 200, "-32601"},
        {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}})", 200, "-32602"},
        {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ap_get_run","arguments":{}}})",
         200, R"("isError":true)"},
        {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ap_get_run","arguments":{"runId":"../flows"}}})",
         200, R"("isError":true)"},
        {"{", 400, "-32700"},
        {"[]", 400, "-32600"},
        {R"({"jsonrpc":"1.0","id":1,"method":"ping"})", 400, "-32600"},
        {R"({"jsonrpc":"2.0","id":{},"method":"ping"})", 400, "-32600"},
        {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})", 400, "-32600"},
    };
    for (const Case& test : cases) {
        const HttpResponse answer = rpc("/mcp", std::string(test.body), token);
        EXPECT_EQ(answer.status, test.status) << test.body << answer.body;
        EXPECT_NE(answer.body.find(test.part), std::string::npos) << test.body << answer.body;
    }
    const std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
    EXPECT_EQ(rpc("/mcp", ping, token, {{"MCP-Protocol-Version", "1.0"}}).status, 400);
    EXPECT_EQ(rpc("/mcp", ping).status, 401);
    EXPECT_EQ(rpc("/mcp", ping, "aaaaaaaaaaaaaaaaaaaaa").status, 401);
    EXPECT_EQ(rpc("/mcp?token=" + token, ping).status, 200);
    EXPECT_EQ(get(engine_.url("/mcp")).status, 405);
    HttpRequest preflight;
    preflight.method = "OPTIONS";
    preflight.url = engine_.url("/mcp");
    const HttpResponse asked = send(preflight);
    EXPECT_EQ(asked.status, 204);
    EXPECT_EQ(asked.header("access-control-allow-methods"), "POST");
    EXPECT_EQ(rpc("/v1/projects/aaaaaaaaaaaaaaaaaaaaa/mcp-server/http", ping, token).status, 401);
}

TEST_F(EngineMcp, AProjectsServerIsSetAndTurnedOff) {
    const std::string path = "/v1/projects/" + ann_.project() + "/mcp-server";
    const std::string token = project_token();
    EXPECT_EQ(project_token(), token);
    ASSERT_EQ(ann_.post(path, R"({"disabledTools":["ap_create_flow"]})").status, 200);
    const std::string list = R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})";
    const std::string tools = rpc("/mcp", list, token).body;
    EXPECT_EQ(tools.find("ap_create_flow"), std::string::npos);
    EXPECT_NE(tools.find("ap_list_runs"), std::string::npos);
    const std::string create =
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ap_create_flow","arguments":{"flowName":"F"}}})";
    EXPECT_NE(rpc("/mcp", create, token).body.find("Unknown tool"), std::string::npos);
    ASSERT_EQ(ann_.post(path, R"({"disabledTools":[]})").status, 200);
    EXPECT_NE(rpc("/mcp", create, token).body.find(R"("structuredContent":{"id")"),
              std::string::npos);
    EXPECT_EQ(ann_.post(path, R"({"disabledTools":"all"})").status, 400);
    EXPECT_EQ(ann_.post(path, R"({"status":"ON"})").status, 400);
    ASSERT_EQ(ann_.post(path, R"({"status":"DISABLED"})").status, 200);
    EXPECT_EQ(rpc("/mcp", list, token).status, 401);
    ASSERT_EQ(ann_.post(path, R"({"status":"ENABLED"})").status, 200);
    const std::string rotated(ann_.post(path + "/rotate", "{}").body["token"].text());
    EXPECT_EQ(rpc("/mcp", list, token).status, 401);
    EXPECT_EQ(rpc("/mcp", list, rotated).status, 200);
}

// A token is for its project, whatever else the project's owner may see.
TEST_F(EngineMcp, ATokenReachesNoOtherProject) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ann.sign_up();
    ApiUser bob(engine);
    bob.sign_up("bob@example.org");
    const std::string flow = bob.make_flow({});
    const std::string token(
        ann.get("/v1/projects/" + ann.project() + "/mcp-server").body["token"].text());
    EXPECT_EQ(ann.get("/v1/projects/" + bob.project() + "/mcp-server").status, 403);
    HttpRequest request;
    request.method = "POST";
    request.url = engine.url("/mcp");
    request.headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + token}};
    request.body =
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ap_flow_structure","arguments":{"flowId":")" +
        flow + R"("}}})";
    EXPECT_NE(send(request).body.find(R"("isError":true)"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::test
