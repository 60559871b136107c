// One user tells every route another's ids, in bodies and queries, about things of his own.
#include "tests/engine/storm_fixture.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

// Where an id may be named.
constexpr std::string_view kMembers[] = {"projectId",
                                         "flowId",
                                         "flowVersionId",
                                         "versionId",
                                         "folderId",
                                         "tableId",
                                         "fieldId",
                                         "ownerId",
                                         "externalId",
                                         "templateId",
                                         "sourceAppConnectionId",
                                         "targetAppConnectionId",
                                         "flowRunIds",
                                         "ids",
                                         "excludeFlowRunIds",
                                         "parentStep",
                                         "stepName",
                                         "records",
                                         "cells",
                                         "request",
                                         "projectRole",
                                         "receiver",
                                         "name",
                                         "displayName",
                                         "type",
                                         "value",
                                         "strategy",
                                         "metadata",
                                         "pieceName",
                                         "events",
                                         "webhookUrl",
                                         "input",
                                         "flows",
                                         "testStrategy",
                                         "mockData",
                                         "tools",
                                         "deleteSourceConnection",
                                         "flowRunId",
                                         "key"};

constexpr std::string_view kWords[] = {"CHANGE_FOLDER",    "UPDATE_OWNER", "USE_AS_DRAFT",
                                       "SAVE_SAMPLE_DATA", "SECRET_TEXT",  "ON_LATEST_VERSION",
                                       "FROM_FAILED_STEP", "SIMULATION",   "TEST_FUNCTION",
                                       "RECORD_CREATED",   "PROJECT",      "RETRY_RUNS",
                                       "Viewer",           "EMAIL",        "CHANGE_NAME"};

class Stranger {
  public:
    Stranger(std::uint64_t seed, std::vector<std::string> own, std::vector<std::string> hers)
        : random_(seed), own_(std::move(own)), hers_(std::move(hers)) {}

    std::string id() { return one_in(3) ? pick(own_) : pick(hers_); }
    std::string own_id() { return pick(own_); }

    Json value(int depth) {
        switch (random_() % 8) {
            case 0: {
                Json list = Json::array();
                for (std::uint64_t i = random_() % 3; depth < 3 && i > 0; --i) {
                    list.append(value(depth + 1));
                }
                return list;
            }
            case 1:
                return depth < 3 ? object(depth + 1) : Json::object();
            case 2:
                return Json::boolean(one_in(2));
            case 3:
            case 4:
                return Json::string(kWords[random_() % std::size(kWords)]);
            default:
                return Json::string(id());
        }
    }
    Json object(int depth) {
        Json out = Json::object();
        for (std::uint64_t i = 2 + random_() % 8; i > 0; --i) {
            out.set(kMembers[random_() % std::size(kMembers)], value(depth));
        }
        return out;
    }
    std::string query() {
        std::string out = "?projectId=" + pick(own_);
        for (std::uint64_t i = random_() % 5; i > 0; --i) {
            out += "&" + std::string(kMembers[random_() % std::size(kMembers)]) + "=" + id();
        }
        return out;
    }
    bool one_in(std::uint64_t times) { return random_() % times == 0; }

  private:
    const std::string& pick(const std::vector<std::string>& list) {
        return list[random_() % list.size()];
    }
    std::mt19937_64 random_;
    std::vector<std::string> own_;
    std::vector<std::string> hers_;
};

std::vector<std::string> ids_of(const Belongings& all, const std::string& project) {
    std::vector<std::string> ids = {project, all.table, all.version};
    for (const auto& [family, id] : all.ids) {
        ids.push_back(id);
    }
    return ids;
}

// All that is hers, as she sees it.
std::map<std::string, std::string> seen_by(ApiUser& ann, const Belongings& hers) {
    std::map<std::string, std::string> seen;
    for (const auto& [family, id] : hers.ids) {
        const std::string path = "/v1/" + family + "/" + id;
        seen[path] = ann.get(path).raw.body;
        const std::string list =
            "/v1/" + family + "?type=PROJECT&projectId=" + ann.project() + "&tableId=" + hers.table;
        seen[list] = ann.get(list).raw.body;
    }
    return seen;
}

TEST(EngineIsolation, IdsInBodiesOpenNothing) {
    EngineProcess engine({"AP_ALLOW_OPEN_SIGN_UP=true"});
    ApiUser ann(engine);
    ann.sign_up();
    ApiUser bob(engine);
    bob.sign_up("bob@example.org");
    const Belongings hers = furnish(ann);
    const Belongings his = furnish(bob);
    const std::map<std::string, std::string> before = seen_by(ann, hers);
    ASSERT_NE(before.at("/v1/flows/" + hers.ids.at("flows")).find("step_1"), std::string::npos);
    const std::uint64_t seed = storm_seed();
    SCOPED_TRACE("SALLYPORT_SEED=" + std::to_string(seed));
    std::vector<std::string> own = ids_of(his, bob.project());
    for (int i = 0; i < 20; ++i) {
        own.push_back(bob.project());  // what most routes ask for first
    }
    Stranger stranger(seed, own, ids_of(hers, ann.project()));
    const std::vector<Route> all = routes(bob);
    ApiUser piece(engine);  // of his project
    piece.token = token_of_engine(bob.project());
    std::map<int, int> statuses;
    for (int round = 0; round < 30; ++round) {
        for (const Route& route : all) {
            const std::string family = route.path.substr(4, route.path.find('/', 4) - 4);
            const auto owned = his.ids.find(family);
            // What ends his own project or account would end the test.
            if (route.open || (route.method == "DELETE" && family == "projects") ||
                family == "users" || family == "authentication") {
                continue;
            }
            const std::string path = replaced(route.path, [&] {
                return owned != his.ids.end() && stranger.one_in(2) ? owned->second : stranger.id();
            });
            const bool get = route.method == "GET";
            Json body = stranger.object(0);
            if (stranger.one_in(2)) {
                body.set("projectId", Json::string(bob.project()));
                body.set("tableId", Json::string(his.table));
            }
            ApiUser& caller = is_for_engine(family) ? piece : bob;
            const ApiAnswer answer =
                caller.call(route.method, path + stranger.query(), get ? "" : body.dump());
            EXPECT_LT(answer.status, 500) << route.method << " " << path << " " << body.dump();
            ++statuses[answer.status / 100];
        }
    }
    EXPECT_GT(statuses[2], 100);
    EXPECT_GT(statuses[4], 500);
    for (const auto& [path, was] : before) {
        EXPECT_EQ(ann.get(path).raw.body, was) << path;
    }
}

}  // namespace
}  // namespace sallyport::test
