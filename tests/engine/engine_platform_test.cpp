// What administrators see and set of the whole platform: tags of pieces, the registry, the machine.
#include "tests/engine/contract_fixture.hpp"

#include <string>

namespace sallyport::test {
namespace {

class Platform : public Contract {
  protected:
    Platform() : Contract({"SALLYPORT_RUNS_ACTIVE_MAX=7"}) {}

    // The tags of a piece as a list shows them; `none` when it shows no tags.
    static std::string tags_of(ApiUser& user, std::string_view piece) {
        std::string found = "none";
        user.get("/v1/pieces?includeTags=true").body.each_element([&](const Json& one) {
            if (one["name"].text() == piece && one.has("tags")) {
                found = one["tags"].dump();
            }
        });
        return found;
    }
    ApiAnswer tag(ApiUser& user, const std::string& pieces, const std::string& tags) {
        return user.post("/v1/tags/pieces",
                         R"({"piecesName":)" + pieces + R"(,"tags":)" + tags + "}");
    }
    static constexpr std::string_view kHttp = "@activepieces/piece-http";
    static constexpr std::string_view kCsv = "@activepieces/piece-csv";
};

TEST_F(Platform, PiecesHaveTags) {
    EXPECT_EQ(tags_of(ann_, kHttp), "[]");
    expect(ann_.post("/v1/tags", R"({"name":"web"})"), 201, "Tag");
    const std::string both = R"(["@activepieces/piece-http","@activepieces/piece-csv"])";
    EXPECT_EQ(expect(tag(ann_, both, R"(["web","core","web"])"), 201).dump(), "{}");
    EXPECT_EQ(tags_of(ann_, kHttp), R"(["web","core"])");
    EXPECT_EQ(tags_of(ann_, kCsv), R"(["web","core"])");
    const Json tags = ann_.get("/v1/tags").body["data"];
    EXPECT_EQ(tags.size(), 2U) << "a tag that was there is not made again: " << tags.dump();
    // What a piece had before goes.
    EXPECT_EQ(tag(ann_, R"(["@activepieces/piece-csv"])", R"(["core"])").status, 201);
    EXPECT_EQ(tags_of(ann_, kCsv), R"(["core"])");
    EXPECT_EQ(tags_of(ann_, kHttp), R"(["web","core"])");
    // A tag that goes takes itself from all pieces.
    tags.each_element([this](const Json& one) {
        if (one["name"].text() == "core") {
            EXPECT_EQ(ann_.call("DELETE", "/v1/tags/" + std::string(one["id"].text())).status, 204);
        }
    });
    EXPECT_EQ(tags_of(ann_, kHttp), R"(["web"])");
    EXPECT_EQ(tags_of(ann_, kCsv), "[]");
    EXPECT_EQ(tag(ann_, R"(["@activepieces/piece-http"])", "[]").status, 201);
    EXPECT_EQ(tags_of(ann_, kHttp), "[]");
    EXPECT_EQ(ann_.call("DELETE", "/v1/tags/nope").status, 404);
}

TEST_F(Platform, TagsAreForAdministrators) {
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    ApiUser program(engine_);
    program.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    const std::string http = R"(["@activepieces/piece-http"])";
    EXPECT_EQ(tag(bob, http, R"(["mine"])").status, 403);
    EXPECT_EQ(tag(program, http, R"(["web"])").status, 201);
    EXPECT_EQ(tags_of(bob, kHttp), R"(["web"])");
    ApiUser nobody(engine_);
    EXPECT_EQ(tags_of(nobody, kHttp), "none");
    const std::string id(ann_.get("/v1/tags").body["data"].at(0)["id"].text());
    EXPECT_EQ(bob.call("DELETE", "/v1/tags/" + id).status, 403);
    for (const std::string_view bad :
         {R"({})", R"({"piecesName":["x"]})", R"({"piecesName":"x","tags":[]})",
          R"({"piecesName":[1],"tags":[]})", R"({"piecesName":[""],"tags":[]})",
          R"({"piecesName":[],"tags":[""]})"}) {
        EXPECT_EQ(ann_.post("/v1/tags/pieces", std::string(bad)).status, 400) << bad;
    }
    std::string many = R"("a0")";
    for (int i = 1; i <= 100; ++i) {
        many += ",\"a" + std::to_string(i) + "\"";
    }
    EXPECT_EQ(tag(ann_, http, "[" + many + "]").status, 400);
    EXPECT_EQ(ann_.get("/v1/tags").body["data"].size(), 1U) << "what is refused makes none";
}

TEST_F(Platform, PiecesSayTheirVersions) {
    const std::string_view webhook = "@activepieces/piece-webhook";
    const std::string of = "/v1/pieces/" + std::string(webhook);
    const std::string version(expect(ann_.get(of), 200)["version"].text());
    const std::string all = R"({")" + version + R"(":{}})";
    EXPECT_EQ(expect(ann_.get(of + "/versions"), 200).dump(), all);
    EXPECT_EQ(expect(ann_.get("/v1/pieces/versions?name=" + std::string(webhook)), 200).dump(),
              all);
    for (const char* nothing : {"@activepieces/piece-none", "none"}) {
        expect(ann_.get("/v1/pieces/" + std::string(nothing) + "/versions"), 404);
    }
}

TEST_F(Platform, TheRegistryNamesPiecesOfARelease) {
    ApiUser nobody(engine_);
    const Json pieces = expect(nobody.get("/v1/pieces/registry?release=0.50.0&edition=ce"), 200);
    EXPECT_EQ(pieces.size(), ann_.get("/v1/pieces").body.size());
    EXPECT_EQ(
        pieces.at(0).dump(),
        R"({"name":"@activepieces/piece-webhook","version":")" +
            std::string(ann_.get("/v1/pieces/@activepieces/piece-webhook").body["version"].text()) +
            "\"}");
    for (const std::string_view bad : {"", "?release=0.50.0", "?edition=ce",
                                       "?release=new&edition=ce", "?release=1.0.0&edition=x"}) {
        EXPECT_EQ(nobody.get("/v1/pieces/registry" + std::string(bad)).status, 400) << bad;
    }
}

TEST_F(Platform, PiecesAreFoundByTheirSteps) {
    const std::string list = "/v1/pieces?searchQuery=";
    EXPECT_EQ(ann_.get(list + "Return%20Response").body.size(), 0U);
    const auto shown = [&](const std::string& query, std::string_view member) {
        std::string names;
        const Json pieces = expect(ann_.get(list + query), 200);
        pieces.each_element([&](const Json& piece) {
            names += std::string(piece["displayName"].text()) + ":";
            EXPECT_TRUE(piece["actions"].is_number());
            EXPECT_EQ(piece.has(member), !member.empty()) << query;
            piece[member].each_element(
                [&](const Json& step) { names += std::string(step["name"].text()) + ","; });
        });
        return names;
    };
    EXPECT_EQ(shown("text%20to%20hash&suggestionType=ACTION", "suggestedActions"),
              "Crypto:hash-text,");
    EXPECT_EQ(shown("catch%20webhook&suggestionType=TRIGGER", "suggestedTriggers"),
              "Webhook:catch_webhook,");
    EXPECT_EQ(shown("catch%20webhook&suggestionType=ACTION", ""), "");
    EXPECT_EQ(shown("catch%20webhook&suggestionType=ACTION_AND_TRIGGER", "suggestedTriggers"),
              "Webhook:catch_webhook,");
    const std::size_t all = ann_.get("/v1/pieces").body.size();
    EXPECT_EQ(ann_.get("/v1/pieces?suggestionType=ACTION").body.size(), all);
    EXPECT_EQ(ann_.get("/v1/pieces?release=0.80.0").body.size(), all);
    EXPECT_EQ(ann_.get("/v1/pieces?release=99999.0.0").body.size(), 0U);
    EXPECT_EQ(ann_.get("/v1/pieces?release=newest").status, 400);
}

TEST_F(Platform, NothingIsSyncedWhereNothingIsInstalled) {
    EXPECT_EQ(ann_.post("/v1/pieces/sync", "{}").status, 200);
    EXPECT_EQ(ann_.call("DELETE", "/v1/pieces/nope").status, 404);
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(bob.post("/v1/pieces/sync", "{}").status, 403);
    EXPECT_EQ(bob.call("DELETE", "/v1/pieces/nope").status, 403);
}

TEST_F(Platform, AdministratorsSeeTheMachine) {
    const Json health = expect(ann_.get("/v1/health/system"), 200, "GetSystemHealthChecksResponse");
    // The tests run here: there is a processor and memory.
    for (const std::string_view part : {"cpu", "ram", "database", "appCpu", "appRam"}) {
        EXPECT_TRUE(health[part].is_true()) << part << health.dump();
    }
    EXPECT_TRUE(health["workerCpu"].is_null());
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(bob.get("/v1/health/system").status, 403);
    ApiUser nobody(engine_);
    EXPECT_EQ(nobody.get("/v1/health/system").status, 403);
    EXPECT_EQ(bob.get("/v1/projects/worker-groups").raw.body, R"({"groups":[],"sharedSlots":7})");
    EXPECT_EQ(nobody.get("/v1/projects/worker-groups").status, 403);
}

TEST_F(Platform, OnesOwnIsSwitchedToAndNoOther) {
    const std::string own(ann_.get("/v1/users/me").body["platformId"].text());
    const auto ask = [](ApiUser& user, const std::string& platform) {
        return user.post("/v1/authentication/switch-platform",
                         R"({"platformId":")" + platform + "\"}");
    };
    const Json session = expect(ask(ann_, own), 200, "AuthenticationResponse");
    EXPECT_EQ(session["projectId"].text(), ann_.project());
    ApiUser again(engine_);
    again.token = session["token"].text();
    EXPECT_EQ(again.get("/v1/users/me").body["email"].text(), "ann@example.org");
    EXPECT_EQ(ask(ann_, "AAAAAAAAAAAAAAAAAAAAA").status, 403);
    EXPECT_EQ(ask(ann_, "").status, 403);
    EXPECT_EQ(ann_.post("/v1/authentication/switch-platform", "{}").status, 400);
    ApiUser program(engine_);
    program.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    EXPECT_EQ(ask(program, own).status, 403) << "a key would outlive itself";
    ApiUser nobody(engine_);
    EXPECT_EQ(ask(nobody, own).status, 403);
    const Json events = ann_.get("/v1/audit-events?action=user.session.renewed").body["data"];
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events.at(0)["userEmail"].text(), "ann@example.org");
    EXPECT_EQ(events.dump().find(again.token), std::string::npos);
}

TEST_F(Platform, AnInactiveUserSwitchesNowhere) {
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    const Json me = bob.get("/v1/users/me").body;
    ann_.post("/v1/users/" + std::string(me["id"].text()), R"({"status":"INACTIVE"})");
    const ApiAnswer answer =
        bob.post("/v1/authentication/switch-platform",
                 R"({"platformId":")" + std::string(me["platformId"].text()) + "\"}");
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.body["code"].text(), "SESSION_EXPIRED");
}

// What everybody imports is not everybody's to change.
TEST_F(Platform, TemplatesAreTheirMakersAndAdministrators) {
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    ApiUser eve(engine_);
    eve.sign_up("eve@example.org");
    const auto make = [](ApiUser& user, const std::string& type) {
        return user.post(
            "/v1/templates",
            R"({"name":"T","summary":"","description":"","author":"A","categories":[],)"
            R"("flows":[],"type":")" +
                type + "\"}");
    };
    const Json custom = expect(make(ann_, "CUSTOM"), 201, "Template");
    const std::string hers = "/v1/templates/" + std::string(custom["id"].text());
    EXPECT_EQ(make(bob, "CUSTOM").status, 403);
    EXPECT_EQ(make(bob, "OFFICIAL").status, 403);
    EXPECT_EQ(bob.post(hers, R"({"name":"mine"})").status, 403);
    EXPECT_EQ(bob.call("DELETE", hers).status, 403);
    EXPECT_EQ(expect(bob.get(hers), 200, "Template")["name"].text(), "T");
    const Json shared = expect(make(bob, "SHARED"), 201, "Template");
    EXPECT_FALSE(shared.has("madeBy"));
    const std::string his = "/v1/templates/" + std::string(shared["id"].text());
    EXPECT_EQ(bob.post(his, R"({"type":"CUSTOM"})").status, 403);
    EXPECT_EQ(bob.post(his, R"({"name":"better"})").status, 200);
    EXPECT_EQ(eve.post(his, R"({"name":"worse"})").status, 403);
    EXPECT_EQ(eve.call("DELETE", his).status, 403);
    EXPECT_EQ(bob.call("DELETE", his).status, 204);
    ApiUser program(engine_);
    program.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    EXPECT_EQ(program.post(hers, R"({"name":"U"})").status, 200);
    EXPECT_EQ(ann_.call("DELETE", hers).status, 204);
}

TEST_F(Platform, TemplatesAreFoundByWhatTheyHave) {
    const auto make = [this](const std::string& name, const std::string& category,
                             const std::string& tag, const std::string& piece) {
        return expect(
            ann_.post(
                "/v1/templates",
                R"({"summary":"","description":"","author":"A","type":"CUSTOM","name":")" + name +
                    R"(","categories":["ALL",")" + category + R"("],"tags":[{"title":")" + tag +
                    R"(","color":"#ffffff"}],"flows":[{"displayName":"F","valid":true,"trigger":{"name":"trigger","displayName":"T","type":"PIECE_TRIGGER","valid":true,"lastUpdatedDate":"2026-01-01","settings":{"pieceName":"@activepieces/piece-)" +
                    piece +
                    R"(","pieceVersion":"0.1.0","triggerName":"t","input":{},"propertySettings":{}}}}]})"),
            201, "Template");
    };
    for (int i = 0; i < 3; ++i) {
        make("s" + std::to_string(i), "SALES", "lead", "webhook");
        make("h" + std::to_string(i), "HR", "lead", "forms");
    }
    const auto found = [this](const std::string& query) {
        const ApiAnswer answer = ann_.get("/v1/templates?" + query);
        EXPECT_EQ(answer.status, 200) << answer.raw.body;
        std::string names;
        answer.body["data"].each_element([&](const Json& one) { names += one["name"].text(); });
        return names.empty() ? "none" : names;
    };
    EXPECT_EQ(found("category=HR"), "h2h1h0");
    EXPECT_EQ(found("category=ALL&tags=lead").size(), 12U);
    EXPECT_EQ(found("pieces=@activepieces/piece-webhook"), "s2s1s0");
    EXPECT_EQ(found("pieces[]=@activepieces/piece-webhook&pieces[]=@activepieces/piece-forms"),
              "none");
    EXPECT_EQ(found("tags=lead&category=SALES&search=1"), "s1");
    EXPECT_EQ(found("tags=other"), "none");
    // A page of them, the next and back.
    const std::string two = "/v1/templates?category=SALES&limit=2";
    const Json first = expect(ann_.get(two), 200);
    EXPECT_EQ(first["data"].size(), 2U);
    const std::string next = "category=SALES&limit=2&cursor=" + std::string(first["next"].text());
    EXPECT_EQ(found(next), "s0");
    const Json last = ann_.get("/v1/templates?" + next).body;
    EXPECT_TRUE(last["next"].is_null());
    EXPECT_EQ(found("category=SALES&limit=2&cursor=" + std::string(last["previous"].text())),
              "s2s1");
}

// What the contract's type of a template refuses is refused, by name; the rest comes back as sent.
TEST_F(Platform, TemplateFlowsAreOfTheContractsType) {
    const auto body = [](const std::string& members) {
        return R"({"name":"T","summary":"","description":"","author":"A","categories":[],"type":"CUSTOM",)" +
               members + "}";
    };
    const auto flow = [](const std::string& trigger, const std::string& more = "") {
        return R"("flows":[{"displayName":"F","valid":true,"trigger":{"name":"trigger","displayName":"T",)" +
               trigger + "}" + more + "}]";
    };
    const std::string empty =
        R"("type":"EMPTY","settings":{},"valid":true,"lastUpdatedDate":"2026-01-01")";
    const std::string piece =
        R"("type":"PIECE_TRIGGER","valid":true,"lastUpdatedDate":"2026-01-01","settings":{"pieceName":"p","input":{})";
    const struct {
        std::string members;
        const char* problem;  // empty: taken
    } cases[] = {
        {flow(empty), ""},
        {flow(empty, R"(,"schemaVersion":null,"notes":[])"), ""},
        {flow(piece + R"(,"pieceVersion":"~1.2.3","propertySettings":{"a":{"type":"MANUAL"}}})"),
         ""},
        {flow(R"("type":"EMPTY","settings":{},"valid":true)"), "lastUpdatedDate"},
        {flow(R"("type":"EMPTY","settings":{},"lastUpdatedDate":"2026-01-01")"),
         "property 'valid'"},
        {flow(piece + R"(,"pieceVersion":"1.2","propertySettings":{}})"), "pieceVersion"},
        {flow(piece + R"(,"pieceVersion":"1.2.3"})"), "propertySettings"},
        {flow(piece + R"(,"pieceVersion":"1.2.3","propertySettings":{"a":{"type":"X"}}})"),
         "propertySettings"},
        {flow(empty, R"(,"schemaVersion":22)"), "schemaVersion"},
        {flow(empty, R"(,"description":1)"), "description"},
        {flow(empty, R"(,"notes":[{"id":"n"}])"), "notes"},
        {R"("flows":[1])", "flows"},
        {R"("tags":[{"title":"t","color":"#00ffAA"}])", ""},
        {R"("tags":[{"title":"t","color":"red"}])", "color"},
        {R"("tags":[{"title":"t","color":"#00ffaa","icon":1}])", "icon"},
    };
    for (const auto& c : cases) {
        const Json sent = *Json::parse(body(c.members));
        const bool taken = *c.problem == '\0';
        EXPECT_EQ((*oracle_).problems("CreateTemplateRequestBody", sent).empty(), taken)
            << c.members;
        const ApiAnswer answer = ann_.post("/v1/templates", sent.dump());
        ASSERT_EQ(answer.status, taken ? 201 : 400) << c.members << answer.raw.body;
        EXPECT_NE(answer.raw.body.find(c.problem), std::string::npos) << answer.raw.body;
        if (!taken) {
            continue;
        }
        expect(ann_.get("/v1/templates/" + std::string(answer.body["id"].text())), 200, "Template");
    }
}

// A template of an earlier version is kept as today's; null is what was left out.
TEST_F(Platform, EarlierTemplatesBecomeTodays) {
    const Json made = expect(
        ann_.post(
            "/v1/templates",
            R"({"name":"T","summary":"","description":"","author":"A","categories":[],"type":"CUSTOM","tags":null,"flows":[{"displayName":"Old","valid":true,"schemaVersion":"9","description":null,"notes":null,"trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.0","triggerName":"catch_webhook","input":{"authType":"none"},"inputUiInfo":{}},"nextAction":)" +
                answer_step("step_1", R"("{{trigger.body.n}}")") + "}}]}"),
        201, "Template");
    const Json flow = made["flows"].at(0);
    EXPECT_EQ(flow["schemaVersion"].text(), "22");
    EXPECT_EQ(flow["trigger"]["settings"]["pieceVersion"].text(), "0.1.0");
    EXPECT_NE(flow["trigger"]["nextAction"].dump().find("trigger['output']"), std::string::npos);
    const std::string path = "/v1/templates/" + std::string(made["id"].text());
    const Json kept =
        expect(ann_.post(path, R"({"flows":null,"tags":null,"blogUrl":null})"), 200, "Template");
    EXPECT_EQ(kept["flows"].dump(), made["flows"].dump());
}

// Who has not signed in sees what is offered to everybody, and what is shared by its address.
TEST_F(Platform, OfficialTemplatesAreReadBySomebodyWithoutASession) {
    const auto make = [this](const std::string& type) {
        return std::string(
            ann_.post("/v1/templates",
                      R"({"name":")" + type +
                          R"( one","summary":"","description":"","author":"A","categories":[],)"
                          R"("flows":[],"type":")" +
                          type + "\"}")
                .body["id"]
                .text());
    };
    const std::string official = make("OFFICIAL");
    const std::string shared = make("SHARED");
    const std::string custom = make("CUSTOM");
    const std::string archived = make("OFFICIAL");
    ann_.post("/v1/templates/" + archived, R"({"status":"ARCHIVED"})");

    ApiUser nobody(engine_);
    const Json list = expect(nobody.get("/v1/templates"), 200);
    ASSERT_EQ(list["data"].size(), 1U);
    EXPECT_EQ(list["data"].at(0)["id"].text(), official);
    EXPECT_FALSE(list["data"].at(0).has("madeBy"));
    const struct {
        const char* query;
        std::size_t count;
    } lists[] = {{"type=OFFICIAL", 1}, {"type=CUSTOM", 0},  {"type=SHARED", 0},
                 {"search=OFFI", 1},   {"search=other", 0}, {"type=CUSTOM&type=OFFICIAL", 1}};
    for (const auto& c : lists) {
        const ApiAnswer found = nobody.get(std::string("/v1/templates?") + c.query);
        EXPECT_EQ(found.body["data"].size(), c.count) << c.query << found.raw.body;
    }
    expect(nobody.get("/v1/templates/" + official), 200, "Template");
    expect(nobody.get("/v1/templates/" + shared), 200, "Template");
    EXPECT_EQ(nobody.get("/v1/templates/" + custom).status, 404);
    EXPECT_EQ(nobody.get("/v1/templates/" + archived).status, 404);
    EXPECT_EQ(nobody.call("DELETE", "/v1/templates/" + official).status, 403);

    EXPECT_EQ(ann_.get("/v1/templates").body["data"].size(), 4U);
    EXPECT_EQ(ann_.get("/v1/templates/" + custom).status, 200);
    nobody.token = "not-a-token";
    EXPECT_EQ(nobody.get("/v1/templates").status, 401);
    nobody.token = engine_token(ann_.project());
    EXPECT_EQ(nobody.get("/v1/templates").status, 403);
}

// A flow's owner is somebody of its project; who else there is, is nobody's business.
TEST_F(Platform, FlowsAreOwnedByPeopleOfTheProject) {
    ApiUser bob(engine_);
    const ApiAnswer joined = bob.sign_up("bob@example.org");
    const std::string id(joined.body["id"].text());
    const std::string flow(
        ann_.post("/v1/flows", of_project(R"("displayName":"F")")).body["id"].text());
    const auto give = [&](const std::string& to) {
        return ann_.operate(flow, "UPDATE_OWNER", R"({"ownerId":")" + to + "\"}");
    };
    const ApiAnswer stranger = give(id);
    EXPECT_EQ(stranger.status, 404);
    EXPECT_EQ(stranger.body["params"]["entityType"].text(), "user");
    EXPECT_EQ(give("AAAAAAAAAAAAAAAAAAAAA").status, 404);
    ApiUser program(engine_);
    program.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    EXPECT_EQ(program
                  .post("/v1/user-invitations",
                        of_project(R"("type":"PROJECT","email":"bob@example.org",)"
                                   R"("projectRole":"Viewer","accepted":true)"))
                  .status,
              201);
    EXPECT_EQ(give(id).status, 200);
    EXPECT_EQ(give(std::string(ann_.get("/v1/users/me").body["id"].text())).status, 200);
}

}  // namespace
}  // namespace sallyport::test
