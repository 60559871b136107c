// Steps that speak to servers by their own protocols: mail, HTTP through a proxy, S3 and SQLite.
// PostgreSQL has a test of its own (engine_postgres_steps_test).
#include "tests/engine/forward_proxy.hpp"
#include "tests/engine/mail_server.hpp"
#include "tests/engine/services_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

// ---- mail

constexpr std::string_view kMail =
    R"({"auth":"{{connections['mail']}}","from":"shop@example.org","senderName":"Grüße \"Shop\"","to":["Ann <ann@example.org>","bob@example.org"],"bcc":["eve@example.org"],"replyTo":"help@example.org","subject":"Bestellung für Ann","body_type":"html","body":"<p>Grüße {{trigger.output.body.name}}</p>","customHeaders":{"X-Order":"17"},"attachments":[{"file":"data:text/csv;base64,YSxiCjEsMgo=","name":"Übersicht.csv"}]})";

TEST(EngineMail, GoesOverTlsWithItsParts) {
    MailServer server("starttls");
    Services services(server.allowed());
    services.connection("mail", server.props(R"(,"email":"u","password":"p","TLS":true)"));
    const Json step = services.step("smtp", "send-email", kMail, R"({"name":"Ann"})");
    ASSERT_EQ(step["status"].text(), "SUCCEEDED") << step.dump();
    ASSERT_EQ(server.messages().size(), 1U);
    const Json mail = server.messages().front();
    EXPECT_TRUE(mail["secure"].is_true());
    EXPECT_EQ(mail["user"].text(), "u");
    EXPECT_EQ(mail["from"].text(), "shop@example.org");
    EXPECT_EQ(mail["to"].dump(), R"(["ann@example.org","bob@example.org","eve@example.org"])");
    const std::string data(mail["data"].text());
    for (const std::string_view part :
         {"From: =?UTF-8?B?R3LDvMOfZSAiU2hvcCI=?= <shop@example.org>\r\n",
          "To: \"Ann\" <ann@example.org>,\r\n bob@example.org\r\n",
          "Reply-To: help@example.org\r\n", "Subject: =?UTF-8?B?QmVzdGVsbHVuZyBmw7xyIEFubg==?=\r\n",
          "X-Order: 17\r\n", "Content-Type: text/html; charset=utf-8\r\n",
          "<p>Gr=C3=BC=C3=9Fe Ann</p>", "YSxiCjEsMgo="}) {
        EXPECT_NE(data.find(part), std::string::npos) << part << "\n" << data;
    }
    EXPECT_EQ(data.find("eve@example.org"), std::string::npos);
    EXPECT_EQ(step["output"]["accepted"].size(), 3U);
    EXPECT_NE(data.find("Message-ID: " + std::string(step["output"]["messageId"].text())),
              std::string::npos);
    EXPECT_EQ(services.engine().log().find("\"p\""), std::string::npos);
}

// Invitations and alerts go by the operator's server, which steps cannot reach by that.
TEST(EngineMail, TheEnginesOwnGoByItsServer) {
    MailServer server("starttls");
    const std::string allowed = server.allowed();
    EngineProcess engine({"SALLYPORT_CA_FILE=" + certificates().ca, "AP_SMTP_HOST=localhost",
                          "AP_SMTP_PORT=" + allowed.substr(allowed.find(':') + 1),
                          "AP_SMTP_USERNAME=u", "AP_SMTP_PASSWORD=p", "AP_SMTP_USE_SSL=true",
                          "AP_SMTP_SENDER_EMAIL=engine@example.org", "AP_SMTP_SENDER_NAME=Engine"});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string project = R"({"projectId":")" + ann.project() + R"(",)";
    const ApiAnswer invited =
        ann.post("/v1/user-invitations",
                 project + R"("type":"PROJECT","email":"bob@example.org","projectRole":"Viewer"})");
    EXPECT_EQ(invited.status, 201) << invited.raw.body;
    EXPECT_FALSE(invited.body.has("link")) << "it is for bob alone";
    ASSERT_TRUE(wait_until([&] { return server.messages().size() == 1; })) << engine.log();
    const Json mail = server.messages().front();
    EXPECT_TRUE(mail["secure"].is_true());
    EXPECT_EQ(mail["from"].text(), "engine@example.org");
    EXPECT_EQ(mail["to"].dump(), R"(["bob@example.org"])");
    EXPECT_NE(mail["data"].text().find("/invitation?token=3D"), std::string_view::npos)
        << mail["data"].text();

    ASSERT_EQ(ann.post("/v1/alerts", project + R"("channel":"EMAIL","receiver":"ops@example.org"})")
                  .status,
              200);
    const std::string flow =
        ann.make_flow({code_step("s", "export const code = async () => { throw 1; };")});
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(ann.post("/v1/webhooks/" + flow + "/sync", "{}").status, 500);
    }
    ASSERT_TRUE(wait_until([&] { return server.messages().size() == 2; })) << engine.log();
    EXPECT_EQ(server.messages().at(1)["to"].dump(), R"(["ops@example.org"])");
    EXPECT_NE(server.messages().at(1)["data"].text().find("FAILED"), std::string_view::npos);
    const std::string sends = ann.make_flow({piece_step(
        "step", "smtp", "send-email",
        R"({"auth":{"host":"localhost","port":)" + allowed.substr(allowed.find(':') + 1) +
            R"(},"from":"a@b.co","to":["x@example.org"],"subject":"s","body":"b"})")});
    ann.post("/v1/webhooks/" + sends + "/sync", "{}");
    EXPECT_TRUE(wait_until([&] {
        return ann.get("/v1/flow-runs?status=FAILED&flowId=" + sends +
                       "&projectId=" + ann.project())
                   .body["data"]
                   .size() == 1;
    }));
    // Three failures were one mail, the other flow's is the next; no step sent any.
    ASSERT_TRUE(wait_until([&] { return server.messages().size() == 3; }));
    EXPECT_EQ(server.messages().at(2)["to"].dump(), R"(["ops@example.org"])");
}

TEST(EngineMail, AServersRefusalIsTheSteps) {
    MailServer server("starttls");
    Services services(server.allowed());
    services.connection("mail", server.props(R"(,"email":"u","password":"wrong","TLS":true)"));
    EXPECT_NE(services.step("smtp", "send-email", kMail)["errorMessage"].text().find(
                  "refused the user or the password"),
              std::string_view::npos);
    services.connection("free", server.props(R"(,"TLS":true)"));
    const Json unknown = services.step(
        "smtp", "send-email",
        R"({"auth":"{{connections['free']}}","from":"a@b.co","to":["nobody@example.org"],"subject":"s","body":"b"})");
    EXPECT_EQ(unknown["status"].text(), "FAILED");
    EXPECT_EQ(server.messages().size(), 0U);
}

// As the published piece asks, before one is stored.
TEST(EngineMail, ConnectionsAreTriedBeforeTheyAreKept) {
    MailServer server("starttls");
    Services services(server.allowed());
    const auto connect = [&](const std::string& props) {
        return services.connect("@activepieces/piece-smtp", "mail", props);
    };
    const auto refused = [&](const std::string& props, std::string_view why) {
        const ApiAnswer answer = connect(props);
        EXPECT_EQ(answer.status, 400) << answer.raw.body;
        EXPECT_EQ(answer.body["code"].text(), "INVALID_APP_CONNECTION");
        EXPECT_NE(answer.body["params"]["error"].text().find(why), std::string_view::npos)
            << answer.raw.body;
    };
    refused(server.props(R"(,"email":"u","password":"wrong","TLS":true)"),
            "refused the user or the password");
    refused(R"({"host":"127.0.0.1","port":25})", "refused_address");
    refused(R"({"port":25})", "host");
    const std::string list = "/v1/app-connections?projectId=" + services.ann().project();
    EXPECT_EQ(services.ann().get(list).body["data"].size(), 0U);
    const ApiAnswer made = connect(server.props(R"(,"email":"u","password":"p","TLS":true)"));
    EXPECT_EQ(made.status, 201) << made.raw.body;
    EXPECT_EQ(server.messages().size(), 0U) << "nobody gets a mail";
    // Without a user there is nobody to refuse.
    EXPECT_EQ(connect(server.props(R"(,"TLS":true)")).status, 201);
}

TEST(EngineMail, NothingGoesInTheClearThatMayNot) {
    MailServer server("plain");
    Services services(server.allowed());
    services.connection("mail", server.props(R"(,"TLS":true)"));
    EXPECT_NE(services.step("smtp", "send-email", kMail)["errorMessage"].text().find("no TLS"),
              std::string_view::npos);
    EXPECT_EQ(server.messages().size(), 0U);
    // Without the wish, and to a machine the operator named, it goes.
    services.connection("mail", server.props(R"(,"TLS":false)"));
    EXPECT_EQ(services.step("smtp", "send-email", kMail)["status"].text(), "SUCCEEDED");
    EXPECT_EQ(server.messages().size(), 1U);
}

TEST(EngineMail, FieldsCannotBreakOut) {
    MailServer server("starttls");
    Services services(server.allowed());
    services.connection("mail", server.props(R"(,"TLS":true)"));
    const auto refused = [&](std::string_view members) {
        const Json step = services.step(
            "smtp", "send-email",
            R"({"auth":"{{connections['mail']}}","from":"a@b.co","to":["c@d.co"],"subject":"s","body":"b")" +
                std::string(members) + "}");
        EXPECT_EQ(step["status"].text(), "FAILED") << members << step.dump();
    };
    refused(R"(,"subject":"x\r\nBcc: eve@example.org")");
    refused(R"(,"from":"a@b.co>\r\nRCPT TO:<eve@example.org")");
    refused(R"(,"to":["c@d.co\nBcc: eve@example.org"])");
    refused(R"(,"to":["c@d.co>, <eve@example.org"])");
    refused(R"(,"to":[])");
    refused(R"(,"senderName":"x\r\nBcc: eve@example.org")");
    refused(R"(,"customHeaders":{"Bcc":"eve@example.org"})");
    refused(R"(,"customHeaders":{"X-A":"b\r\nBcc: eve@example.org"})");
    refused(R"(,"customHeaders":{"X A":"b"})");
    refused(R"(,"attachments":[{"file":"http://localhost/etc/passwd"}])");
    EXPECT_EQ(server.messages().size(), 0U);
}

TEST(EngineServices, AreReachedOnlyWhereTheOperatorLetsThem) {
    MailServer server("starttls");
    Services services("");
    services.connection("mail", server.props(R"(,"TLS":true)"));
    services.connection(
        "db", R"({"host":"127.0.0.1","port":"5432","user":"u","password":"p","database":"d"})");
    EXPECT_TRUE(services.step("smtp", "send-email", kMail)["errorMessage"].text().starts_with(
        "refused_address"));
    EXPECT_TRUE(services
                    .step("postgres", "run-query",
                          R"({"auth":"{{connections['db']}}","query":"SELECT 1"})")["errorMessage"]
                    .text()
                    .starts_with("refused_address"));
    for (const std::string_view host :
         {"/var/run/postgresql", "a b", "", "localhost,example.org"}) {
        services.connection("db",
                            R"({"host":")" + std::string(host) +
                                R"(","port":"5432","user":"u","password":"p","database":"d"})");
        EXPECT_EQ(services
                      .step("postgres", "run-query",
                            R"({"auth":"{{connections['db']}}","query":"SELECT 1"})")["status"]
                      .text(),
                  "FAILED")
            << host;
    }
    EXPECT_EQ(server.messages().size(), 0U);
}

// ---- S3

// A store that keeps what it is given; that the signature is right is shown by Amazon's own
// examples (native_pieces_test).
TEST(EngineS3, FilesGoAndComeBack) {
    std::mutex mutex;
    std::string kept;
    Upstream store([&](const UpstreamRequest& request) {
        const std::lock_guard lock(mutex);
        UpstreamReply reply;
        if (request.method == "PUT") {
            kept = request.body;
            reply.headers = {{"ETag", "\"e1\""}};
        } else if (request.target.ends_with("missing.txt")) {
            reply.status = 404;
            reply.body = "<Error><Code>NoSuchKey</Code><Message>It is not there</Message></Error>";
        } else {
            reply.headers = {{"Content-Type", "text/plain"}};
            reply.body = kept;
        }
        return reply;
    });
    Services services(store.address());
    services.connection(
        "s3",
        R"({"accessKeyId":"id","secretAccessKey":"hush","bucket":"files","endpoint":"http://)" +
            store.address() + R"(","region":"us-east-1"})");
    const Json put = services.step(
        "amazon-s3", "upload-file",
        R"({"auth":"{{connections['s3']}}","file":"data:text/plain;base64,aGVsbG8=","fileName":"dir/a","acl":"private","type":"text/plain"})");
    ASSERT_EQ(put["status"].text(), "SUCCEEDED") << put.dump();
    EXPECT_EQ(put["output"].dump(), R"({"fileName":"dir/a.txt","etag":"\"e1\""})");
    const UpstreamRequest sent = store.last_request();
    EXPECT_EQ(sent.target, "/files/dir/a.txt");
    EXPECT_EQ(sent.header("x-amz-acl"), "private");
    EXPECT_TRUE(
        sent.header("authorization").value_or("").starts_with("AWS4-HMAC-SHA256 Credential=id/"));
    const Json got = services.step("amazon-s3", "read-file",
                                   R"({"auth":"{{connections['s3']}}","key":"dir/a.txt"})");
    EXPECT_EQ(got["output"].dump(),
              R"({"filename":"a.txt","type":"text/plain","size":5,"base64":"aGVsbG8="})");
    const Json missing = services.step("amazon-s3", "read-file",
                                       R"({"auth":"{{connections['s3']}}","key":"missing.txt"})");
    EXPECT_EQ(missing["errorMessage"].text(), "s3: status 404, NoSuchKey: It is not there");
    EXPECT_EQ(put.dump().find("hush"), std::string::npos);
}

// ---- HTTP through a proxy

TEST(EngineHttpProxy, AStepNamesItsOwn) {
    ForwardProxy proxy;
    Upstream upstream;
    Services services(proxy.address() + " " + upstream.address());
    const auto ask = [&](std::string_view password) {
        return services.step(
            "http", "send_request",
            R"({"url":"http://)" + upstream.address() +
                R"(/","use_proxy":true,"proxy_settings":{"proxy_host":"127.0.0.1",)" +
                R"("proxy_port":)" + std::to_string(proxy.port()) +
                R"(,"proxy_username":"ann","proxy_password":")" + std::string(password) + "\"}}");
    };
    const Json step = ask(ForwardProxy::kPassword);
    EXPECT_EQ(step["output"]["body"].text(), "upstream\n") << step.dump();
    EXPECT_EQ(proxy.tunnels(upstream.address()), 1U);
    const Json refused = ask("guess");
    EXPECT_NE(refused["errorMessage"].text().find("opens no tunnel: status 401"), std::string::npos)
        << refused.dump();
    EXPECT_EQ(upstream.request_count(), 1U);
}

// ---- SQLite

class EngineSqlite : public ::testing::Test {
  protected:
    Json ask(std::string_view query, std::string_view more = "", std::string_view name = "shop") {
        return services_.step("sqlite", "run-query",
                              R"({"database":")" + std::string(name) + R"(","query":)" +
                                  Json::string(query).dump() + std::string(more) + "}");
    }
    Services services_{""};
};

TEST_F(EngineSqlite, KeepsAProjectsRows) {
    ASSERT_EQ(
        ask("CREATE TABLE items (name TEXT, price REAL, n INTEGER, raw BLOB)")["status"].text(),
        "SUCCEEDED");
    ASSERT_EQ(
        ask("INSERT INTO items VALUES (?, ?, ?, x'00ff')", R"(,"args":["pen",1.5,7])")["status"]
            .text(),
        "SUCCEEDED");
    EXPECT_EQ(ask("SELECT * FROM items WHERE name = ?1", R"(,"args":["pen"])")["output"].dump(),
              R"([{"name":"pen","price":1.5,"n":7,"raw":"AP8="}])");
    EXPECT_EQ(ask("SELECT count(*) AS c FROM sqlite_schema", "", "other")["output"].dump(),
              R"([{"c":0}])");
    bool found = false;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(services_.engine().folder().path(""))) {
        found = found || entry.path().filename() == "shop.db";
    }
    EXPECT_TRUE(found);
}

TEST_F(EngineSqlite, TheDataFolderMayBeALink) {
    services_.engine().stop();
    const std::string data = services_.engine().folder().path("data");
    std::filesystem::rename(data, data + "-elsewhere");
    std::filesystem::create_directory_symlink(data + "-elsewhere", data);
    services_.engine().start();
    EXPECT_EQ(ask("CREATE TABLE items (name TEXT)")["status"].text(), "SUCCEEDED");
}

TEST_F(EngineSqlite, HasNoWayOut) {
    const std::string folder = services_.engine().folder().path("");
    for (const std::string& query :
         {std::string("SELECT 1; SELECT 2"), "ATTACH '" + folder + "/x.db' AS x",
          "VACUUM INTO '" + folder + "/copy.db'", std::string("PRAGMA journal_mode = OFF"),
          std::string("PRAGMA writable_schema = ON"), std::string("SELECT load_extension('x')"),
          std::string("DELETE FROM sqlite_schema"), std::string("SELECT ?"), std::string(""),
          std::string("SELECT '{{trigger.output.body.name}}'"),
          std::string("SELECT zeroblob(100000000)")}) {
        const Json step = ask(query);
        EXPECT_EQ(step["status"].text(), "FAILED") << query << step.dump();
    }
    for (const std::string_view name : {"../engine", "a/b", "", ".", "engine.db", "a\\u0000b"}) {
        EXPECT_EQ(ask("SELECT 1", "", name)["status"].text(), "FAILED") << name;
    }
    EXPECT_FALSE(std::filesystem::exists(folder + "/copy.db"));
    const Json endless =
        ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
            R"(,"query_timeout":300)");
    EXPECT_NE(endless["errorMessage"].text().find("longer than it may"), std::string_view::npos);
    EXPECT_EQ(ask("SELECT 1 AS one")["output"].dump(), R"([{"one":1}])");
}

}  // namespace
}  // namespace sallyport::test
