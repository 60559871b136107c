// Files on the real engine: kept by pieces, carried by webhooks, read by signed addresses.
#include "tests/engine/contract_fixture.hpp"

#include <filesystem>

namespace sallyport::test {
namespace {

class Files : public Contract {
  protected:
    Files() : Contract({"AP_MAX_FILE_SIZE_MB=1"}) { piece_.token = engine_token(ann_.project()); }

    HttpResponse send_to(const std::string& method, const std::string& url, const std::string& type,
                         const std::string& body, const std::string& token = "") {
        HttpRequest request;
        request.method = method;
        request.url = url.starts_with("/") ? engine_.url(url) : url;
        if (!type.empty()) {
            request.headers.emplace_back("Content-Type", type);
        }
        if (!token.empty()) {
            request.headers.emplace_back("Authorization", "Bearer " + token);
        }
        request.body = body;
        return send(request);
    }
    HttpResponse fetch(const std::string& url) { return send_to("GET", url, "", ""); }
    static std::string field(const std::string& name, const std::string& value,
                             const std::string& more = "") {
        return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" +
               value + "\r\n";
    }
    // On the disk; what is written is in the log at first.
    std::uintmax_t store_bytes() const {
        std::uintmax_t sum = 0;
        for (const auto& file :
             std::filesystem::recursive_directory_iterator(engine_.folder().path())) {
            const bool stored = file.path().filename().string().starts_with("engine.db");
            sum += stored ? file.file_size() : 0;
        }
        return sum;
    }
    static constexpr const char* kForm = "multipart/form-data; boundary=XX";

    ApiUser piece_{engine_};
};

const std::string kBytes("\x00\x01\xff\xfe binary \r\n--X", 16);

TEST_F(Files, StepsKeepThem) {
    const std::string flow = ann_.make_flow({});
    const std::string body = field("fileName", "r\xc3\xa9sum\"e.pdf") + field("flowId", flow) +
                             field("stepName", "step_1") +
                             field("file", kBytes, "; filename=\"x\"") + "--XX--";
    const HttpResponse made = send_to("POST", "/v1/step-files", kForm, body, piece_.token);
    ASSERT_EQ(made.status, 200) << made.body;
    const std::string url(Json::parse(made.body).value()["url"].text());
    const HttpResponse read = fetch(url);
    EXPECT_EQ(read.status, 200);
    EXPECT_EQ(read.body, kBytes);
    EXPECT_EQ(read.header("content-type"), "application/octet-stream");
    EXPECT_EQ(read.header("content-disposition"), "attachment; filename=\"r__sum_e.pdf\"");
    // Another's flow, a missing field, a session instead of the engine's token.
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(send_to("POST", "/v1/step-files", kForm, body, engine_token(bob.project())).status,
              404);
    EXPECT_EQ(send_to("POST", "/v1/step-files", kForm, "--XX--", piece_.token).status, 400);
    EXPECT_EQ(send_to("POST", "/v1/step-files", "text/plain", body, piece_.token).status, 400);
    EXPECT_EQ(send_to("POST", "/v1/step-files", kForm, body, ann_.token).status, 403);
    const std::string large = field("fileName", "a") + field("flowId", flow) +
                              field("stepName", "s") +
                              field("file", std::string((1 << 20) + 1, 'x')) + "--XX--";
    EXPECT_EQ(send_to("POST", "/v1/step-files", kForm, large, piece_.token).status, 413);
}

TEST_F(Files, AreSentToAnAddressThatWasMadeForThem) {
    const std::string flow = ann_.make_flow({});
    const HttpResponse made = send_to(
        "POST", "/v1/step-files", kForm,
        field("fileName", "a.txt") + field("flowId", flow) + field("stepName", "s") + "--XX--",
        piece_.token);
    const Json asked = Json::parse(made.body).value();
    const std::string upload(asked["uploadUrl"].text());
    const std::string url(asked["url"].text());
    EXPECT_EQ(fetch(url).status, 404);
    // Good for this alone: it does not read, and what reads does not write.
    EXPECT_EQ(fetch(upload).status, 401);
    EXPECT_EQ(send_to("PUT", url, "", "x").status, 404);  // no such route
    const std::string token = upload.substr(upload.find("?token="));
    EXPECT_EQ(send_to("PUT", "/v1/files/aaaaaaaaaaaaaaaaaaaaa" + token, "", "x").status, 401);
    const HttpResponse put = send_to("PUT", upload, "application/octet-stream", kBytes);
    ASSERT_EQ(put.status, 200) << put.body;
    EXPECT_EQ(fetch(std::string(Json::parse(put.body).value()["readUrl"].text())).body, kBytes);
    EXPECT_EQ(fetch(url).body, kBytes);
    EXPECT_EQ(fetch(url).header("content-disposition"), "attachment; filename=\"a.txt\"");
    EXPECT_EQ(send_to("PUT", upload, "application/octet-stream", "other").status, 409);
    // A session is no address of a file, and an address no session.
    EXPECT_EQ(fetch("/v1/step-files/signed?token=" + ann_.token).status, 401);
    EXPECT_EQ(fetch("/v1/step-files/signed?token=x").status, 401);
    EXPECT_EQ(fetch("/v1/step-files/signed").status, 401);
    ApiUser thief(engine_);
    thief.token = url.substr(url.find("?token=") + 7);
    EXPECT_EQ(thief.get("/v1/users/me").status, 401);

    const std::string streamed = "/v1/files/bbbbbbbbbbbbbbbbbbbbb/stream-upload";
    const HttpResponse stream =
        send_to("POST", streamed, "application/octet-stream", "z", piece_.token);
    EXPECT_EQ(fetch(std::string(Json::parse(stream.body).value()["readUrl"].text())).body, "z");
    EXPECT_EQ(send_to("POST", "/v1/files/short/stream-upload", "", "z", piece_.token).status, 400);
}

// A file that packs well is kept packed; nobody who reads it can tell.
TEST_F(Files, AreKeptSmall) {
    std::string text;
    while (text.size() < 900'000) {
        text += "line " + std::to_string(text.size()) + "\n";
    }
    const std::uintmax_t before = store_bytes();
    const HttpResponse kept = send_to("POST", "/v1/files/ccccccccccccccccccccc/stream-upload",
                                      "text/plain", text, piece_.token);
    ASSERT_EQ(kept.status, 200) << kept.body;
    const HttpResponse read = fetch(std::string(Json::parse(kept.body).value()["readUrl"].text()));
    EXPECT_EQ(read.body, text);
    EXPECT_EQ(read.header("content-encoding"), std::nullopt);
    EXPECT_LT(store_bytes() - before, 500'000u);
}

TEST_F(Files, WebhooksCarryThem) {
    const std::string flow =
        ann_.make_flow({answer_step("step_1", R"("{{trigger['output'].body}}")")});
    const std::string hook = "/v1/webhooks/" + flow + "/sync";
    const HttpResponse form =
        send_to("POST", hook, kForm,
                field("name", "Ann") + field("tag", "a") + field("tag", "b") +
                    field("photo", kBytes, "; filename=\"p.png\"\r\nContent-Type: image/png") +
                    field("doc", "one", "; filename=\"1\"") +
                    field("doc", "two", "; filename=\"2\"") + "--XX--");
    ASSERT_EQ(form.status, 200) << form.body;
    const Json body = Json::parse(form.body).value();
    EXPECT_EQ(body["name"].text(), "Ann");
    EXPECT_EQ(body["tag"].dump(), R"(["a","b"])");
    EXPECT_EQ(fetch(std::string(body["photo"].text())).body, kBytes);
    EXPECT_EQ(fetch(std::string(body["doc"].at(0).text())).body, "one");
    EXPECT_EQ(fetch(std::string(body["doc"].at(1).text())).body, "two");
    for (const char* type : {"image/png", "application/pdf", "application/octet-stream"}) {
        const HttpResponse binary = send_to("POST", hook, type, kBytes);
        ASSERT_EQ(binary.status, 200) << binary.body;
        const Json with = Json::parse(binary.body).value();
        EXPECT_EQ(fetch(std::string(with["fileUrl"].text())).body, kBytes) << type;
    }
    EXPECT_EQ(send_to("POST", hook, "multipart/form-data", "x").status, 400);
    EXPECT_EQ(send_to("POST", hook, kForm, "--XX\r\nbroken").status, 400);
    EXPECT_EQ(send_to("POST", hook, "image/png", std::string((1 << 20) + 1, 'x')).status, 413);
}

}  // namespace
}  // namespace sallyport::test
