// streamCsvToSubflows on the real engine: a file's rows start another flow, batch after batch.
#include "common/bytes.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::test {
namespace {

class EngineBatches : public ::testing::Test {
  protected:
    EngineBatches() : engine_({"SALLYPORT_EGRESS_ALLOW=" + files_.address()}) {
        ann_.sign_up();
        called_ = ann_.make_flow({});
        const std::string trigger =
            R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Call","valid":true,"settings":{"pieceName":"@activepieces/piece-subflows","pieceVersion":"0.6.3","triggerName":"callableFlow","input":{"mode":"simple","exampleData":{"sampleData":{}}},"propertySettings":{}}})";
        EXPECT_EQ(ann_.operate(called_, "UPDATE_TRIGGER", trigger).status, 200);
        EXPECT_EQ(ann_.operate(called_, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})").status, 200);
    }

    std::string metrics() {
        HttpRequest request;
        request.url = engine_.url("/metrics");
        return send(request).body;
    }
    // A run of a flow that has this step.
    std::string start(const std::string& input) {
        const std::string flow = ann_.make_flow(
            {R"({"type":"PIECE","displayName":"Step","valid":true,"name":"fan","settings":{"pieceName":"@activepieces/piece-subflows","pieceVersion":"0.6.4","actionName":"streamCsvToSubflows","propertySettings":{},"input":)" +
             input + "}}"});
        return deliver_webhook(engine_, flow).header("x-webhook-id").value_or("");
    }
    Json ended(const std::string& input) { return ann_.finished_run(start(input)); }
    std::string input(const std::string& file, const std::string& more) {
        return R"({"file":")" + file + R"(","subflow":")" + called_ + "\"," + more + "}";
    }
    // Of the project: those that were started here, and those that they started.
    std::int64_t runs() {
        std::int64_t sum = 0;
        ann_.get("/v1/flow-runs/count-by-status?projectId=" + ann_.project())
            .body["data"]
            .each_element([&sum](const Json& one) { sum += one["count"].integer_or(0); });
        return sum;
    }
    static std::string data_url(std::string_view text) {
        return "data:text/csv;base64," + base64_encode(as_bytes(text), text.size());
    }

    Upstream files_{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.status = request.target == "/rows.csv" ? 200 : 404;
        reply.body = "n,m\n1,2\n3,4\n";
        return reply;
    }};
    EngineProcess engine_;
    ApiUser ann_{engine_};
    std::string called_;
};

TEST_F(EngineBatches, EveryBatchStartsTheOtherFlow) {
    const Json run = ended(input(data_url("n,name\n1,Ann\n2,\"Bob, jr\"\n3,Eve\n"),
                                 R"("batchSize":2,"delimiter":",","extraData":{"of":"list"})"));
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    EXPECT_EQ(
        run["steps"]["fan"]["output"].dump(),
        R"({"headers":["n","name"],"firstRow":{"n":"1","name":"Ann"},"rowsProcessed":3,"batchesDispatched":2})");
    ASSERT_TRUE(wait_until([&] {
        return ann_.run_beginnings(called_) ==
               R"({"data":{"batchIndex":0,"headers":["n","name"],"rows":[{"n":"1","name":"Ann"},{"n":"2","name":"Bob, jr"}],"extraData":{"of":"list"}}} )"
               R"({"data":{"batchIndex":1,"headers":["n","name"],"rows":[{"n":"3","name":"Eve"}],"extraData":{"of":"list"}}} )";
    })) << ann_.run_beginnings(called_);
}

// Two runs at most: one that waits for its answer, and the one that would start others.
TEST_F(EngineBatches, WhileThereIsNoRoomTheFileIsNotFetchedAgain) {
    auto gate = std::make_shared<Gate>();
    Upstream silent([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    engine_.stop();
    engine_.set_environment({"SALLYPORT_RUNS_MAX=2", "SALLYPORT_EGRESS_ALLOW=" + files_.address() +
                                                         " " + silent.address()});
    engine_.start();
    ann_.sign_in("ann@example.org", "Password1!");
    const std::string waits = ann_.make_flow(
        {http_step("call", R"({"method":"GET","url":"http://)" + silent.address() + R"(/"})")});
    deliver_webhook(engine_, waits);
    ASSERT_TRUE(silent.wait_for_requests(1));
    const std::string run =
        start(input("http://" + files_.address() + "/rows.csv", R"("batchSize":1)"));
    ASSERT_TRUE(files_.wait_for_requests(1));
    const auto refused = [this] {
        const std::string text = metrics();
        const std::string name = "\nsallyport_runs_refused_total ";
        const std::size_t at = text.find(name);
        return at == std::string::npos ? -1 : std::stol(text.substr(at + name.size()));
    };
    ASSERT_TRUE(wait_until([&] { return refused() > 6; })) << "batches are offered again and again";
    EXPECT_EQ(files_.request_count(), 1u);
    gate->open();
    const Json ended = ann_.finished_run(run);
    EXPECT_EQ(ended["steps"]["fan"]["output"]["batchesDispatched"].dump(), "2") << ended.dump();
    EXPECT_EQ(files_.request_count(), 1u);
}

TEST_F(EngineBatches, FilesComeFromAddresses) {
    const std::string address = "http://" + files_.address();
    const Json run = ended(input(address + "/rows.csv", R"("batchSize":100)"));
    EXPECT_EQ(run["steps"]["fan"]["output"]["batchesDispatched"].dump(), "1");
    // As older exports name both.
    const Json older = ended(R"({"fileUrl":")" + address + R"(/rows.csv","flow":{"externalId":")" +
                             called_ + R"("},"batchSize":1})");
    EXPECT_EQ(older["steps"]["fan"]["output"]["batchesDispatched"].dump(), "2");
    const Json gone = ended(input(address + "/gone.csv", R"("batchSize":1)"));
    EXPECT_NE(gone["failedStep"]["message"].text().find("The file's address answered 404"),
              std::string_view::npos);
    const Json refused = ended(input("http://127.0.0.1:1/x.csv", R"("batchSize":1)"));
    EXPECT_NE(refused["failedStep"]["message"].text().find("refused_url"), std::string_view::npos)
        << refused["failedStep"].dump();
    EXPECT_EQ(ended(input(data_url(""), R"("batchSize":1)"))["steps"]["fan"]["output"].dump(),
              R"({"headers":[],"rowsProcessed":0,"batchesDispatched":0})");
}

TEST_F(EngineBatches, WrongInputsFailTheStep) {
    const auto message = [this](const std::string& input) {
        return std::string(ended(input)["failedStep"]["message"].text());
    };
    EXPECT_EQ(message(input(data_url("a\n1\n"), R"("batchSize":0)")),
              R"({"message":"Rows per batch must be an integer between 1 and 10000."})");
    EXPECT_EQ(message(R"({"file":"data:,","subflow":"nothing","batchSize":1})"), "Flow not found");
    EXPECT_EQ(message(R"({"file":"data:,","batchSize":1})"), "Please select a flow");
    EXPECT_NE(message(input("rows.csv", R"("batchSize":1)")).find("Expected file url or base64"),
              std::string::npos);
    EXPECT_EQ(
        message(input(data_url("a\n1\n2\"\n"), R"("batchSize":1)")),
        R"({"message":"Failed to read the records; fan-out aborted. Batches dispatched before this point may still be running.","cause":"Invalid Opening Quote: a quote is found inside a field at line 3","batchesDispatched":1})");
}

TEST_F(EngineBatches, ACrashStartsNoBatchTwice) {
    constexpr int kRows = 1000;
    std::string text = "n\n";
    for (int i = 0; i < kRows; ++i) {
        text += std::to_string(i) + "\n";
    }
    const std::string id = start(input(data_url(text), R"("batchSize":1)"));
    ASSERT_TRUE(wait_until([&] { return runs() > 2; }));
    ASSERT_LT(runs(), kRows) << "it was over before the crash";
    engine_.kill();
    engine_.start();
    const Json run = ann_.finished_run(id);
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    EXPECT_EQ(run["steps"]["fan"]["output"]["batchesDispatched"].dump(), std::to_string(kRows));
    EXPECT_EQ(runs(), kRows + 1);
}

}  // namespace
}  // namespace sallyport::test
