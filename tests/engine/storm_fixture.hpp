// The routes that the engine describes, somebody who has one of everything, and requests of
// anything at all from a seed.
#pragma once

#include "tests/engine/engine_process.hpp"
#include "tests/engine/engine_token.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::test {

struct Route {
    std::string method;
    std::string path;  // with {parameters}
    bool open = false;
    bool guest = false;  // with a session or without one
};

// Whether the engine's own token is what the route takes.
inline bool is_for_engine(std::string_view family) {
    return family == "store-entries" || family == "waitpoints" || family == "worker" ||
           family == "engine";
}

inline std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return out;
}

inline std::vector<Route> routes(ApiUser& user) {
    std::vector<Route> all;
    const ApiAnswer described = user.get("/openapi.json");
    EXPECT_EQ(described.status, 200);
    EXPECT_EQ(described.body["openapi"].text(), "3.1.0");
    described.body["paths"].each_member([&all](std::string_view path, const Json& item) {
        item.each_member([&](std::string_view method, const Json& operation) {
            const Json schemes = operation["security"];
            bool none_will_do = false;
            schemes.each_element([&none_will_do](const Json& scheme) {
                none_will_do = none_will_do || scheme.size() == 0;
            });
            all.push_back({upper(method), std::string(path), schemes.size() == 0, none_will_do});
        });
    });
    return all;
}

inline std::string replaced(std::string path, const std::function<std::string()>& value) {
    for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at)) {
        const std::string text = value();
        path.replace(at, path.find('}', at) - at + 1, text);
        at += text.size();
    }
    return path;
}

// What Ann has, one of everything.
struct Belongings {
    std::map<std::string, std::string> ids;  // first segment of the path -> id
    std::string table;
    std::string version;
};

inline Belongings furnish(ApiUser& ann) {
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

// SALLYPORT_SEED; 1 without it.
inline std::uint64_t storm_seed() {
    const char* text = std::getenv("SALLYPORT_SEED");
    return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

class Storm {
  public:
    // `names` are ids to be told from time to time, the project's beside them.
    Storm(std::uint64_t seed, std::string project, std::vector<std::string> names = {})
        : random_(seed), project_(std::move(project)), names_(std::move(names)) {
        names_.push_back(project_);
    }

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
                return Json::string(one_in(3) ? std::string(5000, 'x') : pick(names_));
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
    std::vector<std::string> names_;
};

}  // namespace sallyport::test
