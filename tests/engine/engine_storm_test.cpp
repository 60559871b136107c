// Every route that the engine describes: whose it is, what it does with anything at all.
#include "tests/engine/engine_process.hpp"

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

struct Route {
    std::string method;
    std::string path;  // with {parameters}
    bool open = false;
};

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return out;
}

std::vector<Route> routes(ApiUser& user) {
    std::vector<Route> all;
    const ApiAnswer described = user.get("/openapi.json");
    EXPECT_EQ(described.status, 200);
    EXPECT_EQ(described.body["openapi"].text(), "3.1.0");
    described.body["paths"].each_member([&all](std::string_view path, const Json& item) {
        item.each_member([&](std::string_view method, const Json& operation) {
            all.push_back({upper(method), std::string(path), operation["security"].size() == 0});
        });
    });
    return all;
}

std::string replaced(std::string path, const std::function<std::string()>& value) {
    for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at)) {
        const std::string text = value();
        path.replace(at, path.find('}', at) - at + 1, text);
        at += text.size();
    }
    return path;
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
            EXPECT_EQ(answer.status, 403) << route.method << " " << path;
        }
    }
    EXPECT_EQ(nobody.get("/v1/no/such/route").body["message"].text(), "Route not found");
}

// What Ann has, one of everything.
struct Belongings {
    std::map<std::string, std::string> ids;  // first segment of the path -> id
    std::string table;
    std::string version;
};

Belongings furnish(ApiUser& ann) {
    const auto of_project = [&ann](const std::string& members) {
        return R"({"projectId":")" + ann.project() + "\"," + members + "}";
    };
    const auto id = [](const ApiAnswer& answer) {
        EXPECT_LT(answer.status, 300) << answer.raw.body;
        return std::string(answer.body["id"].text());
    };
    Belongings all;
    const std::string flow =
        ann.make_flow({code_step("step_1", "export const code = async () => 1;")});
    all.ids["flows"] = all.ids["sample-data"] = flow;
    all.version = ann.get("/v1/flows/" + flow).body["version"]["id"].text();
    all.ids["folders"] = id(ann.post("/v1/folders", of_project(R"("displayName":"F")")));
    all.ids["app-connections"] = id(ann.post(
        "/v1/app-connections",
        of_project(
            R"("externalId":"c","displayName":"C","pieceName":"p","type":"SECRET_TEXT","value":{"type":"SECRET_TEXT","secret_text":"hush"})")));
    all.ids["variables"] =
        id(ann.post("/v1/variables", of_project(R"("name":"V","value":"hush")")));
    all.ids["mcp-servers"] = id(ann.post("/v1/mcp-servers", of_project(R"("name":"M")")));
    const std::string table = id(ann.post("/v1/tables", of_project(R"("name":"T","fields":[])")));
    all.ids["tables"] = all.table = table;
    const std::string of_table = R"({"tableId":")" + table + R"(",)";
    const std::string field = id(ann.post("/v1/fields", of_table + R"("name":"F","type":"TEXT"})"));
    all.ids["fields"] = field;
    all.ids["records"] = ann.post("/v1/records", of_table + R"("records":[[{"fieldId":")" + field +
                                                     R"(","value":"hush"}]]})")
                             .body.at(0)["id"]
                             .text();
    all.ids["projects"] = ann.project();
    all.ids["alerts"] =
        id(ann.post("/v1/alerts", of_project(R"("channel":"EMAIL","receiver":"ann@x.org")")));
    const ApiAnswer invited =
        ann.post("/v1/user-invitations",
                 of_project(R"("type":"PROJECT","email":"eve@x.org","projectRole":"Viewer")"));
    all.ids["user-invitations"] = id(invited);
    ann.post("/v1/webhooks/" + flow, "{}");
    const Json runs = ann.get("/v1/flow-runs?projectId=" + ann.project()).body;
    all.ids["flow-runs"] = runs["data"].at(0)["id"].text();
    return all;
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
        const bool lists_own = route.path == "/v1/projects";
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
        {"password", R"("Password1!")"},
        {"redirectUrl", R"("https://h/redirect")"},
        {"authUrl", R"("https://h/auth")"},
        {"pieceVersion", R"("0.1.0")"},
        {"flows",
         R"([{"displayName":"F","trigger":{"name":"trigger","type":"EMPTY","displayName":"T","valid":false,"settings":{}},"valid":false}])"},
        {"value", R"({"type":"SECRET_TEXT","secret_text":"s"})"},
        {"icon", R"({"color":"RED"})"},
        {"events", R"(["RECORD_CREATED"])"},
        {"folderId", Json::string(hers.ids.at("folders")).dump()},
        {"externalId", R"("made-by-the-description")"},
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
            const ApiAnswer answer = ann.call(upper(method), target, body.dump());
            // Refused for what it holds; not for the state that things are in.
            EXPECT_FALSE(answer.body["message"].text().starts_with("body"))
                << method << " " << target << " " << body.dump() << ": " << answer.raw.body;
            EXPECT_LT(answer.status, 500) << answer.raw.body;
            // Without what must be there it is refused, or looked for first and not found.
            const bool demands =
                schema["required"].size() > 0 && path != "/v1/flow-runs/{id}/retry";
            if (demands) {
                EXPECT_GE(ann.call(upper(method), target, "{}").status, 400) << method << path;
            }
        });
    });
    EXPECT_GT(described, 35);
}

// ---- the storm

class Storm {
  public:
    Storm(std::uint64_t seed, std::string project) : random_(seed), project_(std::move(project)) {}

    std::string segment() {
        static const std::vector<std::string> kSegments = {
            "aaaaaaaaaaaaaaaaaaaaa", "x",      "%00",  "..", "%2e%2e%2f",
            "'%20OR%201=1--",        "%ff%fe", "NULL", "-1", "%F0%9F%92%A9"};
        return one_in(8) ? std::string(3000, 'a') : pick(kSegments);
    }

    std::string query() {
        static const std::vector<std::string> kNames = {"projectId",
                                                        "cursor",
                                                        "limit",
                                                        "status[]",
                                                        "status",
                                                        "flowId",
                                                        "folderId",
                                                        "tableId",
                                                        "filters[0][fieldId]",
                                                        "filters[0][operator]",
                                                        "filters",
                                                        "sortBy",
                                                        "name",
                                                        "createdAfter",
                                                        "versionId",
                                                        "key",
                                                        "type",
                                                        "pieceName",
                                                        "a[b][c]",
                                                        "%00",
                                                        ""};
        std::string out;
        for (std::size_t i = below(4); i > 0; --i) {
            out += (out.empty() ? "?" : "&") + pick(kNames);
            out += "=" + (one_in(3) ? project_ : one_in(3) ? "bmV4dF8=" : segment());
        }
        return out;
    }

    Json value(std::size_t depth) {
        switch (below(depth < 4 ? 10 : 7)) {
            case 0:
                return Json::null();
            case 1:
                return Json::boolean(one_in(2));
            case 2:
                return Json::integer(one_in(2) ? INT64_MAX : -1);
            case 3:
                return Json::real(one_in(2) ? 1e308 : -0.5);
            case 4:
                return Json::string(one_in(3) ? std::string(5000, 'x') : project_);
            case 5:
                return Json::string("{{connections['a']}} \x01 \xC3\xA9 ' \" \\");
            case 6:
                return Json::string(word());
            case 7: {
                Json list = Json::array();
                for (std::size_t i = below(4); i > 0; --i) {
                    list.append(value(depth + 1));
                }
                return list;
            }
            default:
                return object(depth + 1);
        }
    }

    Json object(std::size_t depth) {
        Json out = Json::object();
        for (std::size_t i = below(8); i > 0; --i) {
            out.set(word(), value(depth));
        }
        return out;
    }

    std::string body() {
        switch (below(8)) {
            case 0:
                return "{";
            case 1:
                return "[[[[\"\\ud800\"]]]]";
            case 2:
                return std::string(2000, '[');
            case 3:
                return value(0).dump();
            default: {
                Json out = object(0);
                out.set("projectId", Json::string(project_));
                return out.dump();
            }
        }
    }

    bool one_in(std::size_t times) { return below(times) == 0; }

  private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    const std::string& pick(const std::vector<std::string>& list) {
        return list[below(list.size())];
    }
    std::string word() {
        static const std::vector<std::string> kWords = {
            "type",        "request",    "displayName",
            "name",        "value",      "key",
            "metadata",    "externalId", "pieceName",
            "IMPORT_FLOW", "ADD_ACTION", "SECRET_TEXT",
            "OAUTH2",      "trigger",    "action",
            "settings",    "tools",      "tags",
            "flows",       "strategy",   "ON_LATEST_VERSION",
            "flowRunIds",  "summary",    "description",
            "author",      "categories", "SHARED",
            "email",       "password",   "firstName",
            "steps",       "tableId",    "records",
            "fields",      "fieldId",    "cells",
            "ids",         "events",     "status",
            "names",       "__proto__",  ""};
        return pick(kWords);
    }

    std::mt19937_64 random_;
    std::string project_;
};

TEST(EngineRoutes, StandAStorm) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ann.sign_up();
    const Belongings hers = furnish(ann);
    const char* seed_text = std::getenv("SALLYPORT_SEED");
    const std::uint64_t seed = seed_text == nullptr ? 1 : std::strtoull(seed_text, nullptr, 10);
    Storm storm(seed, ann.project());
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
            const ApiAnswer answer =
                ann.call(route.method, path + storm.query(), get ? "" : storm.body());
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
}

}  // namespace
}  // namespace sallyport::test
