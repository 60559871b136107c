// The small readers: timestamps, JSON values, forms and URLs.
#include "module/policy/webhook_form.hpp"
#include "module/policy/webhook_json.hpp"
#include "module/policy/webhook_time.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory_resource>

namespace sallyport::policy::webhook {
namespace {

TEST(WebhookTime, AcceptsOneSpellingOfEachFormat) {
    struct Case {
        TimeFormat format;
        const char* text;
        std::int64_t ms;
    };
    const Case good[] = {
        {TimeFormat::unix_s, "0", 0},
        {TimeFormat::unix_s, "1767225600", 1'767'225'600'000},
        {TimeFormat::unix_s, "999999999999999", 999'999'999'999'999'000},
        {TimeFormat::unix_ms, "1767225600123", 1'767'225'600'123},
        {TimeFormat::iso8601, "2026-01-01T00:00:00Z", 1'767'225'600'000},
        {TimeFormat::iso8601, "2026-01-01T01:00:00+01:00", 1'767'225'600'000},
        {TimeFormat::iso8601, "2025-12-31T23:30:00.5-00:30", 1'767'225'600'500},
        {TimeFormat::iso8601, "2026-01-01T00:00:00.123456789Z", 1'767'225'600'123},
        {TimeFormat::http_date, "Thu, 01 Jan 2026 00:00:00 GMT", 1'767'225'600'000},
    };
    for (const Case& c : good) {
        EXPECT_EQ(parse_timestamp(c.text, c.format), c.ms) << c.text;
    }
    const Case bad[] = {
        {TimeFormat::unix_s, "", 0},
        {TimeFormat::unix_s, "-1", 0},
        {TimeFormat::unix_s, "+1", 0},
        {TimeFormat::unix_s, " 1", 0},
        {TimeFormat::unix_s, "01", 0},
        {TimeFormat::unix_s, "1767225600junk", 0},
        {TimeFormat::unix_s, "1767225600.0", 0},
        {TimeFormat::unix_s, "1000000000000000", 0},
        {TimeFormat::iso8601, "2026-01-01 00:00:00Z", 0},
        {TimeFormat::iso8601, "2026-01-01T00:00:00", 0},
        {TimeFormat::iso8601, "2026-02-29T00:00:00Z", 0},
        {TimeFormat::iso8601, "2026-13-01T00:00:00Z", 0},
        {TimeFormat::iso8601, "2026-01-01T24:00:00Z", 0},
        {TimeFormat::iso8601, "2026-01-01T00:00:60Z", 0},
        {TimeFormat::iso8601, "2026-01-01T00:00:00.Z", 0},
        {TimeFormat::iso8601, "2026-01-01T00:00:00.1234567890Z", 0},
        {TimeFormat::iso8601, "2026-01-01T00:00:00+1:00", 0},
        {TimeFormat::iso8601, "2026-01-01T00:00:00+25:00", 0},
        {TimeFormat::iso8601, "2026-01-01T00:00:00Zx", 0},
        {TimeFormat::http_date, "Thursday, 01-Jan-26 00:00:00 GMT", 0},
        {TimeFormat::http_date, "Xyz, 01 Jan 2026 00:00:00 GMT", 0},
        {TimeFormat::http_date, "Thu, 01 Jan 2026 00:00:00 UTC", 0},
    };
    for (const Case& c : bad) {
        EXPECT_EQ(parse_timestamp(c.text, c.format), std::nullopt) << c.text;
    }
}

JsonPath path_of(std::string_view text) {
    JsonPath path{std::string(text), {}};
    std::size_t at = 0;
    while (at <= text.size()) {
        const std::size_t dot = std::min(text.find('.', at), text.size());
        path.segments.emplace_back(text.substr(at, dot - at));
        at = dot + 1;
    }
    return path;
}

std::string pick(std::string_view json, std::string_view path, std::size_t piece = 4096) {
    const JsonPath paths[] = {path_of(path)};
    std::pmr::monotonic_buffer_resource memory;
    JsonPicker picker(paths, &memory);
    for (std::size_t at = 0; at < json.size(); at += piece) {
        picker.feed(json.substr(at, piece));
    }
    picker.end();
    const JsonValue value = picker.value(0);
    switch (value.state) {
        case JsonValue::State::absent:
            return "(absent)";
        case JsonValue::State::conflict:
            return "(conflict)";
        case JsonValue::State::null:
            return "(null)";
        case JsonValue::State::unusable:
            return "(unusable)";
        case JsonValue::State::found:
            return std::string(value.text);
    }
    return "?";
}

TEST(WebhookJson, FindsOneMeaningOrNone) {
    struct Case {
        const char* json;
        const char* path;
        const char* value;
    };
    const Case cases[] = {
        {R"({"id":"evt"})", "id", "evt"},
        {R"( { "a" : { "b" : { "c" : "deep" } } } )", "a.b.c", "deep"},
        {R"({"id":-12.5e+3})", "id", "-12.5e+3"},
        {R"({"id":1767225600000,"x":2})", "id", "1767225600000"},
        {R"({"x":[{"id":"no"},"id"],"id":"yes"})", "id", "yes"},
        {R"({"a":[{"b":"in an array"}]})", "a.b", "(absent)"},
        {R"({"a":{"id":"inner"},"id":"outer"})", "id", "outer"},
        {R"({"a":{"x":{"b":"other"}},"b":"top"})", "a.b", "(absent)"},
        {R"({"\u0069\u0064":"escaped key"})", "id", "escaped key"},
        {R"({"id":"\"\\\/\b\f\n\r\t"})", "id", "\"\\/\b\f\n\r\t"},
        {R"({"id":"\u00e4\u20ac\ud83d\ude00"})", "id", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {R"({"id":"a","id":"b"})", "id", "(conflict)"},
        {R"({"id":"a","\u0069d":"b"})", "id", "(conflict)"},
        {R"({"a":{"b":1},"a":{"c":2}})", "a.b", "(conflict)"},
        {R"({"a":{"b":1},"a":{"b":2}})", "a.b", "(conflict)"},
        {R"({"a":{"b":1,"b":{}}})", "a.b", "(conflict)"},
        {R"({"id":null})", "id", "(null)"},
        {R"({"id":true})", "id", "true"},
        {R"({"id":false,"x":null})", "id", "false"},
        {R"({"x":[true,null,false],"id":1})", "id", "1"},
        {R"({"v":[{"id":"a"},{"id":"b"}]})", "v.1.id", "b"},
        {R"({"v":[[0,[1]],[2,"x"]]})", "v.1.1", "x"},
        {R"([{"data":{"c":"x"}}])", "0.data.c", "x"},
        {R"([1,2,3])", "2", "3"},
        {R"([1,2,3])", "3", "(absent)"},
        {R"([1,2,3])", "02", "(absent)"},
        {R"({"v":{"0":"key"}})", "v.0", "key"},
        {R"({"v":[],"w":["x"]})", "v.0", "(absent)"},
        {R"({"v":[1],"v":[2]})", "v.0", "(conflict)"},
        {R"({"id":{"x":1}})", "id", "(unusable)"},
        {R"({"id":["x"]})", "id", "(unusable)"},
        {R"([{"id":"x"}])", "id", "(absent)"},
        {R"("id")", "id", "(absent)"},
        {"12", "id", "(absent)"},
        {"", "id", "(absent)"},
        {R"({"id":"x"} trailing)", "id", "(absent)"},
        {R"({"id":"x")", "id", "(absent)"},
        {R"({"id":"x",})", "id", "(absent)"},
        {R"({"id" "x"})", "id", "(absent)"},
        {R"({"id":"x"]})", "id", "(absent)"},
        {R"({"id":tru})", "id", "(absent)"},
        {R"({"id":"\x"})", "id", "(absent)"},
        {R"({"id":"\ud83d"})", "id", "(absent)"},
        {R"({"id":"\ud83dx"})", "id", "(absent)"},
        {R"({"id":"\ude00"})", "id", "(absent)"},
        {R"({"id":"\u12g4"})", "id", "(absent)"},
        {"{\"id\":\"a\nb\"}", "id", "(absent)"},
        {R"({'id':'x'})", "id", "(absent)"},
        {R"({"a":[],"b":{},"id":"after"})", "id", "after"},
        {R"({"a":[1,2,[3]],"id":"after"})", "id", "after"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(pick(c.json, c.path), c.value) << c.json;
        EXPECT_EQ(pick(c.json, c.path, 1), c.value) << c.json << " byte by byte";
    }
}

// The text of the value itself, as it stands in the body.
TEST(WebhookJson, KnowsWhereValuesStand) {
    struct Case {
        const char* json;
        const char* path;
        const char* text;
    };
    const Case cases[] = {
        {R"( {"a": {"b" : [1, 2] } ,"c":1})", "a", R"({"b" : [1, 2] })"},
        {R"({"a":{"b":[1, {} ]}})", "a.b", R"([1, {} ])"},
        {R"({"a":12 })", "a", "12"},
        {R"({"a":12})", "a", "12"},
        {R"({"a":"x\"y"})", "a", R"("x\"y")"},
        {R"({"a":null})", "a", "null"},
        {R"([false])", "0", "false"},
        {"17", "x", "(none)"},
        {R"({"a":1,"a":2})", "a", "(none)"},
        {R"({"a":{}} x)", "a", "(none)"},
    };
    for (const Case& c : cases) {
        const JsonPath paths[] = {path_of(c.path)};
        for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}}) {
            std::pmr::monotonic_buffer_resource memory;
            JsonPicker picker(paths, &memory);
            const std::string_view json = c.json;
            for (std::size_t at = 0; at < json.size(); at += piece) {
                picker.feed(json.substr(at, piece));
            }
            picker.end();
            const auto span = picker.span(0);
            EXPECT_EQ(span ? json.substr(span->begin, span->end - span->begin) : "(none)", c.text)
                << c.json;
        }
    }
}

TEST(WebhookJson, StaysWithinItsBounds) {
    const std::string fits(kJsonValueBytesMax, 'x');
    EXPECT_EQ(pick("{\"id\":\"" + fits + "\"}", "id"), fits);
    EXPECT_EQ(pick("{\"id\":\"" + fits + "y\"}", "id"), "(unusable)");
    const std::string long_key(1000, 'k');
    EXPECT_EQ(pick("{\"" + long_key + "\":1,\"id\":2}", "id"), "2");
    const std::string open(kJsonNestingMax - 1, '[');
    const std::string shut(kJsonNestingMax - 1, ']');
    EXPECT_EQ(pick("{\"a\":" + open + shut + ",\"id\":1}", "id"), "1");
    EXPECT_EQ(pick("{\"a\":[" + open + shut + "],\"id\":1}", "id"), "(absent)");
}

TEST(WebhookForm, ReadsValuesStrictly) {
    auto* memory = std::pmr::get_default_resource();
    const auto value = [&](std::string_view text, std::string_view name, bool plus) {
        const FormValue found = form_value(text, name, plus, memory);
        return found.state == FormFind::found      ? std::string(found.text)
               : found.state == FormFind::conflict ? "(conflict)"
                                                   : "(absent)";
    };
    EXPECT_EQ(value("a=1&b=2", "b", true), "2");
    EXPECT_EQ(value("a=x+y%21", "a", true), "x y!");
    EXPECT_EQ(value("a=x+y", "a", false), "x+y");
    EXPECT_EQ(value("a", "a", true), "");
    EXPECT_EQ(value("ab=1", "a", true), "(absent)");
    EXPECT_EQ(value("a=1&a=2", "a", true), "(conflict)");
    EXPECT_EQ(value("a=1&%61=2", "a", true), "(conflict)");
    EXPECT_EQ(value("a=%2", "a", true), "(conflict)");
    EXPECT_EQ(value("a=%zz", "a", true), "(conflict)");
}

TEST(WebhookForm, SortsAsTwilioDoes) {
    auto* memory = std::pmr::get_default_resource();
    EXPECT_EQ(*form_sorted("b=2&a=1&c=%2B3", memory), "a1b2c+3");
    EXPECT_EQ(*form_sorted("a=2&a=1&a=2", memory), "a1a2");
    EXPECT_EQ(*form_sorted("", memory), "");
    EXPECT_EQ(form_sorted("a=%", memory), std::nullopt);
    std::string many;
    for (std::size_t i = 0; i <= kFormFieldsMax; ++i) {
        many += "a&";
    }
    EXPECT_EQ(form_sorted(many, memory), std::nullopt);
}

TEST(WebhookForm, SpellsUrlsAsTheSendersDo) {
    auto* memory = std::pmr::get_default_resource();
    EXPECT_EQ(other_port_spelling("https://h/x?y", memory), "https://h:443/x?y");
    EXPECT_EQ(other_port_spelling("http://h", memory), "http://h:80");
    EXPECT_EQ(other_port_spelling("https://h:8443/x", memory), "https://h/x");
    EXPECT_EQ(other_port_spelling("https://[::1]/x", memory), "https://[::1]:443/x");
    EXPECT_EQ(other_port_spelling("https://[::1]:8443/x", memory), "https://[::1]/x");
    EXPECT_EQ(hubspot_url("https://h/a%3Ab%20c%2f%41?x=%3F%4", memory),
              "https://h/a:b%20c/%41?x=?%4");
    EXPECT_EQ(query_of("/a?b?c"), "b?c");
    EXPECT_EQ(query_of("/a"), "");
}

}  // namespace
}  // namespace sallyport::policy::webhook
