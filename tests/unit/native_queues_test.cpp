// Native pieces beside the helpers: queues and their jobs, S3's requests, triggers that take
// requests.
#include "engine/core/job_queue.hpp"
#include "engine/core/pieces/queue.hpp"
#include "engine/core/pieces/s3.hpp"
#include "engine/core/pieces/triggers.hpp"
#include "engine/core/s3/aws_signature.hpp"
#include "engine/core/time_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

Json parse(std::string_view text) {
    const Result<Json> json = Json::parse(text);
    EXPECT_TRUE(json.ok()) << text;
    return json.ok() ? *json : Json();
}

TEST(NativePieces, QueuesKeepTheirOrder) {
    const auto act = [](std::string_view action, std::string_view input, const Json& stored) {
        return queue_outcome(action, parse(input), stored);
    };
    const auto pushed =
        act("push-to-queue", R"({"queueName":"q","items":[1,2,{"n":3}]})", parse("[0]"));
    ASSERT_TRUE(pushed.ok());
    EXPECT_EQ(pushed->value.dump(), R"([0,1,2,{"n":3}])");
    const auto pulled =
        act("pull-from-queue", R"({"queueName":"q","numOfItems":2})", pushed->value);
    EXPECT_EQ(pulled->output.dump(), "[0,1]");
    EXPECT_EQ(pulled->value.dump(), R"([2,{"n":3}])");
    EXPECT_EQ(act("peek-queue", R"({"queueName":"q"})", pulled->value)->output.dump(),
              R"({"items":[2],"itemCount":1,"queueSize":2})");
    EXPECT_EQ(act("get-queue-size", R"({"queueName":"q"})", Json())->output.dump(),
              R"({"queueName":"q","size":0,"isEmpty":true})");
    EXPECT_EQ(pushed->output.dump(), pushed->value.dump()) << "the whole queue";
    for (const char* count : {"-1", "2.5", "\"-1\""}) {
        for (const char* action : {"pull-from-queue", "peek-queue"}) {
            EXPECT_EQ(
                act(action, R"({"queueName":"q","numOfItems":)" + std::string(count) + "}", Json())
                    .message(),
                "Number of items must be a whole number of 0 or more");
        }
    }
    EXPECT_EQ(act("pull-from-queue", R"({"queueName":"q","numOfItems":1e9})", parse("[1,2]"))
                  ->output.dump(),
              "[1,2]");
    EXPECT_FALSE(act("push-to-queue", R"({"queueName":"q","items":{"a":1}})", Json()).ok());
    const auto none = act("push-to-queue", R"({"queueName":"q","items":[]})", parse("[1]"));
    EXPECT_EQ(none->kind, StoreOutcome::Kind::keep) << "nothing to write";
    EXPECT_EQ(none->output.dump(), "[1]");
    const std::string large = R"({"queueName":"q","items":[")" + std::string(600'000, 'x') + "\"]}";
    EXPECT_EQ(act("push-to-queue", large, Json()).message(),
              "Queue \"q\" would exceed the 512 KB size limit, so nothing was written. Pull items "
              "from the queue more often or push smaller items.");
    EXPECT_EQ(act("peek-queue", R"({"queueName":"q"})", parse("{}")).message(),
              "Queue \"q\" holds a value that is not a list");
    const auto key = [](const std::string& name) {
        const auto made = queue_store_key(parse(R"({"queueName":")" + name + "\"}"));
        return made.ok() ? *made : made.message();
    };
    EXPECT_FALSE(queue_store_key(parse("{}")).ok());
    EXPECT_EQ(key(""), "Queue name is empty");
    EXPECT_EQ(key("  "), "Queue name is empty");
    EXPECT_EQ(key(" My Queue "), "_queue_rmAPlFmX0s_ My Queue ");
    EXPECT_EQ(key(std::string(110, 'a')).size(), 128u);
    EXPECT_EQ(key(std::string(111, 'a')),
              "Queue name is too long (111 characters). Use at most 110 characters.");
}

// The examples of Amazon's own description of the signature.
TEST(NativePieces, S3RequestsAreSignedAsAmazonShowsIt) {
    AwsCredentials credentials;
    credentials.key_id = "AKIAIOSFODNN7EXAMPLE";
    credentials.secret = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    credentials.region = "us-east-1";
    const std::int64_t now = *parse_iso_time("2013-05-24T00:00:00Z");
    const std::string host = "examplebucket.s3.amazonaws.com";
    const auto signature = [&](const AwsRequest& request) {
        const std::string header = aws_sign(credentials, request, "s3", now).front().second;
        return header.substr(header.rfind('=') + 1);
    };
    EXPECT_EQ(signature({"GET", host, "/test.txt", "", {{"range", "bytes=0-9"}}, ""}),
              "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    EXPECT_EQ(signature({"PUT",
                         host,
                         "/" + aws_encode("test$file.text", true),
                         "",
                         {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                          {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                         "Welcome to Amazon S3."}),
              "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    EXPECT_EQ(signature({"GET", host, "/", "lifecycle=", {}, ""}),
              "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(NativePieces, S3StepsBecomeRequests) {
    const auto call = [](std::string_view action, std::string_view more,
                         std::string_view endpoint = "") {
        Result<S3Step> step = s3_step(
            action,
            parse(
                R"({"auth":{"accessKeyId":"id","secretAccessKey":"s","bucket":"b","region":"eu-west-1","endpoint":")" +
                std::string(endpoint) + "\"}," + std::string(more) + "}"),
            *parse_iso_time("2026-01-01T00:00:00Z"));
        return step.ok() ? Result<S3Call>(step->calls.at(0)) : step.error();
    };
    constexpr std::string_view kFile =
        R"("file":"data:text/plain;base64,aGk=","type":"text/plain")";
    const auto upload = call("upload-file", std::string(kFile) + R"(,"fileName":"dir/a b")");
    ASSERT_TRUE(upload.ok()) << upload.message();
    EXPECT_EQ(upload->url, "https://b.s3.eu-west-1.amazonaws.com/dir/a%20b.txt");
    EXPECT_EQ(upload->body, "hi");
    EXPECT_EQ(call("read-file", R"("key":"x")", "http://127.0.0.1:9000")->url,
              "http://127.0.0.1:9000/b/x");
    for (const std::string_view key : {"", "../x", "a/./b", "/x"}) {
        EXPECT_FALSE(call("read-file", R"("key":")" + std::string(key) + "\"").ok()) << key;
    }
    EXPECT_FALSE(call("upload-file", R"("file":"http://x/y","type":"text/plain")").ok());
    EXPECT_FALSE(call("upload-file", std::string(kFile) + R"(,"acl":"everyone")").ok());
    EXPECT_FALSE(call("read-file", R"("key":"x")", "http://h/path").ok());
    EXPECT_FALSE(call("read-file", R"("key":"x")", "ftp://h").ok());
}

TEST(NativePieces, S3BucketsStandInThePathOrTheHost) {
    using Style = S3Account::Style;
    const auto url = [](const std::string& bucket, const std::string& endpoint, Style style) {
        S3Account account;
        account.key_id = "id";
        account.secret = Secret(std::string("s"));
        account.region = "eu-west-1";
        account.bucket = bucket;
        account.endpoint = endpoint;
        account.style = style;
        const auto made = s3_bucket(std::move(account));
        return made.ok() ? s3_signed(*made, "GET", "a b", {}, "", 0).url : made.message();
    };
    EXPECT_EQ(url("b", "", Style::usual), "https://b.s3.eu-west-1.amazonaws.com/a%20b");
    EXPECT_EQ(url("b.c", "", Style::usual), "https://s3.eu-west-1.amazonaws.com/b.c/a%20b");
    EXPECT_EQ(url("b", "", Style::path), "https://s3.eu-west-1.amazonaws.com/b/a%20b");
    EXPECT_EQ(url("b", "https://s3.test:9000", Style::usual), "https://s3.test:9000/b/a%20b");
    EXPECT_EQ(url("b", "https://s3.test:9000", Style::host), "https://b.s3.test:9000/a%20b");
    EXPECT_EQ(url("b", "http://[::1]:9000/", Style::usual), "http://[::1]:9000/b/a%20b");
    EXPECT_EQ(url("b", "http://10.0.0.1", Style::host),
              "endpoint must be a name when the bucket is part of it");
}

// Two at once, and those of one key one after the other in their order.
TEST(NativePieces, JobsStartInTheirOrder) {
    Json state;
    const auto add = [&state](const std::string& id, std::string_view key) {
        const Result<Json> next =
            add_job(state, id, Json::object({{"key", Json::string(key)}}), 1000);
        ASSERT_TRUE(next.ok());
        state = *next;
    };
    const auto names = [&state](std::string_view list) {
        std::string out;
        state[list].each_element([&out](const Json& job) { out += job["id"].text(); });
        return out;
    };
    for (const auto& [id, key] : {std::pair("a", "x"), std::pair("b", "x"), std::pair("c", "y"),
                                  std::pair("d", ""), std::pair("e", "x")}) {
        add(id, key);
    }
    add("a", "x");  // the same job again
    const JobSettings two{"q", 2, 0};
    const auto take = [&](std::int64_t now) { state = take_jobs(state, two, now).state; };
    take(2000);
    EXPECT_EQ(names("running"), "ac");
    EXPECT_EQ(names("waiting"), "bde");
    EXPECT_FALSE(take_jobs(state, two, 3000).changed);
    state = without_jobs(state, {"c"});
    take(3000);
    EXPECT_EQ(names("running"), "ad") << "b waits for a";
    state = without_jobs(state, {"a", "d"});
    take(4000);
    EXPECT_EQ(names("running"), "b") << "e waits for b";
    state = with_runs(state, {{"b", "run", {}}});
    EXPECT_EQ(running_jobs(state, "q").front().run_id, "run");
    state = without_jobs(state, {"b"});
    add("f", "");
    const JobSettings apart{"q", 10, 500};
    state = take_jobs(state, apart, 4400).state;
    EXPECT_EQ(names("running"), "");
    state = take_jobs(state, apart, 4500).state;
    EXPECT_EQ(names("running"), "e");
    EXPECT_FALSE(job_settings(parse(R"({"queueName":"q","maxConcurrent":0})")).ok());
    EXPECT_FALSE(job_settings(parse(R"({"queueName":"q","delayBetweenJobsMs":-1})")).ok());
    EXPECT_FALSE(job_settings(parse("{}")).ok());
}

TEST(NativeTriggers, Forms) {
    EXPECT_EQ(form_key("Your Name"), "yourName");
    EXPECT_EQ(form_key("E-Mail \"work\""), "e-mail work");
    const Json trigger = parse(
        R"({"inputs":[{"displayName":"Your Name","type":"text","required":true},{"displayName":"Agree","type":"toggle","required":false}]})");
    EXPECT_EQ(form_output(trigger, parse(R"({"yourName":"Ann","agree":"TRUE","more":1})"))->dump(),
              R"({"yourName":"Ann","agree":true})");
    EXPECT_FALSE(form_output(trigger, parse(R"({"agree":true})")).ok());
    EXPECT_FALSE(form_output(trigger, parse(R"({"yourName":"A","agree":"maybe"})")).ok());
}

TEST(Triggers, AChatsMessageHasItsSessionAndFiles) {
    struct Case {
        std::string_view body, output;  // or the problem
    };
    for (
        const auto& [body, output] : std::vector<Case>{
            {R"({"chatId":"c","message":"hi"})", R"({"sessionId":"c","message":"hi","files":[]})"},
            {R"({"chatId":"c","message":"hi","file[10]":"k","file[1]":"b","file[x]":"n","files":"n","more":1})",
             R"({"sessionId":"c","message":"hi","files":["b","k"]})"},
            {R"({"chatId":"c","message":"hi","file":{"1":"b","0":"a","-1":"n","x":"n"}})",
             R"({"sessionId":"c","message":"hi","files":["a","b"]})"},
            {R"({"chatId":"c","message":"hi","file":["a",{"url":"b"}]})",
             R"({"sessionId":"c","message":"hi","files":["a",{"url":"b"}]})"},
            {R"({"message":"hi"})", "Chat ID is required"},
            {R"({"chatId":"","message":"hi"})", "Chat ID is required"},
            {R"({"chatId":"c","message":""})", "Message is required"},
            {R"({"chatId":"c","message":null})", "Message is required"},
            {"[]", "Chat ID is required"},
            {"null", "Chat ID is required"}}) {
        const Result<Json> got = chat_output(parse(body));
        EXPECT_EQ(got.ok() ? got->dump() : got.message(), output) << body;
    }
}

TEST(NativeTriggers, McpTools) {
    const Json trigger = parse(
        R"({"toolName":"look up!","inputSchema":[{"name":"id","type":"Number","required":true,"description":"which"},{"name":"when","type":"Date","required":false}]})");
    EXPECT_EQ(mcp_tool_name(trigger, "AbCdEfGh"), "look_up__AbCd");
    EXPECT_EQ(
        mcp_tool_schema(trigger).dump(),
        R"({"type":"object","properties":{"id":{"type":"number","description":"which"},"when":{"type":"string","format":"date-time"}},"required":["id"]})");
    EXPECT_EQ(mcp_tool_output(trigger, parse(R"({"id":1})"))->dump(), R"({"id":1})");
    EXPECT_EQ(mcp_tool_output(trigger, parse("{}")).message(), "Missing required parameters: id");
    EXPECT_FALSE(mcp_tool_output(trigger, parse(R"({"id":"1"})")).ok());
    EXPECT_FALSE(mcp_tool_output(trigger, parse(R"({"id":1,"when":"soon"})")).ok());
}

}  // namespace
}  // namespace sallyport::engine
