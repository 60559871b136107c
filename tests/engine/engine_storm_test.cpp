// Every route that the engine describes: whose it is, what it does with anything at all.
#include "tests/engine/storm_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::test {
namespace {

// But the one that asks: what is answered is held by nobody.
void expect_no_call_is_left(const EngineProcess& engine) {
    EXPECT_TRUE(wait_until([&] { return engine.metric("sallyport_calls_live") == 1; }))
        << engine.metric("sallyport_calls_live");
}

TEST(EngineRoutes, AreDescribedAsTheyAre) {
    EngineProcess engine;
    ApiUser ann(engine);
    ann.sign_up();
    ApiUser nobody(engine);
    const std::vector<Route> all = routes(ann);
    EXPECT_GT(all.size(), 60U);
    std::set<std::string> ids;
    for (const Route& route : all) {
        const std::string path = replaced(route.path, [] { return "aaaaaaaaaaaaaaaaaaaaa"; });
        const ApiAnswer answer = nobody.call(route.method, path, "");
        // A route that is not there says so in these words; one that is asks for a session.
        EXPECT_EQ(answer.raw.body.find("Route not found"), std::string::npos)
            << route.method << " " << path;
        if (!route.open) {
            EXPECT_EQ(answer.status == 403, !route.guest) << route.method << " " << path;
        }
    }
    EXPECT_EQ(nobody.get("/v1/no/such/route").body["message"].text(), "Route not found");
}

// Bob asks every route about Ann's things, and in every place where a project is named, for hers.
TEST(EngineRoutes, KeepProjectsApart) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ann.sign_up();
    ApiUser bob(engine);
    bob.sign_up("bob@example.org");
    const Belongings hers = furnish(ann);
    const std::string before = ann.get("/v1/flows/" + hers.ids.at("flows")).raw.body;
    int asked = 0;
    for (const Route& route : routes(ann)) {
        const std::string family = route.path.substr(4, route.path.find('/', 4) - 4);
        const auto owned = hers.ids.find(family);
        if (route.open || owned == hers.ids.end()) {
            continue;
        }
        bool first = true;
        const std::string path = replaced(
            route.path, [&] { return std::exchange(first, false) ? owned->second : hers.version; });
        const std::string query = "?projectId=" + ann.project() +
                                  "&flowId=" + hers.ids.at("flows") + "&tableId=" + hers.table +
                                  "&type=OUTPUT&stepName=step_1";
        // Good for every family, so that nothing but the owner is wrong.
        const std::string body =
            R"({"projectId":")" + ann.project() + R"(","tableId":")" + hers.table +
            R"(","channel":"EMAIL","receiver":"a@b.co","email":"a@b.co","projectRole":"Viewer","role":"Viewer","records":[],"ids":[],"events":[],"webhookUrl":"","flowId":"f","pieceName":"p","clientId":"c","redirectUrl":"https://h","authUrl":"https://h","displayName":"X","name":"X1","type":"CHANGE_NAME","request":{"displayName":"X"},"value":"v","strategy":"FROM_FAILED_STEP","flowRunIds":[],"sourceAppConnectionId":"a","targetAppConnectionId":"b"})";
        std::string named = route.method == "GET" ? path + query : path;
        std::string sent = route.method == "GET" ? "" : body;
        if (family == "user-invitations") {  // has a type of its own
            for (std::string* text : {&named, &sent}) {
                for (const std::string_view type : {"CHANGE_NAME", "OUTPUT"}) {
                    const std::size_t at = text->find(type);
                    at == std::string::npos ? *text : text->replace(at, type.size(), "PROJECT");
                }
            }
        }
        const ApiAnswer answer = bob.call(route.method, named, sent);
        const bool lists_own =
            route.path == "/v1/projects" || route.path == "/v1/projects/worker-groups";
        const bool upsert = route.method == "POST" && route.path == "/v1/app-connections";
        // Takes a form, and is asked with one where tables are tested.
        const bool form = route.path == "/v1/records/import";
        if (!lists_own && !upsert && !form) {
            EXPECT_TRUE(answer.status == 403 || answer.status == 404)
                << route.method << " " << named << ": " << answer.status << " " << answer.raw.body;
        }
        EXPECT_EQ(answer.raw.body.find("hush"), std::string::npos);
        ++asked;
    }
    EXPECT_GT(asked, 30);
    EXPECT_EQ(ann.get("/v1/flows/" + hers.ids.at("flows")).raw.body, before);
    for (const auto& [family, id] : hers.ids) {
        if (family != "sample-data") {
            const bool listed_only =
                family == "variables" || family == "alerts" || family == "user-invitations";
            EXPECT_EQ(ann.get("/v1/" + family + "/" + id).status, listed_only ? 404 : 200)
                << family;
        }
    }
    expect_no_call_is_left(engine);
}

// ---- the bodies that the description promises

// A value of the schema's type; names that say what they are get what there is.
Json value_for(const std::string& name, const Json& schema, const Belongings& hers,
               const std::string& project) {
    const std::map<std::string, std::string> known = {
        {"projectId", Json::string(project).dump()},
        {"tableId", Json::string(hers.table).dump()},
        {"flowId", Json::string(hers.ids.at("flows")).dump()},
        {"flowVersionId", Json::string(hers.version).dump()},
        {"createdAfter", R"("2026-01-01T00:00:00Z")"},
        {"createdBefore", R"("2026-01-01T00:00:00Z")"},
        {"email", R"("carl@example.org")"},
        {"receiver", R"("carl@example.org")"},
        {"alertReceiverEmail", R"("carl@example.org")"},
        {"password", R"("Password1!")"},
        {"redirectUrl", R"("https://h/redirect")"},
        {"authUrl", R"("https://h/auth")"},
        {"pieceVersion", R"("0.1.0")"},
        {"flows",
         R"([{"displayName":"F","trigger":{"name":"trigger","type":"EMPTY","displayName":"T","valid":false,"settings":{},"lastUpdatedDate":"2026-01-01T00:00:00.000Z"},"valid":false}])"},
        {"value", R"({"type":"SECRET_TEXT","secret_text":"s"})"},
        {"icon", R"({"color":"RED"})"},
        {"events", R"(["RECORD_CREATED"])"},
        {"folderId", Json::string(hers.ids.at("folders")).dump()},
        {"externalId", R"("made-by-the-description")"},
        {"resumeDateTime", R"("2026-01-01T00:00:00Z")"},
    };
    if (schema["enum"].size() > 0) {
        return schema["enum"].at(0);
    }
    const auto found = known.find(name);
    const std::string_view type = schema["type"].text();
    if (found != known.end() && (type != "string" || found->second.starts_with('"'))) {
        return *Json::parse(found->second);
    }
    return type == "string"    ? Json::string("text")
           : type == "array"   ? Json::array()
           : type == "boolean" ? Json::boolean(false)
           : type == "number"  ? Json::integer(1)
                               : Json::object();
}

TEST(EngineRoutes, TakeTheBodiesThatAreDescribed) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ann.sign_up();
    const Belongings hers = furnish(ann);
    ApiUser piece(engine);
    piece.token = token_of_engine(ann.project());
    int described = 0;
    const Json paths = ann.get("/openapi.json").body["paths"];
    paths.each_member([&](std::string_view path, const Json& item) {
        item.each_member([&](std::string_view method, const Json& operation) {
            const Json schema = operation["requestBody"]["content"]["application/json"]["schema"];
            const std::string family(path.substr(4, path.find('/', 4) - 4));
            if (!schema.exists()) {
                return;
            }
            ++described;
            EXPECT_FALSE(method == "get") << path;
            Json body = Json::object();
            schema["properties"].each_member([&](std::string_view name, const Json& member) {
                body.set(name, value_for(std::string(name), member, hers, ann.project()));
            });
            if (path == "/v1/flows/{id}") {
                body = *Json::parse(R"({"type":"CHANGE_NAME","request":{"displayName":"X"}})");
            }
            const auto owned = hers.ids.find(family);
            const std::string target = replaced(std::string(path), [&] {
                return owned != hers.ids.end() ? owned->second : "aaaaaaaaaaaaaaaaaaaaa";
            });
            ApiUser& caller = is_for_engine(family) ? piece : ann;
            const ApiAnswer answer = caller.call(upper(method), target, body.dump());
            // Refused for what it holds; not for the state that things are in.
            EXPECT_FALSE(answer.body["message"].text().starts_with("body"))
                << method << " " << target << " " << body.dump() << ": " << answer.raw.body;
            EXPECT_LT(answer.status, 500) << answer.raw.body;
            // Without what must be there it is refused, or looked for first and not found.
            const bool demands =
                schema["required"].size() > 0 && path != "/v1/flow-runs/{id}/retry";
            if (demands) {
                EXPECT_GE(caller.call(upper(method), target, "{}").status, 400) << method << path;
            }
        });
    });
    EXPECT_GT(described, 35);
}

// ---- the storm

TEST(EngineRoutes, StandAStorm) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ann.sign_up();
    const Belongings hers = furnish(ann);
    const std::uint64_t seed = storm_seed();
    SCOPED_TRACE("SALLYPORT_SEED=" + std::to_string(seed));
    Storm storm(seed, ann.project());
    ApiUser piece(engine);
    piece.token = token_of_engine(ann.project());
    std::map<int, int> statuses;
    for (const Route& route : routes(ann)) {
        const std::string family = route.path.substr(1, 2) == "v1"
                                       ? route.path.substr(4, route.path.find('/', 4) - 4)
                                       : "";
        const auto owned = hers.ids.find(family);
        for (int i = 0; i < 12; ++i) {
            const std::string path = replaced(route.path, [&] {
                return owned != hers.ids.end() && storm.one_in(2) ? owned->second : storm.segment();
            });
            const bool get = route.method == "GET";
            ApiUser& caller = is_for_engine(family) ? piece : ann;
            const ApiAnswer answer =
                caller.call(route.method, path + storm.query(), get ? "" : storm.body());
            // A flow's own failure, told to who waits for it, is the one 500 there is.
            const bool told = family == "webhooks" && answer.status == 500;
            EXPECT_TRUE(answer.status < 500 || told)
                << route.method << " " << path << ": " << answer.status << " " << answer.raw.body;
            EXPECT_GT(answer.status, 0) << route.method << " " << path;
            const bool refused = answer.status >= 400 && answer.status < 500;
            if (refused && answer.body.is_object() && family != "webhooks") {
                // MCP's own addresses answer as its clients expect.
                const bool mcp = route.path.find("/mcp") != std::string::npos;
                EXPECT_TRUE(answer.body.has("code") || answer.body.has("statusCode") ||
                            (mcp && answer.body.has("error")))
                    << answer.raw.body;
            }
            ++statuses[answer.status / 100];
        }
    }
    // Some get through: a storm that is turned away at the door shows nothing.
    EXPECT_GT(statuses[2], 50);
    EXPECT_GT(statuses[4], 100);
    EXPECT_EQ(ann.get("/v1/health").status, 200);
    expect_no_call_is_left(engine);
}

}  // namespace
}  // namespace sallyport::test
