// The Postgres piece against a real server: its steps, and the trigger that looks for new rows.
#include "tests/engine/services_fixture.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>

namespace sallyport::test {
namespace {

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

TEST_F(EnginePostgres, ManyRowsAreStoredTogetherOrNotAtAll) {
    server_->query(database_,
                   "CREATE TABLE many (id serial, name text UNIQUE, n int DEFAULT 7, tags text[])");
    const auto insert = [this](const std::string& rows, const std::string& more = "") {
        return services_.step(
            "postgres", "insert-rows",
            R"({"auth":"{{connections['db']}}","table":{"table_schema":"public","table_name":"many"},)"
            R"("batch":{"rows":)" +
                rows + "}" + more + "}",
            R"({"v":"'); DROP TABLE many; --","list":[{"name":"l1"},{"name":"l2"}]})");
    };
    const Json made = insert(
        R"([{"name":"{{trigger.output.body.v}}","n":""},{"n":2,"name":"b","tags":["x","y"]},{"name":null}])");
    ASSERT_EQ(made["status"].text(), "SUCCEEDED") << made.dump();
    EXPECT_EQ(made["output"].dump(), R"({"rowCount":3})");
    EXPECT_EQ(server_->query(database_,
                             "SELECT string_agg(concat_ws(',', id, name, n, tags[2]), ' ' ORDER BY "
                             "id) FROM many"),
              "1,'); DROP TABLE many; --,7 2,b,2,y 3,7");
    EXPECT_EQ(
        insert(R"([{"name":"c"},{"name":"","n":1}])", R"(,"return_rows":true)")["output"].dump(),
        R"({"rows":[{"id":4,"name":"c","n":7,"tags":null},{"id":5,"name":null,"n":1,)"
        R"("tags":null}],"rowCount":2})");
    EXPECT_EQ(insert(R"([{"name":""}])", R"(,"keep_empty_strings":true)")["output"].dump(),
              R"({"rowCount":1})");
    EXPECT_EQ(insert(R"("{{trigger.output.body.list}}")")["output"].dump(), R"({"rowCount":2})");
    // A text of a list is a list where the column is one, and a text elsewhere.
    EXPECT_EQ(insert(R"([{"name":"[\"t\"]","tags":"[\"x, y\",\"z\"]"},{"name":"[","tags":"{v}"}])",
                     R"(,"return_rows":true)")["output"]["rows"]
                  .dump(),
              R"([{"id":9,"name":"[\"t\"]","n":7,"tags":["x, y","z"]},)"
              R"({"id":10,"name":"[","n":7,"tags":["v"]}])");
    EXPECT_EQ(insert(R"([{"name":"[x","tags":"[1,"}])")["status"].text(), "FAILED");
    const auto count = [this] { return server_->query(database_, "SELECT count(*) FROM many"); };
    ASSERT_EQ(count(), "10");
    // The second of them is there already, so that the first is not stored either.
    const Json twice = insert(R"([{"name":"new"},{"name":"b"}])");
    EXPECT_NE(twice["errorMessage"].text().find("duplicate key"), std::string_view::npos);
    for (const std::string_view wrong :
         {"[]", "{}", "7", R"("text")", "[7]", "[[1]]", "[{}]", R"([{"name":""}])", R"([{"":1}])",
          R"([{"n":"x"}])", R"([{"other":1}])", R"([{"other":"[1]"}])"}) {
        const Json step = insert(std::string(wrong));
        EXPECT_EQ(step["status"].text(), "FAILED") << wrong << step.dump();
        EXPECT_NE(step["errorMessage"].text(), "") << wrong;
    }
    EXPECT_EQ(count(), "10");
}

// It takes connections and says nothing.
TEST(EnginePostgresConnection, IsGivenUpInItsTime) {
    Upstream silent;
    Services services("localhost:" + std::to_string(silent.port()));
    services.connection("db", R"({"host":"localhost","port":")" + std::to_string(silent.port()) +
                                  R"(","user":"u","password":"p","database":"d"})");
    const auto ask = [&](std::string_view members) {
        return std::string(services
                               .step("postgres", "run-query",
                                     R"({"auth":"{{connections['db']}}","query":"SELECT 1",)" +
                                         std::string(members) + "}")["errorMessage"]
                               .text());
    };
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(ask(R"("query_timeout":600000,"connection_timeout_ms":200)"),
              "postgres: the server did not answer in time");
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
    EXPECT_NE(ask(R"("connection_timeout_ms":0)").find("connection_timeout_ms"), std::string::npos);
}

// More values than one statement of the protocol can have are refused before anything is sent.
TEST_F(EnginePostgres, RowsBeyondTheBoundsAreRefused) {
    server_->query(database_,
                   "CREATE TABLE wide (a int, b int, c int, d int, e int, f int, g int)");
    const auto insert = [this](int rows) {
        std::string list;
        for (int i = 0; i < rows; ++i) {
            list += R"({"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7},)";
        }
        list.back() = ']';
        return services_.step(
            "postgres", "insert-rows",
            R"({"auth":"{{connections['db']}}","table":{"table_schema":"public","table_name":"wide"},)"
            R"("batch":{"rows":"{{trigger.output.body}}"}})",
            "[" + list);
    };
    EXPECT_EQ(insert(9362)["output"].dump(), R"({"rowCount":9362})");
    EXPECT_NE(insert(9363)["errorMessage"].text().find("65535 values"), std::string_view::npos);
    EXPECT_NE(insert(10'001)["errorMessage"].text().find("10000 objects"), std::string_view::npos);
    EXPECT_EQ(server_->query(database_, "SELECT count(*) FROM wide"), "9362");
}

// ---- the trigger

class EngineNewRows : public EnginePostgres {
  protected:
    std::string flow_with(const std::string& table, const std::string& more) {
        const std::string flow = services_.ann().make_flow({});
        const ApiAnswer changed = services_.ann().operate(
            flow, "UPDATE_TRIGGER",
            R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Rows","valid":true,)"
            R"("settings":{"pieceName":"@activepieces/piece-postgres","pieceVersion":"0.2.0",)"
            R"("triggerName":"new-row","propertySettings":{},"input":{)"
            R"("auth":"{{connections['db']}}","cronExpression":"* * * * * *",)"
            R"("table":{"table_schema":"public","table_name":)" +
                Json::string(table).dump() + "}," + more + "}}}");
        EXPECT_EQ(changed.status, 200) << changed.raw.body;
        return flow;
    }
    ApiAnswer publish(const std::string& flow) {
        return services_.ann().operate(flow, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
    }
    // Of the table that is looked at; what is asked there begins with the application's name.
    [[nodiscard]] bool looked_twice(const std::string& table) {
        const auto looks = [&] {
            return std::stoi(
                server_->query(database_,
                               "SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0) FROM "
                               "pg_stat_user_tables WHERE relname = '" +
                                   table + "'"));
        };
        const int before = looks();
        return wait_until([&] { return looks() >= before + 2; });
    }
    // What the runs of the flow began with.
    std::string outputs(const std::string& flow) { return services_.ann().run_beginnings(flow); }
    bool comes_to(const std::string& flow, const std::string& expected) {
        return wait_until([&] { return outputs(flow) == expected; });
    }
};

TEST_F(EngineNewRows, StartARunEachWhateverHappens) {
    server_->query(database_, R"(CREATE TABLE orders (id serial PRIMARY KEY, "a""b" text))");
    server_->query(database_, R"(INSERT INTO orders ("a""b") VALUES ('old'), ('older'))");
    const std::string flow = flow_with("orders", R"("order_by":"id","order_direction":"DESC")");
    ASSERT_EQ(publish(flow).status, 200);
    ASSERT_TRUE(looked_twice("orders")) << services_.engine().log();
    EXPECT_EQ(outputs(flow), "") << "the first look only remembers";
    server_->query(database_, R"(INSERT INTO orders ("a""b") VALUES ('x'), ('y'))");
    const std::string two = R"({"id":3,"a\"b":"x"} {"id":4,"a\"b":"y"} )";
    ASSERT_TRUE(comes_to(flow, two)) << outputs(flow) << services_.engine().log();
    // A row of before that changes is none, nor is one that goes.
    server_->query(database_, R"(UPDATE orders SET "a""b" = 'new' WHERE id = 2)");
    server_->query(database_, "DELETE FROM orders WHERE id = 3");
    ASSERT_TRUE(looked_twice("orders"));
    EXPECT_EQ(outputs(flow), two);
    services_.engine().kill();
    server_->query(database_, R"(INSERT INTO orders ("a""b") VALUES (NULL))");
    services_.engine().start();
    EXPECT_TRUE(comes_to(flow, two + R"({"id":5,"a\"b":null} )")) << services_.engine().log();
    ASSERT_TRUE(looked_twice("orders"));
    EXPECT_EQ(outputs(flow), two + R"({"id":5,"a\"b":null} )");
}

// JSON shows milliseconds; the column has more, and several rows may be of one time.
TEST_F(EngineNewRows, AreToldApartWithinAMoment) {
    server_->query(database_, "CREATE TABLE events (name text, at timestamptz)");
    const std::string flow = flow_with("events", R"("order_by":"at")");
    ASSERT_EQ(publish(flow).status, 200);
    ASSERT_TRUE(looked_twice("events"));
    const auto add = [](const std::string& name, const std::string& at) {
        server_->query(database_, "INSERT INTO events VALUES ('" + name + "', '" + at + "')");
    };
    const auto row = [](const std::string& name, const std::string& at) {
        return R"({"name":")" + name + R"(","at":)" + at + "} ";
    };
    const std::string moment = "\"2026-01-01T00:00:00.000Z\"";
    add("a", "2026-01-01 00:00:00.000500+00");
    std::string all = row("a", moment);
    ASSERT_TRUE(comes_to(flow, all)) << services_.engine().log();
    add("b", "2026-01-01 00:00:00.000500+00");
    all += row("b", moment);
    ASSERT_TRUE(comes_to(flow, all));
    add("early", "2026-01-01 00:00:00.000499+00");
    add("c", "2026-01-01 01:00:00.000501+01");
    all += row("c", moment);
    ASSERT_TRUE(comes_to(flow, all)) << outputs(flow);
    server_->query(database_, "INSERT INTO events VALUES ('never', NULL)");
    ASSERT_TRUE(looked_twice("events"));
    EXPECT_EQ(outputs(flow), all);
}

TEST_F(EngineNewRows, MayComeInDescendingOrderAndBeTried) {
    server_->query(database_, "CREATE TABLE depths (d int)");
    server_->query(database_, "INSERT INTO depths SELECT -generate_series(1, 8)");
    const std::string flow = flow_with("depths", R"("order_by":"d","order_direction":"ASC")");
    const ApiAnswer tried = services_.ann().post(
        "/v1/test-trigger",
        R"({"projectId":")" + services_.ann().project() + R"(","flowId":")" + flow +
            R"(","flowVersionId":")" +
            std::string(services_.ann().get("/v1/flows/" + flow).body["version"]["id"].text()) +
            R"(","testStrategy":"TEST_FUNCTION"})");
    ASSERT_EQ(tried.status, 200) << tried.raw.body;
    EXPECT_EQ(tried.body["data"].size(), 5u) << tried.raw.body;
    EXPECT_EQ(tried.raw.body.find("key of the item"), std::string::npos) << tried.raw.body;
    EXPECT_NE(tried.raw.body.find(R"({"d":-8})"), std::string::npos);
    ASSERT_EQ(publish(flow).status, 200);
    ASSERT_TRUE(looked_twice("depths"));
    server_->query(database_, "INSERT INTO depths VALUES (-9), (5)");
    EXPECT_TRUE(comes_to(flow, R"({"d":-9} )")) << outputs(flow) << services_.engine().log();
}

TEST_F(EngineNewRows, WhatCannotWorkIsSaid) {
    const auto refused = [this](const std::string& more, std::string_view name) {
        const ApiAnswer answer = publish(flow_with("t", more));
        EXPECT_EQ(answer.status, 400) << more;
        EXPECT_NE(answer.raw.body.find(name), std::string::npos) << answer.raw.body;
    };
    refused(R"("order_by":"")", "order_by");
    refused(R"("order_by":7)", "order_by");
    refused(R"("order_by":"id","order_direction":"UP")", "order_direction");
    refused(R"("order_by":"id","minutes":0)", "minutes");
    refused(R"("order_by":"id","table":"t")", "table");
    server_->query(database_, "CREATE TABLE same (n int)");
    server_->query(database_, "INSERT INTO same SELECT 1 FROM generate_series(1, 1000)");
    const auto failed_by = [this](const std::string& table, std::string_view problem) {
        EXPECT_EQ(publish(flow_with(table, R"("order_by":"n")")).status, 200);
        EXPECT_TRUE(wait_until([&] {
            return services_.engine().log().find(problem) != std::string::npos;
        })) << problem;
    };
    failed_by("same", "the newest value is shared by 1000 rows or more");
    failed_by("none\"; DROP TABLE same; --", "does not exist");
    EXPECT_EQ(server_->query(database_, "SELECT count(*) FROM same"), "1000");
}

}  // namespace
}  // namespace sallyport::test
