// Pieces that an administrator sends as an archive: npm itself installs them, with what they need
// from a registry on this machine.
#include "engine/core/multipart.hpp"
#include "tests/engine/engine_node_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace sallyport::test {
namespace {

using sallyport::engine::MultipartPart;
using testing::HasSubstr;

// As npm writes a name into an address.
std::string in_address(std::string name) {
    const std::size_t slash = name.find('/');
    return slash == std::string::npos ? name : name.replace(slash, 1, "%2f");
}

// What npm reads of a package: its one version, and where that is.
std::string packument(const std::string& name, const std::string& registry) {
    return R"({"name":")" + name +
           R"(","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":")" + name +
           R"(","version":"1.0.0","main":"i.js","dist":{"tarball":"http://)" + registry + "/-/" +
           in_address(name) + R"(.tgz"}}}})";
}

class EngineNodeArchives : public EngineNode {
  protected:
    void SetUp() override {
        EngineNode::SetUp();
        world_.set_handler([this](const UpstreamRequest& request) { return answer(request); });
        registry_["tiny"] = pack("tiny", R"({"name":"tiny","version":"1.0.0","main":"i.js"})",
                                 "exports.twice = (x) => 2 * x");
    }

    UpstreamReply answer(const UpstreamRequest& request) const {
        UpstreamReply reply;
        for (const auto& [name, tarball] : registry_) {
            if (request.target == "/" + in_address(name)) {
                reply.headers = {{"Content-Type", "application/json"}};
                reply.body = packument(name, world_.address());
                return reply;
            }
            if (request.target == "/-/" + in_address(name) + ".tgz") {
                reply.headers = {{"Content-Type", "application/octet-stream"}};
                reply.body = tarball;
                return reply;
            }
        }
        reply.status = 404;
        reply.headers = {{"Content-Type", "application/json"}};
        reply.body = R"({"error":"Not found"})";
        return reply;
    }

    // The archive that `npm pack` would make of these two files.
    std::string pack(const std::string& folder, const std::string& manifest,
                     std::string_view code) {
        const std::string root = files_.path("packing/" + folder);
        std::filesystem::create_directories(root + "/package");
        std::ofstream(root + "/package/package.json") << manifest;
        std::ofstream(root + "/package/i.js") << code;
        const std::string file = root + "/x.tgz";
        const CommandResult packed = run_command({"tar", "-C", root, "-czf", file, "package"});
        EXPECT_EQ(packed.exit_code, 0) << packed.output;
        return files_.read("packing/" + folder + "/x.tgz");
    }
    // A piece of one action that says `word` and what tiny makes of 21.
    std::string piece(const std::string& version, const std::string& word,
                      const std::string& dependencies = R"({"tiny":"^1.0.0"})") {
        return pack(word,
                    R"({"name":"@acme/piece-own","version":")" + version +
                        R"(","main":"i.js","dependencies":)" + dependencies + "}",
                    R"js(
const actions = { say: { name: 'say', displayName: 'Say', props: {}, run: async () => {
  let twice = null;
  try { twice = require('tiny').twice(21); } catch { /* not asked for */ }
  return { word: ')js" + word +
                        R"js(', twice }; } } };
exports.own = new (class Piece {
  constructor() { this._actions = actions; this._triggers = {}; }
  getContextInfo() { return { version: '1' }; }
  metadata() { return { displayName: 'Own', description: '', actions, triggers: {} }; }
  getAction(name) { return actions[name]; }
  getTrigger() {}
})();
)js");
    }

    std::vector<std::string> with_npm() {
        std::vector<std::string> all = environment("SANDBOX_CODE_AND_PROCESS");
        all.erase(all.begin() + 1);  // npm of the machine
        all.push_back("npm_config_registry=http://" + world_.address() + "/");
        all.push_back("npm_config_cache=" + files_.path("npm-cache"));
        all.push_back("npm_config_fetch_retries=0");
        return all;
    }

    static ApiAnswer send(const EngineProcess& engine, const ApiUser& user,
                          const std::string& version, const std::string& archive,
                          const std::string& name = "@acme/piece-own") {
        std::vector<MultipartPart> parts = {
            {"packageType", std::nullopt, "", "ARCHIVE"},
            {"scope", std::nullopt, "", "PLATFORM"},
            {"pieceName", std::nullopt, "", name},
            {"pieceVersion", std::nullopt, "", version},
            {"pieceArchive", "piece.tgz", "application/gzip", archive},
        };
        const auto form = sallyport::engine::write_multipart(parts);
        HttpRequest request;
        request.method = "POST";
        request.url = engine.url("/api/v1/pieces");
        request.headers = {{"Content-Type", form.content_type},
                           {"Authorization", "Bearer " + user.token}};
        request.body = form.body;
        ApiAnswer answer;
        answer.raw = sallyport::test::send(request);
        answer.status = answer.raw.status;
        answer.body = Json::parse(answer.raw.body).value();
        return answer;
    }

    static std::string own_step(const std::string& version) {
        return R"({"type":"PIECE","displayName":"Own","valid":true,"name":"step_1","settings":{"pieceName":"@acme/piece-own","pieceVersion":")" +
               version +
               R"(","actionName":"say","propertySettings":{},"input":{},"errorHandlingOptions":{}}})";
    }
    // The step's output, or its error.
    static std::string said(ApiUser& user, const std::string& flow) {
        const ApiAnswer run = user.post("/api/v1/webhooks/" + flow, "{}");
        const Json ended =
            user.finished_run(std::string(run.raw.header("x-webhook-id").value_or("")));
        const Json step = ended["steps"]["step_1"];
        return step["status"].text() == "SUCCEEDED" ? step["output"].dump()
                                                    : std::string(step["errorMessage"].text());
    }

    std::map<std::string, std::string> registry_;
};

TEST_F(EngineNodeArchives, AreInstalledAndRun) {
    EngineProcess engine(with_npm());
    ApiUser user(engine);
    user.sign_up();
    const std::string one = piece("1.0.0", "one");
    const ApiAnswer installed = send(engine, user, "1.0.0", one);
    ASSERT_EQ(installed.status, 201) << installed.raw.body << engine.log();
    EXPECT_EQ(installed.body["packageType"].text(), "ARCHIVE");
    EXPECT_EQ(installed.body["version"].text(), "1.0.0");
    const std::string first = user.make_flow({own_step("~1.0.0")});
    EXPECT_EQ(said(user, first), R"({"word":"one","twice":42})") << engine.log();

    // What a version is, it stays; the same again is no other.
    EXPECT_EQ(send(engine, user, "1.0.0", one).status, 201);
    const ApiAnswer other = send(engine, user, "1.0.0", piece("1.0.0", "other"));
    EXPECT_EQ(other.status, 409);
    EXPECT_THAT(other.raw.body, HasSubstr("give this one a version of its own"));
    ASSERT_EQ(send(engine, user, "1.1.0", piece("1.1.0", "two")).status, 201);
    const std::string second = user.make_flow({own_step("1.1.0")});
    EXPECT_EQ(said(user, second), R"({"word":"two","twice":42})");
    EXPECT_EQ(said(user, first), R"({"word":"one","twice":42})");
    EXPECT_EQ(user.get("/api/v1/pieces/@acme/piece-own").body["version"].text(), "1.1.0");

    // Another engine has the database alone.
    engine.stop();
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(engine.folder().path())) {
        if (entry.is_directory() && entry.path().filename() == "packages") {
            std::filesystem::remove_all(entry.path());
            break;
        }
    }
    engine.start();
    EXPECT_EQ(said(user, first), R"({"word":"one","twice":42})") << engine.log();
}

// The registry's are another's: not even what was deleted comes from there.
TEST_F(EngineNodeArchives, ComeBeforeTheRegistry) {
    registry_["@acme/piece-own"] = piece("1.0.0", "stranger");
    EngineProcess engine(with_npm());
    ApiUser user(engine);
    user.sign_up();
    ASSERT_EQ(send(engine, user, "1.0.0", piece("1.0.0", "one")).status, 201) << engine.log();
    const std::string flow = user.make_flow({own_step("1.0.0")});
    EXPECT_EQ(said(user, flow), R"({"word":"one","twice":42})");
    const std::string body = R"({"pieceName":"@acme/piece-own","pieceVersion":"1.0.0"})";
    const ApiAnswer refused = user.post("/api/v1/pieces", body);
    EXPECT_EQ(refused.status, 409);
    EXPECT_THAT(refused.raw.body, HasSubstr("is installed from archives"));

    const std::string id(user.get("/api/v1/pieces/@acme/piece-own").body["id"].text());
    EXPECT_EQ(user.call("DELETE", "/api/v1/pieces/" + id).status, 204);
    EXPECT_EQ(user.get("/api/v1/pieces/@acme/piece-own").status, 404);
    EXPECT_THAT(said(user, flow), HasSubstr("which an administrator has deleted"));
    for (const UpstreamRequest& request : world_.requests()) {
        EXPECT_THAT(request.target, testing::Not(HasSubstr("piece-own")));
    }
    // It may be another one then, and so may the registry's when an administrator takes it.
    ASSERT_EQ(send(engine, user, "1.0.0", piece("1.0.0", "again")).status, 201);
    EXPECT_EQ(said(user, flow), R"({"word":"again","twice":42})");
    const std::string again(user.get("/api/v1/pieces/@acme/piece-own").body["id"].text());
    EXPECT_EQ(user.call("DELETE", "/api/v1/pieces/" + again).status, 204);
    // One that the registry has not leaves it deleted.
    EXPECT_EQ(
        user.post("/api/v1/pieces", R"({"pieceName":"@acme/piece-own","pieceVersion":"9.9.9"})")
            .status,
        409);
    EXPECT_THAT(said(user, flow), HasSubstr("which an administrator has deleted"));
    const ApiAnswer taken = user.post("/api/v1/pieces", body);
    EXPECT_EQ(taken.status, 201) << taken.raw.body;
    EXPECT_EQ(taken.body["packageType"].text(), "REGISTRY");
    EXPECT_THAT(said(user, flow), HasSubstr("stranger"));
    const std::vector<UpstreamRequest> asked = world_.requests();
    EXPECT_TRUE(std::any_of(asked.begin(), asked.end(), [](const UpstreamRequest& request) {
        return request.target.find("piece-own") != std::string::npos;
    }));
}

TEST_F(EngineNodeArchives, AreRefusedUnlessTheyArePieces) {
    EngineProcess engine(with_npm());
    ApiUser user(engine);
    user.sign_up();
    const std::string good = piece("1.0.0", "one");
    for (const auto& [version, archive, name, status, why] :
         {std::tuple("1.0.0", std::string("no archive"), "@acme/piece-own", 400, "no gzipped tar"),
          std::tuple("2.0.0", good, "@acme/piece-own", 400, "holds @acme/piece-own 1.0.0, not"),
          std::tuple("1.0.0", good, "@acme/piece-x", 400, "holds @acme/piece-own 1.0.0, not"),
          std::tuple("1.0.0",
                     pack("native", R"({"name":"@activepieces/piece-http","version":"1.0.0"})", ""),
                     "@activepieces/piece-http", 400, "the engine performs itself"),
          std::tuple("1.0.0", piece("1.0.0", "file", R"({"x":"file:/etc"})"), "@acme/piece-own",
                     400, "of the registry alone"),
          std::tuple("1.0.0", piece("1.0.0", "gone", R"({"nowhere":"1.0.0"})"), "@acme/piece-own",
                     409, "E404"),
          std::tuple("1.0.0", pack("none", R"({"name":"@acme/piece-own","version":"1.0.0"})", "1"),
                     "@acme/piece-own", 409, "")}) {
        const ApiAnswer answer = send(engine, user, version, archive, name);
        EXPECT_EQ(answer.status, status) << answer.raw.body;
        EXPECT_THAT(answer.raw.body, HasSubstr(why));
    }
    EXPECT_EQ(user.get("/api/v1/pieces/@acme/piece-own").status, 404);
    EXPECT_EQ(
        user.post(
                "/api/v1/pieces",
                R"({"packageType":"ARCHIVE","pieceName":"@acme/piece-own","pieceVersion":"1.0.0","pieceArchive":"x"})")
            .status,
        400);
    EXPECT_EQ(user.post("/api/v1/pieces", R"({"packageType":"ZIP","pieceName":"a"})").status, 400);
    // None of that keeps a good one out.
    EXPECT_EQ(send(engine, user, "1.0.0", good).status, 201) << engine.log();
}

// What it needs is in it, or it is said.
TEST_F(EngineNodeArchives, NeedNoRegistryWhereNothingMayBeFetched) {
    std::vector<std::string> all = with_npm();
    all.push_back("AP_PIECES_SYNC_MODE=NONE");
    EngineProcess engine(all);
    ApiUser user(engine);
    user.sign_up();
    EXPECT_EQ(send(engine, user, "1.0.0", piece("1.0.0", "needs")).status, 409);
    ASSERT_EQ(send(engine, user, "1.0.0", piece("1.0.0", "alone", "{}")).status, 201)
        << engine.log();
    EXPECT_EQ(said(user, user.make_flow({own_step("1.0.0")})), R"({"word":"alone","twice":null})");
    EXPECT_EQ(world_.request_count(), 0U);
}

bool npm_can_stay_with_its_registry() {
    const CommandResult asked = run_command({"npm", "config", "get", "allow-remote"});
    return asked.exit_code == 0 && asked.output.find("all") != std::string::npos;
}

// A package of the registry that names an address as what it needs: nobody asks there.
TEST_F(EngineNodeArchives, NothingButTheRegistryIsAsked) {
    if (!npm_can_stay_with_its_registry()) {
        GTEST_SKIP() << "this npm asks whatever a package names: allow-remote came with npm 11";
    }
    Upstream trap;
    registry_["lured"] = pack("lured", R"({"name":"lured","version":"1.0.0","main":"i.js"})", "");
    world_.set_handler([this, &trap](const UpstreamRequest& request) {
        UpstreamReply reply = answer(request);
        if (request.target == "/lured") {
            const std::string::size_type at = reply.body.find(R"("main")");
            reply.body.insert(at,
                              R"("dependencies":{"x":"http://)" + trap.address() + R"(/x.tgz"},)");
        }
        return reply;
    });
    EngineProcess engine(with_npm());
    ApiUser user(engine);
    user.sign_up();
    const ApiAnswer answer =
        send(engine, user, "1.0.0", piece("1.0.0", "lured", R"({"lured":"1.0.0"})"));
    EXPECT_EQ(answer.status, 409) << answer.raw.body;
    EXPECT_THAT(answer.raw.body, HasSubstr("EALLOWREMOTE"));
    EXPECT_EQ(trap.request_count(), 0U);
}

}  // namespace
}  // namespace sallyport::test
