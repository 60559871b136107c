// The tables piece: what its inputs ask of the API, and what of the answers its steps give.
#include "engine/core/ids.hpp"
#include "engine/core/pieces/tables.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

Json json(std::string_view text) {
    const Result<Json> parsed = Json::parse(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return parsed.ok() ? *parsed : Json();
}

const Json& fields() {
    static const Json kFields = json(
        R"([{"id":"i1","externalId":"e1","name":"Name","type":"TEXT"},{"id":"i2","externalId":"e2","name":"Age","type":"NUMBER"},{"id":"i3","externalId":"e3","name":"Day","type":"DATE"},{"id":"i4","externalId":"e4","name":"Kind","type":"STATIC_DROPDOWN","data":{"options":[{"value":"a"}]}}])");
    return kFields;
}

using Read = Result<Json> (*)(const Json& input, const Json& fields);
struct Case {
    Read read;
    std::string_view input;
    std::string_view output;  // empty: refused
    std::string_view problem = {};
};

TEST(TableInputs, BecomeRequests) {
    const std::vector<Case> cases = {
        // Forms: by external ids; blank cells and unknown columns are left out.
        {created_rows, R"({"values":{"values":[{"e1":"x","e2":"","e3":null,"gone":"y"},{}]}})",
         R"([[{"fieldId":"i1","value":"x"}],[]])"},
        {created_rows, R"({"values":{"values":"[{\"e1\":[1,true]}]"}})",
         R"([[{"fieldId":"i1","value":"[1,true]"}]])"},
        {created_rows, R"({"values":{"values":[{"e2":" 010 "}]}})",
         R"([[{"fieldId":"i2","value":"10"}]])"},
        {created_rows, R"({"values":{"values":[{"e2":2.50}]}})",
         R"([[{"fieldId":"i2","value":"2.5"}]])"},
        {created_rows, R"({"values":{"values":[{"e3":"2026-03-01T10:00:00+01:00"}]}})",
         R"([[{"fieldId":"i3","value":"2026-03-01T09:00:00.000Z"}]])"},
        {created_rows, R"({"values":{"values":[{"e3":"09/17/2023"}]}})",
         R"([[{"fieldId":"i3","value":"2023-09-17T00:00:00.000Z"}]])"},
        {created_rows, R"({"values":{"values":[{"e2":"many"}]}})", "",
         "Invalid number for field \"Age\""},
        {created_rows, R"({"values":{"values":[{"e2":"1e999"}]}})", "", "Invalid number"},
        {created_rows, R"({"values":{"values":[{"e2":true}]}})", "", "Invalid number"},
        {created_rows, R"({"values":{"values":[{"e3":"soon"}]}})", "",
         "Invalid date for field \"Day\""},
        {created_rows, R"({"values":{"values":[{"e3":5}]}})", "", "Invalid date"},
        {created_rows, R"({"values":{"values":[1]}})", "", "Expected objects, received: 1"},
        {created_rows, R"({"values":{"values":[]}})", "", "No records"},
        {created_rows, "{}", "", "No records"},
        // Raw records: by names, before the form, not looked at.
        {created_rows,
         R"({"records":[{"Name":"x","Age":"many"},{"Day":5}],"values":{"values":[{"e1":"no"}]}})",
         R"([[{"fieldId":"i1","value":"x"},{"fieldId":"i2","value":"many"}],[{"fieldId":"i3","value":"5"}]])"},
        {created_rows, R"({"records":{"Name":"one","e1":"no"}})",
         R"([[{"fieldId":"i1","value":"one"}]])"},
        {created_rows, R"({"records":"[{\"Name\":\"x\"}]"})",
         R"([[{"fieldId":"i1","value":"x"}]])"},
        {created_rows, R"({"records":[]})", "[]"},
        {created_rows, R"({"records":"x"})", "", "Expected objects, received: x"},
        {updated_cells, R"({"values":{"e1":"","e2":"3","e4":"a","gone":1}})",
         R"([{"fieldId":"i2","value":"3"},{"fieldId":"i4","value":"a"}])"},
        {updated_cells, R"({"values":{"e2":"x"}})", "", "Invalid number"},
        {updated_cells, "{}", "", "Expected object, received: undefined"},
        {record_filters,
         R"({"filters":{"filters":[{"field":{"id":"e2","type":"NUMBER","name":"Age"},"operator":"gt","value":"3"},{"field":"{\"id\":\"e1\",\"type\":\"TEXT\"}","operator":"exists","value":"no"}]}})",
         R"([{"fieldId":"i2","operator":"gt","value":"3"},{"fieldId":"i1","operator":"exists"}])"},
        {record_filters,
         R"({"filters":{"filters":[{"field":{"id":"i9","type":"TEXT"},"operator":"eq","value":1}]}})",
         R"([{"fieldId":"i9","operator":"eq","value":"1"}])"},
        {record_filters, R"({"filters":null})", "[]"},
        {record_filters,
         R"({"filters":{"filters":[{"field":{"id":"e1","type":"TEXT"},"operator":"eq"}]}})", "",
         "Expected string, received: undefined"},
    };
    for (const Case& test : cases) {
        const Result<Json> output = test.read(json(test.input), fields());
        EXPECT_EQ(output.ok(), !test.output.empty()) << test.input;
        if (output.ok()) {
            EXPECT_EQ(output->dump(), test.output) << test.input;
        } else {
            EXPECT_NE(output.message().find(test.problem), std::string::npos) << output.message();
        }
    }
}

TEST(TableInputs, NameTablesAndRecords) {
    EXPECT_EQ(*named_table(json(R"({"table_id":"t"})")), "t");
    for (const char* bad : {"{}", R"({"table_id":null})", R"({"table_id":""})"}) {
        EXPECT_FALSE(named_table(json(bad)).ok()) << bad;
    }
    EXPECT_FALSE(named_record(json(R"({"record_id":""})")).ok());
    EXPECT_EQ(named_records(json(R"({"records_ids":["a",1]})"))->dump(), R"(["a","1"])");
    EXPECT_EQ(*records_wanted(json(R"({"limit":"7"})")), 7U);
    EXPECT_EQ(*records_wanted(json(R"({"limit":""})")), SIZE_MAX);
    for (const char* bad : {R"({"limit":0})", R"({"limit":1.5})", R"({"limit":"all"})"}) {
        EXPECT_FALSE(records_wanted(json(bad)).ok()) << bad;
    }
}

// Performed again, a step means the same table; another step another one.
TEST(TableInputs, MakeOneTableAStep) {
    const Json input = json(
        R"({"name":"T","fields":[{"name":"A","type":"TEXT"},{"name":"B","type":"STATIC_DROPDOWN","options":" x , ,y"}]})");
    const Json made = *created_table(input, "p", "run:step:0");
    EXPECT_TRUE(made.equals(*created_table(input, "p", "run:step:0")));
    EXPECT_NE(made["externalId"].text(),
              (*created_table(input, "p", "run:step:1"))["externalId"].text());
    EXPECT_TRUE(is_id(made["externalId"].text()));
    EXPECT_NE(made["fields"].at(0)["externalId"].text(), made["fields"].at(1)["externalId"].text());
    EXPECT_EQ(made["fields"].at(1)["data"].dump(), R"({"options":[{"value":"x"},{"value":"y"}]})");
    EXPECT_FALSE(made["fields"].at(0).has("data"));
    EXPECT_FALSE(created_table(json(R"({"name":"T","fields":[{"name":"A"}]})"), "p", "k").ok());
    EXPECT_FALSE(created_table(json("{}"), "p", "k").ok());
}

TEST(TableAnswers, AreShown) {
    const Json record = json(
        R"({"id":"r","created":"c","updated":"u","tableId":"t","projectId":"p","cells":{"i1":{"value":"v","created":"1","updated":"2","fieldName":"Name","more":1}}})");
    EXPECT_EQ(
        shown_record(record).dump(),
        R"({"id":"r","created":"c","updated":"u","cells":{"i1":{"fieldName":"Name","updated":"2","created":"1","value":"v"}}})");
    EXPECT_EQ(shown_record(json(R"({"id":"r"})"))["cells"].dump(), "{}");
    const Json exported = json(
        R"({"name":"T","fields":[{"name":"a"},{"name":"b,c"}],"rows":[{"a":"1","b,c":"x \"y\""},{"b,c":""}]})");
    EXPECT_EQ(table_csv(exported, true), "a,\"b,c\"\n1,\"x \"\"y\"\"\"\n,\n");
    EXPECT_EQ(table_csv(exported, false), "1,\"x \"\"y\"\"\"\n,\n");
    EXPECT_EQ(table_problem(404, R"({"code":"X","params":{"message":"Record not found"}})"),
              "Record not found");
    EXPECT_EQ(table_problem(400, R"({"message":"body/x must be y"})"), "body/x must be y");
    EXPECT_EQ(table_problem(403, R"({"code":"X"})"), "X");
    EXPECT_NE(table_problem(503, "").find("503"), std::string::npos);
}

TEST(TableTriggers, ListenToOneEventOfOneTable) {
    const auto read = [](std::string_view name, std::string_view input) {
        return table_trigger(json(R"({"pieceName":"@activepieces/piece-tables","triggerName":")" +
                                  std::string(name) + R"(","input":)" + std::string(input) + "}"));
    };
    EXPECT_EQ(read("newRecord", R"({"table_id":"t"})")->event, "RECORD_CREATED");
    EXPECT_EQ(read("updatedRecord", R"({"table_id":"t"})")->event, "RECORD_UPDATED");
    EXPECT_EQ(read("deletedRecord", R"({"table_id":"t"})")->event, "RECORD_DELETED");
    EXPECT_EQ(read("newRecord", R"({"table_id":"t"})")->table, "t");
    EXPECT_FALSE(read("newRecord", R"({"table_id":""})").has_value());
    EXPECT_FALSE(read("other", R"({"table_id":"t"})").has_value());
    EXPECT_FALSE(
        table_trigger(
            json(R"({"pieceName":"x","triggerName":"newRecord","input":{"table_id":"t"}})"))
            .has_value());
}

}  // namespace
}  // namespace sallyport::engine
