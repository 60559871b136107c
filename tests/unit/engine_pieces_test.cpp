// The webhook and HTTP pieces: inputs to requests, requests to payloads, answers to the wire.
#include "engine/core/file_input.hpp"
#include "engine/core/multipart.hpp"
#include "engine/core/pieces/catalog.hpp"
#include "engine/core/pieces/delay.hpp"
#include "engine/core/pieces/http.hpp"
#include "engine/core/pieces/store.hpp"
#include "engine/core/pieces/webhook.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

Json parse(std::string_view text) {
    const Result<Json> json = Json::parse(text);
    EXPECT_TRUE(json.ok()) << text;
    return json.ok() ? *json : Json();
}

WebRequest post(std::string type, std::string body, std::string target = "/v1/webhooks/f?a=1&b=2") {
    WebRequest request{"POST", std::move(target), {{"X-Thing", "one"}}, std::move(body), ""};
    if (!type.empty()) {
        request.headers.push_back({"Content-Type", std::move(type)});
    }
    return request;
}

TEST(Delay, KnowsWhenToGoOn) {
    struct Case {
        std::string_view action;
        std::string_view input;
        std::int64_t resume_at_ms;  // -1: refused
    };
    constexpr std::int64_t kNow = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
    constexpr std::int64_t kDay = 86'400'000;
    const Case cases[] = {
        {kDelayFor, R"({"unit":"seconds","delayFor":5})", kNow + 5000},
        {kDelayFor, R"({"unit":"minutes","delayFor":"2"})", kNow + 120'000},
        {kDelayFor, R"({"unit":"hours","delayFor":0.5})", kNow + 1'800'000},
        {kDelayFor, R"({"unit":"days","delayFor":30})", kNow + 30 * kDay},
        {kDelayFor, R"({"unit":"days","delayFor":30.1})", -1},
        {kDelayFor, R"({"unit":"days","delayFor":1e300})", -1},
        {kDelayFor, R"({"unit":"weeks","delayFor":1})", -1},
        {kDelayFor, R"({"unit":"seconds","delayFor":-1})", -1},
        {kDelayFor, R"({"unit":"seconds","delayFor":"soon"})", -1},
        {kDelayFor, R"({"unit":"seconds","delayFor":""})", -1},
        {kDelayFor, R"({"unit":"seconds"})", -1},
        {kDelayUntil, R"({"delayUntilTimestamp":"2026-01-02T00:00:00.000Z"})", kNow + kDay},
        {kDelayUntil, R"({"delayUntilTimestamp":"2020-01-01"})", kNow},
        {kDelayUntil, R"({"delayUntilTimestamp":1767225601000})", kNow + 1000},
        {kDelayUntil, R"({"delayUntilTimestamp":"2026-01-02 00:00:00"})", kNow + kDay},
        {kDelayUntil, R"({"delayUntilTimestamp":"2026/01/02 00:01"})", kNow + kDay + 60'000},
        {kDelayUntil, R"({"delayUntilTimestamp":"Fri Jan 02 2026 00:00:01"})", kNow + kDay + 1000},
        {kDelayUntil, R"({"delayUntilTimestamp":"01/02/2026"})", kNow + kDay},
        {kDelayUntil, R"({"delayUntilTimestamp":"01/32/2026"})", -1},
        {kDelayUntil, R"({"delayUntilTimestamp":"2026-02-01T00:00:00Z"})", -1},
        {kDelayUntil, R"({"delayUntilTimestamp":9223372036854775807})", -1},
        {kDelayUntil, R"({"delayUntilTimestamp":-9223372036854775807})", kNow},
        {kDelayUntil, R"({"delayUntilTimestamp":"tomorrow"})", -1},
        {kDelayUntil, "{}", -1},
    };
    for (const Case& test : cases) {
        const Result<Delay> delay = delay_of(test.action, parse(test.input), kNow, 30 * kDay);
        EXPECT_EQ(delay.ok() ? delay->resume_at_ms : -1, test.resume_at_ms) << test.input;
        if (delay.ok()) {
            EXPECT_TRUE(delay->output["success"].is_true());
        } else {
            EXPECT_FALSE(delay.message().empty());
        }
    }
    EXPECT_EQ(delay_of(kDelayUntil, parse(R"({"delayUntilTimestamp":"2025-01-02"})"), kNow, kDay)
                  ->output.dump(),
              R"({"delayTill":"2025-01-02T00:00:00.000Z","success":true})");
}

TEST(WebhookPayload, ReadsTheBodyByItsType) {
    struct Case {
        std::string type;
        std::string body;
        std::string_view wanted;
    };
    const std::vector<Case> cases = {
        {"application/json", R"({"a":1})", R"({"a":1})"},
        {"application/json; charset=utf-8", "[1]", "[1]"},
        {"application/vnd.surveymonkey.response.v1+json", "7", "7"},
        {"application/x-www-form-urlencoded", "a=1&b=x+y%21&c[]=1&c[]=2",
         R"({"a":"1","b":"x y!","c":["1","2"]})"},
        {"text/xml", "<a/>", R"("<a/>")"},
        {"", "plain", R"("plain")"},
        {"application/json", "", "{}"},
    };
    for (const Case& test : cases) {
        const WebhookPayload read = webhook_payload(post(test.type, test.body));
        ASSERT_TRUE(read.payload.exists()) << test.type;
        EXPECT_EQ(read.payload["body"].dump(), test.wanted) << test.type;
        EXPECT_EQ(read.payload["rawBody"].text(), test.body);
        EXPECT_EQ(read.payload["method"].text(), "POST");
        EXPECT_EQ(read.payload["queryParams"].dump(), R"({"a":"1","b":"2"})");
        EXPECT_EQ(read.payload["headers"]["x-thing"].text(), "one");
    }
}

TEST(WebhookPayload, RefusesWhatItCannotRead) {
    EXPECT_EQ(webhook_payload(post("application/json", "{")).refusal.status, 400);
    EXPECT_EQ(webhook_payload(post("multipart/form-data; boundary=x", "x")).refusal.status, 400);
    EXPECT_FALSE(webhook_files(post("multipart/form-data; boundary=x", "x")).ok());
}

TEST(WebhookPayload, NamesWhereFilesLie) {
    const WebhookPayload image = webhook_payload(post("image/png", "x"), {"https://h/1"});
    EXPECT_EQ(image.payload["body"].dump(), R"({"fileUrl":"https://h/1"})");
    EXPECT_FALSE(image.payload.has("rawBody"));
    const std::string form =
        "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
        "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\ny\r\n--x--";
    const WebRequest request = post("multipart/form-data; boundary=x", form);
    const auto files = webhook_files(request);
    ASSERT_TRUE(files.ok() && files->size() == 1);
    EXPECT_EQ(files->front().name, "file");
    EXPECT_EQ(files->front().data, "y");
    EXPECT_EQ(webhook_payload(request, {"https://h/2"}).payload["body"].dump(),
              R"({"a":"1","f":"https://h/2"})");
}

TEST(WebhookTrigger, AsksForItsSecret) {
    const Json payload = parse(
        R"({"rawBody":"{\"a\":1}","headers":{"authorization":"Basic dTpw","x-key":"k1","x-signature":"5910e62016ef5034272c926c27071992a465c2335cecf41851bda071577f4f6d","x-hub":"v1=I1Qv0L6gxoCH22LEFPgKZxvjZyCqCriiJUhPzncmGuC66PnNI+TUtkVA8CUaCu8vWFlUrDKItuPK8LbnKjH4Yg=="}})");
    struct Case {
        std::string_view input;
        bool admitted;
    };
    const std::vector<Case> cases = {
        {R"({"authType":"none"})", true},
        {R"({})", true},
        {R"({"authType":"basic","authFields":{"username":"u","password":"p"}})", true},
        {R"({"authType":"basic","authFields":{"username":"u","password":"q"}})", false},
        {R"({"authType":"basic","authFields":{"username":"","password":""}})", false},
        {R"({"authType":"header","authFields":{"headerName":"X-Key","headerValue":"k1"}})", true},
        {R"({"authType":"header","authFields":{"headerName":"X-Key","headerValue":"k2"}})", false},
        {R"({"authType":"header","authFields":{"headerName":"X-Other","headerValue":""}})", false},
        {R"({"authType":"hmac"})", false},
        {R"({"authType":"hmac","authFields":{"secret":"s3cret"}})", true},
        {R"({"authType":"hmac","authFields":{"secret":"other"}})", false},
        {R"({"authType":"hmac","authFields":{"secret":""}})", false},
        {R"({"authType":"hmac","authFields":{"secret":"s3cret","algorithm":"md5"}})", false},
        {R"({"authType":"hmac","authFields":{"secret":"s3cret","encoding":"rot13"}})", false},
        {R"({"authType":"hmac","authFields":{"secret":"s3cret","headerName":"X-Hub"}})", false},
        {R"({"authType":"hmac","authFields":{"secret":"s3cret","headerName":"X-Hub","prefix":"v1=","encoding":"base64","algorithm":"sha512"}})",
         true},
        {R"({"authType":"telepathy"})", false},
    };
    for (const Case& test : cases) {
        EXPECT_EQ(webhook_authorized(parse(test.input), payload), test.admitted) << test.input;
    }
}

TEST(WebhookTrigger, TakesTheSchemeOfEitherCaseAndNobodyForNobody) {
    const auto admits = [](std::string_view header, std::string_view fields) {
        return webhook_authorized(
            Json::object({{"authType", Json::string("basic")}, {"authFields", parse(fields)}}),
            Json::object({{"headers", Json::object({{"authorization", Json::string(header)}})}}));
    };
    constexpr std::string_view kFields = R"({"username":"u","password":"p"})";
    EXPECT_TRUE(admits("basic dTpw", kFields));
    EXPECT_TRUE(admits("BASIC  dTpw ", kFields));
    for (const std::string_view header : {"", "Basic", "Basic ", "dTpw", "Bearer dTpw",
                                          "Basicx dTpw", "Basic dTpw, Basic x", "Basic dTpwx"}) {
        EXPECT_FALSE(admits(header, kFields)) << header;
    }
    EXPECT_FALSE(admits("Basic Og==", "{}")) << "settings without a name and a password";
    EXPECT_TRUE(admits("Basic dTo=", R"({"username":"u"})"));
}

TEST(WebhookReply, HasAHeaderForEachOfAList) {
    const auto reply = webhook_reply(
        parse(R"({"fields":{"headers":{"Set-Cookie":["a=1","b=2"],"X-None":[]},"body":{}}})"));
    ASSERT_TRUE(reply.ok());
    std::vector<std::string> cookies;
    for (const WebHeader& header : to_web_response(reply->response).headers) {
        EXPECT_NE(header.name, "X-None");
        if (header.name == "Set-Cookie") {
            cookies.push_back(header.value);
        }
    }
    EXPECT_EQ(cookies, (std::vector<std::string>{"a=1", "b=2"}));
}

TEST(StorePiece, ChangesWhatIsKept) {
    struct Case {
        std::string_view action;
        std::string_view input;
        std::string_view stored;  // empty: nothing
        std::string_view output;  // or the error
        std::string_view value;   // empty: kept as it is, or removed
    };
    const std::vector<Case> cases = {
        {"get", R"({"key":"k"})", "", "null", ""},
        {"get", R"({"key":"k","defaultValue":5})", "null", "5", ""},
        {"get", R"({"key":"k","defaultValue":5})", "false", "false", ""},
        {"put", R"({"key":"k","value":{"a":1}})", "7", R"({"a":1})", R"({"a":1})"},
        {"append", R"({"key":"k","value":"b","separator":","})", "\"a\"", R"("a,b")", R"("a,b")"},
        {"append", R"({"key":"k","value":"b","separator":","})", "", R"("b")", R"("b")"},
        {"append", R"({"key":"k","value":""})", "\"a\"", R"("a")", ""},
        {"append", R"({"key":"k","value":"b"})", "[1]", "Key k is not a string", ""},
        {"remove_value", R"({"key":"k"})", "1", R"({"success":true})", ""},
        {"add_to_list", R"({"key":"k","value":[1,2]})", "[1]", "[1,1,2]", "[1,1,2]"},
        {"add_to_list", R"({"key":"k","value":"[3]","ignore_if_exists":true})", "[3]", "[3]",
         "[3]"},
        {"add_to_list", R"({"key":"k","value":"x"})", "", "Provided value is not a list", ""},
        {"add_to_list", R"({"key":"k","value":[1]})", "{}", "Key k is not a list", ""},
        {"remove_from_list", R"({"key":"k","value":2})", "[1,2,2]", "[1,2]", "[1,2]"},
        {"remove_from_list", R"({"key":"k","value":2})", "{}", "Key k is not an array", ""},
    };
    for (const Case& test : cases) {
        const Json stored = test.stored.empty() ? Json() : parse(test.stored);
        const Result<StoreOutcome> outcome = store_outcome(test.action, parse(test.input), stored);
        if (!outcome.ok()) {
            EXPECT_NE(outcome.message().find(test.output), std::string::npos) << outcome.message();
            continue;
        }
        EXPECT_EQ(outcome->output.dump(), test.output) << test.action << test.input;
        EXPECT_EQ(outcome->value.exists() ? outcome->value.dump() : "", test.value);
    }
    EXPECT_EQ(*store_key(parse(R"({"key":"k","store_scope":"FLOW"})"), "f", "r"), "flow_f/k");
    EXPECT_EQ(*store_key(parse(R"({"key":"k","store_scope":"RUN"})"), "f", "r"), "run_r/k");
    EXPECT_FALSE(store_key(parse(R"({"key":"k","store_scope":"ALL"})"), "f", "r").ok());
    EXPECT_FALSE(store_key(parse(R"({"key":""})"), "f", "r").ok());
}

TEST(ReturnResponse, BuildsTheAnswer) {
    struct Case {
        std::string_view input;
        int status;
        std::string_view body;
        bool stop;
    };
    const std::vector<Case> cases = {
        {R"({"responseType":"json","fields":{"status":201,"body":{"a":1}},"respond":"stop"})", 201,
         R"({"a":1})", true},
        {R"({"responseType":"json","fields":{"body":"{\"a\":2}"}})", 200, R"({"a":2})", true},
        {R"({"responseType":"json","fields":{"body":"plain"},"respond":"respond"})", 200, "plain",
         false},
        {R"({"responseType":"raw","fields":{"status":"404","body":"no"}})", 404, "no", true},
        {R"({"responseType":"raw","fields":{}})", 200, "", true},
    };
    for (const Case& test : cases) {
        const Result<WebhookReply> reply = webhook_reply(parse(test.input));
        ASSERT_TRUE(reply.ok()) << test.input;
        const WebResponse answer = to_web_response(reply->response);
        EXPECT_EQ(answer.status, test.status) << test.input;
        EXPECT_EQ(answer.body, test.body) << test.input;
        EXPECT_EQ(reply->stop, test.stop) << test.input;
    }
    const Result<WebhookReply> moved =
        webhook_reply(parse(R"({"responseType":"redirect","fields":{"body":"example.org/x"}})"));
    ASSERT_TRUE(moved.ok());
    const WebResponse answer = to_web_response(moved->response);
    EXPECT_EQ(answer.status, 301);
    EXPECT_EQ(find_header(answer.headers, "location"), "https://example.org/x");
}

TEST(ReturnResponse, RefusesWhatIsNoAnswer) {
    for (const std::string_view input : {R"({"responseType":"json","fields":{"status":99}})",
                                         R"({"responseType":"json","fields":{"status":"soon"}})",
                                         R"({"responseType":"smoke","fields":{}})"}) {
        EXPECT_FALSE(webhook_reply(parse(input)).ok()) << input;
    }
}

TEST(ReturnResponse, CannotBreakTheConnection) {
    const WebResponse answer = to_web_response(parse(
        R"({"status":200,"headers":{"content-length":"1","Transfer-Encoding":"chunked","x-ok":"1","x-bad":"a\r\nb: c","bad name":"x","X-Accel-Redirect":"/etc","X-Sallyport-Verdict":"v"},"body":"b"})"));
    ASSERT_EQ(answer.headers.size(), 2U);
    EXPECT_EQ(answer.headers[0].name, "x-ok");
    EXPECT_EQ(answer.headers[1].name, "content-type");
}

TEST(HttpPiece, BuildsTheRequest) {
    const Result<HttpCall> call = http_call(parse(
        R"({"method":"POST","url":"http://h/p?x=1#f","queryParams":{"q":"a b&","n":2},"headers":{"X-A":"1"},"authType":"BEARER_TOKEN","authFields":{"token":"t"},"body_type":"json","body":{"data":{"k":"v"}},"timeout":2.5,"followRedirects":false})"));
    ASSERT_TRUE(call.ok()) << call.message();
    EXPECT_EQ(call->url, "http://h/p?x=1&q=a%20b%26&n=2#f");
    EXPECT_EQ(find_header(call->headers, "authorization"), "Bearer t");
    EXPECT_EQ(find_header(call->headers, "content-type"), "application/json");
    EXPECT_EQ(call->body, R"({"k":"v"})");
    EXPECT_EQ(call->timeout_ms, 2500);
    EXPECT_FALSE(call->follow_redirects);
}

// The default of a form and what happens to a step that was written without the form are two
// things.
TEST(HttpPiece, FollowsRedirectsUnlessToldNotTo) {
    const auto follows = [](std::string_view more) {
        return http_call(parse(R"({"url":"http://h")" + std::string(more) + "}"))->follow_redirects;
    };
    EXPECT_TRUE(follows(""));
    EXPECT_TRUE(follows(R"(,"followRedirects":null)"));
    EXPECT_TRUE(follows(R"(,"followRedirects":true)"));
    EXPECT_FALSE(follows(R"(,"followRedirects":false)"));
    EXPECT_FALSE(follows(R"(,"followRedirects":"false")"));
    const Json form = find_piece(kHttpPiece)["actions"]["send_request"]["props"];
    EXPECT_EQ(form["followRedirects"]["defaultValue"].dump(), "false");
}

TEST(HttpPiece, BuildsBodies) {
    struct Case {
        std::string_view input;
        std::string_view body;
        std::string_view type;
    };
    const std::vector<Case> cases = {
        {R"({"url":"http://h","body_type":"none","body":{"data":{"a":1}}})", "", ""},
        // Exports of before there were types.
        {R"({"method":"POST","url":"http://h","body":{"a":1,"data":2}})", R"({"a":1,"data":2})",
         "application/json"},
        {R"({"method":"POST","url":"http://h","extra":{"body":{"a":1}}})", R"({"a":1})",
         "application/json"},
        {R"({"method":"POST","url":"http://h","body":{}})", "{}", "application/json"},
        {R"({"method":"POST","url":"http://h","body":{"data":{"a":1}}})", R"({"a":1})",
         "application/json"},
        {R"({"method":"POST","url":"http://h","body":"[1]"})", "[1]", "application/json"},
        {R"({"method":"POST","url":"http://h","body":null})", "", ""},
        {R"({"method":"POST","url":"http://h","body":""})", "", ""},
        {R"({"method":"POST","url":"http://h"})", "", ""},
        {R"({"method":"GET","url":"http://h","body":{}})", "", ""},
        {R"({"method":"POST","url":"http://h","bodytype":"raw","body":{"data":"x"}})", "x",
         "text/plain"},
        {R"({"url":"http://h","body_type":"json","body":{"a":1}})", R"({"a":1})",
         "application/json"},
        {R"({"url":"http://h","body_type":"raw","body":{"data":"text"}})", "text", "text/plain"},
        {R"({"url":"http://h","body_type":"form_data","headers":{"content-type":"application/x-www-form-urlencoded"},"body":{"data":{"a":"1 2","b":true}}})",
         "a=1%202&b=true", "application/x-www-form-urlencoded"},
        {R"({"url":"http://h","body_type":"json","headers":{"content-type":"x/y"},"body":{}})",
         "{}", "x/y"},
    };
    for (const Case& test : cases) {
        const Result<HttpCall> call = http_call(parse(test.input));
        ASSERT_TRUE(call.ok()) << test.input;
        EXPECT_EQ(call->body, test.body) << test.input;
        EXPECT_EQ(find_header(call->headers, "content-type"), test.type) << test.input;
    }
}

// Read back by our own reader, which is held to RFC 7578 by its tests.
TEST(HttpPiece, FormsAreMultipart) {
    const auto parts = [](std::string_view data) {
        const Result<HttpCall> call = http_call(
            parse(R"({"url":"http://h","method":"POST","headers":{"Content-Type":"text/x"},)"
                  R"("body_type":"form_data","body":{"data":)" +
                  std::string(data) + "}}"));
        EXPECT_TRUE(call.ok()) << call.message();
        std::string all;
        const std::string type(find_header(call->headers, "content-type"));
        const auto read = parse_multipart(type, call->body);
        EXPECT_TRUE(read.ok()) << type << call->body;
        for (const MultipartPart& part : *read) {
            all += part.name + "=" + std::string(part.data) +
                   (part.file_name ? "(" + *part.file_name + " " + part.content_type + ")" : "") +
                   ";";
        }
        return all;
    };
    EXPECT_EQ(parts(R"({"a":"1 2","b":true,"c":null,"f":{"filename":"x.csv","base64":"YSxi"}})"),
              "a=1 2;b=true;c=;f=a,b(x.csv text/csv);");
    EXPECT_EQ(
        parts(
            R"([{"fieldName":"a","fieldType":"text","textFieldValue":"ä\r\n--x"},{"fieldName":"f","fieldType":"file","fileFieldValue":"data:text/plain;base64,aGk="}])"),
        "a=ä\r\n--x;f=hi(unknown.txt text/plain);");
    EXPECT_EQ(parts(R"({"a\"; filename=\"x":"1","b\r\nX: y":"2"})"),
              "a%22; filename=%22x=1;b%0D%0AX: y=2;");
    EXPECT_EQ(parts("{}"), "");
}

TEST(HttpPiece, RefusesWhatCannotBeSent) {
    for (
        const std::string_view input :
        {R"({"method":"TRACE","url":"http://h"})", R"({"method":"GET"})", R"({"url":""})",
         R"({"url":"http://h","headers":{"a b":"x"}})",
         R"({"url":"http://h","headers":{"a":"x\r\ny: z"}})",
         R"({"url":"http://h","authType":"DIGEST"})",
         R"({"url":"http://h","authType":"BEARER_TOKEN","authFields":{"token":"a\nb"}})",
         R"({"url":"http://h","use_proxy":true})",
         R"({"url":"http://h","use_proxy":true,"proxy_settings":{"proxy_host":"p"}})",
         R"({"url":"http://h","use_proxy":true,"proxy_settings":{"proxy_port":1}})",
         R"({"url":"http://h","use_proxy":true,"proxy_settings":{"proxy_host":"p","proxy_port":65536}})",
         R"({"url":"http://h","body_type":"form_data","body":{"data":"a"}})",
         R"({"url":"http://h","body_type":"form_data","body":{"data":[{"fieldName":"f","fieldType":"file","fileFieldValue":"x"}]}})",
         R"({"url":"http://h","body_type":"form_data","body":{"data":[1]}})"}) {
        EXPECT_FALSE(http_call(parse(input)).ok()) << input;
    }
}

TEST(HttpPiece, NamesItsProxy) {
    const auto call = http_call(parse(
        R"({"url":"http://h","use_proxy":true,"proxy_settings":{"proxy_host":" p ","proxy_port":"8080","proxy_username":"u","proxy_password":"w"}})"));
    ASSERT_TRUE(call.ok()) << call.message();
    ASSERT_TRUE(call->proxy.has_value());
    EXPECT_EQ(call->proxy->host, "p");
    EXPECT_EQ(call->proxy->port, 8080);
    EXPECT_EQ(call->proxy->username + ":" + call->proxy->password, "u:w");
    EXPECT_FALSE(http_call(parse(R"({"url":"http://h","proxy_settings":{"proxy_host":"p"}})"))
                     ->proxy.has_value());
}

TEST(HttpPiece, TriesAgainWhatItsFailureModeSays) {
    const auto retry = [](std::string_view mode) {
        return http_call(
                   parse(R"({"url":"https://h/","failureMode":")" + std::string(mode) + "\"}"))
            ->retry;
    };
    EXPECT_EQ(retry("retry_all"), HttpRetry::on_error);
    EXPECT_EQ(retry("retry_5xx"), HttpRetry::on_5xx);
    EXPECT_EQ(retry("retry_none"), HttpRetry::none);
    EXPECT_EQ(retry("continue_all"), HttpRetry::when_told);
    EXPECT_EQ(retry("continue_4xx"), HttpRetry::on_5xx);
    EXPECT_EQ(retry("continue_none"), HttpRetry::when_told);
    EXPECT_EQ(retry(""), HttpRetry::when_told);
}

TEST(HttpPiece, JudgesTheAnswer) {
    const std::vector<WebHeader> json = {{"Content-Type", "application/json"}};
    const HttpCallOutcome good = http_call_outcome(parse("{}"), 200, json, R"({"a":1})");
    EXPECT_TRUE(good.ok);
    EXPECT_EQ(good.output.dump(),
              R"({"status":200,"headers":{"content-type":"application/json"},"body":{"a":1}})");
    EXPECT_EQ(http_call_outcome(parse("{}"), 200, json, "{").output["body"].text(), "{");
    EXPECT_EQ(http_call_outcome(parse(R"({"response_is_binary":true})"), 200, json,
                                std::string_view("\xff\x00", 2))
                  .output["body"]
                  .text(),
              "/wA=");
    EXPECT_FALSE(http_call_outcome(parse("{}"), 404, json, "{}").ok);
    EXPECT_TRUE(http_call_outcome(parse(R"({"failsafe":true})"), 500, {}, "").ok);
    EXPECT_TRUE(http_call_outcome(parse(R"({"failureMode":"continue_4xx"})"), 404, {}, "").ok);
    EXPECT_FALSE(http_call_outcome(parse(R"({"failureMode":"continue_4xx"})"), 500, {}, "").ok);
    for (const std::string_view mode : {"continue_none", "retry_none", "retry_all", "stopFlow"}) {
        EXPECT_FALSE(
            http_call_outcome(parse(R"({"failureMode":")" + std::string(mode) + "\"}"), 404, {}, "")
                .ok)
            << mode;
    }
}

TEST(HttpPiece, GivesTheBodyAsAFile) {
    const auto file = [](std::string_view url, std::string_view type) {
        const Json input = Json::object({{"url", Json::string(url)},
                                         {"response_to_file", Json::boolean(true)},
                                         {"response_is_binary", Json::boolean(true)}});
        return std::string(
            http_call_outcome(input, 200, {{"Content-Type", std::string(type)}}, "hi")
                .output["file"]
                .text());
    };
    EXPECT_EQ(file("https://h/a/b%20c.csv?x=/y#z", "Text/CSV; charset=utf-8"),
              "data:text/csv;name=b%20c.csv;base64,aGk=");
    EXPECT_EQ(file("http://h/a/b.pdf//", "a,b"), "data:application/pdf;name=b.pdf;base64,aGk=");
    EXPECT_EQ(file("http://h", ""), "data:application/octet-stream;name=response;base64,aGk=");
    EXPECT_EQ(file("http://h/%ff", "x/y;"), "data:x/y;name=response;base64,aGk=");
    EXPECT_EQ(file("http://h/a;base64,b", "x/y"), "data:x/y;name=a%3Bbase64%2Cb;base64,aGk=");
    const auto whole =
        http_call_outcome(parse(R"({"url":"http://h/a","response_to_file":"true"})"), 201, {}, "");
    EXPECT_EQ(
        whole.output.dump(),
        R"({"status":201,"headers":{},"file":"data:application/octet-stream;name=a;base64,"})");
    EXPECT_FALSE(http_call_outcome(parse(R"({"response_to_file":true})"), 404, {}, "no").ok);
    EXPECT_EQ(http_call_outcome(parse(R"({"response_to_file":true,"failureMode":"continue_all"})"),
                                404, {}, "no")
                  .output["body"]
                  .text(),
              "no");
    // A step that comes later has the name and the type.
    const auto read = file_input("f", Json::string(file("http://h/%C3%A9.txt", "a/b")));
    ASSERT_TRUE(read.ok()) << read.message();
    EXPECT_EQ(read->name + read->type + read->data, "é.txta/bhi");
    EXPECT_EQ(file_input("f", Json::string("data:a/b;name=%FF;base64,"))->name, "\ufffd");
}

TEST(HttpPiece, GivesThePublishedErrorWhereTheFlowGoesOn) {
    const Json input =
        parse(R"({"failureMode":"continue_all","body_type":"json","body":{"data":{"a":1}}})");
    EXPECT_EQ(
        http_call_outcome(input, 404, {}, "gone").output.dump(),
        R"({"status":404,"headers":{},"body":"gone","response":{"status":404,"body":"gone"},"request":{"body":{"a":1}}})");
    EXPECT_FALSE(http_call_outcome(input, 200, {}, "").output["response"].exists());
    EXPECT_TRUE(http_call_outcome(parse(R"({"failureMode":"retry_5xx"})"), 404, {}, "").ok);
    EXPECT_FALSE(http_call_outcome(parse(R"({"failureMode":"retry_5xx"})"), 500, {}, "").ok);
    EXPECT_EQ(
        http_failure_output(input, "no route")->dump(),
        R"({"error":{"message":"no route"},"response":{"status":500},"request":{"body":{"a":1}}})");
    EXPECT_FALSE(http_failure_output(parse(R"({"failureMode":"continue_none"})"), "").has_value());
    EXPECT_FALSE(http_failure_output(parse(R"({"failureMode":"continue_4xx"})"), "").has_value());
}

}  // namespace
}  // namespace sallyport::engine
