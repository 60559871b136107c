// Tables, their fields and records on the real engine, on both stores. Every answer is checked
// against the contract's published types.
#include "tests/engine/store_contract_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

namespace sallyport::test {
namespace {

class Tables : public StoreContract {
  protected:
    Tables() : StoreContract({"AP_MAX_RECORDS_PER_TABLE=60", "AP_MAX_FIELDS_PER_TABLE=5"}) {}

    std::string make_table(const std::string& name = "T", const std::string& more = "") {
        return id_of(expect(ann_.post("/v1/tables", of_project(R"("name":")" + name + "\"" + more)),
                            200, "Table"));
    }
    std::string of_table(const std::string& table, const std::string& members) {
        return R"({"tableId":")" + table + "\"," + members + "}";
    }
    std::string make_field(const std::string& table, const std::string& members) {
        return id_of(expect(ann_.post("/v1/fields", of_table(table, members)), 201, "Field"));
    }
    std::string cell(const std::string& field, const std::string& value) {
        return R"({"fieldId":")" + field + R"(","value":)" + value + "}";
    }
    Json add(const std::string& table, const std::string& records, int status = 201) {
        return expect(ann_.post("/v1/records", of_table(table, R"("records":)" + records)), status,
                      status == 201 ? "Records" : "");
    }
    // Imports the file and gives what was answered.
    HttpResponse import_file(const std::string& table, const std::string& file,
                             const std::string& more = "", const std::string& name = "a.csv") {
        const auto part = [](const std::string& of, const std::string& data,
                             const std::string& what = "") {
            return "--XX\r\nContent-Disposition: form-data; name=\"" + of + "\"" + what +
                   "\r\n\r\n" + data + "\r\n";
        };
        HttpRequest request;
        request.method = "POST";
        request.url = engine_.url("/v1/records/import");
        request.headers = {{"Content-Type", "multipart/form-data; boundary=XX"},
                           {"Authorization", "Bearer " + ann_.token}};
        request.body = part("tableId", table) +
                       (more.empty() ? std::string() : part("skipFirstRow", more)) +
                       part("file", file, "; filename=\"" + name + "\"") + "--XX--";
        return send(request);
    }
    // The values of a field over the pages of a list.
    std::string values(const std::string& table, const std::string& field,
                       const std::string& query) {
        std::string all;
        std::string cursor;
        do {
            const Json page = expect(ann_.get("/v1/records?tableId=" + table + "&" + query +
                                              (cursor.empty() ? "" : "&cursor=" + cursor)),
                                     200, "RecordPage");
            page["data"].each_element([&](const Json& record) {
                all += std::string(record["cells"][field]["value"].text_or("-")) + ",";
            });
            cursor = page["next"].text();
        } while (!cursor.empty());
        return all;
    }
};

TEST_P(Tables, AreMadeFoundChangedAndDeleted) {
    const Json made = expect(
        ann_.post(
            "/v1/tables",
            of_project(
                R"("name":"Customers","externalId":"cust.1","folderName":"Work","fields":[{"name":"Name","type":"TEXT","externalId":"f1"},{"name":"Kind","type":"STATIC_DROPDOWN","data":{"options":[{"value":"a"}]},"externalId":"f2"}])")),
        200, "Table");
    const std::string id = id_of(made);
    EXPECT_EQ(made["externalId"].text(), "cust.1");
    const std::string folder(made["folderId"].text());
    EXPECT_EQ(ann_.get("/v1/folders/" + folder).body["displayName"].text(), "Work");
    const Json fields = expect(ann_.get("/v1/fields?tableId=" + id), 200, "Fields");
    ASSERT_EQ(fields.size(), 2U);
    EXPECT_EQ(fields.at(0)["name"].text(), "Name");
    EXPECT_EQ(fields.at(1)["data"]["options"].at(0)["value"].text(), "a");
    EXPECT_EQ(fields.at(1)["position"].integer_or(-1), 1);
    EXPECT_EQ(ann_.post("/v1/tables", of_project(R"("name":"Twin","externalId":"cust.1")")).status,
              409);
    make_table("beta");
    make_table("Alpha");
    EXPECT_EQ(ann_.get("/v1/tables/count?" + project_query()).raw.body, "3");
    const auto names = [this](const std::string& query) {
        std::string all;
        expect(ann_.get("/v1/tables?" + project_query() + query), 200, "TablePage")["data"]
            .each_element(
                [&all](const Json& one) { all += std::string(one["name"].text()) + ","; });
        return all;
    };
    EXPECT_EQ(names("&sortBy=NAME&order=ASC"), "Alpha,beta,Customers,");
    EXPECT_EQ(names("&sortBy=NAME&order=DESC"), "Customers,beta,Alpha,");
    EXPECT_EQ(names("&name=ALPH"), "Alpha,");
    EXPECT_EQ(names("&externalIds[]=cust.1"), "Customers,");
    EXPECT_EQ(names("&folderId=" + folder), "Customers,");
    EXPECT_EQ(names("&folderId=NULL&sortBy=NAME"), "Alpha,beta,");
    EXPECT_EQ(ann_.get("/v1/tables?sortBy=NAME&cursor=x&" + project_query()).status, 400);

    const std::string path = "/v1/tables/" + id;
    const Json changed = expect(
        ann_.post(path, R"({"name":"Clients","trigger":"ON_NEW_RECORD","status":"ENABLED"})"), 200,
        "Table");
    EXPECT_EQ(changed["name"].text(), "Clients");
    EXPECT_EQ(changed["folderId"].text(), folder);
    EXPECT_EQ(ann_.call("DELETE", "/v1/folders/" + folder).status, 204);
    EXPECT_TRUE(expect(ann_.get(path), 200, "Table")["folderId"].is_null());
    EXPECT_EQ(ann_.call("DELETE", path).status, 204);
    EXPECT_EQ(ann_.get(path).status, 404);
    EXPECT_EQ(ann_.get("/v1/fields?tableId=" + id).status, 404);
    EXPECT_EQ(ann_.get("/v1/fields/" + id_of(fields.at(0))).status, 404);

    for (const char* bad : {"..", ".", "a/b", "../../x", "", "a b"}) {
        EXPECT_EQ(ann_.post("/v1/tables",
                            of_project(R"("name":"x","externalId":")" + std::string(bad) + "\""))
                      .status,
                  400)
            << bad;
    }
    for (
        const char* bad :
        {R"("name":"")", R"("fields":[])", R"("name":"x","fields":[{"name":"f"}])",
         R"("name":"x","fields":[{"name":"f","type":"MOOD","externalId":"e"}])",
         R"("name":"x","fields":[{"name":"f","type":"STATIC_DROPDOWN","externalId":"e"}])",
         R"("name":"x","fields":[{"name":"f","type":"TEXT","externalId":"e"},{"name":"g","type":"TEXT","externalId":"e"}])"}) {
        EXPECT_EQ(ann_.post("/v1/tables", of_project(bad)).status, 400) << bad;
    }
    EXPECT_EQ(ann_.post("/v1/tables", of_project(R"("name":"x","folderId":"none")")).status, 404);
}

TEST_P(Tables, FieldsComeAndGo) {
    const std::string table = make_table();
    const std::string first = make_field(table, R"("name":"A","type":"NUMBER")");
    make_field(table, R"("name":"B","type":"DATE","externalId":"b")");
    EXPECT_EQ(
        ann_.post("/v1/fields", of_table(table, R"("name":"C","type":"TEXT","externalId":"b")"))
            .status,
        409);
    expect(ann_.post("/v1/fields/" + first, R"({"name":"Z"})"), 200, "Field");
    EXPECT_EQ(expect(ann_.get("/v1/fields/" + first), 200, "Field")["name"].text(), "Z");
    const Json record = add(table, "[[" + cell(first, "\"1\"") + "]]").at(0);
    EXPECT_EQ(record["cells"][first]["fieldName"].text(), "Z");
    EXPECT_EQ(ann_.call("DELETE", "/v1/fields/" + first).status, 204);
    EXPECT_EQ(ann_.get("/v1/records/" + id_of(record)).body["cells"].size(), 0U);
    for (const char* name : {"c", "d", "e", "f"}) {
        make_field(table, R"("name":")" + std::string(name) + R"(","type":"TEXT")");
    }
    EXPECT_EQ(
        ann_.post("/v1/fields", of_table(table, R"("name":"g","type":"TEXT")")).body["code"].text(),
        "VALIDATION");
}

TEST_P(Tables, RecordsAreKeptFilteredAndPaged) {
    const std::string table = make_table();
    const std::string name = make_field(table, R"("name":"Name","type":"TEXT")");
    const std::string size = make_field(table, R"("name":"Size","type":"NUMBER")");
    const std::string day = make_field(table, R"("name":"Day","type":"DATE")");
    const auto record = [&](const std::string& n, const std::string& s, const std::string& d) {
        return "[" + cell(name, n) + "," + cell(size, s) + "," + cell(day, d) + "]";
    };
    add(table, "[" + record(R"("Ärger")", R"("10")", R"("2026-01-01T00:00:00Z")") + "," +
                   record(R"("bee")", R"("9.5")", R"("2026-02-01T00:00:00.000Z")") + "," +
                   record(R"("Bee 2")", "null", "null") + ",[" + cell("unknown", "\"x\"") + "]]");
    EXPECT_EQ(values(table, name, "limit=10"), "Ärger,bee,Bee 2,-,");
    EXPECT_EQ(values(table, name, "limit=1"), "Ärger,bee,Bee 2,-,");
    const auto filtered = [&](const std::string& field, const std::string& op,
                              const std::string& value) {
        return values(table, name,
                      "limit=1&filters[0][fieldId]=" + field + "&filters[0][operator]=" + op +
                          (value.empty() ? "" : "&filters[0][value]=" + value));
    };
    EXPECT_EQ(filtered(name, "eq", "bee"), "bee,");
    EXPECT_EQ(filtered(name, "neq", "bee"), "Ärger,Bee 2,");
    EXPECT_EQ(filtered(name, "co", "BEE"), "bee,Bee 2,");
    EXPECT_EQ(filtered(name, "co", "%C3%A4rg"), "Ärger,");
    EXPECT_EQ(filtered(size, "gt", "9.5"), "Ärger,");
    EXPECT_EQ(filtered(size, "gte", "9.5"), "Ärger,bee,");
    EXPECT_EQ(filtered(size, "lt", "10"), "bee,");
    EXPECT_EQ(filtered(size, "lte", "10"), "Ärger,bee,");
    EXPECT_EQ(filtered(day, "gt", "2026-01-15T00:00:00Z"), "bee,");
    EXPECT_EQ(filtered(size, "exists", ""), "Ärger,bee,");
    EXPECT_EQ(filtered(size, "not_exists", ""), "Bee 2,-,");
    EXPECT_EQ(values(table, name,
                     "filters[0][fieldId]=" + name +
                         "&filters[0][operator]=co&filters[0][value]=e" + "&filters[1][fieldId]=" +
                         size + "&filters[1][operator]=lt&filters[1][value]=10"),
              "bee,");
    for (const char* bad : {"filters[0][fieldId]=x&filters[0][operator]=like",
                            "filters[0][operator]=eq", "filters=%7B", "filters=1",
                            "filters[0][fieldId]=x&filters[0][operator]=gt", "cursor=zzz"}) {
        EXPECT_EQ(ann_.get("/v1/records?tableId=" + table + "&" + bad).status, 400) << bad;
    }
    // Backwards over filtered pages.
    const std::string query = "/v1/records?limit=1&tableId=" + table +
                              "&filters[0][fieldId]=" + size + "&filters[0][operator]=exists";
    const Json first = ann_.get(query).body;
    const Json second = ann_.get(query + "&cursor=" + std::string(first["next"].text())).body;
    EXPECT_TRUE(second["next"].is_null());
    const Json back = ann_.get(query + "&cursor=" + std::string(second["previous"].text())).body;
    EXPECT_EQ(back["data"].dump(), first["data"].dump());

    const Json exported =
        expect(ann_.get("/v1/tables/" + table + "/export"), 200, "ExportTableResponse");
    EXPECT_EQ(exported["rows"].at(1).dump(),
              R"({"Name":"bee","Size":"9.5","Day":"2026-02-01T00:00:00.000Z"})");
    EXPECT_EQ(exported["rows"].at(2)["Size"].text(), "");
}

TEST_P(Tables, RecordsComeFromFiles) {
    const std::string table = make_table();
    const std::string name = make_field(table, R"("name":"Name","type":"TEXT")");
    const std::string size = make_field(table, R"("name":"Size","type":"NUMBER")");
    const HttpResponse first = import_file(table, "Title,Count\r\n\"a, b\",1\r\nc,\r\n", "true");
    EXPECT_EQ(first.status, 200) << first.body;
    EXPECT_EQ(first.body, "2");
    EXPECT_EQ(values(table, name, ""), "a, b,c,");
    EXPECT_EQ(values(table, size, ""), "1,,");
    EXPECT_EQ(import_file(table, "d\ne\n").body, "2") << "fewer columns, and no names";
    EXPECT_EQ(values(table, name, "limit=3"), "a, b,c,d,e,") << "in the file's order";
    // What was exported comes back.
    const std::string exported = ann_.get("/v1/tables/" + table + "/export").raw.body;
    const std::string other = make_table("Other");
    const std::string other_size = make_field(other, R"("name":"Size","type":"NUMBER")");
    const std::string other_name = make_field(other, R"("name":"Name","type":"TEXT")");
    EXPECT_EQ(import_file(other, exported, "", "t.json").body, "4");
    EXPECT_EQ(values(other, other_name, ""), values(table, name, ""));
    EXPECT_EQ(values(other, other_size, ""), "1,,,,") << "by the names of fields";
    EXPECT_EQ(import_file(other, R"([{"Size":7},{"Name":null,"Size":true}])", "", "t.json").body,
              "2");
    EXPECT_EQ(values(other, other_size, "limit=100"), "1,,,,7,true,");
    EXPECT_EQ(import_file(table, "").body, "0");
    for (const auto& [file, as, problem] :
         {std::tuple("a,b,c\n", "a.csv", "3 columns, the table has 2 fields"),
          std::tuple("a,b\nc\n", "a.csv", "line 2"), std::tuple("{", "a.json", "body/file"),
          std::tuple(R"([{"Nmae":"x"}])", "a.json", "'Nmae', which is no field"),
          std::tuple(R"([{"Name":"kept?"},{"Name":[]}])", "a.json", "neither text nor null"),
          std::tuple("[1]", "a.json", "list of objects"), std::tuple("7", "a.json", "list")}) {
        const HttpResponse refused = import_file(table, file, "", as);
        EXPECT_EQ(refused.status, 400) << file;
        EXPECT_NE(refused.body.find(problem), std::string::npos) << refused.body;
    }
    EXPECT_EQ(import_file(table, "a\n", "perhaps").status, 400);
    EXPECT_EQ(import_file("none", "a\n").status, 404);
    EXPECT_EQ(import_file(table, std::string(300'000, 'x') + "\n").status, 413);
    std::string many;
    for (int i = 0; i < 57; ++i) {
        many += "m\n";
    }
    EXPECT_EQ(import_file(table, many).status, 409) << "60 records and no more";
    EXPECT_EQ(values(table, name, "limit=100"), "a, b,c,d,e,") << "all or nothing";
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    std::swap(ann_.token, bob.token);
    EXPECT_EQ(import_file(table, "a\n").status, 403);
}

TEST_P(Tables, RecordsChangeAndGo) {
    const std::string table = make_table();
    const std::string other = make_table("U");
    const std::string name = make_field(table, R"("name":"Name","type":"TEXT")");
    const std::string size = make_field(table, R"("name":"Size","type":"NUMBER")");
    const Json made = add(table, "[[" + cell(name, R"("a")") + "],[" + cell(name, R"("b")") + "]]");
    const std::string path = "/v1/records/" + id_of(made.at(0));
    const Json changed =
        expect(ann_.post(path, of_table(table, R"("cells":[)" + cell(size, "\"3\"") + "]")), 200,
               "PopulatedRecord");
    EXPECT_EQ(changed["cells"][name]["value"].text(), "a");
    EXPECT_EQ(changed["cells"][size]["value"].text(), "3");
    EXPECT_EQ(expect(ann_.get(path), 200, "PopulatedRecord").dump(), changed.dump());
    EXPECT_EQ(ann_.post(path, of_table(other, R"("cells":[])")).status, 404);
    EXPECT_EQ(ann_.post(path, R"({"cells":[]})").status, 400);
    EXPECT_EQ(ann_.post(path, of_table(table, R"("cells":[{"fieldId":1}])")).status, 400);
    const std::string large = "\"" + std::string(300 * 1024, 'x') + "\"";
    EXPECT_EQ(ann_.post(path, of_table(table, R"("cells":[)" + cell(name, large) + "]")).status,
              413);
    add(table, "[[" + cell(name, large) + "]]", 413);
    const std::string ids = R"("ids":[")" + id_of(made.at(0)) + R"(","none"])";
    EXPECT_EQ(ann_.call("DELETE", "/v1/records", of_table(other, ids)).status, 204);
    EXPECT_EQ(ann_.get(path).status, 200);
    EXPECT_EQ(ann_.call("DELETE", "/v1/records", of_table(table, ids)).status, 204);
    EXPECT_EQ(ann_.get(path).status, 404);

    // Fifty at once, and as many as a table may have.
    std::string batch = "[[]";
    for (int i = 1; i < 50; ++i) {
        batch += ",[]";
    }
    EXPECT_EQ(add(table, batch + "]").size(), 50U);
    add(table, batch + ",[]]", 400);
    add(table, "[[],[],[],[],[],[],[],[],[],[]]", 409);
    add(table, "[[],[],[],[],[],[],[],[],[]]");
    const Json cleared = expect(ann_.post("/v1/tables/" + table + "/clear", "{}"), 200);
    EXPECT_EQ(cleared["deletedCount"].integer_or(0), 60);
    EXPECT_EQ(values(table, name, "limit=10"), "");
    EXPECT_EQ(add(table, "[]").size(), 0U);
}

// The engine's own token does what pieces do, in its project alone.
TEST_P(Tables, AreThePiecesToo) {
    const std::string table = make_table();
    ApiUser piece(engine_);
    piece.token = engine_token(ann_.project());
    expect(piece.post("/v1/records", of_table(table, R"("records":[[]])")), 201, "Records");
    expect(piece.get("/v1/tables?" + project_query()), 200, "TablePage");
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    EXPECT_EQ(bob.get("/v1/tables/" + table).status, 403);
    ApiUser foreign(engine_);
    foreign.token = engine_token(bob.project());
    EXPECT_EQ(foreign.get("/v1/tables/" + table).status, 403);
    EXPECT_EQ(foreign.get("/v1/records?tableId=" + table).status, 403);
}

// A flow that listens has a run for each record.
TEST_P(Tables, EventsStartFlows) {
    const std::string table = make_table();
    const std::string name = make_field(table, R"("name":"Name","type":"TEXT")");
    const std::string flow = ann_.make_flow(
        {code_step("step_1", "export const code = async (i) => i.v;",
                   R"({"v":"{{trigger['output'].body.record.cells[')" + name + R"('].value}}"})")});
    const std::string hooks = "/v1/tables/" + table + "/webhooks";
    const std::string body =
        R"({"events":["RECORD_CREATED","RECORD_DELETED"],"webhookUrl":"x","flowId":")" + flow +
        "\"}";
    const Json hook = expect(ann_.post(hooks, body), 200, "TableWebhook");
    EXPECT_EQ(
        ann_.post(hooks, R"({"events":["RECORD_EATEN"],"webhookUrl":"x","flowId":"f"})").status,
        400);
    EXPECT_EQ(
        ann_.post(hooks, R"({"events":["RECORD_CREATED"],"webhookUrl":"x","flowId":"f"})").status,
        404);
    const Json made = add(table, "[[" + cell(name, R"("a")") + "],[" + cell(name, R"("b")") + "]]");
    const auto runs = [this] {
        return ann_.get("/v1/flow-runs?limit=100&status=SUCCEEDED&" + project_query()).body["data"];
    };
    ASSERT_TRUE(wait_until([&] { return runs().size() == 2; })) << runs().dump();
    std::string seen;
    runs().each_element([&](const Json& run) {
        seen += ann_.finished_run(id_of(run))["steps"]["step_1"]["output"].text();
    });
    EXPECT_TRUE(seen == "ab" || seen == "ba") << seen;
    // An update is not among its events; a deletion is.
    ann_.post("/v1/records/" + id_of(made.at(0)),
              of_table(table, R"("cells":[)" + cell(name, R"("c")") + "]"));
    ann_.call("DELETE", "/v1/records", of_table(table, R"("ids":[")" + id_of(made.at(0)) + "\"]"));
    ASSERT_TRUE(wait_until([&] { return runs().size() == 3; })) << runs().dump();
    EXPECT_EQ(ann_.call("DELETE", hooks + "/" + id_of(hook)).status, 204);
    EXPECT_EQ(ann_.call("DELETE", hooks + "/" + id_of(hook)).status, 404);
}

INSTANTIATE_TEST_SUITE_P(Stores, Tables, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace sallyport::test
