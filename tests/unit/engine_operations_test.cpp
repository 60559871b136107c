// Operations on a flow's steps: the tree they leave and what they refuse.
#include "engine/core/flows/migration.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/flows/operations.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::string_view kNow = "2026-01-01T00:00:00.000Z";

Json parse(std::string_view text) {
    const Result<Json> json = Json::parse(text);
    EXPECT_TRUE(json.ok()) << text;
    return json.ok() ? *json : Json();
}

Json new_version() {
    return Json::object({{"displayName", Json::string("My flow")},
                         {"trigger", empty_trigger(kNow)},
                         {"valid", Json::boolean(false)}});
}

std::string code(std::string_view name, std::string_view extra = "") {
    return R"({"type":"CODE","name":")" + std::string(name) +
           R"(","displayName":"Code","valid":true,"settings":{"sourceCode":{"code":"x","packageJson":"{}"},"input":{}})" +
           std::string(extra) + "}";
}

std::string add(std::string_view parent, const std::string& action, std::string_view more = "") {
    return R"({"parentStep":")" + std::string(parent) + R"(","action":)" + action +
           std::string(more) + "}";
}

constexpr std::string_view kRouter =
    R"({"type":"ROUTER","name":"r","displayName":"R","valid":true,"settings":{"executionType":"EXECUTE_ALL_MATCH","branches":[{"branchName":"A","branchType":"CONDITION","conditions":[]},{"branchName":"B","branchType":"FALLBACK"}]}})";
constexpr std::string_view kLoop =
    R"({"type":"LOOP_ON_ITEMS","name":"l","displayName":"L","valid":true,"settings":{"items":"{{trigger.x}}"}})";
constexpr std::string_view kWebhook =
    R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Hook","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.29","triggerName":"catch_webhook","input":{},"propertySettings":{}}})";

// The chain of step names after and below `step`, children in brackets.
std::string outline(const Json& step) {
    if (!step.is_object()) {
        return "-";
    }
    std::string out(step["name"].text());
    if (step["firstLoopAction"].is_object()) {
        out += "(" + outline(step["firstLoopAction"]) + ")";
    }
    if (step["children"].is_array()) {
        out += "[";
        step["children"].each_element([&out](const Json& child) { out += outline(child) + ";"; });
        out += "]";
    }
    return step["nextAction"].is_object() ? out + " " + outline(step["nextAction"]) : out;
}

struct Change {
    std::string_view type;
    std::string request;
};

OperationOutcome refused(std::string why) {
    OperationOutcome outcome;
    outcome.problem = std::move(why);
    return outcome;
}

OperationOutcome apply_all(const std::vector<Change>& changes) {
    Json version = new_version();
    for (const Change& change : changes) {
        const Json request = parse(change.request);
        const Status shape = check_operation(change.type, request);
        if (!shape.ok()) {
            return refused(shape.message());
        }
        OperationOutcome next = apply_operation(version, change.type, request, kNow);
        if (!next.ok()) {
            return next;
        }
        version = next.version;
    }
    OperationOutcome outcome;
    outcome.version = version;
    return outcome;
}

struct TreeCase {
    std::string_view name;
    std::vector<Change> changes;
    std::string_view outline;
    bool valid;
};

const std::string kRouterText(kRouter);
const std::string kLoopText(kLoop);
const std::string kHookText(kWebhook);

const std::vector<TreeCase> kTreeCases = {
    {"nothing", {}, "trigger", false},
    {"trigger set", {{"UPDATE_TRIGGER", kHookText}}, "trigger", true},
    {"action after the trigger",
     {{"UPDATE_TRIGGER", kHookText}, {"ADD_ACTION", add("trigger", code("a"))}},
     "trigger a",
     true},
    {"new action goes between",
     {{"ADD_ACTION", add("trigger", code("a"))}, {"ADD_ACTION", add("trigger", code("b"))}},
     "trigger b a",
     false},
    {"router gets a child a branch",
     {{"ADD_ACTION", add("trigger", kRouterText)}},
     "trigger r[-;-;]",
     false},
    {"into a branch",
     {{"ADD_ACTION", add("trigger", kRouterText)},
      {"ADD_ACTION",
       add("r", code("a"), R"(,"stepLocationRelativeToParent":"INSIDE_BRANCH","branchIndex":1)")}},
     "trigger r[-;a;]",
     false},
    {"into a loop",
     {{"ADD_ACTION", add("trigger", kLoopText)},
      {"ADD_ACTION", add("l", code("a"), R"(,"stepLocationRelativeToParent":"INSIDE_LOOP")")},
      {"ADD_ACTION", add("l", code("b"), R"(,"stepLocationRelativeToParent":"AFTER")")}},
     "trigger l(a) b",
     false},
    {"delete keeps what follows",
     {{"ADD_ACTION", add("trigger", code("a"))},
      {"ADD_ACTION", add("a", code("b"))},
      {"DELETE_ACTION", R"({"names":["a"]})"}},
     "trigger b",
     false},
    {"delete the only child of a branch",
     {{"ADD_ACTION", add("trigger", kRouterText)},
      {"ADD_ACTION",
       add("r", code("a"), R"(,"stepLocationRelativeToParent":"INSIDE_BRANCH","branchIndex":0)")},
      {"DELETE_ACTION", R"({"names":["a"]})"}},
     "trigger r[-;-;]",
     false},
    {"delete what is not there",
     {{"ADD_ACTION", add("trigger", code("a"))}, {"DELETE_ACTION", R"({"names":["z"]})"}},
     "trigger a",
     false},
    {"update keeps the place",
     {{"ADD_ACTION", add("trigger", code("a"))},
      {"ADD_ACTION", add("a", code("b"))},
      {"UPDATE_ACTION", code("a")}},
     "trigger a b",
     false},
    {"update of what is not there changes nothing",
     {{"ADD_ACTION", add("trigger", code("a"))}, {"UPDATE_ACTION", code("z")}},
     "trigger a",
     false},
    {"a skipped step need not be valid",
     {{"UPDATE_TRIGGER", kHookText},
      {"ADD_ACTION", add("trigger", code("a", R"(,"skip":true)"))},
      {"UPDATE_ACTION",
       R"({"type":"CODE","name":"a","displayName":"C","valid":false,"skip":true,"settings":{"sourceCode":{"code":"x","packageJson":"{}"},"input":{}}})"}},
     "trigger a",
     true},
    {"trigger keeps what follows",
     {{"ADD_ACTION", add("trigger", code("a"))}, {"UPDATE_TRIGGER", kHookText}},
     "trigger a",
     true},
};

TEST(FlowOperations, LeaveTheTreeTheContractDescribes) {
    for (const TreeCase& test : kTreeCases) {
        const OperationOutcome version = apply_all(test.changes);
        ASSERT_TRUE(version.ok()) << test.name << ": " << version.message();
        EXPECT_EQ(outline((*version)["trigger"]), test.outline) << test.name;
        EXPECT_EQ((*version)["valid"].is_true(), test.valid) << test.name;
    }
}

TEST(FlowOperations, RefuseWithTheReason) {
    struct Case {
        std::vector<Change> changes;
        std::string_view message;
    };
    const std::vector<Case> cases = {
        {{{"CHANGE_NAME", "{}"}}, "required property 'displayName'"},
        {{{"ADD_ACTION", add("trigger", code("a"))}, {"ADD_ACTION", add("a", code("a"))}},
         "A step named a exists already"},
        {{{"ADD_ACTION", add("trigger", code("1a"))}}, "action/name must match"},
        {{{"ADD_ACTION", add("trigger", std::string(kRouter))},
          {"ADD_ACTION", add("r", code("a"))}},
         "Router step parent undefined not found"},
        {{{"ADD_ACTION", add("trigger", std::string(kRouter))},
          {"ADD_ACTION",
           add("r", code("a"),
               R"(,"stepLocationRelativeToParent":"INSIDE_BRANCH","branchIndex":1000)")}},
         "at most 1000 branches"},
        {{{"MOVE_ACTION", R"({"name":"trigger","newParentStep":"trigger"})"}},
         "Step is not an action"},
        {{{"DUPLICATE_ACTION", R"({"stepName":"z"})"}}, "Step not found"},
        {{{"ADD_ACTION", add("trigger", std::string(kLoop))},
          {"ADD_ACTION",
           add("l", code("a"), R"(,"stepLocationRelativeToParent":"INSIDE_BRANCH")")}},
         "Loop step parent INSIDE_BRANCH not found"},
        {{{"UPDATE_TRIGGER",
           R"({"type":"EMPTY","name":"other","displayName":"x","valid":false,"settings":{}})"}},
         "Step not found"},
        {{{"UPDATE_ACTION", R"({"type":"CODE","name":"a","displayName":"C","settings":{}})"}},
         "settings must have required property 'sourceCode'"},
        {{{"DELETE_ACTION", R"({"names":[1]})"}}, "names must be an array of strings"},
        {{{"CHANGE_STATUS", R"({"status":"ON"})"}}, "ENABLED or DISABLED"},
    };
    for (const Case& test : cases) {
        const OperationOutcome version = apply_all(test.changes);
        ASSERT_FALSE(version.ok()) << test.message;
        EXPECT_NE(version.message().find(test.message), std::string::npos) << version.message();
    }
}

TEST(FlowOperations, MakePieceVersionsExact) {
    const OperationOutcome version = apply_all({{"UPDATE_TRIGGER", std::string(kWebhook)}});
    ASSERT_TRUE(version.ok());
    EXPECT_EQ((*version)["trigger"]["settings"]["pieceVersion"].text(), "0.1.29");
}

TEST(FlowOperations, CollectConnections) {
    const OperationOutcome version = apply_all(
        {{"ADD_ACTION",
          add("trigger",
              R"({"type":"CODE","name":"a","displayName":"C","settings":{"sourceCode":{"code":"connections['no']","packageJson":"{}"},"input":{"x":"{{connections['one']}} {{connections.two.token}}","y":["{{ connections[\"one\"] }}"],"z":"connections['three']","w":"{{connections?.['four']}} {{connections?.five?.x}} {{connections.['six']}} {{connections['7','8']}}"}}})")}});
    ASSERT_TRUE(version.ok());
    EXPECT_EQ((*version)["connectionIds"].dump(), R"(["one","two","four","five","six","7","8"])");
}

TEST(FlowOperations, LeaveTheirArgumentAlone) {
    const Json version = new_version();
    const std::string before = version.dump();
    ASSERT_TRUE(
        apply_operation(version, "ADD_ACTION", parse(add("trigger", code("a"))), kNow).ok());
    EXPECT_EQ(version.dump(), before);
}

// Members that are not what they should be count as JavaScript takes them.
TEST(FlowOperations, TakeTruthAsJavaScriptDoes) {
    struct Case {
        std::string_view more;  // of the step
        std::string_view sample;
        std::string_view copied_sample;
        bool valid;
    };
    const std::vector<Case> cases = {
        {R"("valid":true)", "null", "null", false},  // no form of sample data
        {R"("valid":false)", R"({"sampleDataFileId":"f"})", "{}", false},
        {R"("valid":false,"skip":true)", "{}", "{}", true},
        {R"("valid":false,"skip":[])", "{}", "{}", true},
        {R"("valid":false,"skip":"")", "{}", "{}", false},
        {R"("valid":"yes")", "{}", "{}", true},
        {R"("valid":0)", "{}", "{}", false},
    };
    for (const Case& test : cases) {
        const Json trigger = parse(std::string(kWebhook));
        trigger["settings"].set("pieceVersion", Json::string("0.1.29"));
        const Json step = parse(R"({"type":"CODE","name":"a","displayName":"A","settings":{)"
                                R"("sourceCode":{"code":"x","packageJson":"{}"},"input":{}},)" +
                                std::string(test.more) + "}");
        step["settings"].set("sampleData", parse(std::string(test.sample)));
        Json(trigger).set("nextAction", step);
        Json version = new_version();
        version.set("trigger", trigger);
        const OperationOutcome copied =
            apply_operation(version, "DUPLICATE_ACTION", parse(R"({"stepName":"a"})"), kNow);
        ASSERT_TRUE(copied.ok()) << copied.message();
        const Json copy = copied.version["trigger"]["nextAction"]["nextAction"];
        EXPECT_EQ(copy["settings"]["sampleData"].dump(), test.copied_sample) << test.more;
        EXPECT_EQ(copied.version["valid"].is_true(), test.valid) << test.more;
    }
}

TEST(FlowOperations, BoundTheNumberOfSteps) {
    Json version = new_version();
    Json chain;
    for (std::size_t i = 2; i < kFlowStepsMax; ++i) {
        Json step = parse(code("s" + std::to_string(i)));
        if (chain.exists()) {
            step.set("nextAction", chain);
        }
        chain = step;
    }
    version["trigger"].set("nextAction", chain);
    const OperationOutcome full =
        apply_operation(version, "ADD_ACTION", parse(add("trigger", code("first"))), kNow);
    ASSERT_TRUE(full.ok()) << full.message();
    version = full.version;
    EXPECT_FALSE(
        apply_operation(version, "ADD_ACTION", parse(add("trigger", code("last"))), kNow).ok());
    // What is stored can be read again.
    EXPECT_TRUE(Json::parse_flow(version.dump()).ok());
}

TEST(FlowMigration, ReferencesReadTheOutput) {
    struct Case {
        std::string_view before;
        std::string_view after;
    };
    const std::vector<std::string> steps = {"trigger", "step_1"};
    const std::vector<Case> cases = {
        {"step_1", "step_1['output']"},
        {"step_1.x", "step_1['output'].x"},
        {"step_1['a'][0]", "step_1['output']['a'][0]"},
        {"trigger?.body", "trigger['output']?.body"},
        {"a.step_1 + b?.step_1", "a.step_1 + b?.step_1"},
        {"'step_1' + \"trigger\"", "'step_1' + \"trigger\""},
        {"'\\'step_1' + step_1", "'\\'step_1' + step_1['output']"},
        {"`step_1 ${step_1.a} }`", "`step_1 ${step_1['output'].a} }`"},
        {"{step_1: 1, b: trigger}", "{step_1: 1, b: trigger['output']}"},
        {"f({step_1, x})", "f({step_1: step_1['output'], x})"},
        {"[...trigger, step_1]", "[...trigger['output'], step_1['output']]"},
        {"a ? step_1 : trigger", "a ? step_1['output'] : trigger['output']"},
        {"trigger.map(step_1 => step_1.x)", "trigger['output'].map(step_1 => step_1.x)"},
        {"xs.map((a, step_1) => step_1)", "xs.map((a, step_1) => step_1)"},
        {"step_12 + my_step_1 + $step_1", "step_12 + my_step_1 + $step_1"},
        {"step_1 /* trigger */", "step_1['output'] /* trigger */"},
        {"'open step_1", "'open step_1"},
    };
    for (const Case& test : cases) {
        EXPECT_EQ(with_output_references(test.before, steps), test.after);
    }
}

TEST(FlowMigration, OlderFlowsBecomeTodays) {
    const Json request = parse(
        R"({"displayName":"Old","schemaVersion":"7","trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"~0.1.0","triggerName":"catch_webhook","input":{"a":"{{x}}"},"inputUiInfo":{}},"nextAction":{"name":"step_1","type":"BRANCH","displayName":"B","valid":true,"settings":{"conditions":[[{"firstValue":"{{trigger.body.a}}","operator":"EXISTS"}]]},"onSuccessAction":{"name":"step_2","type":"CODE","displayName":"C","valid":true,"settings":{"sourceCode":{"code":"return '{{trigger}}'","packageJson":"{}"},"input":{"t":"{{trigger}} trigger"}}},"nextAction":{"name":"step_3","type":"LOOP_ON_ITEMS","displayName":"L","valid":true,"settings":{"items":"{{step_2}}"}}}}})");
    const Json migrated = migrated_import(request, kNow);
    ASSERT_TRUE(check_operation("IMPORT_FLOW", migrated).ok());
    const OperationOutcome outcome = apply_operation(new_version(), "IMPORT_FLOW", migrated, kNow);
    ASSERT_TRUE(outcome.ok()) << outcome.problem;
    const Json trigger = outcome.version["trigger"];
    EXPECT_EQ(outline(trigger), "trigger step_1[step_2;-;] step_3");
    EXPECT_TRUE(outcome.version["valid"].is_true());
    EXPECT_EQ(trigger["settings"]["pieceVersion"].text(), "0.1.0");
    EXPECT_EQ(trigger["settings"]["propertySettings"].dump(), R"({"a":{"type":"MANUAL"}})");
    const Json code_step = find_step(trigger, "step_2");
    EXPECT_EQ(code_step["settings"]["input"]["t"].text(), "{{trigger['output']}} trigger");
    EXPECT_EQ(code_step["settings"]["sourceCode"]["code"].text(), "return '{{trigger}}'");
    EXPECT_EQ(find_step(trigger, "step_3")["settings"]["items"].text(), "{{step_2['output']}}");
    EXPECT_EQ(migrated_import(migrated, kNow).dump(), migrated.dump());
}

// The HTTP piece answered webhooks until version 6; from its 0.5 on the body lay below `data`.
TEST(FlowMigration, AnswersBecomeTheWebhookPieces) {
    const auto migrated = [](const std::string& version, const std::string& piece_version,
                             const std::string& input) {
        const Json request = parse(
            R"({"displayName":"Old",)" + version +
            R"("trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"0.1.0","triggerName":"catch_webhook","input":{},"inputUiInfo":{}},"nextAction":{"name":"step_1","type":"PIECE","displayName":"R","valid":true,"settings":{"pieceName":"@activepieces/piece-http","pieceVersion":")" +
            piece_version + R"(","actionName":"return_response","inputUiInfo":{},"input":)" +
            input + "}}}}");
        return migrated_import(request, kNow)["trigger"]["nextAction"]["settings"];
    };
    const std::string v5 = R"("schemaVersion":"5",)";
    EXPECT_EQ(
        migrated(v5, "~0.4.9", R"({"status":201,"body":{"data":1}})")["input"].dump(),
        R"({"respond":"stop","responseType":"json","fields":{"body":{"data":1},"status":201}})");
    const Json later =
        migrated(v5, "^0.10.0", R"({"body_type":"raw","headers":{"a":"b"},"body":{"data":"x"}})");
    EXPECT_EQ(
        later["input"].dump(),
        R"({"respond":"stop","responseType":"raw","fields":{"body":"x","headers":{"a":"b"}}})");
    EXPECT_EQ(later["pieceName"].text(), "@activepieces/piece-webhook");
    EXPECT_EQ(later["pieceVersion"].text(), "0.1.20");
    EXPECT_EQ(migrated(v5, "0.5.0", "{}")["input"]["fields"].dump(), "{}");
    // The first exports have no version; what is of version 6 knew better.
    EXPECT_EQ(migrated("", "0.2.4", "{}")["pieceName"].text(), "@activepieces/piece-webhook");
    EXPECT_EQ(migrated(R"("schemaVersion":"6",)", "0.2.4", "{}")["pieceName"].text(),
              "@activepieces/piece-http");
}

// Clients may leave the version out; their references are today's.
TEST(FlowMigration, AFlowWithoutAVersionIsOldWhenItLooksOld) {
    const auto reference = [](const std::string& more) {
        const Json request = parse(
            R"({"displayName":"F","trigger":{"name":"trigger","type":"PIECE_TRIGGER","displayName":"T","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"0.1.0","triggerName":"catch_webhook","input":{})" +
            more +
            R"(},"nextAction":{"name":"step_1","type":"LOOP_ON_ITEMS","displayName":"L","valid":true,"settings":{"items":"{{trigger.x}}"}}}})");
        return std::string(
            migrated_import(request, kNow)["trigger"]["nextAction"]["settings"]["items"].text());
    };
    EXPECT_EQ(reference(""), "{{trigger.x}}");
    EXPECT_EQ(reference(R"(,"propertySettings":{})"), "{{trigger.x}}");
    EXPECT_EQ(reference(R"(,"propertySettings":{},"inputUiInfo":{})"), "{{trigger.x}}");
    EXPECT_EQ(reference(R"(,"inputUiInfo":{})"), "{{trigger['output'].x}}");
}

TEST(FlowOperations, KnowsAllTypesOfTheContract) {
    EXPECT_EQ(operation_scope("ADD_ACTION"), OperationScope::version);
    EXPECT_EQ(operation_scope("LOCK_AND_PUBLISH"), OperationScope::flow);
    EXPECT_EQ(operation_scope("MOVE_BRANCH"), OperationScope::version);
    EXPECT_EQ(operation_scope("SAVE_SAMPLE_DATA"), OperationScope::flow);
    EXPECT_EQ(operation_scope("DROP_TABLE"), std::nullopt);
}

}  // namespace
}  // namespace sallyport::engine
