// What the engine describes of its answers and queries, held against what it answers.
#include "tests/engine/engine_process.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {
namespace {

bool is_of(std::string_view type, const Json& value) {
    return type == "string"    ? value.is_string()
           : type == "number"  ? value.is_number()
           : type == "boolean" ? value.is_true() || value.dump() == "false"
           : type == "object"  ? value.is_object()
           : type == "array"   ? value.is_array()
           : type == "null"    ? value.is_null()
                               : false;
}

// The first place where the value is not of the schema; empty when it is.
std::string problem(const Json& schemas, const Json& schema, const Json& value,
                    const std::string& at) {
    if (schema["$ref"].is_string()) {
        const std::string name(schema["$ref"].text().substr(21));  // #/components/schemas/
        return schemas.has(name) ? problem(schemas, schemas[name], value, at) : "no type " + name;
    }
    if (schema["anyOf"].is_array()) {
        std::string last;
        for (std::size_t i = 0; i < schema["anyOf"].size(); ++i) {
            last = problem(schemas, schema["anyOf"].at(i), value, at);
            if (last.empty()) {
                return {};
            }
        }
        return last;
    }
    const std::string_view type = schema["type"].text();
    if (!type.empty() && !is_of(type, value)) {
        return at + " is no " + std::string(type) + ": " + value.dump().substr(0, 100);
    }
    bool known = schema["enum"].size() == 0;
    schema["enum"].each_element(
        [&](const Json& word) { known = known || word.text() == value.text(); });
    std::string found = known ? "" : at + " is another word: " + value.dump();
    schema["required"].each_element([&](const Json& name) {
        if (found.empty() && !value.has(name.text())) {
            found = at + " has no " + std::string(name.text());
        }
    });
    schema["properties"].each_member([&](std::string_view name, const Json& member) {
        if (found.empty() && value.has(name)) {
            found = problem(schemas, member, value[name], at + "/" + std::string(name));
        }
    });
    if (schema["items"].exists()) {
        value.each_element([&](const Json& one) {
            found = found.empty() ? problem(schemas, schema["items"], one, at + "/*") : found;
        });
    }
    return found;
}

class Described : public testing::Test {
  protected:
    Described() {
        ann_.sign_up();
        const std::string project = R"({"projectId":")" + ann_.project() + "\",";
        const auto id = [](const ApiAnswer& made) {
            EXPECT_LT(made.status, 300) << made.raw.body;
            return std::string(made.body["id"].text());
        };
        ids_["flows"] = ann_.make_flow({code_step("s", "export const code = async () => 1;")});
        ids_["folders"] = id(ann_.post("/v1/folders", project + R"("displayName":"F"})"));
        ids_["app-connections"] = id(ann_.post(
            "/v1/app-connections",
            project +
                R"("externalId":"c","displayName":"C","pieceName":"p","type":"NO_AUTH","value":{"type":"NO_AUTH"}})"));
        id(ann_.post("/v1/variables", project + R"("name":"V","value":"x"})"));
        ids_["tables"] = id(ann_.post("/v1/tables", project + R"("name":"T"})"));
        ids_["fields"] = id(ann_.post(
            "/v1/fields", R"({"tableId":")" + ids_["tables"] + R"(","name":"F","type":"TEXT"})"));
        ids_["records"] =
            ann_.post("/v1/records", R"({"tableId":")" + ids_["tables"] + R"(","records":[[]]})")
                .body.at(0)["id"]
                .text();
        ids_["mcp-servers"] = id(ann_.post("/v1/mcp-servers", project + R"("name":"M"})"));
        id(ann_.post("/v1/alerts", project + R"("channel":"EMAIL","receiver":"a@b.co"})"));
        id(ann_.post("/v1/user-invitations",
                     project + R"("type":"PROJECT","email":"b@b.co","projectRole":"Viewer"})"));
        id(ann_.post("/v1/api-keys", R"({"displayName":"K"})"));
        id(ann_.post("/v1/tags", R"({"name":"t"})"));
        ids_["jobs"] = id(ann_.post("/v1/jobs", R"({"type":"RETENTION"})"));
        ids_["project-roles"] =
            id(ann_.post("/v1/project-roles", R"({"name":"R","permissions":[],"type":"CUSTOM"})"));
        ids_["projects"] = ann_.project();
        ids_["platforms"] = ann_.get("/v1/users/me").body["platformId"].text();
        ann_.post("/v1/webhooks/" + ids_["flows"] + "/sync", "{}");
        ids_["flow-runs"] =
            ann_.get("/v1/flow-runs?projectId=" + ann_.project()).body["data"].at(0)["id"].text();
    }

    // With what the route demands in its query.
    std::string query(const Json& operation) const {
        std::string out;
        operation["parameters"].each_element([&](const Json& one) {
            const std::string name(one["name"].text());
            if (one["in"].text() != "query" || !one["required"].is_true()) {
                return;
            }
            const std::string tables = ids_.at("tables");
            const std::string value = name == "projectId" ? ann_.project()
                                      : name == "tableId" ? tables
                                      : name == "flowId"  ? ids_.at("flows")
                                      : name == "release" ? "1.0.0"
                                      : name == "edition" ? "ce"
                                                          : "PROJECT&projectId=" + ann_.project();
            out += (out.empty() ? "?" : "&") + name + "=" + value;
        });
        return out;
    }

    EngineProcess engine_;
    ApiUser ann_{engine_};
    std::map<std::string, std::string> ids_;
};

TEST_F(Described, AnswersAreAsTheySay) {
    const Json api = ann_.get("/openapi.json").body;
    const Json schemas = api["components"]["schemas"];
    int looked_at = 0;
    int described = 0;
    api["paths"].each_member([&](std::string_view route, const Json& item) {
        item.each_member([&](std::string_view, const Json& operation) {
            described += operation["responses"].has("2XX") ? 0 : 1;
        });
        const Json get = item["get"];
        const Json schema = get["responses"]["200"]["content"]["application/json"]["schema"];
        std::string path(route);
        const std::size_t brace = path.find('{');
        const std::string family = path.substr(4, path.find('/', 4) - 4);
        if (!schema.exists() || family == "store-entries" || family == "templates") {
            return;
        }
        if (brace != std::string::npos) {
            ASSERT_TRUE(ids_.contains(family)) << path;
            path.replace(brace, path.find('}') - brace + 1, ids_.at(family));
        }
        const ApiAnswer answer = ann_.get(path + query(get));
        EXPECT_EQ(answer.status, 200) << path << query(get) << answer.raw.body;
        EXPECT_EQ(problem(schemas, schema, answer.body, std::string(route)), "");
        const Json data = answer.body["data"];
        EXPECT_FALSE(data.is_array() && data.size() == 0 && family != "project-members" &&
                     family != "oauth-apps" && family != "app-connections")
            << path << " shows nothing";
        ++looked_at;
    });
    EXPECT_GT(looked_at, 35);
    EXPECT_GT(described, 85);
}

// Without what a query must have nothing is shown.
TEST_F(Described, QueriesDemandWhatTheySay) {
    int asked = 0;
    ann_.get("/openapi.json")
        .body["paths"]
        .each_member([&](std::string_view route, const Json& item) {
            if (query(item["get"]).empty() || route.find('{') != std::string_view::npos) {
                return;
            }
            const ApiAnswer answer = ann_.get(route);
            EXPECT_TRUE(answer.status >= 400 && answer.status < 500)
                << route << ": " << answer.status << " " << answer.raw.body;
            ++asked;
        });
    EXPECT_GT(asked, 15);
}

// Numbers and words that it names are such: others are refused. An empty number is none.
TEST_F(Described, QueriesHoldWhatTheySay) {
    int asked = 0;
    const Json paths = ann_.get("/openapi.json").body["paths"];
    paths.each_member([&](std::string_view route, const Json& item) {
        if (route.find('{') != std::string_view::npos) {
            return;
        }
        const std::string needed = query(item["get"]);
        const std::string path = std::string(route) + (needed.empty() ? "?" : needed + "&");
        item["get"]["parameters"].each_element([&](const Json& one) {
            const Json schema = one["schema"];
            const Json words = (schema["items"].exists() ? schema["items"] : schema)["enum"];
            const bool is_truth = words.exists() && words.at(0).text() == "true";
            if (is_truth || (!words.exists() && schema["type"].text() != "number")) {
                return;
            }
            const std::string name(one["name"].text());
            EXPECT_EQ(ann_.get(path + name + "=x").status, 400) << path << name;
            EXPECT_EQ(ann_.get(path + name + "[]=x").status, 400) << path << name;
            EXPECT_EQ(ann_.get(path + name + "=").status, words.exists() ? 400 : 200)
                << path << name;
            ++asked;
        });
    });
    EXPECT_GT(asked, 25);
}

TEST(Flags, SayWhatIsSet) {
    const auto flags_with = [](const std::vector<std::string>& settings) {
        EngineProcess engine(settings);
        ApiUser nobody(engine);
        const Json before = nobody.get("/v1/flags").body;
        EXPECT_EQ(before["USER_CREATED"].dump(), "false");
        ApiUser(engine).sign_up();
        const Json after = nobody.get("/v1/flags").body;
        EXPECT_TRUE(after["USER_CREATED"].is_true());
        return after;
    };
    const Json plain = flags_with({});
    EXPECT_EQ(plain["ENVIRONMENT"].text(), "prod");
    EXPECT_EQ(plain["ALLOW_NPM_PACKAGES_IN_CODE_STEP"].dump(), "false");
    EXPECT_EQ(plain["FLOW_RUN_MEMORY_LIMIT_KB"].dump(), "65536");
    EXPECT_EQ(plain["SMTP_CONFIGURED"].dump(), "false");
    EXPECT_FALSE(plain.has("PUBLIC_URL"));
    const Json set = flags_with(
        {"AP_ENVIRONMENT=test", "AP_EXECUTION_MODE=UNSANDBOXED", "SALLYPORT_NODE_MEMORY_MB=128",
         "AP_PAUSED_FLOW_TIMEOUT_DAYS=7", "AP_EXECUTION_DATA_RETENTION_DAYS=9",
         "AP_FLOW_TIMEOUT_SECONDS=120", "AP_SMTP_HOST=127.0.0.1", "AP_SMTP_SENDER_EMAIL=a@b.co",
         "AP_FRONTEND_URL=https://flows.example.org",
         R"(AP_APP_WEBHOOK_SECRETS={"@activepieces/piece-slack":{"webhookSecret":"s"}})"});
    EXPECT_EQ(set["ENVIRONMENT"].text(), "test");
    EXPECT_TRUE(set["ALLOW_NPM_PACKAGES_IN_CODE_STEP"].is_true());
    EXPECT_TRUE(set["PRIVATE_PIECES_ENABLED"].is_true());
    EXPECT_EQ(set["FLOW_RUN_MEMORY_LIMIT_KB"].dump(), "131072");
    EXPECT_EQ(set["PAUSED_FLOW_TIMEOUT_DAYS"].dump(), "7");
    EXPECT_EQ(set["EXECUTION_DATA_RETENTION_DAYS"].dump(), "9");
    EXPECT_EQ(set["FLOW_RUN_TIME_SECONDS"].dump(), "120");
    EXPECT_TRUE(set["SMTP_CONFIGURED"].is_true());
    EXPECT_EQ(set["SUPPORTED_APP_WEBHOOKS"].dump(), R"(["@activepieces/piece-slack"])");
    EXPECT_EQ(set["WEBHOOK_URL_PREFIX"].text(), "https://flows.example.org/api/v1/webhooks");
}

}  // namespace
}  // namespace sallyport::test
