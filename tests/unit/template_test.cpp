#include "engine/core/expressions/template.hpp"

#include "engine/core/expressions/template_tokens.hpp"
#include "engine/core/flows/connection_references.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {
namespace {

using Status = TemplateResult::Status;

Json json(std::string_view text) {
    auto parsed = Json::parse(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return parsed.ok() ? *parsed : Json();
}

TemplateScope scope() {
    TemplateScope scope;
    scope.steps = json(R"({
        "trigger": {"output": {"items": [5, "a"], "name": "John", "price": 6.4, "nothing": null,
                               "users": [{"name": "Alice"}, {"name": "Bob"}],
                               "lastNames": ["Smith", "Doe"]}},
        "step_1": {"output": {"success": true}},
        "step_2": {"error": {"message": "boom"}}
    })");
    scope.connections = json(R"({"my-conn": {"access_token": "t0k", "list": [1, 2]},
                                 "c d": "plain"})");
    scope.variables = json(R"({"NAME": "value", "N": 3})");
    return scope;
}

struct InputCase {
    const char* input;   // JSON
    const char* value;   // JSON
    const char* logged;  // JSON; empty: the same
};

TEST(Template, ResolvesInputs) {
    const InputCase cases[] = {
        {R"("Hello world!")", R"("Hello world!")", ""},
        {R"("")", R"("")", ""},
        {R"("{{}}")", R"("")", ""},
        {R"("{{  }}")", R"("")", ""},
        {R"("Price is {{ trigger.output.price }}")", R"("Price is 6.4")", ""},
        {R"("{{ {\"where\": \"a\"} }}")", R"({"where":"a"})", ""},
        {R"("{{trigger.output.items}}")", R"([5,"a"])", ""},
        {R"("  {{trigger.output.items}}\n")", R"([5,"a"])", ""},
        {R"("items are {{trigger.output.items}}")", R"("items are [5,\"a\"]")", ""},
        {R"("{{trigger.output.items[0]}} {{trigger.output.items[1]}}")", R"("5 a")", ""},
        {R"("test {{configs.bar}} {{trigger.output.items[4]}}")", R"("test  ")", ""},
        {R"("{{configs.bar}}")", R"("")", ""},
        {R"("{{trigger.output.nothing}}")", R"("")", ""},
        {R"("{{trigger.output.missing}}")", R"("")", ""},
        {R"("a{{trigger.output.nothing}}b")", R"("ab")", ""},
        {R"("{{step_1.output.success}}")", R"(true)", ""},
        {R"("{{1 + 2}}")", R"(3)", ""},
        {R"("{{1}}{{2}}")", R"("12")", ""},
        {R"("{{0 / 0}}")", R"(null)", ""},
        {R"("x{{0 / 0}}")", R"("xnull")", ""},
        {R"("{{Math.min(trigger.output.price + 2 - 3, 2)}}")", R"(2)", ""},
        {R"("{{step_2.error.message}} {{step_2.output}}")", R"("boom ")", ""},
        {R"("{{flattenNestedKeys(trigger.output, ['users','name'])}}")", R"(["Alice","Bob"])", ""},
        {R"("{{flattenNestedKeys(trigger.output, ['users','name'])}} {{trigger.output.lastNames}}")",
         R"(["Alice Smith","Bob Doe"])", ""},
        {R"("{{ flattenNestedKeys(trigger.output, ['users','name'])}} is {{1}} {{[7]}}")",
         R"(["Alice is 1 7","Bob is 1 "])", ""},
        {R"({"input": {"foo": "bar", "nums": [1, 2, "{{trigger.output.items[0]}}"],
             "{{key}}": null, "t": true, "v": "{{trigger.output.price}}"}})",
         R"({"input":{"foo":"bar","nums":[1,2,5],"{{key}}":null,"t":true,"v":6.4}})", ""},
        {R"("{{")", R"("{{")", ""},
        {R"("a {{ b")", R"("a {{ b")", ""},
        {R"("a }} {{1}} {")", R"("a }} 1 {")", ""},
        {R"("{{1}} {{ open")", R"("1 {{ open")", ""},
        {R"(17)", R"(17)", ""},
        {R"("{{variables['NAME']}}")", R"("value")", R"("**REDACTED**")"},
        {R"("{{variables.N}}")", R"(3)", R"("**REDACTED**")"},
        {R"("a {{variables[\"NAME\"]}} b")", R"("a value b")", R"("a **REDACTED** b")"},
        {R"("Bearer {{connections['my-conn'].access_token}}")", R"("Bearer t0k")",
         R"("Bearer **REDACTED**")"},
        {R"("{{connections.my-conn.access_token}}")", R"("t0k")", R"("**REDACTED**")"},
        {R"("{{connections.['my-conn'].access_token}}")", R"("t0k")", R"("**REDACTED**")"},
        {R"("{{connections?.['my-conn']?.access_token}}")", R"("t0k")", R"("**REDACTED**")"},
        {R"("{{connections?.my-conn.access_token}}")", R"("t0k")", R"("**REDACTED**")"},
        {R"("{{variables?.N}}")", R"(3)", R"("**REDACTED**")"},
        {R"("{{connections['c d']}}")", R"("plain")", R"("**REDACTED**")"},
        {R"("{{connections['my-conn']['list'][1] + 1}}")", R"(3)", R"("**REDACTED**")"},
        {R"("{{connections['my-conn'].missing.deep}}")", R"("")", R"("**REDACTED**")"},
        {R"("{{connections['my-conn'].missing ?? trigger}}")", R"("")", R"("**REDACTED**")"},
        {R"("{{connections}}")", R"("")", ""},
        {R"("{{connections[0]}}")", R"("")", ""},
        {R"("{{'' + connections['my-conn'].access_token}}")", R"("")", ""},
    };
    for (const auto& c : cases) {
        const auto result = resolve_template(json(c.input), scope());
        ASSERT_EQ(result.status, Status::resolved) << c.input << " " << result.error;
        EXPECT_EQ(result.value.dump(), json(c.value).dump()) << c.input;
        const char* logged = c.logged[0] == '\0' ? c.value : c.logged;
        EXPECT_EQ(result.logged.dump(), json(logged).dump()) << c.input;
    }
}

TEST(Template, OldSchemasNameTheOutputItself) {
    TemplateScope old = scope();
    old.schema = 21;
    const auto result = resolve_template(
        json(R"(["{{trigger.name}}", "{{trigger.output}}", "{{step_1}}", "{{step_2}}"])"), old);
    ASSERT_EQ(result.status, Status::resolved);
    EXPECT_EQ(result.value.dump(), R"(["John","",{"success":true},""])");
}

TEST(Template, MissingSecretsFailTheStep) {
    const std::pair<const char*, const char*> cases[] = {
        {R"("{{connections['gone']}}")", "connection (gone) not found"},
        {R"({"a": ["x {{connections.gone.token}}"]})", "connection (gone) not found"},
        {R"("{{variables['GONE']}}")", "variable (GONE) not found"},
    };
    for (const auto& [input, message] : cases) {
        const auto result = resolve_template(json(input), scope());
        EXPECT_EQ(result.status, Status::failed);
        EXPECT_EQ(result.error, message);
        EXPECT_FALSE(result.value.exists());
    }
}

TEST(Template, HandsOutWhatItDoesNotCover) {
    const Json input = json(R"({
        "a": "{{trigger.output.items.map(x => x)}}",
        "b": "n={{step_1.output.success}} m={{[1].map(y => y)}}",
        "c": "{{connections['my-conn'].list.map(x => x)}}",
        "d": "{{new Error()}}",
        "e": "{{void 0}}"
    })");
    const auto asked = resolve_template(input, scope());
    ASSERT_EQ(asked.status, Status::needs_sandbox);
    EXPECT_FALSE(asked.value.exists());
    EXPECT_EQ(asked.expressions,
              (std::vector<std::string>{"trigger.output.items.map(x => x)", "[1].map(y => y)",
                                        "$secret0.list.map(x => x)", "new Error()", "void 0"}));
    EXPECT_TRUE(asked.expression_scope.has("trigger"));
    EXPECT_FALSE(asked.expression_scope.has("step_1"));
    EXPECT_EQ(asked.expression_scope["$secret0"]["access_token"].text(), "t0k");

    const std::vector<SandboxAnswer> answers = {{true, json("[5,\"a\"]")},
                                                {true, json("[1]")},
                                                {true, json("[1,2]")},
                                                {false, Json()},
                                                {true, Json()}};
    const auto result = resolve_template(input, scope(), answers);
    ASSERT_EQ(result.status, Status::resolved) << result.error;
    EXPECT_EQ(result.value.dump(), R"({"a":[5,"a"],"b":"n=true m=[1]","c":[1,2],"d":"","e":""})");
    EXPECT_EQ(result.logged["c"].text(), kRedactedText);
    EXPECT_EQ(result.logged["a"].dump(), R"([5,"a"])");
}

// The native evaluator and the sandbox say the same of a number that JSON has no word for.
TEST(Template, NumbersThatAreNoneAreNotNothing) {
    const Json input = json(R"({"a": "{{NaN}}", "b": "{{+new Date('x')}}", "c": "<{{NaN}}>",
                                "d": "<{{+new Date('x')}}>"})");
    const std::vector<SandboxAnswer> answers(2, SandboxAnswer{true, Json::null()});
    const auto result = resolve_template(input, scope(), answers);
    ASSERT_EQ(result.status, Status::resolved) << result.error;
    EXPECT_EQ(result.value.dump(), R"({"a":null,"b":null,"c":"<null>","d":"<null>"})");
}

TEST(Template, ListsWhatMustBeLoaded) {
    const auto found = template_references(json(R"({
        "a": "{{connections['my-conn'].x}} {{variables.N}} {{trigger.output['step_9']}}",
        "b": ["{{connections.other}}", "plain step_7", {"c": "{{step_8.output + 1}}"}]
    })"));
    EXPECT_EQ(found.connections, (std::set<std::string>{"my-conn", "other"}));
    EXPECT_EQ(found.variables, (std::set<std::string>{"N"}));
    EXPECT_TRUE(found.names.count("trigger"));
    EXPECT_TRUE(found.names.count("step_8"));
    EXPECT_TRUE(found.names.count("step_9"));
    EXPECT_FALSE(found.names.count("step_7"));
}

TEST(Template, RefusesWhatIsTooMuch) {
    TemplateScope big = scope();
    big.steps.set("big", Json::object({{"output", Json::string(std::string(1 << 20, 'x'))}}));
    std::string text;
    for (int i = 0; i < 26; ++i) {
        text += "{{big.output}}";
    }
    const auto result = resolve_template(Json::string(text), big);
    EXPECT_EQ(result.status, Status::failed);
    EXPECT_NE(result.error.find("larger than"), std::string::npos);

    Json deep = Json::string("x");
    for (int i = 0; i < 600; ++i) {
        Json outer = Json::array();
        outer.append(deep);
        deep = outer;
    }
    EXPECT_EQ(resolve_template(deep, scope()).status, Status::failed);
}

TEST(Template, EmptyScopeIsFine) {
    const auto result = resolve_template(Json::string("{{trigger.x}}{{1}}"), TemplateScope{});
    ASSERT_EQ(result.status, Status::resolved);
    EXPECT_EQ(result.value.text(), "1");
}

// The formula itself is the sandbox's; what goes there and what comes of the answer is here.
TEST(TemplateFormulas, GoToTheSandboxWithTheirValues) {
    const Json input = Json::string(
        "ap-formula-v1::{add({{step_1['output'].n}};{{ connections.bank.pin }})}::ap-formula-v1");
    TemplateScope with;
    with.steps = *Json::parse(R"({"step_1":{"output":{"n":4}}})");
    with.connections = *Json::parse(R"({"bank":{"pin":"1234"}})");
    EXPECT_EQ(template_references(input).connections, std::set<std::string>{"bank"});
    const auto asked = resolve_template(input, with);
    ASSERT_EQ(asked.status, Status::needs_sandbox);
    ASSERT_EQ(asked.expressions.size(), 1U);
    EXPECT_EQ(asked.expressions[0],
              "$formula(\"add(__ap_v0__;__ap_v1__)\", [() => (step_1['output'].n\n), () => "
              "($secret0.pin\n)])");
    EXPECT_EQ(asked.expression_scope["$secret0"]["pin"].text(), "1234");
    const auto answered = [&](std::string_view answer) {
        const SandboxAnswer answers[] = {{true, *Json::parse(answer)}};
        return resolve_template(input, with, answers);
    };
    const auto done = answered(R"({"value":1238})");
    ASSERT_EQ(done.status, Status::resolved);
    EXPECT_EQ(done.value.dump(), "1238");
    EXPECT_EQ(done.logged.text(), kRedactedText);
    EXPECT_EQ(answered("{}").value.dump(), R"("")") << "undefined";
    const auto failed = answered(R"({"error":"Cannot divide by zero"})");
    ASSERT_EQ(failed.status, Status::failed);
    EXPECT_NE(failed.error.find("Cannot divide by zero"), std::string::npos);
    const SandboxAnswer threw[] = {{false, {}}};
    EXPECT_EQ(resolve_template(input, with, threw).status, Status::failed);
}

TEST(TemplateFormulas, StandBesideOtherText) {
    const Json input = Json::string(
        "a {{step_1['output'].n}} "
        "ap-formula-v1::{x}::ap-formula-v1/ap-formula-v1::{y}::ap-formula-v1");
    TemplateScope with;
    with.steps = *Json::parse(R"({"step_1":{"output":{"n":4}}})");
    const SandboxAnswer answers[] = {{true, *Json::parse(R"({"value":[1]})")},
                                     {true, *Json::parse(R"({"value":null})")}};
    EXPECT_EQ(resolve_template(input, with, answers).value.text(), "a 4 [1]/");
    // Without its end it is text like any other.
    const Json open = Json::string("ap-formula-v1::{ {{step_1['output'].n}}");
    EXPECT_EQ(resolve_template(open, with).value.text(), "ap-formula-v1::{ 4");
}

TEST(TemplateTokens, CountsPairsOfBraces) {
    const auto bodies = [](std::string_view text) {
        std::vector<std::string> out;
        for (const auto& token : find_template_tokens(text)) {
            out.emplace_back(token.body);
        }
        return out;
    };
    using List = std::vector<std::string>;
    EXPECT_EQ(bodies("{{a}}{{ b }}"), (List{"a", "b"}));
    EXPECT_EQ(bodies("{{ {a: {b: 1} } }}"), (List{"{a: {b: 1} }"}));
    EXPECT_EQ(bodies("{{ f({{a}}) }}"), (List{"f({{a}})"}));
    EXPECT_EQ(bodies("{{{a}}}"), (List{"{a"}));
    EXPECT_EQ(bodies("{ {a}} {{"), List{});
    EXPECT_EQ(bodies("{{ {{ a }}"), List{});
}

TEST(ConnectionReferences, AreRewrittenInExpressionsAlone) {
    const struct {
        const char* text;
        const char* after;  // `a` having become `b-2`; empty: the same
    } cases[] = {
        {"{{connections['a']}}", "{{connections['b-2']}}"},
        {"{{connections[\"a\"].token}}", "{{connections['b-2'].token}}"},
        {"{{connections.a}}", "{{connections['b-2']}}"},
        {"{{ connections.a.token }}", "{{ connections['b-2'].token }}"},
        {"{{connections.a?.x}}", "{{connections['b-2']?.x}}"},
        {"{{connections?.a?.x}}", "{{connections['b-2']?.x}}"},
        {"{{connections?.['a'].x}} {{connections ?. [\"a\"]}}",
         "{{connections['b-2'].x}} {{connections['b-2']}}"},
        {"{{connections?.ab}}", ""},
        {"Bearer {{connections.a}}, {{connections['a'].x + connections.a.y}}!",
         "Bearer {{connections['b-2']}}, {{connections['b-2'].x + connections['b-2'].y}}!"},
        {"{{ {...connections.a, n: 1} }}", "{{ {...connections['b-2'], n: 1} }}"},
        {"{{connections['ab']}} {{connections.ab}} {{connections.a-b}}", ""},
        {"{{step_1['output'].connections.a}} {{step_1 . connections['a']}}", ""},
        {"{{myconnections.a}} {{variables['a']}} {{variables.a}}", ""},
        {"see connections.a or connections['a']", ""},
        {"{{connections.a", ""},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(with_connection(c.text, "a", "b-2"), *c.after == '\0' ? c.text : c.after);
    }
    EXPECT_EQ(with_connection("{{connections.a}}", "a", "it's"), "{{connections[\"it's\"]}}");
    EXPECT_EQ(settings_with_connection(
                  json(R"({"input":{"auth":"{{connections.a}}","l":["{{connections['a']}}",1]},
                           "sourceCode":{"code":"`{{connections.a}}`"}})"),
                  "a", "b")
                  .dump(),
              json(R"({"input":{"auth":"{{connections['b']}}","l":["{{connections['b']}}",1]},
                       "sourceCode":{"code":"`{{connections.a}}`"}})")
                  .dump());
}

}  // namespace
}  // namespace sallyport::engine
