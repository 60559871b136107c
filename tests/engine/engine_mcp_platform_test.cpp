// The MCP server of a platform on the real engine: every project of the user's, by a token that is
// for nothing else.
#include "tests/engine/mcp_oauth_fixture.hpp"

#include <set>

namespace sallyport::test {
namespace {

const std::string kPlatform = "/mcp/platform";

std::string tool_trigger(const std::string& name) {
    return R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-mcp","pieceVersion":"0.1.0","triggerName":"mcp_tool","propertySettings":{},"input":{"toolName":")" +
           name + R"(","toolDescription":"Does","inputSchema":[],"returnsResponse":false}}})";
}

class McpPlatform : public McpOAuth {
  protected:
    std::string resource_query() {
        return "&resource=" + engine::percent_encode(engine_.url(kPlatform));
    }
    Json tokens_for_all(const std::string& id, const std::string& email = "ann@example.org") {
        return json_of(exchange(id, code_for(id, email, resource_query()), kVerifier, kRedirect,
                                engine_.url(kPlatform)));
    }
    std::string access_for_all(const std::string& email = "ann@example.org") {
        return std::string(tokens_for_all(client(), email)["access_token"].text());
    }
    std::string second_project(const std::string& name) {
        return std::string(
            ann_.post("/v1/projects", R"({"displayName":")" + name + "\"}").body["id"].text());
    }
    Json rpc(const std::string& token, const std::string& method, const std::string& params) {
        return json_of(message(kPlatform, token,
                               R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" +
                                   params + "}"))["result"];
    }
    Json tool(const std::string& token, const std::string& name, const std::string& arguments) {
        return rpc(token, "tools/call",
                   R"({"name":")" + name + R"(","arguments":)" + arguments + "}");
    }
    std::set<std::string> tool_names(const std::string& token) {
        std::set<std::string> names;
        rpc(token, "tools/list", "{}")["tools"].each_element([&names](const Json& one) {
            EXPECT_TRUE(names.emplace(one["name"].text()).second) << one.dump();
        });
        return names;
    }
    std::string made_on(const std::string& token, const std::string& project,
                        const std::string& name) {
        return std::string(tool(token, "ap_create_flow",
                                R"({"projectId":")" + project + R"(","flowName":")" + name +
                                    "\"}")["structuredContent"]["id"]
                               .text());
    }
    // A flow that is a tool, in that project.
    std::string tool_flow(const std::string& project, const std::string& name) {
        const std::string flow(
            ann_.post("/v1/flows", R"({"projectId":")" + project + R"(","displayName":"F"})")
                .body["id"]
                .text());
        EXPECT_EQ(ann_.operate(flow, "UPDATE_TRIGGER", tool_trigger(name)).status, 200);
        EXPECT_EQ(ann_.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
        return name + "_" + flow.substr(0, 4);
    }
    bool becomes(const std::string& email, const std::string& project, const std::string& role) {
        ApiUser key(engine_);
        key.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
        return key.post("/v1/user-invitations", R"({"type":"PROJECT","email":")" + email +
                                                    R"(","accepted":true,"projectId":")" + project +
                                                    R"(","projectRole":")" + role + "\"}")
                   .status == 201;
    }
};

TEST_F(McpPlatform, ThePublishedClientFindsItsWay) {
    const Json told = assistant("ann@example.org", ann_.project(), "allow", engine_.url(kPlatform));
    ASSERT_FALSE(told.has("failure")) << told.dump();
    EXPECT_GT(told["tools"].integer_or(0), 10);
    EXPECT_EQ(told["again"].integer_or(0), told["tools"].integer_or(-1));
    EXPECT_TRUE(told["made"]["structuredContent"].has("id")) << told["made"].dump();
    const Json allowed = ann_.get("/v1/audit-events?action=mcp.client.allowed").body["data"];
    ASSERT_EQ(allowed.size(), 1U);
    EXPECT_EQ(allowed.at(0)["userEmail"].text(), "ann@example.org");
}

TEST_F(McpPlatform, ItSaysWhereItIs) {
    const std::string where = "/.well-known/oauth-protected-resource/mcp/platform";
    const HttpResponse resource = get(engine_.url(where));
    EXPECT_EQ(json_of(resource)["resource"].text(), engine_.url(kPlatform));
    EXPECT_EQ(json_of(resource)["authorization_servers"].at(0).text(), engine_.url(""));
    EXPECT_EQ(resource.header("access-control-allow-origin"), "*");
    const HttpResponse refused = ping("smat_" + std::string(63, 'a'), kPlatform);
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.header("www-authenticate"),
              "Bearer resource_metadata=\"" + engine_.url(where) + "\"");
    EXPECT_EQ(get(engine_.url(kPlatform)).status, 405);
    EXPECT_EQ(send({.url = engine_.url(kPlatform), .method = "OPTIONS"}).status, 204);
    const HttpResponse page = get(engine_.url(authorize_path(client(), resource_query())));
    EXPECT_NE(page.body.find("all projects"), std::string::npos);
}

TEST_F(McpPlatform, ATokenOpensItsOwnResourceAlone) {
    const std::string id = client();
    const Json all = tokens_for_all(id);
    const std::string wide(all["access_token"].text());
    // Another grant, of the same client: neither ends the other.
    const Json one = json_of(exchange(id, code_for(id)));
    const std::string narrow(one["access_token"].text());
    EXPECT_EQ(ping(wide, kPlatform).status, 200);
    EXPECT_EQ(ping(wide, "/mcp").status, 401);
    EXPECT_EQ(ping(narrow, "/mcp").status, 200);
    EXPECT_EQ(ping(narrow, kPlatform).status, 401);
    EXPECT_EQ(ping(wide, "/v1/projects/" + ann_.project() + "/mcp-server/http").status, 401);
    const std::string own(
        ann_.get("/v1/projects/" + ann_.project() + "/mcp-server").body["token"].text());
    EXPECT_EQ(ping(own, "/mcp").status, 200);
    EXPECT_EQ(ping(own, kPlatform).status, 401) << "a project's token is for that project";
    EXPECT_EQ(send({.url = engine_.url(kPlatform + "?token=" + wide),
                    .method = "POST",
                    .headers = {{"Content-Type", "application/json"}},
                    .body = kPing})
                  .status,
              401);
    // What was consented to cannot be widened when the code or the token is exchanged.
    const auto target = [&](const HttpResponse& answer) {
        return std::string(json_of(answer)["error"].text());
    };
    EXPECT_EQ(target(exchange(id, code_for(id), kVerifier, kRedirect, engine_.url(kPlatform))),
              "invalid_target");
    EXPECT_EQ(target(exchange(id, code_for(id, "ann@example.org", resource_query()), kVerifier,
                              kRedirect, engine_.url("/mcp"))),
              "invalid_target");
    EXPECT_EQ(target(renew(id, std::string(one["refresh_token"].text()), engine_.url(kPlatform))),
              "invalid_target");
    const Json renewed =
        json_of(renew(id, std::string(all["refresh_token"].text()), engine_.url(kPlatform)));
    const std::string fresh(renewed["access_token"].text());
    EXPECT_EQ(ping(fresh, kPlatform).status, 200);
    EXPECT_EQ(ping(fresh, "/mcp").status, 401);
}

TEST_F(McpPlatform, ToolsAreThoseOfEveryProject) {
    const std::string shop = second_project("Shop");
    const std::string here = tool_flow(ann_.project(), "here");
    const std::string there = tool_flow(shop, "there");
    const std::string token = access_for_all();
    const std::set<std::string> names = tool_names(token);
    EXPECT_TRUE(names.contains("ap_list_projects"));
    EXPECT_TRUE(names.contains(here));
    EXPECT_TRUE(names.contains(there));
    EXPECT_EQ(tool(token, "ap_list_projects", "{}")["structuredContent"]["projects"].size(), 2U);
    EXPECT_FALSE(tool(token, there, "{}").has("isError"));
    EXPECT_EQ(ann_.get("/v1/flow-runs?projectId=" + shop).body["data"].size(), 1U);
    EXPECT_EQ(ann_.get("/v1/flow-runs?projectId=" + ann_.project()).body["data"].size(), 0U);
    const std::string flow = made_on(token, shop, "By a model");
    EXPECT_EQ(ann_.get("/v1/flows/" + flow).body["projectId"].text(), shop);
    EXPECT_TRUE(tool(token, "ap_list_flows", "{}")["isError"].is_true()) << "which project?";
    // What was made in one project is not found by naming another.
    EXPECT_TRUE(
        tool(token, "ap_flow_structure",
             R"({"flowId":")" + flow + R"(","projectId":")" + ann_.project() + "\"}")["isError"]
            .is_true());
    // A server that is off offers nothing here either; a tool that is off is not there.
    ASSERT_EQ(ann_.post("/v1/projects/" + shop + "/mcp-server", R"({"status":"DISABLED"})").status,
              200);
    ASSERT_EQ(ann_.post("/v1/projects/" + ann_.project() + "/mcp-server",
                        R"({"disabledTools":["ap_create_flow"]})")
                  .status,
              200);
    EXPECT_FALSE(tool_names(token).contains(there));
    EXPECT_EQ(tool(token, "ap_list_projects", "{}")["structuredContent"]["projects"].size(), 1U);
    EXPECT_EQ(made_on(token, shop, "Again"), "");
    EXPECT_EQ(made_on(token, ann_.project(), "Again"), "");
}

TEST_F(McpPlatform, EveryProjectIsThoseThatTheUserMayUse) {
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    const std::string theirs = tool_flow(ann_.project(), "anns");
    const std::string token = access_for_all("bob@example.org");
    const auto projects = [&] {
        return tool(token, "ap_list_projects", "{}")["structuredContent"]["projects"].size();
    };
    EXPECT_EQ(projects(), 1U);
    EXPECT_FALSE(tool_names(token).contains(theirs));
    EXPECT_EQ(made_on(token, ann_.project(), "Stolen"), "");
    ASSERT_TRUE(becomes("bob@example.org", ann_.project(), "Editor"));
    EXPECT_EQ(projects(), 2U);
    EXPECT_TRUE(tool_names(token).contains(theirs));
    EXPECT_NE(made_on(token, ann_.project(), "Shared"), "");
    ASSERT_TRUE(becomes("bob@example.org", ann_.project(), "Viewer"));
    EXPECT_EQ(projects(), 1U);
    EXPECT_FALSE(tool_names(token).contains(theirs));
    EXPECT_EQ(made_on(token, ann_.project(), "Not any more"), "");
}

}  // namespace
}  // namespace sallyport::test
