// The Amazon S3 piece against a double that verifies signatures: steps beyond upload and read, and
// the trigger that looks for new files.
#include "common/bytes.hpp"
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

// As the published piece asks, before one is stored.
TEST_F(EngineS3Steps, ConnectionsAreTriedBeforeTheyAreKept) {
    const auto connect = [&](const Json& props) {
        return services_.connect("@activepieces/piece-amazon-s3", "mine", props.dump());
    };
    Json props = *Json::parse(bucket_.connection());
    const std::size_t before = bucket_.requests().size();
    EXPECT_EQ(connect(props).status, 201);
    ASSERT_EQ(bucket_.requests().size(), before + 1);
    EXPECT_NE(bucket_.requests().back().target.find("list-type=2"), std::string::npos)
        << bucket_.requests().back().target;
    bucket_.fail(Trouble::denied, 1);
    const ApiAnswer denied = connect(props);
    EXPECT_EQ(denied.status, 400) << denied.raw.body;
    EXPECT_EQ(denied.body["code"].text(), "INVALID_APP_CONNECTION");
    EXPECT_TRUE(denied.body["params"]["error"].text().starts_with("s3: status 403"))
        << denied.raw.body;
    props.set("endpoint", Json::string("http://127.0.0.1:1"));
    const ApiAnswer inside = connect(props);
    EXPECT_EQ(inside.status, 400) << inside.raw.body;
    EXPECT_EQ(inside.body["code"].text(), "INVALID_APP_CONNECTION") << inside.raw.body;
    // The bucket was asked by the egress guard's leave alone.
    EXPECT_EQ(bucket_.requests().size(), before + 2);
}

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

TEST_F(EngineS3Steps, FilesKeepTagsAndWhatIsSaidOfThem) {
    const Json stored = step("amazon_s3_upload_file",
                             R"("key":"in/a b.csv","textContent":"1,ä","metadata":{"By":"a  b"})");
    EXPECT_EQ(stored["output"].dump(),
              R"({"key":"in/a b.csv","contentType":"text/csv","etag":"\"e\"","versionId":null})")
        << stored.dump();
    EXPECT_EQ(step("amazon_s3_upload_file",
                   R"("key":"in/a b.csv","textContent":"2","doNotOverwrite":true)")["errorMessage"]
                  .text(),
              "A file already exists at \"in/a b.csv\" and overwriting was not allowed.");
    EXPECT_EQ(
        step("amazon_s3_get_file_metadata", R"("key":"in/a b.csv")")["output"].dump(),
        R"({"key":"in/a b.csv","versionId":null,"size":4,"contentType":"text/csv","lastModified":"2026-01-02T03:04:05.000Z","etag":"\"e\"","storageClass":"STANDARD","contentEncoding":null,"contentDisposition":null,"cacheControl":null,"serverSideEncryption":null,"metadata":{"by":"a  b"}})");
    EXPECT_EQ(
        step("amazon_s3_read_file", R"("key":"in/a b.csv")")["output"].dump(),
        R"({"key":"in/a b.csv","versionId":null,"contentType":"text/csv","size":4,"lastModified":"2026-01-02T03:04:05.000Z","etag":"\"e\"","content":"1,ä","truncated":false,"file":{"filename":"a b.csv","type":"text/csv","size":4,"base64":"MSzDpA=="}})");
    const std::string set = R"("key":"in/a b.csv","tags":{"a":"1&2","b":"<x>"})";
    EXPECT_EQ(
        step("amazon_s3_set_file_tags", set)["output"].dump(),
        R"({"key":"in/a b.csv","versionId":null,"tags":[{"key":"a","value":"1&2"},{"key":"b","value":"<x>"}],"count":2})");
    EXPECT_EQ(
        step("amazon_s3_get_file_tags", R"("key":"in/a b.csv")")["output"].dump(),
        R"({"key":"in/a b.csv","versionId":null,"tags":[{"key":"a","value":"1&2"},{"key":"b","value":"<x>"}],"count":2})");
    EXPECT_EQ(step("amazon_s3_delete_file_tags", R"("key":"in/a b.csv")")["output"].dump(),
              R"({"key":"in/a b.csv","versionId":null,"deleted":true})");
    EXPECT_EQ(step("amazon_s3_get_file_tags", R"("key":"in/a b.csv")")["output"]["count"].dump(),
              "0");
    EXPECT_EQ(step("amazon_s3_get_file_metadata", R"("key":"none")")["errorMessage"].text(),
              "File \"none\" was not found in the bucket (NotFound).");
    EXPECT_TRUE(bucket_.refusals().empty()) << bucket_.refusals().front();
}

TEST_F(EngineS3Steps, ManyFilesAreListedByFoldersAndRemoved) {
    for (const char* key : {"a/1", "a/2", "a/b/1", "a/b/2", "a/c%20d/1", "locked/1"}) {
        bucket_.put(key, "x");
    }
    const Json first = step("amazon_s3_list_files",
                            R"("prefix":"a/","listFoldersSeparately":true,"maxResults":3)");
    EXPECT_EQ(first["output"]["folders"].dump(), R"(["a/b/"])") << first.dump();
    EXPECT_EQ(first["output"]["count"].dump(), "2");
    EXPECT_TRUE(first["output"]["isTruncated"].is_true());
    const Json second =
        step("amazon_s3_list_files",
             R"("prefix":"a/","listFoldersSeparately":true,"continuationToken":")" +
                 std::string(first["output"]["nextContinuationToken"].text()) + "\"");
    EXPECT_EQ(second["output"]["folders"].at(second["output"]["folders"].size() - 1).text(),
              "a/c d/")
        << second.dump();
    EXPECT_EQ(step("amazon_s3_list_files", R"("startAfter":"a/b/1")")["output"]["count"].dump(),
              "3");
    const Json gone =
        step("amazon_s3_delete_files", R"("keys":["a/1","a/c d/1","locked/1","none"])");
    EXPECT_EQ(
        gone["output"].dump(),
        R"({"success":false,"deletedCount":3,"failedCount":1,"deleted":[{"key":"a/1","versionId":null,"deleteMarker":false},{"key":"a/c d/1","versionId":null,"deleteMarker":false},{"key":"none","versionId":null,"deleteMarker":false}],"failed":[{"key":"locked/1","code":"AccessDenied","message":"Access Denied"}]})")
        << gone.dump();
    EXPECT_EQ(bucket_.objects().size(), 4u);
    EXPECT_EQ(
        step("amazon_s3_move_file", R"("sourceKey":"a/2","destinationKey":"z/ü 2")")["output"]
            .dump(),
        R"({"sourceKey":"a/2","destinationKey":"z/ü 2","versionId":null,"etag":"\"e\"","lastModified":"2026-01-02T03:04:05.000Z"})");
    EXPECT_TRUE(bucket_.objects().contains("z/%C3%BC%202"));
    EXPECT_FALSE(bucket_.objects().contains("a/2"));
    bucket_.fail(Trouble::denied, 1);
    EXPECT_EQ(step("amazon_s3_list_files", R"("prefix":"")")["errorMessage"].text(),
              "Access denied: the connection's IAM policy does not allow this S3 operation "
              "(AccessDenied it is).");
    EXPECT_TRUE(bucket_.refusals().empty()) << bucket_.refusals().front();
}

TEST_F(EngineS3Steps, OlderVersionsAreReadAndBroughtBack) {
    bucket_.keep_versions();
    for (const char* text : {"one", "two"}) {
        EXPECT_TRUE(
            step("amazon_s3_upload_file",
                 R"("key":"a b","textContent":")" + std::string(text) + "\"")["output"]["versionId"]
                .is_string());
    }
    EXPECT_EQ(step("amazon_s3_delete_files", R"("keys":["a b"])")["output"]["deleted"]
                  .at(0)["deleteMarker"]
                  .dump(),
              "true");
    const Json page = step("amazon_s3_list_file_versions", R"("prefix":"a","maxResults":2)");
    EXPECT_EQ(
        page["output"].dump(),
        R"({"versions":[{"key":"a b","versionId":"v2","isLatest":false,"size":3,"lastModified":"2026-01-02T03:04:05.000Z","etag":"\"e\"","storageClass":"STANDARD"}],"deleteMarkers":[{"key":"a b","versionId":"v3","isLatest":true,"lastModified":"2026-01-02T03:04:05.000Z"}],"count":2,"isTruncated":true,"nextKeyMarker":"a b","nextVersionIdMarker":"v2"})")
        << page.dump();
    EXPECT_EQ(step("amazon_s3_list_file_versions",
                   R"("keyMarker":"a b","versionIdMarker":"v2")")["output"]["versions"]
                  .at(0)["versionId"]
                  .text(),
              "v1");
    EXPECT_EQ(
        step("amazon_s3_read_file", R"("key":"a b","versionId":"v1")")["output"]["content"].text(),
        "one");
    EXPECT_EQ(
        step("amazon_s3_copy_file",
             R"("sourceKey":"a b","destinationKey":"a b","sourceVersionId":"v1")")["output"]
            .dump(),
        R"({"sourceKey":"a b","destinationKey":"a b","sourceVersionId":"v1","versionId":"v4","etag":"\"e\"","lastModified":"2026-01-02T03:04:05.000Z"})");
    EXPECT_EQ(bucket_.objects()["a%20b"], "one");
    step("amazon_s3_set_file_tags", R"("key":"a b","versionId":"v1","tags":{"old":"yes"})");
    EXPECT_EQ(step("amazon_s3_get_file_tags", R"("key":"a b","versionId":"v1")")["output"]["count"]
                  .dump(),
              "1");
    EXPECT_EQ(step("amazon_s3_get_file_tags", R"("key":"a b")")["output"]["count"].dump(), "0");
    EXPECT_TRUE(bucket_.refusals().empty()) << bucket_.refusals().front();
}

// The double itself: what a query names is part of what is signed.
TEST_F(EngineS3Steps, AnotherQueryThanTheSignedOneIsRefused) {
    ASSERT_EQ(step("amazon_s3_upload_file", R"("key":"k","textContent":"x")")["status"].text(),
              "SUCCEEDED");
    step("amazon_s3_get_file_tags", R"("key":"k","versionId":"null")");
    const auto seen = bucket_.requests();
    const UpstreamRequest& signed_one = seen.back();
    ASSERT_NE(signed_one.target.find("?tagging=&versionId=null"), std::string::npos);
    const auto asked = [&](const std::string& query) {
        HttpRequest request;
        request.method = "GET";
        request.url = "http://" + bucket_.address() +
                      signed_one.target.substr(0, signed_one.target.find('?')) + query;
        for (const auto& [name, value] : signed_one.headers) {
            if (ascii_iequals(name, "authorization") || name.starts_with("x-amz-")) {
                request.headers.emplace_back(name, value);
            }
        }
        return send(request).status;
    };
    EXPECT_EQ(asked("?tagging=&versionId=null"), 200);
    EXPECT_EQ(asked("?versionId=null&tagging"), 200) << "the same, written otherwise";
    for (const char* query : {"?tagging=&versionId=v2", "?tagging=", "?versionId=null", "",
                              "?tagging=&versionId=null&versions="}) {
        EXPECT_EQ(asked(query), 403) << query;
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
