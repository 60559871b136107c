// Files of the real engine in a bucket: there and back, through every trouble the bucket may have,
// and gone when they are old.
#include "engine/core/jwt.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/engine/s3_server.hpp"
#include "tests/engine/services_fixture.hpp"
#include "tests/integration/fixtures/ports.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/store/sqlite_query.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <future>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using Trouble = S3Server::Trouble;

std::string long_text() {
    std::string text;
    while (text.size() < 300'000) {
        text += "line " + std::to_string(text.size()) + "\n";
    }
    return text;
}

const std::string kBytes("\x00\x01\xff\xfe binary", 11);

class EngineS3 : public testing::Test {
  protected:
    EngineS3() { start(bucket_.settings()); }

    // With the data of before.
    void start(std::vector<std::string> settings) {
        if (engine_ == nullptr) {
            engine_ = std::make_unique<EngineProcess>(std::move(settings));
        } else {
            engine_->stop();
            engine_->set_environment(std::move(settings));
            engine_->start();
        }
        ann_ = std::make_unique<ApiUser>(*engine_);
        ann_->sign_up();
    }

    HttpResponse upload(const std::string& id, const std::string& bytes,
                        const std::string& project = "") {
        HttpRequest request;
        request.method = "POST";
        request.url = engine_->url("/v1/files/" + id + "/stream-upload?fileName=a.bin");
        request.headers = {
            {"Content-Type", "application/octet-stream"},
            {"Authorization", "Bearer " + token(project.empty() ? ann_->project() : project)}};
        request.body = bytes;
        return send(request);
    }
    static HttpResponse fetch(const std::string& url) {
        HttpRequest request;
        request.url = url;
        return send(request);
    }
    static std::string url_in(const HttpResponse& answer) {
        const auto body = Json::parse(answer.body);
        return body.ok() ? std::string((*body)["readUrl"].text()) : std::string();
    }
    // A file's id: 21 letters.
    static std::string id(char letter) { return std::string(21, letter); }
    static std::string token(const std::string& project) {
        const HmacKey key(DigestAlgorithm::sha256, "0123456789abcdef0123456789abcdef");
        return engine::sign_jwt(Json::object({{"id", Json::string("job")},
                                              {"type", Json::string("ENGINE")},
                                              {"projectId", Json::string(project)}}),
                                std::time(nullptr), 3600, key);
    }
    void sql(const std::string& statement) const {
        sqlite_query(engine_->folder().path("data/engine.db"), statement);
    }
    // How the removal of what is old ends.
    std::string retention() {
        const ApiAnswer job = ann_->post("/v1/jobs", R"({"type":"RETENTION"})");
        EXPECT_EQ(job.status, 201) << job.raw.body;
        const std::string path = "/v1/jobs/" + std::string(job.body["id"].text());
        std::string status;
        EXPECT_TRUE(wait_until([&] {
            status = ann_->get(path).body["status"].text();
            return status != "RUNNING" && status != "QUEUED";
        }));
        return status;
    }

    S3Server bucket_;
    std::unique_ptr<EngineProcess> engine_;
    std::unique_ptr<ApiUser> ann_;
};

TEST_F(EngineS3, FilesGoThereAndComeBack) {
    const std::string text = long_text();
    const HttpResponse kept = upload(id('a'), text);
    ASSERT_EQ(kept.status, 200) << kept.body << engine_->log();
    EXPECT_EQ(fetch(url_in(kept)).body, text);
    const HttpResponse small = upload(id('b'), kBytes);
    EXPECT_EQ(fetch(url_in(small)).body, kBytes);
    EXPECT_EQ(upload(id('b'), "other").status, 409);
    EXPECT_EQ(fetch(url_in(small)).body, kBytes);
    const auto objects = bucket_.objects();
    ASSERT_EQ(objects.size(), 2u);
    std::size_t bytes = 0;
    for (const auto& [key, object] : objects) {
        EXPECT_TRUE(key.starts_with("files/" + ann_->project() + "/")) << key;
        bytes += object.size();
    }
    EXPECT_LT(bytes, text.size() / 2) << "packed";
    EXPECT_TRUE(bucket_.refusals().empty()) << bucket_.refusals().front();
    EXPECT_EQ(engine_->log().find("the secret key"), std::string::npos);
    // Those that are there are read wherever new ones go, as long as the bucket is known.
    std::vector<std::string> settings = bucket_.settings();
    settings.front() = "AP_FILE_STORAGE_LOCATION=DB";
    start(settings);
    const auto again = [&](const HttpResponse& answer) {
        const std::string url = url_in(answer);
        return fetch(engine_->url(url.substr(url.find("/api/"))));
    };
    EXPECT_EQ(again(kept).body, text);
    EXPECT_EQ(upload(id('c'), kBytes).status, 200);
    EXPECT_EQ(bucket_.objects().size(), 2u);
    start({});
    EXPECT_EQ(again(kept).status, 503);
    EXPECT_NE(engine_->log().find("AP_S3_BUCKET is not set"), std::string::npos);
}

TEST_F(EngineS3, WebhooksFilesAreThereBeforeTheRun) {
    const std::string flow =
        ann_->make_flow({answer_step("step_1", R"("{{trigger['output'].body}}")")});
    HttpRequest form;
    form.method = "POST";
    form.url = engine_->url("/v1/webhooks/" + flow + "/sync");
    form.headers = {{"Content-Type", "multipart/form-data; boundary=XX"}};
    std::string parts;
    for (const char* name : {"one", "two"}) {
        parts += "--XX\r\nContent-Disposition: form-data; name=\"" + std::string(name) +
                 "\"; filename=\"" + name + "\"\r\n\r\nbytes of " + name + "\r\n";
    }
    form.body = parts + "--XX--";
    const HttpResponse answer = send(form);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json body = Json::parse(answer.body).value();
    EXPECT_EQ(fetch(std::string(body["one"].text())).body, "bytes of one");
    EXPECT_EQ(fetch(std::string(body["two"].text())).body, "bytes of two");
    // Without its files no run is started, and the sender hears so.
    bucket_.fail(Trouble::denied, -1);
    EXPECT_EQ(send(form).status, 503);
    bucket_.fail(Trouble::none, 0);
    EXPECT_EQ(send(form).status, 200);
}

TEST_F(EngineS3, WhatPassesByItselfIsNotNoticed) {
    char letter = 'a';
    for (const Trouble trouble : {Trouble::busy, Trouble::gone, Trouble::cut, Trouble::mute}) {
        bucket_.fail(trouble, 1);
        const HttpResponse kept = upload(id(letter), kBytes);
        ASSERT_EQ(kept.status, 200) << static_cast<int>(trouble) << engine_->log();
        bucket_.fail(trouble, 1);
        EXPECT_EQ(fetch(url_in(kept)).body, kBytes) << static_cast<int>(trouble);
        ++letter;
    }
    EXPECT_EQ(bucket_.objects().size(), 4u);
}

TEST_F(EngineS3, WhatDoesNotPassIsSaidAndNothingIsLost) {
    const HttpResponse before = upload(id('z'), kBytes);
    ASSERT_EQ(before.status, 200);
    char letter = 'a';
    for (const Trouble trouble :
         {Trouble::denied, Trouble::busy, Trouble::gone, Trouble::cut, Trouble::mute}) {
        bucket_.fail(trouble, -1);
        EXPECT_EQ(upload(id(letter), kBytes).status, 503) << static_cast<int>(trouble);
        EXPECT_EQ(fetch(url_in(before)).status, 503) << static_cast<int>(trouble);
        bucket_.fail(Trouble::none, 0);
        // What was not acknowledged is not there, and may be sent again.
        const HttpResponse again = upload(id(letter), kBytes);
        ASSERT_EQ(again.status, 200) << again.body;
        EXPECT_EQ(fetch(url_in(again)).body, kBytes);
        EXPECT_EQ(fetch(url_in(before)).body, kBytes);
        ++letter;
    }
    for (const char* said : {"status 403, AccessDenied", "status 503, SlowDown", "timeout"}) {
        EXPECT_NE(engine_->log().find(said), std::string::npos) << said;
    }
    // An object of another size is none of ours.
    const std::string key = bucket_.objects().begin()->first;
    bucket_.put(key, kBytes + "x");
    bucket_.stop();
    EXPECT_EQ(upload(id('y'), kBytes).status, 503);
    EXPECT_EQ(ann_->get("/v1/users/me").status, 200) << "the rest goes on";
}

TEST_F(EngineS3, AnObjectOfAnotherSizeIsRefused) {
    const HttpResponse kept = upload(id('a'), kBytes);
    const std::string key = bucket_.objects().begin()->first;
    bucket_.put(key, kBytes.substr(1));
    EXPECT_EQ(fetch(url_in(kept)).status, 503);
    bucket_.put(key, kBytes);
    EXPECT_EQ(fetch(url_in(kept)).body, kBytes);
}

TEST_F(EngineS3, OldObjectsAreRemoved) {
    const HttpResponse kept = upload(id('a'), kBytes);
    ASSERT_EQ(upload(id('b'), kBytes).status, 200);
    sql("UPDATE entity SET created_ms = 1000 WHERE kind IN ('file', 'file_object')");
    ASSERT_EQ(upload(id('c'), kBytes).status, 200);
    bucket_.fail(Trouble::busy, -1);
    EXPECT_EQ(retention(), "FAILED");
    bucket_.fail(Trouble::none, 0);
    EXPECT_EQ(bucket_.objects().size(), 3u);
    EXPECT_EQ(retention(), "SUCCEEDED");
    EXPECT_EQ(bucket_.objects().size(), 1u);
    EXPECT_EQ(fetch(url_in(kept)).status, 404);
}

// Killed in the middle: what was sent and never known is removed in the end.
TEST_F(EngineS3, AnObjectNobodyKnowsIsRemovedToo) {
    bucket_.fail(Trouble::mute, -1);
    auto cut = std::async(std::launch::async, [&] {
        try {
            return upload(id('a'), kBytes).status;
        } catch (const std::exception&) {
            return 0;
        }
    });
    ASSERT_TRUE(wait_until([&] { return !bucket_.requests().empty(); }));
    engine_->kill();
    EXPECT_EQ(cut.get(), 0);
    bucket_.fail(Trouble::none, 0);
    const std::string target = bucket_.requests().front().target;
    const std::string key = target.substr(target.find("/files/") + 1);
    bucket_.put(key, kBytes);
    start(bucket_.settings());
    sql("UPDATE entity SET created_ms = 1000 WHERE kind = 'file_object'");
    EXPECT_EQ(retention(), "SUCCEEDED");
    EXPECT_TRUE(bucket_.objects().empty());
}

// What steps ask for, of a server that somebody else wrote. (It keeps no versions.)
void files_of_steps(const std::string& place) {
    Services services(place);
    services.connection("s3", R"({"accessKeyId":"S3RVER","secretAccessKey":"S3RVER","bucket":")" +
                                  std::string(S3Server::kBucket) +
                                  R"(","region":"us-east-1","endpoint":"http://)" + place + "\"}");
    const auto step = [&](const std::string& action, const std::string& members) {
        return services.step("amazon-s3", "amazon_s3_" + action,
                             R"({"auth":"{{connections['s3']}}",)" + members + "}")["output"];
    };
    EXPECT_TRUE(step("upload_file", R"("key":"in/a b.csv","textContent":"1,2",)"
                                    R"("metadata":{"by":"us"})")["etag"]
                    .is_string());
    const Json about = step("get_file_metadata", R"("key":"in/a b.csv")");
    EXPECT_EQ(about["metadata"].dump(), R"({"by":"us"})") << about.dump();
    EXPECT_EQ(about["size"].dump(), "3");
    EXPECT_TRUE(about["lastModified"].is_string());
    EXPECT_EQ(
        step("set_file_tags", R"("key":"in/a b.csv","tags":{"a":"1","b":"x y"})")["count"].dump(),
        "2");
    EXPECT_EQ(step("get_file_tags", R"("key":"in/a b.csv")")["tags"].dump(),
              R"([{"key":"a","value":"1"},{"key":"b","value":"x y"}])");
    EXPECT_TRUE(step("copy_file", R"("sourceKey":"in/a b.csv","destinationKey":"in/sub/ü")")["etag"]
                    .is_string());
    const Json listed = step("list_files", R"("prefix":"in/","listFoldersSeparately":true)");
    EXPECT_EQ(listed["folders"].dump(), R"(["in/sub/"])") << listed.dump();
    EXPECT_EQ(listed["files"].at(0)["key"].text(), "in/a b.csv");
    EXPECT_EQ(step("read_file", R"("key":"in/sub/ü")")["content"].text(), "1,2");
    EXPECT_EQ(
        step("move_file", R"("sourceKey":"in/sub/ü","destinationKey":"c")")["sourceKey"].text(),
        "in/sub/ü");
    const Json gone = step("delete_files", R"("keys":["c","in/a b.csv"])");
    EXPECT_EQ(gone["deletedCount"].dump(), "2") << gone.dump();
    EXPECT_EQ(step("list_files", R"("prefix":"")")["count"].dump(), "0");
}

// A server that somebody else wrote: addresses, answers and keys as it reads them. It takes any
// signature of Version 4; those are judged by our double and by Amazon's own examples
// (native_queues_test).
TEST_F(EngineS3, APublishedServerUnderstandsUs) {
    const TempDir folder("s3rver");
    const HeldPort port;
    std::string node;
    std::getline(std::ifstream(SALLYPORT_S3_PACKAGES "/node"), node);
    Process server =
        Process::spawn({node, SALLYPORT_S3_SERVER, SALLYPORT_S3_PACKAGES,
                        std::to_string(port.number()), folder.path("data"), S3Server::kBucket},
                       {.environment = {"PATH=/usr/bin:/bin"},
                        .directory = {},
                        .output_path = folder.path("server.log")});
    ASSERT_TRUE(wait_until([&] { return accepts(port.number()) || !server.running(); }));
    ASSERT_TRUE(server.running()) << folder.read("server.log");
    const std::string place = "127.0.0.1:" + std::to_string(port.number());
    files_of_steps(place);
    std::vector<std::string> settings = {
        "AP_FILE_STORAGE_LOCATION=S3",
        "AP_S3_ENDPOINT=http://127.0.0.1:" + std::to_string(port.number()),
        std::string("AP_S3_BUCKET=") + S3Server::kBucket, "AP_S3_ACCESS_KEY_ID=S3RVER",
        "AP_S3_SECRET_ACCESS_KEY=S3RVER"};
    start(settings);
    const std::string text = long_text();
    const HttpResponse kept = upload(id('a'), text);
    ASSERT_EQ(kept.status, 200) << kept.body << engine_->log();
    EXPECT_EQ(fetch(url_in(kept)).body, text);
    sql("UPDATE entity SET created_ms = 1000 WHERE kind = 'file_object'");
    EXPECT_EQ(retention(), "SUCCEEDED");
    EXPECT_EQ(fetch(url_in(kept)).status, 404) << "its object is gone before it";
    settings[3] = "AP_S3_ACCESS_KEY_ID=another";
    start(settings);
    EXPECT_EQ(upload(id('b'), text).status, 503);
    EXPECT_NE(engine_->log().find("status 403, InvalidAccessKeyId"), std::string::npos)
        << engine_->log();
}

// On both stores: each has statements of its own for it.
class EngineS3Projects : public EngineS3, public testing::WithParamInterface<const char*> {};

TEST_P(EngineS3Projects, TheirObjectsGoWithThem) {
    std::unique_ptr<PostgresServer> server;
    std::vector<std::string> settings = bucket_.settings();
    if (GetParam() == std::string_view("Postgres")) {
        server = std::make_unique<PostgresServer>();
        settings.emplace_back("AP_DB_TYPE=POSTGRES");
        settings.push_back("AP_POSTGRES_URL=" + server->make_database());
    }
    start(std::move(settings));
    const ApiAnswer made = ann_->post("/v1/projects", R"({"displayName":"Shop"})");
    ASSERT_EQ(made.status, 201) << made.raw.body;
    const std::string project(made.body["id"].text());
    const HttpResponse kept = upload(id('a'), kBytes, project);
    ASSERT_EQ(kept.status, 200) << kept.body;
    ASSERT_EQ(upload(id('b'), kBytes).status, 200);
    ASSERT_EQ(ann_->call("DELETE", "/v1/projects/" + project).status, 204);
    EXPECT_EQ(fetch(url_in(kept)).status, 404);
    EXPECT_EQ(retention(), "SUCCEEDED");
    EXPECT_EQ(bucket_.objects().size(), 1u) << "that of the other project";
    engine_.reset();  // before its database
}

INSTANTIATE_TEST_SUITE_P(On, EngineS3Projects, testing::Values("Sqlite", "Postgres"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace sallyport::test
