// Steps that speak to servers by their own protocols: mail and databases, with real ones.
#include "tests/engine/engine_process.hpp"
#include "tests/engine/mail_server.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"
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

std::string piece_step(std::string_view name, std::string_view piece, std::string_view action,
                       std::string_view input) {
    return R"({"type":"PIECE","displayName":"Step","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
           R"(","pieceVersion":"0.1.0","actionName":")" + std::string(action) +
           R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

// An engine that may reach this machine's services, and Ann.
class Services {
  public:
    explicit Services(const std::string& allowed) {
        std::vector<std::string> settings = {"SALLYPORT_CA_FILE=" + certificates().ca};
        if (!allowed.empty()) {
            settings.push_back("SALLYPORT_EGRESS_ALLOW=" + allowed);
        }
        // What libpq would read from the environment is not for the servers of steps.
        settings.insert(settings.end(), {"PGSERVICE=nowhere", "PGOPTIONS=-c search_path=elsewhere",
                                         "PGPASSWORD=of-the-engine", "PGREQUIREAUTH=gss"});
        engine_ = std::make_unique<EngineProcess>(settings);
        ann_ = std::make_unique<ApiUser>(*engine_);
        ann_->sign_up();
    }

    void connection(std::string_view name, std::string_view props) {
        const ApiAnswer made = ann_->post(
            "/v1/app-connections",
            R"({"externalId":")" + std::string(name) +
                R"(","displayName":"C","pieceName":"p","projectId":")" + ann_->project() +
                R"(","type":"CUSTOM_AUTH","value":{"type":"CUSTOM_AUTH","props":)" +
                std::string(props) + "}}");
        ASSERT_EQ(made.status, 201) << made.raw.body;
    }

    // The record of one step, run with `body` coming in.
    Json step(std::string_view piece, std::string_view action, std::string_view input,
              const std::string& body = "{}") {
        const std::string flow = ann_->make_flow({piece_step("step", piece, action, input)});
        HttpRequest request;
        request.method = "POST";
        request.url = engine_->url("/v1/webhooks/" + flow);
        request.headers = {{"Content-Type", "application/json"}};
        request.body = body;
        const HttpResponse answer = send(request);
        return ann_->finished_run(answer.header("x-webhook-id").value_or(""))["steps"]["step"];
    }
    EngineProcess& engine() { return *engine_; }
    ApiUser& ann() { return *ann_; }

  private:
    std::unique_ptr<EngineProcess> engine_;
    std::unique_ptr<ApiUser> ann_;
};

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

// ---- PostgreSQL

class EnginePostgres : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        server_ = std::make_unique<PostgresServer>();
        database_ = server_->make_database();
        database_ = database_.substr(database_.rfind('/') + 1);
        // The server's own user must be able to read them, and nobody else the key.
        const auto put = [](const std::string& from, const std::string& to) {
            std::ifstream file(from);
            const std::string text((std::istreambuf_iterator<char>(file)), {});
            server_->query(database_, "COPY (SELECT unnest(string_to_array($x$" + text +
                                          "$x$, E'\\n'))) TO PROGRAM 'cat > " + to +
                                          " && chmod 600 " + to + "'");
        };
        put(certificates().server_certificate, "server.crt");
        put(certificates().server_key, "server.key");
        server_->query(database_, "ALTER SYSTEM SET ssl = on");
        server_->query(database_, "SELECT pg_reload_conf()");
        ASSERT_TRUE(wait_until([] { return server_->query(database_, "SHOW ssl") == "on"; }));
    }
    static void TearDownTestSuite() { server_.reset(); }

    EnginePostgres() : services_("localhost:" + std::to_string(server_->port())) { connect(""); }

    void connect(std::string_view more) {
        services_.connection("db", R"({"host":"localhost","port":")" +
                                       std::to_string(server_->port()) +
                                       R"(","user":"test","password":"p","database":")" +
                                       database_ + "\"" + std::string(more) + "}");
    }
    Json ask(std::string_view members, const std::string& body = "{}") {
        return services_.step("postgres", "run-query",
                              R"({"auth":"{{connections['db']}}",)" + std::string(members) + "}",
                              body);
    }

    static std::unique_ptr<PostgresServer> server_;
    static std::string database_;
    Services services_;
};
std::unique_ptr<PostgresServer> EnginePostgres::server_;
std::string EnginePostgres::database_;

TEST_F(EnginePostgres, RowsAreJsonOverVerifiedTls) {
    const Json rows = ask(
        R"j("query":"SELECT 1 AS i, 2::bigint AS b, 1.5::float8 AS f, 1.10::numeric AS n, true AS t, NULL AS z, '{\"a\":[1]}'::jsonb AS j, '2024-01-02 03:04:05'::timestamp AS at, ARRAY[1,2] AS list, ARRAY['a,b','c\"d',NULL] AS words, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")j");
    ASSERT_EQ(rows["status"].text(), "SUCCEEDED") << rows.dump();
    EXPECT_EQ(
        rows["output"].dump(),
        R"([{"i":1,"b":"2","f":1.5,"n":"1.10","t":true,"z":null,"j":{"a":[1]},"at":"2024-01-02T03:04:05.000Z","list":[1,2],"words":["a,b","c\"d",null],"ssl":true}])");
}

TEST_F(EnginePostgres, ValuesAreParametersAlone) {
    server_->query(database_,
                   "CREATE TABLE IF NOT EXISTS people (name text, more jsonb, tags text[])");
    const Json made = ask(
        R"("query":"INSERT INTO people VALUES ($1, $2, $3) RETURNING name","args":["{{trigger.output.body.name}}",{"n":1},["x","y z"]])",
        R"({"name":"'; DROP TABLE people; --"})");
    ASSERT_EQ(made["status"].text(), "SUCCEEDED") << made.dump();
    EXPECT_EQ(made["output"].at(0)["name"].text(), "'; DROP TABLE people; --");
    const Json found = ask(
        R"("query":"SELECT more, tags FROM people WHERE name = $1","args":["'; DROP TABLE people; --"])");
    EXPECT_EQ(found["output"].dump(), R"([{"more":{"n":1},"tags":["x","y z"]}])");
    const Json woven =
        ask(R"("query":"SELECT * FROM people WHERE name = '{{trigger.output.body.name}}'")",
            R"({"name":"x"})");
    EXPECT_NE(woven["errorMessage"].text().find("The query may not hold"), std::string_view::npos);
    const Json two = ask(R"j("query":"SELECT 1; DROP TABLE people")j");
    EXPECT_EQ(two["status"].text(), "FAILED");
    EXPECT_EQ(server_->query(database_, "SELECT count(*) FROM people"), "1");
}

// Whatever a table or column is called, it is a name; whatever a value says, it is a value.
TEST_F(EnginePostgres, RowsByTheNamesOfTheirColumns) {
    server_->query(database_,
                   R"(CREATE TABLE "odd "" name" (id serial, "a""b; --" text, more jsonb))");
    const auto at = [this](std::string_view action, const std::string& members,
                           std::string_view name = R"(odd \" name)") {
        return services_.step(
            "postgres", action,
            R"({"auth":"{{connections['db']}}","table":{"table_schema":"public","table_name":")" +
                std::string(name) + "\"}" + members + "}",
            R"({"v":"'; DROP TABLE people; --"})");
    };
    const Json made =
        at("insert-row", R"(,"values":{"a\"b; --":"{{trigger.output.body.v}}","more":{"n":[1]}})");
    ASSERT_EQ(made["status"].text(), "SUCCEEDED") << made.dump();
    EXPECT_EQ(
        made["output"].dump(),
        R"({"row":{"id":1,"a\"b; --":"'; DROP TABLE people; --","more":{"n":[1]}},"rowCount":1})");
    EXPECT_EQ(at("insert-row", R"(,"values":{"a\"b; --":"x"})")["output"]["row"]["id"].dump(), "2");
    EXPECT_EQ(
        at("update-row",
           R"(,"values":{"more":null},"search_column":"a\"b; --","search_value":"{{trigger.output.body.v}}")")
            ["output"]
                .dump(),
        R"({"rows":[{"id":1,"a\"b; --":"'; DROP TABLE people; --","more":null}],"rowCount":1})");
    EXPECT_EQ(
        at("find-rows",
           R"(,"condition":"id >= $1 ORDER BY id DESC","args":[1],"columns":["id"],"limit":1)")
            ["output"]
                .dump(),
        R"({"rows":[{"id":2}],"rowCount":1})");
    EXPECT_EQ(at("find-rows", "")["output"]["rowCount"].dump(), "2");
    for (const std::string_view wrong :
         {R"(,"condition":"id = {{trigger.output.body.v}}")", R"(,"condition":"true; SELECT 1")",
          R"(,"limit":0)", R"(,"columns":["\"; DROP TABLE people; --"])", R"(,"columns":[7])"}) {
        EXPECT_EQ(at("find-rows", std::string(wrong))["status"].text(), "FAILED") << wrong;
    }
    EXPECT_EQ(at("insert-row", R"(,"values":{})")["status"].text(), "FAILED");
    EXPECT_EQ(
        at("delete-row", R"(,"search_column":"id","search_value":"1 OR true")")["status"].text(),
        "FAILED");
    EXPECT_EQ(
        at("delete-row", R"(,"search_column":"id","search_value":"2")", "other")["status"].text(),
        "FAILED");
    EXPECT_EQ(at("delete-row", R"(,"search_column":"id","search_value":"2")")["output"]["rowCount"]
                  .dump(),
              "1");
    EXPECT_EQ(server_->query(database_, R"(SELECT count(*) FROM "odd "" name")"), "1");
    const Json tables = at("get-tables", "");
    EXPECT_NE(
        tables["output"].dump().find(R"({"table_schema":"public","table_name":"odd \" name"})"),
        std::string::npos)
        << tables.dump();
}

TEST_F(EnginePostgres, BoundsAreKept) {
    const auto status = [this](std::string_view members) {
        return std::string(ask(members)["status"].text());
    };
    const Json many = ask(R"j("query":"SELECT generate_series(1, 11000)")j");
    EXPECT_NE(many["errorMessage"].text().find("more than 10000 rows"), std::string_view::npos);
    EXPECT_EQ(status(R"j("query":"SELECT generate_series(1, 3)","max_rows":2)j"), "FAILED");
    EXPECT_EQ(status(R"j("query":"SELECT repeat('x', 1000000) FROM generate_series(1, 20)")j"),
              "FAILED");
    EXPECT_EQ(status(R"j("query":"SELECT pg_sleep(60)","query_timeout":300)j"), "FAILED");
    EXPECT_EQ(status(R"j("query":"COPY pg_class TO STDOUT")j"), "FAILED");
    const Json wrong = ask(R"j("query":"SELECT nothing")j");
    EXPECT_NE(wrong["errorMessage"].text().find("nothing"), std::string_view::npos);
    EXPECT_EQ(ask(R"j("query":"SELECT 1 AS one")j")["output"].dump(), R"j([{"one":1}])j");
}

TEST_F(EnginePostgres, CertificatesAreVerified) {
    constexpr std::string_view kSsl =
        R"j("query":"SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")j";
    std::ifstream file(certificates().stranger_certificate);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    connect(R"j(,"certificate":)j" + Json::string(text).dump());
    EXPECT_NE(ask(kSsl)["errorMessage"].text().find("certificate"), std::string_view::npos);
    connect(R"j(,"reject_unauthorized":false)j");
    EXPECT_EQ(ask(kSsl)["output"].dump(), R"j([{"ssl":true}])j");
    connect(R"j(,"enable_ssl":false)j");
    EXPECT_EQ(ask(kSsl)["output"].dump(), R"j([{"ssl":false}])j");
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
    EXPECT_EQ(put["output"].dump(), R"({"fileName":"dir/a.plain","etag":"\"e1\""})");
    const UpstreamRequest sent = store.last_request();
    EXPECT_EQ(sent.target, "/files/dir/a.plain");
    EXPECT_EQ(sent.header("x-amz-acl"), "private");
    EXPECT_TRUE(
        sent.header("authorization").value_or("").starts_with("AWS4-HMAC-SHA256 Credential=id/"));
    const Json got = services.step("amazon-s3", "read-file",
                                   R"({"auth":"{{connections['s3']}}","key":"dir/a.plain"})");
    EXPECT_EQ(got["output"].dump(),
              R"({"filename":"a.plain","type":"text/plain","size":5,"base64":"aGVsbG8="})");
    const Json missing = services.step("amazon-s3", "read-file",
                                       R"({"auth":"{{connections['s3']}}","key":"missing.txt"})");
    EXPECT_EQ(missing["errorMessage"].text(), "s3: status 404, NoSuchKey: It is not there");
    EXPECT_EQ(put.dump().find("hush"), std::string::npos);
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
