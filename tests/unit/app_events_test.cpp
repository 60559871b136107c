// Events that an app sends to one address: whose they are and what signs them.
#include "engine/core/app_events.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace sallyport::engine {
namespace {

Json parse(std::string_view text) {
    const Result<Json> json = Json::parse(text);
    EXPECT_TRUE(json.ok()) << text;
    return json.ok() ? *json : Json();
}

TEST(AppEvents, SecretsAreNamedByTheAppsAddress) {
    const auto secrets = parse_app_secrets(
        R"({"@activepieces/piece-slack":{"webhookSecret":"s3cret"},
            "@activepieces/piece-facebook-leads":{"webhookSecret":{"a":"b"}}})");
    ASSERT_TRUE(secrets.ok()) << secrets.message();
    ASSERT_EQ(secrets->size(), 2U);
    EXPECT_EQ(secrets->at("slack").piece, "@activepieces/piece-slack");
    EXPECT_EQ(secrets->at("slack").secret.reveal(), R"("s3cret")");
    EXPECT_EQ(secrets->at("facebook-leads").secret.reveal(), R"({"a":"b"})");
    EXPECT_TRUE(parse_app_secrets("{}").ok());
}

TEST(AppEvents, SecretsThatAreNoneAreRefusedWithoutBeingShown) {
    const auto problem = [](std::string_view text) { return parse_app_secrets(text).message(); };
    for (const std::string_view text : {"", "[]", "planted", R"("planted")"}) {
        EXPECT_EQ(problem(text).find("planted"), std::string::npos) << text;
        EXPECT_TRUE(problem(text).starts_with("must be JSON")) << text;
    }
    for (const std::string_view text :
         {R"({"piece-x":"planted"})", R"({"piece-x":{"secret":"planted"}})",
          R"({"piece-x":{"webhookSecret":""}})", R"({"piece-x":{"webhookSecret":{}}})"}) {
        EXPECT_EQ(problem(text), "has no webhookSecret for 'piece-x'") << text;
    }
    EXPECT_EQ(problem(R"({"@a/piece-x":{"webhookSecret":"1"},"@b/piece-x":{"webhookSecret":"2"}})"),
              "has two pieces for the address app-events/x");
}

TEST(AppEvents, ListenersAreFoundByPieceEventAndAccount) {
    const auto keys =
        app_listener_keys("p", parse(R"([{"events":["a","b","a"],"identifierValue":"T1"},
                       {"events":["a"],"identifierValue":"T2"}])"));
    ASSERT_TRUE(keys.ok());
    EXPECT_EQ(keys->size(), 3U);
    const auto has = [&keys](const std::string& key) {
        return std::find(keys->begin(), keys->end(), key) != keys->end();
    };
    EXPECT_TRUE(has(app_listener_key("p", "a", "T1")));
    EXPECT_TRUE(has(app_listener_key("p", "a", "T2")));
    EXPECT_FALSE(has(app_listener_key("p", "b", "T2")));
    EXPECT_FALSE(has(app_listener_key("q", "a", "T1")));
    // Parts do not run into each other.
    EXPECT_NE(app_listener_key("p", "a", "bc"), app_listener_key("p", "ab", "c"));
    EXPECT_NE(app_listener_key("p", "a\",\"b", "c"), app_listener_key("p", "a", "b\",\"c"));
}

TEST(AppEvents, ListenersThatNameNobodyAreRefused) {
    for (const std::string_view listeners :
         {"[]", "null", "{}", R"([{"events":["a"]}])", R"([{"events":[],"identifierValue":"T"}])",
          R"([{"events":["a"],"identifierValue":""}])", R"([{"events":[7],"identifierValue":"T"}])",
          R"([{"events":"a","identifierValue":"T"}])"}) {
        EXPECT_FALSE(app_listener_keys("p", parse(listeners)).ok()) << listeners;
    }
    Json events = Json::array();
    for (std::size_t i = 0; i <= kListenersMax; ++i) {
        events.append(Json::string(std::to_string(i)));
    }
    Json many = Json::array();
    many.append(Json::object({{"events", events}, {"identifierValue", Json::string("T")}}));
    EXPECT_EQ(app_listener_keys("p", many).message(),
              "the trigger listens to more than 100 events");
}

}  // namespace
}  // namespace sallyport::engine
