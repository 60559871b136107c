// Published pieces, as they are, in Node behind walls: described, their actions and triggers called
// through the framework's contract, what they ask of the world answered by stubs of the services
// they know.
#include "common/crypto.hpp"
#include "tests/engine/nodebox_fixture.hpp"

#include <gmock/gmock.h>

#include <map>

namespace sallyport::test {
namespace {

using engine::HttpOutcome;
using engine::HttpRequest;
using engine::SandboxResult;
using engine::SandboxStatus;
using testing::HasSubstr;

std::string piece(std::string_view name) {
    return "@activepieces/piece-" + std::string(name);
}

class NodeboxPieces : public NodeboxFixture {
  protected:
    void SetUp() override {
        engine::NodeboxOptions options;
        options.idle_max = 2;  // second calls meet a process that has loaded the piece
        start(options);
        pool->answer_internal(
            [this](const HttpRequest& request, auto done) { done(answer_internal(request)); });
    }

    // The engine's store entries and waitpoints, as its API serves them.
    HttpOutcome answer_internal(const HttpRequest& request) {
        bool allowed = false;
        for (const auto& header : request.headers) {
            allowed =
                allowed || (header.name == "Authorization" && header.value == "Bearer token-1");
        }
        EXPECT_TRUE(allowed);
        const std::string keyed = "http://engine.internal/api/v1/store-entries?key=";
        if (request.url.ends_with("/waitpoints")) {
            waitpoint = *Json::parse(request.body);
            return json_answer(
                201, R"({"id":"wait-1","resumeUrl":"https://sallyport.test/resume/wait-1"})");
        }
        if (request.method == "POST") {
            const Json body = *Json::parse(request.body);
            entries[std::string(body["key"].text())] = body["value"].dump();
            return json_answer(200, request.body);
        }
        std::string key = request.url.starts_with(keyed) ? request.url.substr(keyed.size()) : "";
        for (std::size_t at = key.find("%2F"); at != std::string::npos; at = key.find("%2F")) {
            key.replace(at, 3, "/");
        }
        if (request.method == "DELETE") {
            entries.erase(key);
            return json_answer(200, "");
        }
        return entries.contains(key) ? json_answer(200, R"({"value":)" + entries[key] + "}")
                                     : json_answer(404, "Value not found!");
    }

    Json task_for(std::string_view name, std::string_view what) const {
        Json task = *Json::parse(R"({"auth":null,"payload":null,"resumePayload":null,
            "execution":"BEGIN","propertySettings":{},"step":"step_1",
            "project":{"id":"project-1"},"run":{"id":"run-1"},
            "flow":{"id":"flow-1","versionId":"version-1"},
            "webhookUrl":"https://sallyport.test/api/v1/webhooks/flow-1",
            "waitpoint":{"id":"wait-1","url":"https://sallyport.test/resume/wait-1"},
            "server":{"apiUrl":"http://engine.internal/api/",
                      "publicUrl":"https://sallyport.test/api/","token":"token-1"}})");
        task.set("piece", Json::string(piece(name)));
        task.set("do", Json::string(what));
        return task;
    }

    SandboxResult call(const Json& task, const std::string& input) {
        engine::NodeRequest request;
        request.kind = engine::NodeRequest::Kind::piece;
        request.tenant = "tenant-a";
        request.preload = task["piece"].text();
        request.code = task.dump();
        request.input = *Json::parse(input);
        request.packages = SALLYPORT_PIECES;
        request.limits.time_ms = 30'000;
        request.limits.memory_bytes = 256u << 20;
        return run(std::move(request));
    }
    // {output, hooks} of an action; fails the test on an error.
    Json act(std::string_view name, std::string_view action, const std::string& input,
             const std::string& auth = "null") {
        Json task = task_for(name, "action");
        task.set("action", Json::string(action));
        task.set("auth", *Json::parse(auth));
        const SandboxResult result = call(task, input);
        EXPECT_EQ(result.status, SandboxStatus::ok) << name << ": " << result.error << result.stack;
        return result.value;
    }
    Json hook(std::string_view name, std::string_view trigger, std::string_view what,
              const std::string& input, const std::string& payload = "null") {
        Json task = task_for(name, "trigger");
        task.set("trigger", Json::string(trigger));
        task.set("hook", Json::string(what));
        task.set("payload", *Json::parse(payload));
        const SandboxResult result = call(task, input);
        EXPECT_EQ(result.status, SandboxStatus::ok) << name << ": " << result.error << result.stack;
        return result.value;
    }
    std::string header_of(const HttpRequest& request, std::string_view name) const {
        for (const auto& header : request.headers) {
            if (ascii_iequals(header.name, name)) {
                return header.value;
            }
        }
        return {};
    }

    std::map<std::string, std::string> entries;
    Json waitpoint;  // the last that was asked for
};

TEST_F(NodeboxPieces, DescribeThemselves) {
    const std::map<std::string, std::vector<std::string>> pieces = {
        {"store", {"actions", "add_to_list"}},
        {"slack", {"actions", "send_channel_message"}},
        {"webhook", {"triggers", "catch_webhook"}},
        {"delay", {"actions", "delayFor"}},
        {"data-mapper", {"actions", "advanced_mapping"}},
        {"subflows", {"triggers", "callableFlow"}},
        {"google-sheets", {"triggers", "new_row_added"}},
        {"discord", {"actions", "send_message_webhook"}},
        {"telegram-bot", {"actions", "send_text_message"}},
        {"hackernews", {"actions", "fetch_top_stories"}},
        {"stripe", {"triggers", "new_customer"}},
        {"todoist", {"actions", "create_task"}},
        {"airtable", {"triggers", "new_record"}},
        {"schedule", {"triggers", "every_x_minutes"}}};
    for (const auto& [name, expected] : pieces) {
        const SandboxResult result = call(task_for(name, "describe"), "{}");
        ASSERT_EQ(result.status, SandboxStatus::ok) << name << ": " << result.error;
        EXPECT_EQ(result.value["name"].text(), piece(name));
        EXPECT_THAT(std::string(result.value["version"].text()), testing::ContainsRegex("^[0-9]"));
        const Json step = result.value[expected[0]][expected[1]];
        EXPECT_TRUE(step["displayName"].is_string()) << name;
        EXPECT_TRUE(step["props"].is_object()) << name;
        EXPECT_FALSE(step["run"].exists()) << "a function is no description";
    }
    const Json slack = call(task_for("slack", "describe"), "{}").value;
    EXPECT_TRUE(slack["i18n"].is_object());
    EXPECT_EQ(slack["contextInfo"]["version"].text(), "2");
}

TEST_F(NodeboxPieces, StoreKeepsValuesInItsScopes) {
    act("store", "put", R"({"key":"a","value":"1","store_scope":"COLLECTION"})");
    act("store", "put", R"({"key":"a","value":"2","store_scope":"FLOW"})");
    EXPECT_EQ(entries["a"], R"("1")");
    EXPECT_EQ(entries["flow_flow-1/a"], R"("2")");
    EXPECT_EQ(act("store", "get", R"({"key":"a","store_scope":"COLLECTION"})")["output"].text(),
              "1");
    act("store", "append", R"({"key":"a","value":"b","separator":"-","store_scope":"COLLECTION"})");
    EXPECT_EQ(entries["a"], R"("1-b")");
    act("store", "add_to_list", R"({"key":"l","value":["x"],"store_scope":"COLLECTION"})");
    EXPECT_EQ(entries["l"], R"(["x"])");
    act("store", "remove_value", R"({"key":"a","store_scope":"COLLECTION"})");
    EXPECT_FALSE(entries.contains("a"));
    EXPECT_EQ(act("store", "get",
                  R"({"key":"none","defaultValue":"d","store_scope":"COLLECTION"})")["output"]
                  .text(),
              "d");
}

TEST_F(NodeboxPieces, SlackSendsAMessageAndAsksForApproval) {
    http.answer = [](const HttpRequest& request) {
        EXPECT_THAT(request.url, HasSubstr("https://slack.com/api/"));
        return json_answer(200,
                           R"({"ok":true,"channel":"C1","ts":"17.5","message":{"user":"U1"}})");
    };
    const std::string auth =
        R"({"type":"OAUTH2","access_token":"xoxb-1","data":{"team":{"id":"T1"}}})";
    const Json sent = act("slack", "send_channel_message",
                          R"({"sendAsBot":true,"channel":"C1","text":"hello","blocks":[]})", auth);
    EXPECT_TRUE(sent["output"]["ok"].is_true()) << sent.dump();
    ASSERT_FALSE(http.requests.empty());
    EXPECT_THAT(header_of(http.requests.back(), "authorization"), HasSubstr("xoxb-1"));
    EXPECT_THAT(http.requests.back().body, HasSubstr("hello"));

    const Json asked =
        act("slack", "request_approval_message", R"({"channel":"C1","text":"May I?"})", auth);
    EXPECT_EQ(asked["hooks"]["kind"].text(), "paused") << asked.dump();
    EXPECT_EQ(asked["hooks"]["waitpoint"]["id"].text(), "wait-1");
    EXPECT_EQ(waitpoint["type"].text(), "WEBHOOK");
    EXPECT_THAT(http.requests.back().body, HasSubstr("resume%2Fwait-1%3Faction%3Dapprove"));

    Json task = task_for("slack", "action");
    task.set("action", Json::string("request_approval_message"));
    task.set("auth", *Json::parse(auth));
    task.set("execution", Json::string("RESUME"));
    task.set("resumePayload",
             *Json::parse(R"({"body":{},"headers":{},"queryParams":{"action":"approve"}})"));
    const SandboxResult resumed = call(task, R"({"channel":"C1","text":"May I?"})");
    EXPECT_TRUE(resumed.value["output"]["approved"].is_true()) << resumed.value.dump();
}

TEST_F(NodeboxPieces, WebhookAnswersItsCaller) {
    const Json stopped = act("webhook", "return_response",
                             R"({"responseType":"json","respond":"stop",
                                 "fields":{"status":201,"headers":{"x-a":"b"},"body":{"ok":1}}})");
    EXPECT_EQ(stopped["hooks"]["kind"].text(), "stopped");
    EXPECT_EQ(stopped["hooks"]["response"]["status"].integer_or(0), 201);
    EXPECT_EQ(stopped["hooks"]["response"]["body"].dump(), R"({"ok":1})");
    const Json items = hook("webhook", "catch_webhook", "run", R"({"authType":"none"})",
                            R"({"body":{"n":1},"headers":{},"queryParams":{},"method":"POST"})");
    EXPECT_EQ(items["output"].at(0)["body"].dump(), R"({"n":1})");
    const Json refused =
        hook("webhook", "catch_webhook", "run",
             R"({"authType":"basic","authFields":{"username":"u","password":"p"}})",
             R"({"body":{},"headers":{"authorization":"Basic eDp5"},"queryParams":{}})");
    EXPECT_EQ(refused["output"].dump(), "[]");
}

TEST_F(NodeboxPieces, DelayRestsLongAndWaitsShort) {
    const Json rests = act("delay", "delayFor", R"({"unit":"minutes","delayFor":5})");
    EXPECT_EQ(rests["hooks"]["kind"].text(), "paused") << rests.dump();
    EXPECT_EQ(rests["hooks"]["waitpoint"]["type"].text(), "DELAY");
    EXPECT_THAT(std::string(rests["hooks"]["waitpoint"]["resumeDateTime"].text()), HasSubstr("T"));
    const Json waits = act("delay", "delayFor", R"({"unit":"seconds","delayFor":"0"})");
    EXPECT_EQ(waits["hooks"]["kind"].text(), "none") << waits.dump();
}

TEST_F(NodeboxPieces, DataMapperGivesItsMapping) {
    EXPECT_EQ(act("data-mapper", "advanced_mapping", R"({"mapping":{"a":1}})")["output"].dump(),
              R"({"a":1})");
}

TEST_F(NodeboxPieces, DiscordTelegramAndHackerNewsCallTheirServices) {
    http.answer = [](const HttpRequest& request) {
        if (request.url.ends_with("topstories.json")) {
            return json_answer(200, "[7,8,9]");
        }
        return json_answer(200, R"({"asked":")" + request.url + R"("})");
    };
    act("discord", "send_message_webhook",
        R"({"webhook_url":"https://discord.com/api/webhooks/1","content":"hi"})");
    EXPECT_EQ(http.requests.back().url, "https://discord.com/api/webhooks/1");
    EXPECT_EQ(http.requests.back().body, R"({"content":"hi"})");
    act("telegram-bot", "send_text_message", R"({"bot_token":"T","chat_id":"5","message":"yo"})");
    EXPECT_EQ(http.requests.back().url, "https://api.telegram.org/botT/sendMessage");
    const Json stories = act("hackernews", "fetch_top_stories", R"({"number_of_stories":"2"})");
    EXPECT_EQ(stories["output"].size(), 2u) << stories.dump();
    EXPECT_THAT(std::string(stories["output"].at(1)["asked"].text()), HasSubstr("item/8.json"));
}

TEST_F(NodeboxPieces, GoogleSheetsInsertsListsAndPolls) {
    int rows = 2;
    http.answer = [&rows](const HttpRequest& request) {
        if (request.url.find("/drive/") != std::string::npos) {
            return json_answer(200, R"({"files":[{"id":"s1","name":"Budget"}]})");
        }
        if (request.url.find("/values/") != std::string::npos && request.method == "GET") {
            std::string values;
            for (int i = 0; i < rows; ++i) {
                values += (i == 0 ? "[\"" : ",[\"") + std::to_string(i) + "\"]";
            }
            return json_answer(200, R"({"values":[)" + values + "]}");
        }
        return json_answer(200, R"({"sheets":[{"properties":{"sheetId":4,"title":"Sheet A"}}]})");
    };
    const std::string input =
        R"({"authentication":{"access_token":"g1"},"spreadsheet_id":"s1","sheet_id":4,"values":["a"]})";
    EXPECT_EQ(act("google-sheets", "insert_row", input)["output"].dump(), R"({"success":true})");
    EXPECT_THAT(http.requests.back().url, HasSubstr("Sheet%20A:append"));
    EXPECT_EQ(header_of(http.requests.back(), "authorization"), "Bearer g1");

    Json task = task_for("google-sheets", "options");
    task.set("form", Json::string("insert_row"));
    task.set("property", Json::string("spreadsheet_id"));
    const SandboxResult options = call(task, R"({"authentication":{"access_token":"g1"}})");
    EXPECT_EQ(options.value["options"].dump(),
              R"({"disabled":false,"options":[{"label":"Budget","value":"s1"}]})");

    EXPECT_TRUE(hook("google-sheets", "new_row_added", "onEnable", input)["polls"].is_true());
    EXPECT_EQ(entries["flow_flow-1/rowCount"], "2");
    EXPECT_EQ(hook("google-sheets", "new_row_added", "run", input)["output"].dump(), "[]");
    rows = 4;
    EXPECT_EQ(hook("google-sheets", "new_row_added", "run", input)["output"].dump(),
              R"([{"value":["2"]},{"value":["3"]}])");
    EXPECT_EQ(hook("google-sheets", "new_row_added", "run", input)["output"].dump(), "[]");
}

TEST_F(NodeboxPieces, StripeSubscribesReceivesAndUnsubscribes) {
    http.answer = [](const HttpRequest&) { return json_answer(200, R"({"id":"we_1"})"); };
    const std::string input = R"({"api_key":"sk_test"})";
    hook("stripe", "new_customer", "onEnable", input);
    EXPECT_THAT(http.requests.back().body, HasSubstr("sallyport.test"));
    EXPECT_EQ(entries["flow_flow-1/_new_customer_trigger"], R"({"webhookId":"we_1"})");
    const Json items = hook("stripe", "new_customer", "run", input,
                            R"({"body":{"data":{"object":{"id":"cus_1"}}},"headers":{}})");
    EXPECT_EQ(items["output"].dump(), R"([{"id":"cus_1"}])");
    hook("stripe", "new_customer", "onDisable", input);
    EXPECT_EQ(http.requests.back().method, "DELETE");
    EXPECT_THAT(http.requests.back().url, HasSubstr("/webhook_endpoints/we_1"));
}

TEST_F(NodeboxPieces, TodoistGetsItsTokenAndItsProperties) {
    http.answer = [](const HttpRequest&) { return json_answer(200, R"({"id":"9"})"); };
    const Json made = act("todoist", "create_task",
                          R"({"project_id":"1","content":"milk","priority":"4","labels":["x"]})",
                          R"({"type":"OAUTH2","access_token":"t1","data":{}})");
    EXPECT_EQ(made["output"]["id"].text(), "9");
    EXPECT_EQ(header_of(http.requests.back(), "authorization"), "Bearer t1");
    EXPECT_THAT(http.requests.back().body, HasSubstr(R"("priority":4)"));
    Json task = task_for("todoist", "action");
    task.set("action", Json::string("create_task"));
    const SandboxResult wrong = call(task, R"({"project_id":"1","content":"m","priority":"high"})");
    EXPECT_EQ(wrong.status, SandboxStatus::error);
    EXPECT_THAT(wrong.error, HasSubstr("Expected number, received: high"));
}

TEST_F(NodeboxPieces, SlackReadsItsEventsAndBelievesItsSignatureAlone) {
    const std::string body =
        R"({"type":"event_callback","team_id":"T1","event":{"type":"message","channel":"C1"}})";
    const auto read = [&](const std::string& text, const std::string& secret) {
        const std::string signature =
            "v0=" + hex_encode(hmac(DigestAlgorithm::sha256, "signing secret", "v0:17:" + body));
        Json task = task_for("slack", "event");
        task.set("payload",
                 Json::object(
                     {{"method", Json::string("POST")},
                      {"headers", Json::object({{"x-slack-request-timestamp", Json::string("17")},
                                                {"x-slack-signature", Json::string(signature)}})},
                      {"body", *Json::parse(text)},
                      {"rawBody", Json::string(text)},
                      {"queryParams", Json::object()}}));
        task.set("webhookSecret", Json::string(secret));
        task.set("appWebhookUrl", Json::string("https://sallyport.test/api/v1/app-events/slack"));
        const SandboxResult result = call(task, "{}");
        EXPECT_EQ(result.status, SandboxStatus::ok) << result.error;
        return result.value;
    };
    const Json event = read(body, "signing secret");
    EXPECT_EQ(event["event"].text(), "message") << event.dump();
    EXPECT_EQ(event["identifierValue"].text(), "T1");
    EXPECT_TRUE(event["verified"].is_true());
    EXPECT_FALSE(read(body, "another secret")["verified"].is_true());
    std::string changed = body;
    changed.replace(changed.find("C1"), 2, "C2");
    EXPECT_FALSE(read(changed, "signing secret")["verified"].is_true());
    const Json asked = read(R"({"type":"url_verification","challenge":"c1"})", "signing secret");
    EXPECT_THAT(asked["reply"]["body"].dump(), HasSubstr("c1")) << asked.dump();

    Json task = task_for("slack", "trigger");
    task.set("trigger", Json::string("new-message"));
    task.set("hook", Json::string("onEnable"));
    task.set("auth",
             *Json::parse(R"({"type":"OAUTH2","access_token":"x","data":{"team":{"id":"T1"}}})"));
    const SandboxResult enabled = call(task, R"({"ignoreBots":false})");
    ASSERT_EQ(enabled.status, SandboxStatus::ok) << enabled.error;
    EXPECT_TRUE(enabled.value["listens"].is_true());
    EXPECT_EQ(enabled.value["hooks"]["listeners"].at(0)["identifierValue"].text(), "T1")
        << enabled.value.dump();
}

TEST_F(NodeboxPieces, ScheduleAsksForItsTimes) {
    const Json hooks = hook("schedule", "every_x_minutes", "onEnable", R"({"minutes":7})")["hooks"];
    EXPECT_EQ(hooks["schedule"]["cronExpression"].text(), "*/7 * * * *");
    EXPECT_EQ(hooks["schedule"]["timezone"].text(), "UTC");
}

TEST_F(NodeboxPieces, WhatIsNotThereIsNamed) {
    Json task = task_for("store", "action");
    task.set("action", Json::string("fly"));
    EXPECT_THAT(call(task, "{}").error, HasSubstr("has no action 'fly'"));
    EXPECT_THAT(call(task_for("nowhere", "describe"), "{}").error, HasSubstr("piece-nowhere"));
}

}  // namespace
}  // namespace sallyport::test
