// Tokens and passwords that the gateway knows.
#include "module/policy/auth_file.hpp"
#include "module/policy/auth_password.hpp"
#include "module/policy/auth_token.hpp"
#include "module/policy/control_token.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::policy {
namespace {

// Cheap, so that the tests take no seconds.
constexpr ScryptCost kCheap{12, 8, 1};
const Bytes kSalt(16, 7);

TEST(AuthDate, Parses) {
    EXPECT_EQ(parse_auth_date("1970-01-02"), 86'400);
    EXPECT_EQ(parse_auth_date("2027-01-31T12:00:01Z"), 1'801'396'801);
    for (const char* bad : {"", "2027-1-31", "2027-02-29", "2027-01-31T12:00:01", "2027-13-01",
                            "2027-01-31T24:00:00Z", "2027/01/31", "2027-01-31 12:00:00Z"}) {
        EXPECT_FALSE(parse_auth_date(bad)) << bad;
    }
}

TEST(AuthTokens, Table) {
    const std::string text = "# machines\n" + control_token_line("alpha", "ci") + "\n\n" +
                             control_token_line("beta", "backup") +
                             " expires=2027-01-31 # moved\r\n";
    const auto table = TokenTable::parse(text);
    ASSERT_TRUE(table.ok()) << table.message();
    const std::int64_t last_day = *parse_auth_date("2027-01-31");
    const struct {
        std::string token;
        std::int64_t now_s;
        Reason reason;
        const char* subject;
    } cases[] = {
        {"alpha", last_day, Reason::none, "ci"},
        {"beta", last_day - 1, Reason::none, "backup"},
        {"beta", last_day, Reason::auth_expired, ""},
        {"gamma", 0, Reason::auth_invalid, ""},
        {"alpha ", 0, Reason::auth_invalid, ""},
        {"", 0, Reason::auth_malformed, ""},
        {std::string(kAuthTokenBytesMax + 1, 'a'), 0, Reason::auth_malformed, ""},
    };
    for (const auto& c : cases) {
        const AuthOutcome outcome = table->check(c.token, c.now_s);
        EXPECT_EQ(outcome.reason, c.reason) << c.token;
        EXPECT_EQ(outcome.subject, c.subject) << c.token;
    }
}

TEST(AuthTokens, RefusesWithLineAndRemedy) {
    const std::string good = control_token_line("alpha", "ci");
    const struct {
        std::string text;
        const char* piece;
    } cases[] = {
        {"", "holds no token"},
        {"# nothing\n", "sallyport token"},
        {"\nsecret-token ci", "line 2: \"sha256:\""},
        {"sha256:12 ci", "64 hex digits"},
        {control_token_line("alpha", ""), "a name of letters"},
        {good + "\n" + control_token_line("alpha", "again"), "stands twice"},
        {good + " expires=tomorrow", "expires=2027-01-31"},
        {good + " admin", "\"admin\" is not understood"},
    };
    for (const auto& c : cases) {
        const auto table = TokenTable::parse(c.text);
        ASSERT_FALSE(table.ok()) << c.text;
        EXPECT_NE(table.message().find(c.piece), std::string::npos) << table.message();
    }
}

TEST(Scrypt, Rfc7914) {
    const std::string salt = "SodiumChloride";
    const auto made = scrypt("pleaseletmein", std::span(as_bytes(salt), salt.size()), {14, 8, 1});
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(hex_encode(*made),
              "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
}

TEST(Passwords, Table) {
    const auto ada =
        password_line("ada", Secret(std::string_view("correct horse battery")), kSalt, kCheap);
    const auto eve = password_line("eve@example.org", Secret(std::string_view("äöü äöü äöü äöü:")),
                                   kSalt, kCheap);
    ASSERT_TRUE(ada.ok() && eve.ok());
    const auto table = PasswordTable::parse(*eve + "\n" + *ada + "\n");
    ASSERT_TRUE(table.ok()) << table.message();
    const struct {
        const char* name;
        const char* password;
        Reason reason;
    } cases[] = {
        {"ada", "correct horse battery", Reason::none},
        {"eve@example.org", "äöü äöü äöü äöü:", Reason::none},
        {"ada", "correct horse batterY", Reason::auth_invalid},
        {"ada", "", Reason::auth_invalid},
        {"Ada", "correct horse battery", Reason::auth_invalid},
        {"bob", "correct horse battery", Reason::auth_invalid},
    };
    for (const auto& c : cases) {
        const AuthOutcome outcome = table->check({c.name, Secret(std::string_view(c.password))});
        EXPECT_EQ(outcome.reason, c.reason) << c.name;
        EXPECT_EQ(outcome.subject, c.reason == Reason::none ? c.name : "");
    }
    EXPECT_EQ(table->find("ada"), "ada");
    EXPECT_EQ(table->find("bob"), "");
}

TEST(Passwords, RefusesWithARemedy) {
    const std::string good =
        *password_line("ada", Secret(std::string_view("correct horse battery")), kSalt, kCheap);
    const auto replaced = [&](const char* from, const char* to) {
        std::string out = good;
        return out.replace(out.find(from), std::string_view(from).size(), to);
    };
    const struct {
        std::string text;
        const char* piece;
    } cases[] = {
        {"", "holds no name"},
        {"ada:$apr1$x$y", "line 1: \"ada\": the password is not kept as $scrypt$"},
        {"ada:secret", "sallyport password NAME"},
        {"a b:secret", "a name of letters"},
        {good + "A", "damaged"},
        {replaced("ln=12", "ln=11"), "ln=12 to ln=14"},
        {replaced("ln=12", "ln=15"), "ln=12 to ln=14"},
        {replaced("ln=12", "ln=70"), "damaged"},
        {replaced("p=1", "p=4"), "p=1"},
        {replaced(",p=1", ""), "damaged"},
        {good + "\n" + good, "stands twice"},
    };
    for (const auto& c : cases) {
        const auto table = PasswordTable::parse(c.text);
        ASSERT_FALSE(table.ok()) << c.text;
        EXPECT_NE(table.message().find(c.piece), std::string::npos) << table.message();
    }
    EXPECT_FALSE(
        password_line("ada", Secret(std::string_view("fourteen chars")), kSalt, kCheap).ok());
    EXPECT_FALSE(
        password_line("a:b", Secret(std::string_view("correct horse battery")), kSalt, kCheap)
            .ok());
}

TEST(Passwords, BasicCredentials) {
    const auto encoded = [](std::string_view text) {
        return base64_encode(as_bytes(text), text.size());
    };
    const auto good = parse_basic(encoded("ada:pass:word"));
    ASSERT_TRUE(good);
    EXPECT_EQ(good->name, "ada");
    EXPECT_EQ(good->password.reveal(), "pass:word");
    for (const std::string& bad : {std::string(), encoded("ada"), encoded(":word"),
                                   encoded("a\nb:word"), std::string("ad a"),
                                   std::string("YWRhOnB3"
                                               "="),
                                   encoded("ada:" + std::string(kPasswordBytesMax + 1, 'x'))}) {
        EXPECT_FALSE(parse_basic(bad)) << bad.substr(0, 40);
    }
}

TEST(Passwords, WhatWasVerifiedIsRememberedForAWhile) {
    VerifiedCredentials known(Secret(std::string_view("a key of this process")), 1000);
    const Credentials ada{"ada", Secret(std::string_view("one"))};
    const Credentials other{"ada", Secret(std::string_view("two"))};
    const auto mark = known.mark(1, ada);
    EXPECT_FALSE(known.holds(mark, 0));
    known.remember(mark, 0);
    EXPECT_TRUE(known.holds(mark, 999));
    EXPECT_FALSE(known.holds(mark, 1000));
    EXPECT_FALSE(known.holds(known.mark(1, other), 0));
    EXPECT_FALSE(known.holds(known.mark(2, ada), 0));
}

TEST(Passwords, BudgetBoundsTheWork) {
    PasswordBudget budget(4);
    int taken = 0;
    for (int i = 0; i < 100; ++i) {
        taken += budget.take(1000) ? 1 : 0;
    }
    EXPECT_EQ(taken, 4);
    EXPECT_FALSE(budget.take(1100));
    EXPECT_TRUE(budget.take(1250));
    EXPECT_FALSE(budget.take(1250));
    // The clock was set back.
    EXPECT_TRUE(budget.take(-100'000));
}

}  // namespace
}  // namespace sallyport::policy
