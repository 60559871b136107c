// The example flows of config/flows as an operator uses them: kept as templates, imported,
// published and run against stand-ins for what they talk to.
#include "common/crypto.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/engine/mail_server.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

class Example {
  public:
    explicit Example(const std::string& allowed = "") {
        std::vector<std::string> settings = {"SALLYPORT_CA_FILE=" + certificates().ca};
        if (!allowed.empty()) {
            settings.push_back("SALLYPORT_EGRESS_ALLOW=" + allowed);
        }
        engine_ = std::make_unique<EngineProcess>(settings);
        ann_ = std::make_unique<ApiUser>(*engine_);
        ann_->sign_up();
    }

    // Keeps the file as a template, imports its flow and publishes it.
    void load(const std::string& name) {
        std::ifstream file(std::string(SALLYPORT_CONFIG_DIR) + "/flows/" + name + ".json");
        const std::string text((std::istreambuf_iterator<char>(file)), {});
        const ApiAnswer kept = ann_->post("/v1/templates", text);
        ASSERT_EQ(kept.status, 201) << name << kept.raw.body;
        const Json flow =
            ann_->get("/v1/templates/" + std::string(kept.body["id"].text())).body["flows"].at(0);
        const ApiAnswer made = ann_->post(
            "/v1/flows", R"({"displayName":"F","projectId":")" + ann_->project() + "\"}");
        flow_ = made.body["id"].text();
        const ApiAnswer imported = ann_->operate(flow_, "IMPORT_FLOW", flow.dump());
        ASSERT_EQ(imported.status, 200) << imported.raw.body;
        const ApiAnswer published =
            ann_->operate(flow_, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
        ASSERT_EQ(published.status, 200) << published.raw.body;
    }

    void connection(std::string_view name, std::string_view value) {
        const std::string type = value.starts_with("{") ? "CUSTOM_AUTH" : "SECRET_TEXT";
        const std::string held = type == "CUSTOM_AUTH"
                                     ? R"("props":)" + std::string(value)
                                     : R"("secret_text":)" + Json::string(value).dump();
        const ApiAnswer made = ann_->post(
            "/v1/app-connections", R"({"externalId":")" + std::string(name) +
                                       R"(","displayName":"C","pieceName":"p","projectId":")" +
                                       ann_->project() + R"(","type":")" + type +
                                       R"(","value":{"type":")" + type + "\"," + held + "}}");
        ASSERT_EQ(made.status, 201) << made.raw.body;
    }
    void variable(std::string_view name, const std::string& value) {
        ASSERT_EQ(
            ann_->post("/v1/variables", R"({"projectId":")" + ann_->project() + R"(","name":")" +
                                            std::string(name) + R"(","value":")" + value + "\"}")
                .status,
            201);
    }

    HttpResponse ask(const std::string& body, HeaderList headers = {}) {
        return post(engine_->url("/v1/webhooks/" + flow_ + "/sync"), body, std::move(headers));
    }
    static HttpResponse post(const std::string& url, const std::string& body,
                             HeaderList headers = {}) {
        HttpRequest request;
        request.method = "POST";
        request.url = url;
        request.headers = std::move(headers);
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = body;
        return send(request);
    }
    EngineProcess& engine() { return *engine_; }
    // What is kept of the last run.
    std::string last_run() {
        const Json runs = ann_->get("/v1/flow-runs?projectId=" + ann_->project()).body;
        return ann_->finished_run(std::string(runs["data"].at(0)["id"].text())).dump();
    }

  private:
    std::unique_ptr<EngineProcess> engine_;
    std::unique_ptr<ApiUser> ann_;
    std::string flow_;
};

UpstreamReply json_reply(std::string body, int status = 200) {
    UpstreamReply reply;
    reply.status = status;
    reply.headers = {{"Content-Type", "application/json"}};
    reply.body = std::move(body);
    return reply;
}

TEST(ExampleFlows, SecureApiIntegration) {
    Upstream api([](const UpstreamRequest& request) {
        const bool broken = request.body.find("9999") != std::string::npos;
        return broken ? json_reply(R"({"trace":"inside"})", 500)
                      : json_reply(R"({"state":"booked","internal":"secret"})");
    });
    Example example(api.address());
    example.connection("api", "token-nobody-sees");
    example.variable("API_URL", "http://" + api.address() + "/orders");
    example.load("secure-api-integration");
    const HeaderList key = {{"X-Api-Key", "change-me"}};
    EXPECT_EQ(example.ask(R"({"id":"AB1234","amount":5})").status, 204);  // no key: nothing runs
    EXPECT_EQ(api.request_count(), 0U);
    const HttpResponse good = example.ask(R"({"id":"AB1234","amount":"5"})", key);
    EXPECT_EQ(good.status, 200);
    EXPECT_EQ(good.body, R"({"id":"AB1234","state":"booked"})");
    EXPECT_EQ(api.last_request().header("authorization"), "Bearer token-nobody-sees");
    EXPECT_EQ(api.last_request().body, R"({"id":"AB1234","amount":5})");
    EXPECT_EQ(example.last_run().find("token-nobody-sees"), std::string::npos);
    const HttpResponse bad = example.ask(R"({"id":"AB1234'; --","amount":5})", key);
    EXPECT_EQ(bad.status, 400);
    const HttpResponse broken = example.ask(R"({"id":"AB9999","amount":5})", key);
    EXPECT_EQ(broken.status, 502);
    EXPECT_EQ(broken.body.find("inside"), std::string::npos);
}

TEST(ExampleFlows, DatabaseOperations) {
    Example example;
    example.load("database-operations");
    EXPECT_EQ(example.ask(R"({"email":"a@b.co","name":"Ann"})").body,
              R"({"found":[{"email":"a@b.co","name":"Ann"}]})");
    const std::string name = "x'); DROP TABLE customers; --";
    EXPECT_EQ(example.ask(R"({"email":"e@b.co","name":")" + name + "\"}").body,
              R"({"found":[{"email":"e@b.co","name":")" + name + R"("}]})");
    EXPECT_EQ(example.ask(R"({"email":"c@b.co","name":"Ann"})").body,
              R"({"found":[{"email":"a@b.co","name":"Ann"},{"email":"c@b.co","name":"Ann"}]})");
}

TEST(ExampleFlows, MultiFactorAuthentication) {
    MailServer mail("starttls");
    Example example(mail.allowed());
    example.connection("mail", mail.props(R"(,"email":"u","password":"p","TLS":true)"));
    example.connection("mfa", "a key for digests");
    example.variable("MAIL_FROM", "login@example.org");
    example.load("multi-factor-authentication");
    const auto begin = [&] {
        const HttpResponse sent = example.ask(R"({"email":"ann@example.org"})");
        EXPECT_EQ(sent.status, 202) << sent.body;
        const std::string url = sent.header("x-activepieces-resume-webhook-url").value_or("");
        return example.engine().url(url.substr(std::min(url.find("/api/v1/"), url.size())));
    };
    const std::string wrong = begin();
    EXPECT_EQ(Example::post(wrong, R"({"code":"000000"})").status, 401);
    const std::string right = begin();
    ASSERT_EQ(mail.messages().size(), 2U);
    const std::string text(mail.messages().back()["data"].text());
    const std::string code = text.substr(text.find("Your code is ") + 13, 6);
    const HttpResponse verified = Example::post(right, R"({"code":")" + code + "\"}");
    EXPECT_EQ(verified.status, 200) << code;
    EXPECT_EQ(verified.body, R"({"verified":true})");
    EXPECT_EQ(Example::post(right, R"({"code":")" + code + "\"}").status, 409);  // one try
}

TEST(ExampleFlows, FileUpload) {
    Upstream store([](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.headers = {{"ETag", "\"tag\""}};
        return reply;
    });
    Example example(store.address());
    example.connection(
        "s3",
        R"({"accessKeyId":"id","secretAccessKey":"hush","bucket":"files","endpoint":"http://)" +
            store.address() + R"(","region":"us-east-1"})");
    example.load("file-upload");
    const HttpResponse kept = example.ask(R"({"filename":"note.txt","base64":"aGVsbG8="})");
    EXPECT_EQ(kept.status, 201) << kept.body;
    EXPECT_EQ(kept.body, R"({"key":"uploads/note.txt","etag":"\"tag\""})");
    EXPECT_EQ(store.last_request().body, "hello");
    for (const std::string& body :
         {std::string(R"({"filename":"../x.txt","base64":"aGVsbG8="})"),
          std::string(R"({"filename":"x.exe","base64":"aGVsbG8="})"),
          std::string(R"({"filename":"x.txt","base64":""})"),
          R"({"filename":"x.txt","base64":")" + std::string(1'500'000, 'A') + "\"}"}) {
        EXPECT_EQ(example.ask(body).status, 415);
    }
    EXPECT_EQ(store.request_count(), 1U);
}

TEST(ExampleFlows, EncryptedTransfer) {
    const std::string hex(64, 'a');
    const Bytes key = *hex_decode(hex);
    std::string opened;
    std::string signed_as;
    Upstream receiver([&](const UpstreamRequest& request) {
        const Result<Json> parsed = Json::parse(request.body);
        const Json body = parsed.ok() ? *parsed : Json();
        const Json sealed = body["sealed"];
        const auto part = [&sealed](std::string_view name) {
            return base64_decode(sealed[name].text()).value_or(Bytes());
        };
        const std::string text =
            std::string(as_text(part("ciphertext"))) + std::string(as_text(part("tag")));
        const Result<Bytes> plain =
            aead_open(Secret(Bytes(key)), part("iv"), text, body["id"].text());
        opened = plain.ok() ? std::string(as_text(*plain)) : plain.message();
        signed_as = request.header("x-signature").value_or("");
        const std::string parts = std::string(sealed["iv"].text()) + "." +
                                  std::string(sealed["ciphertext"].text()) + "." +
                                  std::string(sealed["tag"].text());
        if (signed_as != "sha256=" + hex_encode(hmac(DigestAlgorithm::sha256, "sign", parts))) {
            return json_reply("{}", 401);
        }
        const Bytes nonce(kAeadNonceBytes, 7);
        const Result<Bytes> answer =
            aead_seal(Secret(Bytes(key)), nonce, R"({"stored":true})", body["id"].text());
        const std::size_t size = answer->size() - kAeadTagBytes;
        return json_reply(
            Json::object(
                {{"iv", Json::string(base64_encode(nonce.data(), nonce.size()))},
                 {"ciphertext", Json::string(base64_encode(answer->data(), size))},
                 {"tag", Json::string(base64_encode(answer->data() + size, kAeadTagBytes))}})
                .dump());
    });
    Example example(receiver.address());
    example.connection("transfer-key", hex);
    example.connection("transfer-signature", "sign");
    example.variable("TRANSFER_URL", "http://" + receiver.address() + "/in");
    example.load("encrypted-transfer");
    const HttpResponse answer = example.ask(R"({"id":"t1","data":{"iban":"DE02"}})");
    EXPECT_EQ(opened, R"({"iban":"DE02"})");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"received":{"stored":true}})");
    EXPECT_EQ(receiver.last_request().body.find("DE02"), std::string::npos);
    EXPECT_EQ(example.last_run().find(hex), std::string::npos);
}

// As the contract's own editor exported it some versions ago: references without `output`,
// versions with signs, a branch where there is a router now.
TEST(ExampleFlows, AnOlderExportRuns) {
    Example example;
    EngineProcess& engine = example.engine();
    ApiUser ann(engine);
    ann.sign_in("ann@example.org", "Password1!");
    const ApiAnswer made =
        ann.post("/v1/flows", R"({"displayName":"F","projectId":")" + ann.project() + "\"}");
    const std::string flow(made.body["id"].text());
    const ApiAnswer imported = ann.operate(
        flow, "IMPORT_FLOW",
        R"j({"displayName":"Old","schemaVersion":"12","trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"Catch","valid":true,
          "settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.2","pieceType":"OFFICIAL","packageType":"REGISTRY","triggerName":"catch_webhook","input":{"authType":"none","authFields":{}},"inputUiInfo":{"customizedInputs":{}}},
          "nextAction":{"name":"step_1","type":"PIECE","displayName":"Rows","valid":true,"skip":false,
            "settings":{"pieceName":"@activepieces/piece-csv","pieceVersion":"~0.3.1","pieceType":"OFFICIAL","packageType":"REGISTRY","actionName":"convert_csv_to_json","input":{"csv_text":"{{trigger['body']['csv']}}","has_headers":true,"delimiter_type":","},"inputUiInfo":{"customizedInputs":{}},"errorHandlingOptions":{"retryOnFailure":{"value":false},"continueOnFailure":{"value":false}}},
            "nextAction":{"name":"step_2","type":"PIECE","displayName":"Keep","valid":true,"skip":false,
              "settings":{"pieceName":"@activepieces/piece-store","pieceVersion":"~0.5.0","pieceType":"OFFICIAL","packageType":"REGISTRY","actionName":"put","input":{"key":"rows","value":"{{step_1}}","store_scope":"FLOW"},"inputUiInfo":{"customizedInputs":{}},"errorHandlingOptions":{"retryOnFailure":{"value":false},"continueOnFailure":{"value":false}}},
              "nextAction":{"name":"step_3","type":"PIECE","displayName":"Answer","valid":true,"skip":false,
                "settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.2","pieceType":"OFFICIAL","packageType":"REGISTRY","actionName":"return_response","input":{"responseType":"json","fields":{"status":200,"headers":{},"body":{"first":"{{step_1[0]['name']}}","kept":"{{step_2}}"}},"respond":"stop"},"inputUiInfo":{"customizedInputs":{}},"errorHandlingOptions":{"retryOnFailure":{"value":false},"continueOnFailure":{"value":false}}}}}}}})j");
    ASSERT_EQ(imported.status, 200) << imported.raw.body;
    ASSERT_EQ(ann.operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    const HttpResponse answer = Example::post(engine.url("/v1/webhooks/" + flow + "/sync"),
                                              R"({"csv":"name\nAnn\nBob\n"})");
    EXPECT_EQ(answer.body, R"({"first":"Ann","kept":[{"name":"Ann"},{"name":"Bob"}]})");
}

}  // namespace
}  // namespace sallyport::test
