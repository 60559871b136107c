// The CSV piece on the real engine: what goes through the sandbox or becomes a file.
// tests/vectors/csv_steps.json has what the published piece's libraries made of the same
// inputs.
#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "tests/engine/services_fixture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::string_view kCsv = "name,n\nbob,9\nAnn,10\n";

std::string data_url(std::string_view text, const std::string& type = "text/csv") {
    return "data:" + type + ";base64," + base64_encode(as_bytes(text), text.size());
}

Json vectors(const std::string& name) {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/" + name, 4U << 20U);
    EXPECT_TRUE(text.ok());
    return text.ok() ? *Json::parse(*text) : Json::array();
}

class EngineCsv : public ::testing::Test {
  protected:
    Json step(std::string_view action, const std::string& input) {
        return services_.step("csv", action, input);
    }
    Json output(std::string_view action, const std::string& input) {
        const Json record = step(action, input);
        EXPECT_EQ(record["status"].text(), "SUCCEEDED") << record.dump();
        return record["output"];
    }
    std::string problem(std::string_view action, const std::string& input) {
        const Json record = step(action, input);
        EXPECT_EQ(record["status"].text(), "FAILED") << action << input << record.dump();
        return std::string(record["errorMessage"].text());
    }
    // A run of one step after the other.
    Json ran(const std::vector<std::string>& steps) {
        const std::string flow = services_.ann().make_flow(steps);
        return services_.ann().finished_run(
            deliver_webhook(services_.engine(), flow).header("x-webhook-id").value_or(""));
    }
    std::string kept(const Json& address) {
        HttpRequest request;
        request.url = address.text();
        return send(request).body;
    }

    Upstream files_{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.status = request.target == "/dir/rows.csv?x=/y" ? 200 : 404;
        reply.body = kCsv;
        return reply;
    }};
    Services services_{files_.address()};
};

TEST_F(EngineCsv, RowsAreSortedAsPublished) {
    std::vector<std::string> steps;
    std::vector<Json> cases;
    vectors("csv_steps.json").each_element([&](const Json& one) {
        if (one["action"].text() == "sort_csv_rows" && one["output"].exists() &&
            one["input"]["compare_as"].text() != "number") {
            steps.push_back(piece_step("s" + std::to_string(steps.size()), "csv", "sort_csv_rows",
                                       one["input"].dump()));
            cases.push_back(one);
        }
    });
    ASSERT_GT(steps.size(), 20U);
    const Json run = ran(steps);
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    for (std::size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(run["steps"]["s" + std::to_string(i)]["output"].dump_sorted(),
                  (cases[i]["ours"].exists() ? cases[i]["ours"] : cases[i])["output"].dump_sorted())
            << cases[i]["input"].dump();
    }
}

TEST_F(EngineCsv, WorkbooksAreReadInTheirBounds) {
    vectors("workbooks.json").each_element([&](const Json& one) {
        const std::string input = R"({"delimiter_type":";","file":)" + one.dump() + "}";
        if (one["csv"].exists()) {
            const Json out = output("convert_excel_to_csv", input);
            EXPECT_EQ(out["csv"].text(), one["csv"].text()) << one["name"].text();
            EXPECT_EQ(out["available_sheets"].dump(), R"(["First","Prod"])");
        } else {
            EXPECT_NE(problem("convert_excel_to_csv", input).find(one["problem"].text()),
                      std::string::npos)
                << one["name"].text() << problem("convert_excel_to_csv", input);
        }
    });
    const Json book = vectors("workbooks.json").at(0);
    const std::string more = R"({"file":)" + book.dump() + R"(,"sheet_name":)";
    EXPECT_EQ(output("convert_excel_to_csv", more + R"(" Prod "})").dump(),
              R"({"csv":"sku\nP001","sheet_name":"Prod","available_sheets":["First","Prod"]})");
    EXPECT_NE(problem("convert_excel_to_csv", more + R"("No"})")
                  .find(R"(Sheet "No" not found. Available sheets: First, Prod)"),
              std::string::npos);
}

TEST_F(EngineCsv, WorkbooksAreMadeAndReadBack) {
    const std::string text = R"(id,v\n01234,42.5\n9007199254740993,-3\n\"a,b\",1e3\nx\n)";
    const Json run =
        ran({piece_step("make", "csv", "convert_csv_to_excel",
                        R"({"csv_text":")" + text + R"(","file_name":"a/b","sheet_name":"Q3"})"),
             piece_step("read", "csv", "convert_excel_to_csv",
                        R"({"file":"{{make['output']['url']}}","delimiter_type":","})")});
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    const Json made = run["steps"]["make"]["output"];
    EXPECT_EQ(made["file_name"].text(), "a_b.xlsx");
    EXPECT_EQ(made["row_count"].dump(), "5");
    EXPECT_EQ(made["sheet_name"].text(), "Q3");
    EXPECT_TRUE(kept(made["url"]).starts_with("PK")) << made.dump();
    EXPECT_EQ(run["steps"]["read"]["output"]["csv"].text(),
              "id,v\n01234,42.5\n9007199254740993,-3\n\"a,b\",1e3\nx,");
    EXPECT_NE(problem("convert_csv_to_excel", R"({"csv_text":"a","sheet_name":"Q3/26"})")
                  .find(R"("Q3/26" is not a valid sheet name.)"),
              std::string::npos);
}

TEST_F(EngineCsv, WorkbooksOfManyRowsAreMade) {
    std::string text = "id,name,city,amount,when\\n";
    for (int i = 0; i < 10'000; ++i) {
        text += std::to_string(i) + ",Person " + std::to_string(i % 977) + ",City " +
                std::to_string(i % 77) + "," + std::to_string(i % 9999) + ".5,2026-01-02\\n";
    }
    const Json made = output("convert_csv_to_excel", R"({"csv_text":")" + text + "\"}");
    EXPECT_EQ(made["row_count"].dump(), "10001");
    EXPECT_TRUE(kept(made["url"]).starts_with("PK"));
}

TEST_F(EngineCsv, FilesAreMadeAndReadBack) {
    const Json run =
        ran({piece_step("make", "csv", "create_csv_file",
                        R"({"json_array":[{"name":"José","note":"x;y"}],"add_excel_bom":true})"),
             piece_step("read", "csv", "read_csv_file", R"({"file":"{{make['output']['url']}}"})"),
             piece_step(
                 "chunk", "csv", "chunk_csv_file",
                 R"({"file":"{{make['output']['url']}}","rows_per_chunk":1,"has_headers":true})")});
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    EXPECT_EQ(run["steps"]["make"]["output"]["columns"].dump(), R"(["name","note"])");
    EXPECT_EQ(kept(run["steps"]["make"]["output"]["url"]),
              "\xef\xbb\xbfname,note\nJos\xc3\xa9,x;y\n");
    EXPECT_EQ(run["steps"]["read"]["output"]["rows"].dump(), R"([{"name":"José","note":"x;y"}])");
    const Json chunks = run["steps"]["chunk"]["output"];
    EXPECT_EQ(chunks["chunkCount"].dump(), "1");
    EXPECT_EQ(kept(chunks["files"].at(0)), "name,note\nJos\xc3\xa9,x;y\n");
}

TEST_F(EngineCsv, FilesComeFromAddresses) {
    const std::string address = "http://" + files_.address();
    EXPECT_EQ(
        output("read_csv_file", R"({"file":")" + address + R"(/dir/rows.csv?x=/y"})").dump(),
        R"({"rows":[{"name":"bob","n":"9"},{"name":"Ann","n":"10"}],"row_count":2,"headers":["name","n"],"delimiter":","})");
    EXPECT_NE(problem("read_csv_file", R"({"file":")" + address + R"(/gone.csv"})")
                  .find("The file's address answered 404"),
              std::string::npos);
    EXPECT_NE(
        problem("read_csv_file", R"({"file":"http://127.0.0.1:1/x.csv"})").find("refused_url"),
        std::string::npos);
    EXPECT_NE(problem("read_csv_file", "{}").find("No file was provided."), std::string::npos);
    EXPECT_NE(
        problem("read_csv_file", R"({"file":"rows.csv"})").find("Expected file url or base64"),
        std::string::npos);
    // An address of ours with a token that we did not sign is an address like any other.
    const std::string forged = services_.engine().url("/api/v1/step-files/signed?token=x.y.z");
    const std::string refused = problem("read_csv_file", R"({"file":")" + forged + "\"}");
    EXPECT_NE(refused.find("refused_"), std::string::npos) << refused;
}

TEST_F(EngineCsv, MuchIsRefused) {
    const std::string names(1U << 20U, 'n');
    std::string rows;
    for (int i = 0; i < 100; ++i) {
        rows += "1\\n";
    }
    EXPECT_NE(problem("split_csv", R"({"csv_text":")" + names + "\\n" + rows +
                                       R"(","rows_per_chunk":1,"delimiter":","})")
                  .find("The chunks are larger than 40 MB"),
              std::string::npos);
    EXPECT_NE(
        problem("filter_csv_rows", R"({"csv_text":")" + names + "\\n" + rows + R"(","column":")" +
                                       names + R"(","condition":"is_not_empty","delimiter":","})")
            .find("The rows are larger than 64 MB with the names of their columns."),
        std::string::npos);
    const std::string commas(2'000'001, ',');
    EXPECT_NE(problem("convert_csv_to_json", R"({"csv_text":")" + commas + "\"}")
                  .find("The CSV has more than 2000000 cells"),
              std::string::npos);
    EXPECT_NE(problem("read_csv_file",
                      R"({"file":")" +
                          data_url(std::string(3000, ',') + "x" + std::string(4000, '\n') +
                                   [] {
                                       std::string lines;
                                       for (int i = 0; i < 1000; ++i) {
                                           lines += "y\n";
                                       }
                                       return lines;
                                   }()) +
                          "\"}")
                  .find("The table has more than 2000000 cells."),
              std::string::npos);
}

TEST_F(EngineCsv, AnExportedFlowIsImportedAndRuns) {
    const std::string begin =
        R"({"displayName":"Lists","schemaVersion":"22","trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"Webhook","valid":true,"lastUpdatedDate":"2026-01-01T00:00:00.000Z","settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.29","triggerName":"catch_webhook","input":{"authType":"none","authFields":{}},"propertySettings":{}},"nextAction":)";
    const std::vector<std::vector<std::string>> steps = {
        {"merge", "merge_csv",
         R"({"csv_texts":["{{trigger['output']['body']['csv']}}","name;n\nEve;11\nbob;9\n"]})"},
        {"once", "remove_duplicate_csv_rows",
         R"({"csv_text":"{{merge['output']['csv']}}","key_columns":["name"]})"},
        {"some", "filter_csv_rows",
         R"({"csv_text":"{{once['output']['csv']}}","column":"N","condition":"greater_than","value":"9"})"},
        {"sorted", "sort_csv_rows",
         R"({"csv_text":"{{some['output']['csv']}}","column":"name","direction":"desc","compare_as":"text"})"},
        {"names", "select_csv_columns",
         R"({"csv_text":"{{sorted['output']['csv']}}","columns":["name"],"mode":"keep"})"},
        {"parts", "split_csv", R"({"csv_text":"{{names['output']['csv']}}","rows_per_chunk":1})"}};
    std::string actions;
    std::string end = "}}";
    for (const auto& one : steps) {
        std::string action = piece_step(one[0], "csv", one[1], one[2]);
        action.pop_back();
        actions += action + R"(,"nextAction":)";
        end += "}";
    }
    ApiUser& ann = services_.ann();
    const ApiAnswer made =
        ann.post("/v1/flows", R"({"displayName":"F","projectId":")" + ann.project() + "\"}");
    const std::string id(made.body["id"].text());
    const ApiAnswer into = ann.operate(id, "IMPORT_FLOW", begin + actions + "null" + end);
    ASSERT_EQ(into.status, 200) << into.raw.body;
    EXPECT_TRUE(into.body["version"]["valid"].is_true()) << into.raw.body;
    ASSERT_EQ(ann.operate(id, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    const Json run = ann.finished_run(
        deliver_webhook(services_.engine(), id, R"({"csv":"name,n\nbob,9\nAnn,10\nann,8\n"})")
            .header("x-webhook-id")
            .value_or(""));
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    EXPECT_EQ(
        run["steps"]["parts"]["output"].dump(),
        R"({"chunks":[{"index":1,"csv":"name\nEve\n","row_count":1},{"index":2,"csv":"name\nAnn\n","row_count":1}],"chunk_count":2,"total_rows":2,"headers":["name"]})");
}

}  // namespace
}  // namespace sallyport::test
