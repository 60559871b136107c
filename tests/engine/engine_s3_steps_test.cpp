// The Amazon S3 piece against a double that verifies signatures: steps beyond upload and read, and
// the trigger that looks for new files.
#include "tests/engine/s3_server.hpp"
#include "tests/engine/services_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <algorithm>

namespace sallyport::test {
namespace {

using Trouble = S3Server::Trouble;

struct Bucket {
    S3Server bucket_;
};

// The bucket is there before the engine, which must know its address.
class EngineS3Steps : protected Bucket, public testing::Test {
  protected:
    EngineS3Steps() : services_(bucket_.address()) {
        services_.connection("s3", bucket_.connection());
    }

    Json step(std::string_view action, const std::string& members) {
        return services_.step("amazon-s3", action,
                              R"({"auth":"{{connections['s3']}}",)" + members + "}");
    }

    Services services_;
};

TEST_F(EngineS3Steps, FilesAreListedMovedAndRemoved) {
    bucket_.put("in/a%20b.txt", "hello");
    bucket_.put("in/%C3%BC%2B.txt", "four");
    bucket_.put("other", "1");
    bucket_.stamp("in/%C3%BC%2B.txt", "2026-03-01T00:00:00.000Z", "f");
    const Json listed = step("list-files", R"("prefix":"in/")");
    ASSERT_EQ(listed["status"].text(), "SUCCEEDED") << listed.dump();
    EXPECT_EQ(
        listed["output"].dump(),
        R"({"files":[{"key":"in/ü+.txt","size":4,"lastModified":"2026-03-01T00:00:00.000Z","etag":"\"f\"","storageClass":"STANDARD"},{"key":"in/a b.txt","size":5,"lastModified":"2026-01-01T00:00:00.000Z","etag":"\"e\"","storageClass":"STANDARD"}],"isTruncated":false})");
    EXPECT_EQ(step("list-files", R"("maxKeys":2)")["output"]["isTruncated"].dump(), "true");
    const Json moved = step("moveFile", R"("fileKey":"in/ü+.txt","folderKey":"done")");
    EXPECT_EQ(moved["output"].dump(),
              R"({"CopyObjectResult":{"ETag":"\"e\"","LastModified":"2026-01-02T03:04:05.000Z"}})")
        << moved.dump();
    EXPECT_EQ(step("deleteFile", R"("key":"other")")["output"].dump(), R"({"key":"other"})");
    const auto objects = bucket_.objects();
    ASSERT_EQ(objects.size(), 2u);
    EXPECT_EQ(objects.begin()->first, "done/%C3%BC%2B.txt");
    EXPECT_TRUE(bucket_.refusals().empty()) << bucket_.refusals().front();
    // What is not there is not moved, and a copy that fails removes nothing.
    EXPECT_EQ(step("moveFile", R"("fileKey":"none","folderKey":"x")")["errorMessage"].text(),
              "s3: status 404, NoSuchKey: NoSuchKey it is");
    bucket_.fail(Trouble::denied, 1);
    EXPECT_EQ(step("moveFile", R"("fileKey":"in/a b.txt","folderKey":"x")")["status"].text(),
              "FAILED");
    EXPECT_TRUE(bucket_.objects().contains("in/a%20b.txt"));
    const Json url = step("generate-signed-url", R"("key":"in/a b.txt","expiresIn":5)");
    EXPECT_NE(url["output"].text().find("/in/a%20b.txt?X-Amz-Algorithm="), std::string_view::npos)
        << url.dump();
}

TEST_F(EngineS3Steps, AListingThatIsNoneFailsItsStep) {
    for (const char* xml :
         {"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
          "<ListBucketResult><Contents>", "{}", "<Error><Code>x</Code></Error>"}) {
        bucket_.set_listing(xml);
        const Json listed = step("list-files", R"("prefix":"")");
        EXPECT_EQ(listed["errorMessage"].text(), "s3: the answer is no listing of a bucket") << xml;
    }
}

// ---- the trigger

class EngineNewFiles : public EngineS3Steps {
  protected:
    std::string flow_with(const std::string& more) {
        const std::string flow = services_.ann().make_flow({});
        const ApiAnswer changed = services_.ann().operate(
            flow, "UPDATE_TRIGGER",
            R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Files","valid":true,)"
            R"("settings":{"pieceName":"@activepieces/piece-amazon-s3","pieceVersion":"0.3.1",)"
            R"("triggerName":"new_file","propertySettings":{},"input":{)"
            R"("auth":"{{connections['s3']}}","cronExpression":"* * * * * *")" +
                more + "}}}");
        EXPECT_EQ(changed.status, 200) << changed.raw.body;
        return flow;
    }
    ApiAnswer publish(const std::string& flow) {
        return services_.ann().operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
    }
    // Listings that began: the second after now has seen what is there now.
    [[nodiscard]] bool looked_twice() {
        const auto looks = [&] {
            const auto requests = bucket_.requests();
            return std::count_if(requests.begin(), requests.end(), [](const auto& request) {
                return request.target.find("list-type=2") != std::string::npos &&
                       request.target.find("continuation-token") == std::string::npos;
            });
        };
        const auto before = looks();
        return wait_until([&] { return looks() >= before + 2; });
    }
    // The keys of the files that runs began with.
    std::string keys(const std::string& flow) {
        return services_.ann().run_beginnings(flow, "Key");
    }
    bool comes_to(const std::string& flow, const std::string& expected) {
        return wait_until([&] { return keys(flow) == expected; });
    }
};

TEST_F(EngineNewFiles, StartARunEachOverPages) {
    bucket_.set_page(2);
    for (const char* key : {"in/1", "in/2", "in/3", "in/4", "in/5", "out/1"}) {
        bucket_.put(key, "x");
    }
    const std::string flow = flow_with(R"(,"folderPath":"in/")");
    ASSERT_EQ(publish(flow).status, 200);
    ASSERT_TRUE(looked_twice()) << services_.engine().log();
    EXPECT_EQ(keys(flow), "") << "the first look only remembers";
    bucket_.put("in/0", "first of all");
    bucket_.put("in/9%20z", "last");
    bucket_.put("out/2", "not there");
    ASSERT_TRUE(comes_to(flow, "in/0 in/9 z ")) << keys(flow) << services_.engine().log();
    ASSERT_TRUE(looked_twice());
    EXPECT_EQ(keys(flow), "in/0 in/9 z ");
    // Other content is news, and so is the same at another time; a bucket that is away is not.
    bucket_.stamp("in/3", "2026-01-01T00:00:00.000Z", "other");
    ASSERT_TRUE(comes_to(flow, "in/0 in/3 in/9 z "));
    bucket_.fail(Trouble::denied, 2);
    ASSERT_TRUE(wait_until([&] {
        return services_.engine().log().find("status 403, AccessDenied") != std::string::npos;
    }));
    services_.engine().kill();
    bucket_.stamp("in/3", "2026-01-02T00:00:00.000Z", "other");
    services_.engine().start();
    EXPECT_TRUE(comes_to(flow, "in/0 in/3 in/3 in/9 z ")) << services_.engine().log();
    ASSERT_TRUE(looked_twice());
    EXPECT_EQ(keys(flow), "in/0 in/3 in/3 in/9 z ");
    EXPECT_TRUE(bucket_.refusals().empty()) << bucket_.refusals().front();
}

TEST_F(EngineNewFiles, GiveWhatTheListSays) {
    bucket_.put("a", "four");
    const std::string flow = flow_with("");
    const std::string version(
        services_.ann().get("/v1/flows/" + flow).body["version"]["id"].text());
    const ApiAnswer tried = services_.ann().post(
        "/v1/test-trigger", R"({"projectId":")" + services_.ann().project() + R"(","flowId":")" +
                                flow + R"(","flowVersionId":")" + version +
                                R"(","testStrategy":"TEST_FUNCTION"})");
    ASSERT_EQ(tried.status, 200) << tried.raw.body;
    EXPECT_NE(
        tried.raw.body.find(
            R"({"Key":"a","LastModified":"2026-01-01T00:00:00.000Z","ETag":"\"e\"","Size":4,"StorageClass":"STANDARD"})"),
        std::string::npos)
        << tried.raw.body;
}

TEST_F(EngineNewFiles, ServersThatDoNotMeanWellAreSaid) {
    const auto failed_by = [this](const std::string& xml, std::string_view problem) {
        bucket_.set_listing(xml);
        EXPECT_TRUE(wait_until([&] {
            return services_.engine().log().find(problem) != std::string::npos;
        })) << problem;
    };
    ASSERT_EQ(publish(flow_with("")).status, 200);
    failed_by("<!DOCTYPE a><a/>", "the answer is no listing of a bucket");
    failed_by(
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t"
        "</NextContinuationToken></ListBucketResult>",
        "the listing goes on without any more files");
    std::string endless =
        "<ListBucketResult><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>t</NextContinuationToken>";
    for (int i = 0; i < 1000; ++i) {
        endless += "<Contents><Key>" + std::to_string(i) + "</Key></Contents>";
    }
    failed_by(endless + "</ListBucketResult>", "more than 10000 files");
    const ApiAnswer refused = publish(flow_with(R"(,"minutes":0)"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(refused.raw.body.find("minutes"), std::string::npos) << refused.raw.body;
}

}  // namespace
}  // namespace sallyport::test
