// Templates and expressions from any text: no crash, no hang, and what resolves natively is valid
// JSON that stays the same when resolved again.
#include "engine/core/expressions/expression.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/expressions/template.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using sallyport::Json;
using sallyport::engine::TemplateResult;

const sallyport::engine::TemplateScope& scope() {
    static const sallyport::engine::TemplateScope known = [] {
        sallyport::engine::TemplateScope made;
        made.steps = *Json::parse(
            R"({"trigger":{"output":{"a":[1,"b",null,{"c":1.5}],"s":"h\u00e9 \ud83d\ude00","n":-7,
                "t":true,"o":{"k":{"k":"v"}},"2":2,"1":1}},"step_1":{"output":"x"}})");
        made.connections = *Json::parse(R"({"c":{"token":"s"}})");
        made.variables = *Json::parse(R"({"v":1})");
        return made;
    }();
    return known;
}

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Json input = Json::string({reinterpret_cast<const char*>(data), size});
    const auto first = resolve_template(input, scope());
    const auto second = resolve_template(input, scope());
    require(first.status == second.status && first.expressions == second.expressions);
    if (first.status == TemplateResult::Status::resolved) {
        require(first.value.exists() && first.logged.exists());
        require(first.value.dump() == second.value.dump());
        require(Json::parse(first.value.dump()).ok());
        require(sallyport::engine::js_stringify(first.value, 64 * 1024 * 1024).has_value());
    }
    const std::vector<sallyport::engine::SandboxAnswer> answers(first.expressions.size());
    require(resolve_template(input, scope(), answers).status !=
            TemplateResult::Status::needs_sandbox);
    sallyport::engine::template_references(input);
    sallyport::engine::evaluate_expression(input.text(), scope().steps);
    return 0;
}
