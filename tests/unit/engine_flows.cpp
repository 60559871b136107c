#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {

std::shared_ptr<const Program> test_program(const std::vector<std::string>& steps) {
    std::string tree;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        tree = tree.empty() ? *step : followed_by(*step, tree);
    }
    const std::string trigger =
        R"({"name":"trigger","type":"PIECE_TRIGGER","displayName":"Hook","settings":{"pieceName":"@activepieces/piece-webhook","triggerName":"catch_webhook"})" +
        (tree.empty() ? "}" : ",\"nextAction\":" + tree + "}");
    const Result<Json> json = Json::parse(trigger);
    EXPECT_TRUE(json.ok()) << trigger;
    auto program = compile_program("flow", "version", "Test", 22, *json);
    EXPECT_TRUE(program.ok());
    return *program;
}

std::string code_action(std::string_view name, std::string_view options) {
    return R"({"name":")" + std::string(name) +
           R"(","type":"CODE","displayName":"Code","settings":{"sourceCode":{"code":"x"},"input":{},"errorHandlingOptions":{)" +
           std::string(options) + "}}}";
}

std::string loop_action(std::string_view name, std::string_view items, std::string_view body) {
    return R"({"name":")" + std::string(name) +
           R"(","type":"LOOP_ON_ITEMS","displayName":"Loop","settings":{"items":)" +
           std::string(items) + "}" +
           (body.empty() ? "" : R"(,"firstLoopAction":)" + std::string(body)) + "}";
}

std::string router_action(std::string_view name, std::string_view execution,
                          const std::vector<std::string>& branches,
                          const std::vector<std::string>& children) {
    std::string text = R"({"name":")" + std::string(name) +
                       R"(","type":"ROUTER","displayName":"Router","settings":{"executionType":")" +
                       std::string(execution) + R"(","branches":[)";
    for (std::size_t i = 0; i < branches.size(); ++i) {
        text += (i == 0 ? "" : ",") + branches[i];
    }
    text += R"(]},"children":[)";
    for (std::size_t i = 0; i < children.size(); ++i) {
        text += (i == 0 ? "" : ",") + (children[i].empty() ? "null" : children[i]);
    }
    return text + "]}";
}

std::string followed_by(std::string_view step, std::string_view next) {
    return std::string(step.substr(0, step.size() - 1)) + R"(,"nextAction":)" + std::string(next) +
           "}";
}

std::string http_action(std::string_view name, std::string_view options) {
    return R"({"name":")" + std::string(name) +
           R"(","type":"PIECE","displayName":"HTTP","settings":{"pieceName":"@activepieces/piece-http","actionName":"send_request","input":{},"errorHandlingOptions":{)" +
           std::string(options) + "}}}";
}

}  // namespace sallyport::engine
