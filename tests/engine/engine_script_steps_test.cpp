// Steps that are scripts: programs of jq, Markdown and HTML, in the sandbox of the real engine.
#include "common/file_text.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

class EngineScriptSteps : public ::testing::Test {
  protected:
    EngineScriptSteps() : engine_({"SALLYPORT_EGRESS_ALLOW=" + files_.address()}) {
        ann_.sign_up();
    }

    static std::string step(const std::string& name, std::string_view piece,
                            std::string_view action, const std::string& input) {
        return R"({"type":"PIECE","displayName":"Step","valid":true,"name":")" + name +
               R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
               R"(","pieceVersion":"0.1.0","actionName":")" + std::string(action) +
               R"(","propertySettings":{},"input":)" + input + "}}";
    }
    static std::string query_step(const std::string& name, const std::string& json,
                                  std::string_view program) {
        return step(name, "json", "run_jq_query",
                    "{\"json\":" + json + ",\"query\":" + Json::string(program).dump() + "}");
    }
    Json ran(const std::vector<std::string>& steps, const std::string& body = "{}") {
        const std::string flow = ann_.make_flow(steps);
        HttpRequest request;
        request.method = "POST";
        request.url = engine_.url("/v1/webhooks/" + flow);
        request.headers = {{"Content-Type", "application/json"}};
        request.body = body;
        return ann_.finished_run(send(request).header("x-webhook-id").value_or(""));
    }
    // What one step gives, or why it failed.
    std::string outcome(const std::string& step, const std::string& name) {
        const Json run = ran({step});
        return run["status"].text() == "SUCCEEDED"
                   ? run["steps"][name]["output"].dump()
                   : std::string(run["failedStep"]["message"].text());
    }
    std::string ask(const std::string& json, std::string_view program) {
        return outcome(query_step("q", json, program), "q");
    }

    // What `extract_from_html` finds in a page.
    std::string found(std::string_view html, const std::string& more) {
        return outcome(step("p", "text-helper", "extract_from_html",
                            "{\"html\":" + Json::string(html).dump() + "," + more + "}"),
                       "p");
    }

    Upstream files_{[](const UpstreamRequest& request) {
        UpstreamReply reply;
        reply.status = request.target == "/none" ? 404 : 200;
        return reply;
    }};
    EngineProcess engine_;
    ApiUser ann_{engine_};
};

TEST_F(EngineScriptSteps, ProgramsGiveWhatJqGives) {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/jq.json", 1U << 20U);
    ASSERT_TRUE(text.ok()) << text.message();
    const Json vectors = *Json::parse(*text);
    std::vector<std::string> steps;
    vectors["cases"].each_element([&](const Json& one) {
        steps.push_back(query_step("q" + std::to_string(steps.size()),
                                   "\"{{trigger.output.body}}\"", one["program"].text()));
    });
    ASSERT_GT(steps.size(), 90U);
    const Json run = ran(steps, vectors["input"].dump());
    ASSERT_EQ(run["status"].text(), "SUCCEEDED") << run["failedStep"].dump();
    std::size_t at = 0;
    vectors["cases"].each_element([&](const Json& one) {
        EXPECT_EQ(run["steps"]["q" + std::to_string(at++)]["output"].dump(), one["output"].dump())
            << one["program"].text();
    });
}

TEST_F(EngineScriptSteps, WrongProgramsFailTheirStepAndSayWhy) {
    struct Case {
        std::string_view program, message;
    };
    for (const auto& [program, message] :
         std::vector<Case>{{".a |", "Unexpected end at character 5"},
                           {"foo(1)", "foo/1 is not defined"},
                           {"$x", "$x is not defined"},
                           {R"(import "a" as b; 1)", "There are no modules here"},
                           {".a.b", R"(Cannot index number with "b")"},
                           {".a[]", "Cannot iterate over number (1)"},
                           {". + 1", R"(object ({"a":1}) and number (1) cannot be added)"},
                           {R"("a" | test("["))", "is not a valid regex"},
                           {R"("stop" | error)", "Details: stop"},
                           {"error({a: 1})", R"({"a":1} (not a string))"},
                           {R"("bye" | halt_error)", "Details: bye"},
                           {"def f: 1 + f; f", "the program calls itself too often"}}) {
        const std::string outcome = ask(R"({"a":1})", program);
        EXPECT_NE(outcome.find("JQ Execution Failed. Please check your query syntax. Details: "),
                  std::string::npos)
            << outcome;
        EXPECT_NE(outcome.find(message), std::string::npos) << program << ": " << outcome;
    }
    EXPECT_NE(ask(R"("{")", ".").find("JQ Execution Failed"), std::string::npos);
    // What never ends costs its step the time of a code step.
    EXPECT_NE(ask("1", "[range(1; infinite)]").find("more memory than it may"), std::string::npos);
    EXPECT_NE(ask("1", "last(range(1; infinite))").find("than it may"), std::string::npos);
}

TEST_F(EngineScriptSteps, QueriesTakeTextsAndLoopLong) {
    EXPECT_EQ(ask(R"("[1,2]")", "map(. * 2)"), "[2,4]");
    EXPECT_EQ(ask("null", "[0 | recurse(if . < 20000 then . + 1 else empty end)] | length"),
              "20001");
    EXPECT_EQ(ask("{}", "[.a, env, $ENV]"), "[null,{},{}]");
}

TEST_F(EngineScriptSteps, AddressesAreTakenApart) {
    struct Case {
        std::string_view input, outcome;
    };
    const std::string fault =
        "Failed to parse URL. Please ensure it is a valid, absolute URL. Details: Invalid URL";
    for (
        const auto& [input, expected] : std::vector<Case>{
            {R"("url":"https://u:p@Example.com:443/a/../b?tag=x&n=1&tag=y#frag","returnArrays":true)",
             R"({"base_url":"https://example.com","domain":"example.com","path":"/b","query_parameters":{"tag":["x","y"],"n":["1"]},"hash":"frag"})"},
            {R"("url":"http://m\u00fcnchen.de:8080?tag=x&tag=y","returnArrays":false)",
             R"({"base_url":"http://xn--mnchen-3ya.de:8080","domain":"xn--mnchen-3ya.de","path":"/","query_parameters":{"tag":"x"},"hash":""})"},
            // As published: the form's default is not put in when a flow runs.
            {R"("url":"http://[::FFFF:1.2.3.4]/?a=+%2B%zz&a")",
             R"({"base_url":"http://[::ffff:102:304]","domain":"[::ffff:102:304]","path":"/","query_parameters":{"a":" +%zz"},"hash":""})"},
            {R"("url":"mailto:a@b.c?subject=s")",
             R"({"base_url":"mailto://","domain":"","path":"a@b.c","query_parameters":{"subject":"s"},"hash":""})"},
            {R"("url":"http://a/?__proto__=x&constructor=y","returnArrays":"true")",
             R"({"base_url":"http://a","domain":"a","path":"/","query_parameters":{"__proto__":["x"],"constructor":["y"]},"hash":""})"},
            {R"("url":"/relative","returnArrays":true)", ""},
            {R"("url":"http://a b/")", ""},
            {R"("url":"http://256.1.1.1/")", ""},
            {R"("url":"")", ""},
            {R"("returnArrays":true)", ""}}) {
        const std::string got =
            outcome(step("u", "http", "parse_url", "{" + std::string(input) + "}"), "u");
        if (expected.empty()) {
            EXPECT_NE(got.find(fault), std::string::npos) << input << got;
        } else {
            EXPECT_EQ(got, expected) << input;
        }
    }
}

TEST_F(EngineScriptSteps, MarkdownBecomesHtml) {
    const auto html = [this](const std::string& more, std::string_view markdown) {
        return outcome(step("h", "text-helper", "markdown_to_html",
                            "{\"markdown\":" + Json::string(markdown).dump() + more + "}"),
                       "h");
    };
    const auto text = [](std::string_view made) { return Json::string(made).dump(); };
    const std::string usual =
        R"(,"flavor":"github","headerLevelStart":1,"tables":true,"noHeaderId":false,"simpleLineBreaks":false,"openLinksInNewWindow":false)";
    EXPECT_EQ(html(usual, "# Hi there\n\n**b** *i* ~~s~~ [l](https://x.org)"),
              text("<h1 id=\"hi-there\">Hi there</h1>\n<p><strong>b</strong> <em>i</em> "
                   "<del>s</del> <a href=\"https://x.org\">l</a></p>"));
    EXPECT_EQ(html(usual, "|a|b|\n|---|---|\n|1|2|"),
              text("<table>\n<thead>\n<tr>\n<th id=\"a\">a</th>\n<th id=\"b\">b</th>\n</tr>\n"
                   "</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>"));
    EXPECT_EQ(html(R"(,"flavor":"github","headerLevelStart":"3","noHeaderId":"true")", "# T"),
              text("<h3>T</h3>"));
    EXPECT_EQ(html(R"(,"flavor":"github","openLinksInNewWindow":true)", "[l](https://x.org)"),
              text("<p><a href=\"https://x.org\" rel=\"noopener noreferrer\" "
                   "target=\"_blank\">l</a></p>"));
    // As published, this flavor brings settings of its own for all of them.
    EXPECT_EQ(html(R"(,"flavor":"vanilla","headerLevelStart":3,"noHeaderId":true)", "# T"),
              text("<h1 id=\"t\">T</h1>"));
    EXPECT_EQ(
        html(R"(,"headerLevelStart":7)", "# T"),
        "{\n  \"headerLevelStart\": [\n    \"Expected a number from 1 to 6, received: 7\"\n  ]\n}");
    EXPECT_EQ(html(R"(,"flavor":"other")", "# T"),
              "{\n  \"flavor\": [\n    \"Expected vanilla, original or github, received: other\"\n "
              " ]\n}");
}

TEST_F(EngineScriptSteps, HtmlBecomesMarkdown) {
    const auto markdown = [this](const std::string& more, std::string_view html) {
        return outcome(step("m", "text-helper", "html_to_markdown",
                            "{\"html\":" + Json::string(html).dump() + more + "}"),
                       "m");
    };
    const auto text = [](std::string_view made) { return Json::string(made).dump(); };
    EXPECT_EQ(markdown("",
                       "<h1>T</h1><p>a <b>b</b> <i>c</i> <a href='https://x.org'>l</a></p>"
                       "<script>alert(1)</script>"),
              text("T\n=\n\na **b** _c_ [l](https://x.org)"));
    EXPECT_EQ(markdown("", "<ul><li>one<li>two &amp; three</ul>"), text("* one\n* two & three"));
    const std::string_view table =
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table><del>s</del>";
    EXPECT_EQ(markdown(R"(,"gfm":true)", table),
              text("| a   | b   |\n| --- | --- |\n| 1   | 2   |\n\n~~s~~"));
    EXPECT_EQ(markdown(R"(,"gfm":false)", table).find("| 1"), std::string::npos);
}

// Expected values come from the published action's own library, jsdom 24.1.3.
TEST_F(EngineScriptSteps, PartsOfPagesAreFound) {
    constexpr std::string_view kPage =
        "<!DOCTYPE html><title> A &amp; B </title><h1>One<br>line</h1><h3 id=h class='x y'>3</h3>"
        "<p>a<p>b <a href='/x?a=1&amp;b=2'>l</a><a>no</a><img src=i.png alt='a>\"b'>"
        "<div data-id=7 class=price>5&nbsp;&euro;<!--c--></div><ul><li>1<li>2<li>3</ul>"
        "<table><tr><td>x</table><svg viewBox='0 0 1 1'><path d=M0 /></svg>"
        "<script>var a = '<p>&lt;no</p>'</script><template><p>in</p></template><p id=h>same";
    struct Case {
        std::string_view target, type, multiple, more, expected;
    };
    for (
        const Case& c : std::vector<Case>{
            {"title", "textContent", "false", "", R"("A & B")"},
            {"links", "attribute", "true", R"(,"attributeName":"href")", R"(["/x?a=1&b=2"])"},
            {"images", "attribute", "\"true\"", R"(,"attributeName":"alt")", R"(["a>\"b"])"},
            {"images", "attribute", "false", R"(,"attributeName":"none")", R"("")"},
            {"headings", "textContent", "true", "", R"(["Oneline","3"])"},
            {"headings", "innerHtml", "false", "", R"("One<br>line")"},
            {"paragraphs", "outerHtml", "true", "",
             R"(["<p>a</p>","<p>b <a href=\"/x?a=1&amp;b=2\">l</a><a>no</a><img src=\"i.png\" alt=\"a>&quot;b\"></p>","<p id=\"h\">same</p>"])"},
            {"custom", "innerHtml", "false", R"(,"selector":".price")", R"("5&nbsp;€<!--c-->")"},
            {"custom", "textContent", "true", R"(,"selector":"#h")", R"(["3","same"])"},
            {"custom", "outerHtml", "true", R"(,"selector":"h3#h.y, [viewBox] > path")",
             R"(["<h3 id=\"h\" class=\"x y\">3</h3>","<path d=\"M0\"></path>"])"},
            {"custom", "textContent", "true", R"s(,"selector":"li:nth-child(2n+1)")s",
             R"(["1","3"])"},
            {"custom", "textContent", "true", R"s(,"selector":"p:has(> a), :where(td)")s",
             R"(["b lno","x"])"},
            {"custom", "outerHtml", "true", R"(,"selector":"tbody, script")",
             R"(["<tbody><tr><td>x</td></tr></tbody>","<script>var a = '<p>&lt;no</p>'</script>"])"},
            {"custom", "outerHtml", "false", R"(,"selector":"template")",
             R"("<template><p>in</p></template>")"},
            {"custom", "textContent", "true", R"(,"selector":".none")", "[]"},
            {"custom", "textContent", "false", R"(,"selector":".none")", "null"},
            {"custom", "other", "false", R"(,"selector":"h1")", R"("")"}}) {
        EXPECT_EQ(found(kPage, R"("target":")" + std::string(c.target) + R"(","extractionType":")" +
                                   std::string(c.type) + R"(","returnMultiple":)" +
                                   std::string(c.multiple) + std::string(c.more)),
                  c.expected)
            << c.target << c.type << c.more;
    }
}

TEST_F(EngineScriptSteps, WhatCannotBeFoundInPagesFailsItsStep) {
    const auto fails = [&](const std::string& more, std::string_view why) {
        const std::string outcome = found("<p>", more);
        EXPECT_NE(outcome.find(why), std::string::npos) << more << outcome;
    };
    fails(R"("target":"custom","extractionType":"textContent")",
          R"(You must provide a "Custom CSS Selector" when the target is set to Custom.)");
    fails(R"("target":"paragraphs","extractionType":"attribute")",
          R"(You must provide an "Attribute Name" when the extraction type is Attribute.)");
    fails(R"("target":"custom","selector":"p[","extractionType":"textContent")",
          R"(Invalid CSS selector: "p[". Error: )");
    fails(R"("target":"custom","selector":"p:nope","extractionType":"textContent")",
          "unknown pseudo-class selector ':nope'");
    fails(R"("target":"body")", "Expected one of title, links, images, headings, paragraphs and ");
    // A page runs nothing, and one that is too much costs its step what a code step may cost.
    EXPECT_EQ(found("<p onclick=x()><script>throw 1</script>t", R"("target":"paragraphs")"),
              "\"\"");
    EXPECT_EQ(found("", R"("target":"title","extractionType":"textContent")"), "null");
    std::string deep;
    for (int i = 0; i < 100'000; ++i) {
        deep += "<div>";
    }
    const std::string kept =
        found(deep, R"("target":"custom","selector":"html","extractionType":"outerHtml")");
    EXPECT_NE(kept.find("than it may"), std::string::npos) << kept.substr(0, 200);
}

TEST_F(EngineScriptSteps, FilesAreFetchedToBeEncrypted) {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/openpgp-keys.json", 1U << 20U);
    ASSERT_TRUE(text.ok()) << text.message();
    const Json key = (*Json::parse(*text))["curve"]["public"];
    const auto encrypted = [&](const std::string& address) {
        return outcome(
            step("p", "crypto", "openpgpEncrypt",
                 Json::object({{"file", Json::string(address)}, {"publicKey", key}}).dump()),
            "p");
    };
    const std::string server = "http://" + files_.address();
    const std::string made = encrypted(server + "/a%20list.csv?x=y");
    EXPECT_EQ(made.find(R"({"success":true,"filename":"a list.csv.pgp","file":"data:)"), 0U)
        << made;
    EXPECT_NE(encrypted(server + "/none").find("Expected file url or base64"), std::string::npos);
    EXPECT_NE(encrypted("http://169.254.169.254/x").find("refused_address"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::test
