// Ticket keys: their file, their rotation, and when a certificate wants renewing.
#include "module/policy/ticket_keys.hpp"

#include "module/policy/certificate_expiry.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::policy {
namespace {

std::string key(char letter) {
    return std::string(kTicketKeyBytes, letter);
}

TicketKeys keys(std::string_view letters) {
    std::string bytes;
    for (const char letter : letters) {
        bytes += key(letter);
    }
    return std::move(*TicketKeys::from_bytes(bytes));
}

std::string letters(const TicketKeys& keys) {
    std::string out;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        out += keys.name(i).front();
    }
    return out;
}

std::string line(char letter) {
    const std::string bytes = key(letter);
    return base64_encode(as_bytes(bytes), bytes.size()) + "\n";
}

TEST(TicketKeys, File) {
    const struct {
        std::string text;
        const char* outcome;  // the keys' letters, or a piece of the error
    } cases[] = {
        {line('a'), "a"},
        {line('a') + "\r\n# old:\n  " + line('b') + "\n", "ab"},
        {line('a') + line('b') + line('c') + line('d') + line('e') + line('f') + line('g') +
             line('h'),
         "abcdefgh"},
        {"", "no key"},
        {"# a comment\n", "no key"},
        {"AAAA", "line 1: it is not base64 of 80 bytes"},
        {line('a') + "!" + line('b'), "line 2"},
        {line('a') + line('a'), "line 2: the key stands twice"},
        {line('a') + line('b') + line('c') + line('d') + line('e') + line('f') + line('g') +
             line('h') + line('i'),
         "line 9: more than 8 keys"},
    };
    for (const auto& c : cases) {
        const auto parsed = TicketKeys::parse(c.text);
        if (parsed.ok()) {
            EXPECT_EQ(letters(*parsed), c.outcome);
            EXPECT_EQ(letters(*TicketKeys::parse(parsed->text().reveal())), c.outcome);
        } else {
            EXPECT_NE(parsed.message().find(c.outcome), std::string::npos) << parsed.message();
        }
    }
}

TEST(TicketKeys, Bytes) {
    EXPECT_FALSE(TicketKeys::from_bytes(""));
    EXPECT_FALSE(TicketKeys::from_bytes(std::string(79, 'a')));
    EXPECT_FALSE(TicketKeys::from_bytes(std::string(160, 'a'))) << "twice";
    EXPECT_FALSE(TicketKeys::from_bytes(std::string(9 * 80, 'a')));
    const TicketKeys two = keys("xy");
    EXPECT_EQ(two.bytes(), key('x') + key('y'));
    EXPECT_EQ(two.name(1), std::string(16, 'y'));
    EXPECT_EQ(two.aes_key(1), std::string(32, 'y'));
    EXPECT_EQ(two.hmac_key(0), std::string(32, 'x'));
    EXPECT_EQ(two.find(std::string(16, 'y')), 1u);
    EXPECT_EQ(two.find(std::string(16, 'z')), std::nullopt);
    EXPECT_EQ(two.find(std::string(15, 'y')), std::nullopt);
}

TEST(TicketKeys, RotationGivesEveryoneTheNextKeyFirst) {
    const struct {
        const char* before;
        std::size_t keep;
        const char* after;
    } cases[] = {
        {"a", 4, "aN"},      {"ab", 4, "bNa"}, {"bca", 4, "cNba"},
        {"cdba", 4, "dNcb"}, {"ab", 2, "bN"},  {"abcdefgh", 8, "bNacdefg"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(letters(keys(c.before).rotated(keys("N"), c.keep)), c.after) << c.before;
    }
}

TEST(TicketKeys, AreWipedWhereTheyWere) {
    TicketKeys from = keys("ab");
    const char* memory = from.bytes().data();
    const TicketKeys to = std::move(from);
    EXPECT_EQ(letters(to), "ab");
    EXPECT_EQ(std::string(memory, 2 * kTicketKeyBytes), std::string(2 * kTicketKeyBytes, '\0'));
}

TEST(CertificateExpiry, SoonIsAThirdOfTheLife) {
    const CertificateLife life{1'000, 4'000};
    const struct {
        std::int64_t now_s;
        CertificateState state;
    } cases[] = {
        {999, CertificateState::not_yet},   {1'000, CertificateState::good},
        {2'999, CertificateState::good},    {3'000, CertificateState::soon},
        {3'999, CertificateState::soon},    {4'000, CertificateState::expired},
        {9'000, CertificateState::expired},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(certificate_state(life, c.now_s), c.state) << c.now_s;
    }
    EXPECT_EQ(days_left({0, 86'400 * 10}, 86'399), 9);
    EXPECT_EQ(days_left({0, 86'400 * 10}, 86'400 * 11), -1);
}

}  // namespace
}  // namespace sallyport::policy
