// Each handshake by its name: what is asked and what is answered. The proofs were computed with
// another implementation.
#include "module/policy/webhook_handshake.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace sallyport::policy::webhook {
namespace {

using Kind = HandshakeAnswer::Kind;
using Trust = Handshake::Trust;

constexpr std::string_view kToken = "the-token-of-the-operator";
constexpr std::string_view kHmacHex =
    "82596fd8f35081de7f99ab48d35dfaa03ffa113c03dcada889d87098578a1525";
constexpr std::string_view kHmacBase64 = "gllv2PNQgd5/matI0136oD/6ETwD3K2oidhwmFeKFSU=";
constexpr std::string_view kEbay =
    "9d16432a90ae2d97c2af2b46e05a195b14e1057face60abd97292ed3b4ecae9d";

struct Asked {
    const char* method;
    const char* target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
};

class Request : public HandshakeRequest {
  public:
    explicit Request(const Asked& asked) : asked_(asked) {}
    std::string_view method() const override { return asked_.method; }
    std::string_view target() const override { return asked_.target; }
    std::string url() const override { return "https://example.com/hook"; }
    std::optional<std::string_view> header(std::string_view name) const override {
        for (const auto& [field, value] : asked_.headers) {
            if (ascii_iequals(field, name)) {
                return value;
            }
        }
        return std::nullopt;
    }
    std::string_view body() const override { return asked_.body; }

  private:
    const Asked& asked_;
};

HandshakeAnswer answer(std::string_view name, const Asked& asked) {
    const Secret token(kToken);
    const Secret secret(std::string_view("0123456789abcdef0123"));
    const Request request(asked);
    const std::vector<Handshake> known = handshakes_named(name).value();
    for (const Handshake& handshake : known) {
        HandshakeAnswer out = answer_handshake(handshake, request, &token, &secret);
        if (out.kind != Kind::no_handshake) {
            return out;
        }
    }
    return {};
}

struct Case {
    const char* name;
    Asked asked;
    Trust trust;
    std::string body;
    bool json = false;
    std::uint16_t status = 200;
    std::vector<std::pair<std::string, std::string>> fields{};
};

const std::string kHex(kHmacHex);
const std::string kProof = R"({"response_token":"sha256=)" + std::string(kHmacBase64) + "\"}";
const Asked kSns{
    "POST", "/hook", {}, R"({"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.x/"})"};
const std::vector<Case> kCases = {
    {"meta",
     {"GET",
      "/hook?hub.mode=subscribe&hub.challenge=chal-1&hub.verify_token=the-token-of-the-"
      "operator",
      {},
      ""},
     Trust::none,
     "chal-1"},
    {"strava",
     {"GET",
      "/hook?hub.mode=subscribe&hub.challenge=chal-1&hub.verify_token=the-token-of-the-"
      "operator",
      {},
      ""},
     Trust::none,
     R"({"hub.challenge":"chal-1"})",
     true},
    {"dropbox", {"GET", "/hook?challenge=chal-1", {}, ""}, Trust::none, "chal-1"},
    {"nylas", {"GET", "/hook?challenge=chal-1", {}, ""}, Trust::none, "chal-1"},
    {"zoom",
     {"POST",
      "/hook",
      {},
      R"({"event":"endpoint.url_validation","payload":{"plainToken":"chal-1"}})"},
     Trust::signed_,
     R"({"plainToken":"chal-1","encryptedToken":")" + kHex + "\"}",
     true},
    {"slack",
     {"POST", "/hook", {}, R"({"type":"url_verification","challenge":"chal-1"})"},
     Trust::signed_,
     "chal-1"},
    {"discord",
     {"POST", "/hook", {}, R"({"type":1,"id":"1"})"},
     Trust::signed_,
     R"({"type":1})",
     true},
    {"discord", {"POST", "/hook", {}, R"({"type":0})"}, Trust::signed_, "", false, 204},
    {"twitch",
     {"POST",
      "/hook",
      {{"Twitch-Eventsub-Message-Type", "webhook_callback_verification"}},
      R"({"challenge":"chal-1","subscription":{}})"},
     Trust::signed_,
     "chal-1"},
    {"asana",
     {"POST", "/hook", {{"X-Hook-Secret", "chal-1"}}, ""},
     Trust::first,
     "",
     false,
     200,
     {{"X-Hook-Secret", "chal-1"}}},
    {"clio",
     {"POST", "/hook", {{"X-Hook-Secret", "chal-1"}}, ""},
     Trust::first,
     "",
     false,
     200,
     {{"X-Hook-Secret", "chal-1"}}},
    {"notion", {"POST", "/hook", {}, R"({"verification_token":"chal-1"})"}, Trust::first, ""},
    {"graph",
     {"POST", "/hook?validationToken=Validation%3A+a%20b", {}, ""},
     Trust::none,
     "Validation: a b"},
    {"sharepoint", {"POST", "/hook?validationToken=chal-1", {}, ""}, Trust::none, "chal-1"},
    {"okta",
     {"GET", "/hook", {{"X-Okta-Verification-Challenge", "chal-1"}}, ""},
     Trust::signed_,
     R"({"verification":"chal-1"})",
     true},
    {"monday",
     {"POST", "/hook", {}, R"({"challenge":"chal-1"})"},
     Trust::none,
     R"({"challenge":"chal-1"})",
     true},
    {"crc", {"GET", "/hook?crc_token=chal-1", {}, ""}, Trust::none, kProof, true},
    {"x-twitter", {"GET", "/hook?crc_token=chal-1", {}, ""}, Trust::none, kProof, true},
    {"linkedin",
     {"GET", "/hook?challengeCode=chal-1", {}, ""},
     Trust::none,
     R"({"challengeCode":"chal-1","challengeResponse":")" + kHex + "\"}",
     true},
    {"ebay",
     {"GET", "/hook?challenge_code=chal-1", {}, ""},
     Trust::none,
     R"({"challengeResponse":")" + std::string(kEbay) + "\"}",
     true},
    {"smartcar",
     {"POST", "/hook", {}, R"({"eventType":"VERIFY","data":{"challenge":"chal-1"}})"},
     Trust::none,
     R"({"challenge":")" + kHex + "\"}",
     true},
    {"smartsheet",
     {"POST", "/hook", {{"Smartsheet-Hook-Challenge", "chal-1"}}, "{}"},
     Trust::none,
     "",
     false,
     200,
     {{"Smartsheet-Hook-Response", "chal-1"}}},
    {"ringcentral",
     {"POST", "/hook", {{"Validation-Token", "chal-1"}}, ""},
     Trust::none,
     "",
     false,
     200,
     {{"Validation-Token", "chal-1"}}},
    {"front", {"POST", "/hook", {{"X-Front-Challenge", "chal-1"}}, "{}"}, Trust::none, "chal-1"},
    {"head", {"HEAD", "/hook", {}, ""}, Trust::none, ""},
    {"trello", {"HEAD", "/hook", {}, ""}, Trust::none, ""},
    {"circle", {"HEAD", "/hook", {}, ""}, Trust::none, ""},
    {"get", {"GET", "/hook", {}, ""}, Trust::none, ""},
    {"mailchimp", {"GET", "/hook", {}, ""}, Trust::none, ""},
    {"exact", {"POST", "/hook", {}, ""}, Trust::none, ""},
    {"exact-online", {"POST", "/hook", {}, ""}, Trust::none, ""},
    {"tebex",
     {"POST", "/hook", {}, R"({"type":"validation.webhook","id":"chal-1"})"},
     Trust::signed_,
     R"({"id":"chal-1"})",
     true},
    {"event-grid",
     {"POST",
      "/hook",
      {{"aeg-event-type", "SubscriptionValidation"}},
      R"([{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"chal-1","validationUrl":"https://x/"}}])"},
     Trust::none,
     R"({"validationResponse":"chal-1"})",
     true},
    {"sns", kSns, Trust::signed_, ""},
    {"aws-sns", kSns, Trust::signed_, ""},
    {"cloudevents",
     {"OPTIONS",
      "/hook",
      {{"WebHook-Request-Origin", "chal-1"}, {"WebHook-Request-Rate", "120"}},
      ""},
     Trust::none,
     "",
     false,
     200,
     {{"WebHook-Allowed-Origin", "chal-1"}, {"WebHook-Allowed-Rate", "120"}}},
};

TEST(HandshakePolicy, EachNameAnswersItsProvider) {
    std::set<std::string> names;
    for (const Case& c : kCases) {
        names.insert(c.name);
        const HandshakeAnswer out = answer(c.name, c.asked);
        EXPECT_EQ(out.kind, Kind::answered) << c.name;
        EXPECT_EQ(out.status, c.status) << c.name;
        EXPECT_EQ(out.body, c.body) << c.name;
        EXPECT_EQ(out.json, c.json) << c.name;
        EXPECT_EQ(out.fields, c.fields) << c.name;
        const auto handshakes = handshakes_named(c.name);
        for (const Handshake& handshake : *handshakes) {
            EXPECT_EQ(handshake.trust, c.trust) << c.name;
        }
    }
    std::size_t known = 0;
    for_each_split(handshake_names(), ',', [&](std::string_view name) {
        ++known;
        EXPECT_EQ(names.count(std::string(trim_ows(name))), 1U) << name;
    });
    EXPECT_EQ(known, names.size());
}

// A delivery is no handshake, and another's handshake is none either.
TEST(HandshakePolicy, OthersAreLeftAlone) {
    const Asked deliveries[] = {
        {"POST",
         "/hook",
         {{"X-Some-Header", "x"}},
         R"({"type":"event","id":"1","data":{"challenge":"x"}})"},
        {"POST", "/hook", {}, R"([{"eventType":"Other","data":{"validationCode":"x"}}])"},
        {"POST",
         "/hook",
         {},
         R"([{},{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"x"}}])"},
        {"PUT", "/hook?challenge=x&validationToken=x", {}, "{}"},
        {"POST", "/hook", {}, R"({"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}})"},
    };
    for (const Case& c : kCases) {
        for (const Asked& asked : deliveries) {
            EXPECT_EQ(answer(c.name, asked).kind, Kind::no_handshake) << c.name << asked.body;
        }
    }
}

TEST(HandshakePolicy, TheTokenMayBeNamed) {
    const Secret token(kToken);
    for (const char* check : {"query:t", "query:t=$token"}) {
        const auto described = handshake_described(
            {{"method", "GET"}, {"check", check}, {"echo", "query:c"}, {"as", "text"}});
        ASSERT_TRUE(described);
        const Asked asked{"GET", "/hook?c=x&t=the-token-of-the-operator", {}, ""};
        EXPECT_EQ(answer_handshake(*described, Request(asked), &token, nullptr).kind,
                  Kind::answered);
        const Asked wrong{"GET", "/hook?c=x&t=the-token", {}, ""};
        EXPECT_EQ(answer_handshake(*described, Request(wrong), &token, nullptr).kind,
                  Kind::refused);
    }
}

TEST(HandshakePolicy, WhatCannotBeEchoedIsRefused) {
    const auto kind = [](const std::string& target) {
        return answer("dropbox", {"GET", target.c_str(), {}, ""}).kind;
    };
    EXPECT_EQ(kind("/hook?challenge=%3Cb%3E"), Kind::answered) << "as text, never as a document";
    EXPECT_EQ(kind("/hook?challenge=%0d%0aX: y"), Kind::refused);
    EXPECT_EQ(kind("/hook?challenge=%c3%a4"), Kind::refused);
    EXPECT_EQ(kind("/hook?challenge="), Kind::refused);
    EXPECT_EQ(kind("/hook?challenge=" + std::string(512, 'x')), Kind::answered);
    EXPECT_EQ(kind("/hook?challenge=" + std::string(513, 'x')), Kind::refused);
    EXPECT_EQ(kind("/hook?challenge=a&challenge=b"), Kind::refused);
    EXPECT_EQ(answer("meta",
                     {"GET", "/hook?hub.mode=subscribe&hub.challenge=c&hub.verify_token=x", {}, ""})
                  .status,
              403);
    EXPECT_EQ(answer("meta", {"GET", "/hook?hub.mode=subscribe&hub.challenge=c", {}, ""}).status,
              403);
}

}  // namespace
}  // namespace sallyport::policy::webhook
