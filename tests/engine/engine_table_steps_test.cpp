// The tables piece on the real engine, on both stores: flows as Activepieces exports them, imported
// and run.
#include "tests/engine/store_contract_fixture.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <vector>

namespace sallyport::test {
namespace {

Json parsed(const std::string& text) {
    const Result<Json> json = Json::parse(text);
    EXPECT_TRUE(json.ok()) << text;
    return json.ok() ? *json : Json::object();
}

std::string settings(const std::string& piece, const std::string& version, const std::string& name,
                     const std::string& input) {
    return R"("settings":{"pieceName":"@activepieces/piece-)" + piece + R"(","pieceVersion":")" +
           version + "\"," + name + R"(,"propertySettings":{},"input":)" + input + "}";
}

struct Action {
    std::string name;
    std::string action;
    std::string input;
};

// The flow of an export: each step within the one before.
std::string exported(const std::string& trigger_settings, const std::vector<Action>& actions) {
    std::string next;
    for (auto it = actions.rbegin(); it != actions.rend(); ++it) {
        next =
            R"(,"nextAction":{"name":")" + it->name +
            R"(","type":"PIECE","valid":true,"lastUpdatedDate":"2026-01-01T00:00:00.000Z","displayName":"Step",)" +
            settings("tables", "~0.4.2", R"("actionName":"tables-)" + it->action + "\"",
                     it->input) +
            next + "}";
    }
    return R"({"displayName":"F","schemaVersion":"22","trigger":{"name":"trigger","type":"PIECE_TRIGGER","valid":true,"lastUpdatedDate":"2026-01-01T00:00:00.000Z","displayName":"T",)" +
           trigger_settings + next + "}}";
}

std::string webhook() {
    return settings("webhook", "~0.1.29", R"("triggerName":"catch_webhook")",
                    R"({"authType":"none","authFields":{}})");
}

std::string listener(const std::string& trigger, const std::string& table) {
    return settings("tables", "~0.4.2", R"("triggerName":")" + trigger + "\"",
                    R"({"table_id":")" + table + "\"}");
}

class TableFlows : public StoreContract {
  protected:
    // A table that flows know as `name`: its id.
    std::string make_customers(ApiUser& user, const std::string& name = "cust") {
        return id_of(expect(
            user.post(
                "/v1/tables",
                R"({"projectId":")" + user.project() + R"(","name":"Customers","externalId":")" +
                    name +
                    R"(","fields":[{"name":"Name","type":"TEXT","externalId":"f1"},{"name":"Age","type":"NUMBER","externalId":"f2"},{"name":"Since","type":"DATE","externalId":"f3"},{"name":"Kind","type":"STATIC_DROPDOWN","data":{"options":[{"value":"new"}]},"externalId":"f4"}]})"),
            200, "Table"));
    }
    std::string imported(const std::string& flow) {
        const std::string id =
            id_of(ann_.post("/v1/flows", of_project(R"("displayName":"F")")).body);
        const ApiAnswer into = ann_.operate(id, "IMPORT_FLOW", flow);
        EXPECT_EQ(into.status, 200) << into.raw.body;
        return id;
    }
    ApiAnswer publish(const std::string& id) {
        return ann_.operate(id, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
    }
    std::string published(const std::string& flow) {
        const std::string id = imported(flow);
        const ApiAnswer answer = publish(id);
        EXPECT_EQ(answer.status, 200) << answer.raw.body;
        return id;
    }
    // The record of a run of these steps.
    Json ran(const std::vector<Action>& actions, const std::string& body = "{}") {
        const std::string flow = published(exported(webhook(), actions));
        const HttpResponse answer = deliver_webhook(engine_, flow, body);
        return ann_.finished_run(answer.header("x-webhook-id").value_or(""));
    }
    std::string failure(const std::string& action, const std::string& input) {
        const Json run = ran({{"s", action, input}});
        EXPECT_EQ(run["status"].text(), "FAILED") << input;
        return std::string(run["failedStep"]["message"].text());
    }
    std::size_t count(const std::string& table) {
        return ann_.get("/v1/records?limit=1000&tableId=" + table).body["data"].size();
    }
    // A record's values by the names of their fields.
    static std::string values(const Json& record) {
        Json all = Json::object();
        record["cells"].each_member([&all](std::string_view, const Json& cell) {
            all.set(cell["fieldName"].text(), cell["value"]);
        });
        return all.dump_sorted();
    }
};

TEST_P(TableFlows, RecordsAreMadeFoundChangedAndRemoved) {
    const std::string table = make_customers(ann_);
    const Json run = ran(
        {{"made", "create-records",
          R"({"table_id":"cust","values":{"values":[{"f1":"{{trigger['output']['body']['name']}}","f2":"30","f3":"2026-01-02","f4":""},{"f1":"Bob","f2":7,"gone":"x"}]}})"},
         {"raw", "create-records",
          R"({"table_id":"cust","values":{},"records":[{"Name":"Cy","Age":50,"Nothing":1},{"Name":"Di","Age":null}]})"},
         {"found", "find-records",
          R"({"table_id":"cust","filters":{"filters":[{"field":{"id":"f2","type":"NUMBER","name":"Age"},"operator":"gte","value":"30"},{"field":{"id":"f1","type":"TEXT","name":"Name"},"operator":"exists"}]}})"},
         {"first", "find-records", R"({"table_id":"cust","limit":1})"},
         {"changed", "update-record",
          R"({"table_id":"cust","record_id":"{{made['output'][1]['id']}}","values":{"f1":"Bobby","f2":"","f4":"new"}})"},
         {"got", "get-record", R"({"table_id":"cust","record_id":"{{made['output'][1]['id']}}"})"},
         {"gone", "delete-record",
          R"({"table_id":"cust","records_ids":["{{made['output'][0]['id']}}","{{raw['output'][0]['id']}}"]})"},
         {"left", "find-records", R"({"table_id":"cust","filters":{}})"}},
        R"({"name":"Ann"})");
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    const auto output = [&run](std::string_view step) { return run["steps"][step]["output"]; };
    const Json made = output("made");
    ASSERT_EQ(made.size(), 2U);
    EXPECT_EQ(values(made.at(0)),
              R"({"Age":"30","Name":"Ann","Since":"2026-01-02T00:00:00.000Z"})");
    EXPECT_EQ(values(made.at(1)), R"({"Age":"7","Name":"Bob"})");
    std::string members;
    made.at(0).each_member(
        [&members](std::string_view name, const Json&) { members += std::string(name) + " "; });
    EXPECT_EQ(members, "id created updated cells ");
    const Json fields = ann_.get("/v1/fields?tableId=" + table).body;
    const Json cell = made.at(0)["cells"][fields.at(0)["id"].text()];
    EXPECT_EQ(cell["value"].text(), "Ann") << "cells are by the fields' ids";
    EXPECT_EQ(cell.size(), 4U) << cell.dump();
    EXPECT_EQ(output("raw").size(), 2U);
    EXPECT_EQ(values(output("raw").at(1)), R"({"Name":"Di"})");
    ASSERT_EQ(output("found").size(), 2U) << output("found").dump();
    EXPECT_EQ(values(output("found").at(1)), R"({"Age":"50","Name":"Cy"})");
    ASSERT_EQ(output("first").size(), 1U);
    EXPECT_EQ(output("first").at(0).dump(), made.at(0).dump());
    EXPECT_EQ(values(output("changed")), R"({"Age":"7","Kind":"new","Name":"Bobby"})");
    EXPECT_EQ(output("got").dump(), output("changed").dump());
    EXPECT_EQ(output("gone").dump(), R"({"success":true})");
    ASSERT_EQ(output("left").size(), 2U) << output("left").dump();
    EXPECT_EQ(id_of(output("left").at(1)), id_of(output("raw").at(1)));
    EXPECT_EQ(count(table), 2U);
    EXPECT_EQ(ran({{"s", "clear-table", R"({"table_id":"cust"})"}})["steps"]["s"]["output"].dump(),
              R"({"success":true})");
    EXPECT_EQ(count(table), 0U);
}

TEST_P(TableFlows, MoreRecordsThanAPageAreFound) {
    const std::string table = make_customers(ann_);
    std::string csv;
    for (int i = 0; i < 1203; ++i) {
        csv += "n" + std::to_string(i) + "\n";
    }
    HttpRequest request;
    request.method = "POST";
    request.url = engine_.url("/v1/records/import");
    request.headers = {{"Content-Type", "multipart/form-data; boundary=XX"},
                       {"Authorization", "Bearer " + ann_.token}};
    request.body = "--XX\r\nContent-Disposition: form-data; name=\"tableId\"\r\n\r\n" + table +
                   "\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"; "
                   "filename=\"a.csv\"\r\n\r\n" +
                   csv + "\r\n--XX--";
    ASSERT_EQ(send(request).body, "1203");
    const Json run = ran({{"all", "find-records", R"({"table_id":"cust"})"},
                          {"some", "find-records", R"({"table_id":"cust","limit":"1100"})"}});
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    // Large outputs are shown by reference.
    EXPECT_FALSE(run["steps"]["all"]["output"].is_null());
    const Json counted = ran(
        {{"all", "find-records", R"({"table_id":"cust"})"},
         {"made", "create-records",
          R"({"table_id":"cust","records":{"Name":"{{all['output'].length}} {{all['output'][1202]['id']}}"}})"}});
    ASSERT_EQ(counted["status"].text(), "SUCCEEDED") << counted["failedStep"].dump();
    EXPECT_TRUE(values(counted["steps"]["made"]["output"].at(0)).find("\"1203 ") !=
                std::string::npos)
        << counted["steps"]["made"]["output"].dump();
}

TEST_P(TableFlows, WrongInputFailsTheStep) {
    const std::string table = make_customers(ann_);
    for (
        const auto& [action, input, problem] :
        {std::tuple("create-records", R"({"table_id":"none","records":[{"Name":"x"}]})",
                    "Table with externalId none not found"),
         std::tuple("create-records", R"({"records":[{"Name":"x"}]})", "table_id"),
         std::tuple("create-records", R"({"table_id":"cust","values":{}})", "No records"),
         std::tuple("create-records", R"({"table_id":"cust","records":["x"]})", "records"),
         std::tuple("create-records", R"({"table_id":"cust","values":{"values":[{"f2":"many"}]}})",
                    "Invalid number for field \"Age\""),
         std::tuple("create-records", R"({"table_id":"cust","values":{"values":[{"f3":"soon"}]}})",
                    "Invalid date for field \"Since\""),
         std::tuple("update-record",
                    R"({"table_id":"cust","record_id":"none","values":{"f1":"x"}})",
                    "Record not found"),
         std::tuple("update-record", R"({"table_id":"cust","record_id":"","values":{"f1":"x"}})",
                    "record_id"),
         std::tuple("get-record", R"({"table_id":"cust","record_id":"none"})", "Record not found"),
         std::tuple("find-records", R"({"table_id":"cust","limit":0})", "limit"),
         std::tuple(
             "find-records",
             R"({"table_id":"cust","filters":{"filters":[{"field":{"id":"f2","type":"NUMBER","name":"Age"},"operator":"gt","value":"x"}]}})",
             "Invalid number for field \"Age\""),
         std::tuple(
             "find-records",
             R"({"table_id":"cust","filters":{"filters":[{"field":{"id":"f1","type":"TEXT","name":"Name"},"operator":"like","value":"x"}]}})",
             "operator")}) {
        const std::string message = failure(action, input);
        EXPECT_NE(message.find(problem), std::string::npos) << input << "\n" << message;
    }
    EXPECT_EQ(count(table), 0U);
}

TEST_P(TableFlows, TablesAreMadeDownloadedAndDeleted) {
    const Json run = ran(
        {{"made", "create-table",
          R"({"name":"Orders","fields":[{"name":"What, \"exactly\"","type":"TEXT"},{"name":"Size","type":"STATIC_DROPDOWN","options":"S, L,,"}]})"},
         {"row", "create-records",
          R"({"table_id":"{{made['output']['externalId']}}","records":[{"Size":"L","What, \"exactly\"":"a, b"}]})"},
         {"file", "download-table",
          R"({"table_id":"{{made['output']['externalId']}}","include_headers":true})"}});
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    const Json made = run["steps"]["made"]["output"];
    EXPECT_EQ(made["name"].text(), "Orders");
    ASSERT_EQ(made["fields"].size(), 2U);
    EXPECT_EQ(made["fields"].at(1)["type"].text(), "STATIC_DROPDOWN");
    const Json fields = ann_.get("/v1/fields?tableId=" + id_of(made)).body;
    EXPECT_EQ(fields.at(1)["externalId"].dump(), made["fields"].at(1)["externalId"].dump());
    EXPECT_EQ(fields.at(1)["data"].dump(), R"({"options":[{"value":"S"},{"value":"L"}]})");
    const Json file = run["steps"]["file"]["output"];
    EXPECT_EQ(file["name"].text(), "Orders.csv");
    HttpRequest request;
    request.url = std::string(file["file"].text());
    EXPECT_EQ(send(request).body, "\"What, \"\"exactly\"\"\",Size\n\"a, b\",L\n");
    const Json gone = ran({{"s", "delete-table",
                            R"({"table_id":")" + std::string(made["externalId"].text()) + "\"}"}});
    EXPECT_EQ(gone["steps"]["s"]["output"].dump(), R"({"success":true})");
    EXPECT_EQ(ann_.get("/v1/tables/" + id_of(made)).status, 404);
}

// What had been made when the engine ended is not made again by the step that goes on.
TEST_P(TableFlows, CrashesMakeNoRecordTwice) {
    constexpr std::size_t kRuns = 40;
    const std::string table = make_customers(ann_);
    const std::string flow = published(exported(
        webhook(),
        {{"a", "create-records", R"({"table_id":"cust","records":[{"Name":"a"},{"Name":"b"}]})"},
         {"b", "create-records", R"({"table_id":"cust","records":{"Name":"c"}})"}}));
    for (std::size_t i = 0; i < kRuns; ++i) {
        EXPECT_EQ(deliver_webhook(engine_, flow).status, 200);
    }
    ASSERT_TRUE(wait_until([&] { return count(table) > 0; }));
    engine_.kill();
    engine_.start();
    const auto ended = [&] {
        return ann_.get("/v1/flow-runs?limit=100&status=SUCCEEDED&" + project_query()).body["data"];
    };
    ASSERT_TRUE(wait_until([&] { return ended().size() == kRuns; })) << ended().size();
    EXPECT_EQ(count(table), 3 * kRuns);
    std::size_t shown = 0;
    ended().each_element([&](const Json& run) {
        const Json steps = ann_.finished_run(id_of(run))["steps"];
        shown += steps["a"]["output"].size() + steps["b"]["output"].size();
    });
    EXPECT_EQ(shown, 3 * kRuns) << "and every step has what it made";
}

// Another project's table of the same name, and its records by their ids, are out of reach.
TEST_P(TableFlows, AnotherProjectIsOutOfReach) {
    ApiUser bob(engine_);
    bob.sign_up("bob@example.org");
    const std::string foreign = make_customers(bob, "theirs");
    const Json field = bob.get("/v1/fields?tableId=" + foreign).body.at(0);
    const Json record =
        bob.post("/v1/records", R"({"tableId":")" + foreign + R"(","records":[[{"fieldId":")" +
                                    id_of(field) + R"(","value":"secret"}]]})")
            .body.at(0);
    const std::string table = make_customers(ann_);
    const std::string id = id_of(record);
    for (const std::string& name : {std::string("theirs"), foreign, bob.project()}) {
        for (const char* action : {"create-records", "find-records", "clear-table", "delete-table",
                                   "download-table", "delete-record", "update-record"}) {
            const std::string message = failure(
                action, R"({"table_id":")" + name +
                            R"(","records":[{"Name":"x"}],"values":{"f1":"x"},"record_id":")" + id +
                            R"(","records_ids":[")" + id + "\"]}");
            EXPECT_EQ(message, "Table with externalId " + name + " not found") << action;
        }
    }
    const std::string mine =
        R"({"table_id":"cust","record_id":")" + id + R"(","values":{"f1":"x"}})";
    for (const char* action : {"get-record", "update-record"}) {
        EXPECT_EQ(failure(action, mine).find("secret"), std::string::npos);
    }
    ran({{"s", "delete-record", R"({"table_id":"cust","records_ids":[")" + id + "\"]}"}});
    // Neither another's query nor another's path is reached by a name that looks like one.
    failure("find-records",
            R"({"table_id":"x&projectId=)" + bob.project() + R"(&externalIds[]=theirs"})");
    failure("get-record", R"({"table_id":"cust","record_id":"../tables/)" + foreign + "\"}");
    EXPECT_EQ(bob.get("/v1/records/" + id).body.dump(), record.dump()) << "as it was";
    EXPECT_EQ(bob.get("/v1/tables/" + foreign).status, 200);
    EXPECT_EQ(count(table), 0U);
    // Nor does a flow hear of another project's table, even one of the same name.
    const std::string flow = published(exported(listener("newRecord", "cust"), {}));
    const std::string twin = make_customers(bob, "cust");
    EXPECT_EQ(bob.post("/v1/records", R"({"tableId":")" + twin + R"(","records":[[]]})").status,
              201);
    EXPECT_EQ(publish(imported(exported(listener("newRecord", "theirs"), {}))).status, 400);
    expect(ann_.post("/v1/records", R"({"tableId":")" + table + R"(","records":[[]]})"), 201);
    ASSERT_TRUE(wait_until([&] { return !ann_.run_beginnings(flow, "id").empty(); }));
    EXPECT_EQ(ann_.run_beginnings(flow, "id").size(), 22U) << "one id, its own table's";
}

TEST_P(TableFlows, TriggersComeAndGoWithTheirFlow) {
    const std::string table = make_customers(ann_);
    const std::string other = make_customers(ann_, "other");
    const std::string born = published(exported(listener("newRecord", "cust"), {}));
    const std::string changed = published(exported(listener("updatedRecord", "cust"), {}));
    const std::string removed = published(exported(listener("deletedRecord", "cust"), {}));
    const auto add = [this](const std::string& to, const std::string& name) {
        const Json field = ann_.get("/v1/fields?tableId=" + to).body.at(0);
        return expect(ann_.post("/v1/records", R"({"tableId":")" + to +
                                                   R"(","records":[[{"fieldId":")" + id_of(field) +
                                                   R"(","value":")" + name + "\"}]]}"),
                      201)
            .at(0);
    };
    const auto runs = [this](const std::string& flow) {
        std::size_t ended = 0;
        ann_.get("/v1/flow-runs?limit=100&" + project_query() + "&flowId=" + flow)
            .body["data"]
            .each_element([&ended](const Json& run) { ended += run["finishTime"].is_string(); });
        return ended;
    };
    // A step's record is heard of like any other.
    const Json made =
        ran({{"s", "create-records", R"({"table_id":"cust","records":{"Name":"by a step"}})"}});
    const Json by_step = made["steps"]["s"]["output"].at(0);
    ASSERT_TRUE(wait_until([&] { return runs(born) == 1; }));
    EXPECT_EQ(ann_.run_beginnings(born), by_step.dump() + " ") << "the record as published";
    ran({{"s", "update-record",
          R"({"table_id":"cust","record_id":")" + id_of(by_step) + R"(","values":{"f1":"new"}})"}});
    ASSERT_TRUE(wait_until([&] { return runs(changed) == 1; }));
    EXPECT_EQ(values(parsed(ann_.run_beginnings(changed))), R"({"Name":"new"})");
    ran({{"s", "delete-record",
          R"({"table_id":"cust","records_ids":[")" + id_of(by_step) + "\"]}"}});
    ASSERT_TRUE(wait_until([&] { return runs(removed) == 1; }));
    EXPECT_EQ(id_of(parsed(ann_.run_beginnings(removed))), id_of(by_step));

    // Off, and on again.
    ASSERT_EQ(ann_.operate(born, "CHANGE_STATUS", R"({"status":"DISABLED"})").status, 200);
    const std::string witness = published(exported(listener("newRecord", "cust"), {}));
    add(table, "unheard");
    ASSERT_TRUE(wait_until([&] { return runs(witness) == 1; }));
    EXPECT_EQ(runs(born), 1U);
    ASSERT_EQ(ann_.operate(born, "CHANGE_STATUS", R"({"status":"ENABLED"})").status, 200);
    add(table, "heard");
    ASSERT_TRUE(wait_until([&] { return runs(born) == 2 && runs(witness) == 2; }));
    // What is published next listens elsewhere; a draft does not.
    const std::string elsewhere = exported(listener("newRecord", "other"), {});
    ASSERT_EQ(ann_.operate(born, "IMPORT_FLOW", elsewhere).status, 200);
    add(table, "heard as well");
    ASSERT_TRUE(wait_until([&] { return runs(born) == 3 && runs(witness) == 3; }));
    ASSERT_EQ(publish(born).status, 200);
    add(table, "left");
    add(other, "heard there");
    ASSERT_TRUE(wait_until([&] { return runs(born) == 4 && runs(witness) == 4; }));
    EXPECT_NE(ann_.run_beginnings(born).find("heard there"), std::string::npos);
    EXPECT_EQ(ann_.run_beginnings(born).find("left"), std::string::npos);
    EXPECT_EQ(ann_.run_beginnings(born).find("unheard"), std::string::npos);
    // A flow that is deleted leaves nothing.
    ASSERT_EQ(ann_.call("DELETE", "/v1/flows/" + born).status, 204);
    add(other, "nobody");
    add(table, "the witness");
    ASSERT_TRUE(wait_until([&] { return runs(witness) == 5; }));
    EXPECT_LE(runs(born), 4U);
    // No address starts such a flow: the event comes from inside.
    EXPECT_EQ(deliver_webhook(engine_, witness, "{}").status, 404);
    const ApiAnswer refused = publish(imported(exported(listener("newRecord", "none"), {})));
    EXPECT_EQ(refused.status, 400) << refused.raw.body;
    EXPECT_EQ(refused.body["code"].text(), "FLOW_OPERATION_INVALID");
    EXPECT_NE(refused.raw.body.find("Table with externalId none not found"), std::string::npos);
}

TEST_P(TableFlows, FormsShowTablesAndFields) {
    const std::string table = make_customers(ann_);
    const auto options = [this](std::string_view step, std::string_view prop,
                                std::string_view input, const std::string& search = "") {
        return ann_.post(
            "/v1/pieces/options",
            of_project(
                R"("pieceName":"@activepieces/piece-tables","pieceVersion":"0.4.2","actionOrTriggerName":")" +
                std::string(step) + R"(","propertyName":")" + std::string(prop) +
                R"(","flowId":"f","flowVersionId":"v","searchValue":")" + search + R"(","input":)" +
                std::string(input)));
    };
    const Json tables = options("newRecord", "table_id", "{}").body;
    EXPECT_EQ(tables["options"].dump(), R"([{"label":"Customers","value":"cust"}])");
    EXPECT_TRUE(options("newRecord", "table_id", "{}", "nobody").body["disabled"].is_true());
    const std::string input = R"({"table_id":"cust"})";
    const Json update = options("tables-update-record", "values", input).body;
    EXPECT_EQ(update["f2"]["type"].text(), "NUMBER");
    EXPECT_EQ(update["f3"]["type"].text(), "DATE_TIME");
    EXPECT_EQ(update["f4"]["options"]["options"].at(1)["value"].text(), "new");
    const Json create = options("tables-create-records", "values", input).body;
    EXPECT_EQ(create["values"]["type"].text(), "ARRAY");
    EXPECT_EQ(create["values"]["properties"].dump(), update.dump());
    const Json find = options("tables-find-records", "filters", input).body["filters"];
    EXPECT_EQ(find["properties"]["field"]["options"]["options"].at(1)["value"].dump(),
              R"({"id":"f2","type":"NUMBER","name":"Age"})");
    EXPECT_EQ(options("tables-create-records", "values", "{}").body["markdown"]["type"].text(),
              "MARKDOWN");
    EXPECT_EQ(options("tables-find-records", "filters", R"({"table_id":"none"})")
                  .body["filters"]["properties"]
                  .size(),
              0U);

    const std::string flow = imported(exported(listener("newRecord", "cust"), {}));
    const std::string version(ann_.get("/v1/flows/" + flow).body["version"]["id"].text());
    const auto tried = [&] {
        return ann_.post("/v1/test-trigger",
                         of_project(R"("flowId":")" + flow + R"(","flowVersionId":")" + version +
                                    R"(","testStrategy":"TEST_FUNCTION")"));
    };
    EXPECT_EQ(tried().body["data"].size(), 0U);
    expect(ann_.post("/v1/records", R"({"tableId":")" + table + R"(","records":[[],[]]})"), 201);
    const ApiAnswer samples = tried();
    ASSERT_EQ(samples.body["data"].size(), 2U) << samples.raw.body;
    EXPECT_EQ(samples.body["data"].at(0)["payload"]["cells"].dump(), "{}");
}

INSTANTIATE_TEST_SUITE_P(Stores, TableFlows, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace sallyport::test
