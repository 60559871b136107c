#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {

std::shared_ptr<const Program> test_program(const std::vector<std::string>& steps) {
    std::string tree;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        tree = step->substr(0, step->size() - 1) +
               (tree.empty() ? "}" : ",\"nextAction\":" + tree + "}");
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

std::string http_action(std::string_view name, std::string_view options) {
    return R"({"name":")" + std::string(name) +
           R"(","type":"PIECE","displayName":"HTTP","settings":{"pieceName":"@activepieces/piece-http","actionName":"send_request","input":{},"errorHandlingOptions":{)" +
           std::string(options) + "}}}";
}

}  // namespace sallyport::engine
