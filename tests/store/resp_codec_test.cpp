#include "module/store/rate_limit_commands.hpp"
#include "module/store/resp_reader.hpp"
#include "module/store/resp_writer.hpp"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <string>
#include <vector>

namespace sallyport::store {
namespace {

using Words = std::vector<std::string_view>;

TEST(RespWriter, WritesWhatHiredisWrites) {
    const std::vector<Words> commands = {
        {"PING"},
        {"AUTH", "user name", std::string_view("pass\r\n\0word", 11)},
        {"SET", "", "value"},
        {"EVALSHA", "0123456789012345678901234567890123456789", "1", "key", "12", "34"},
    };
    for (const Words& words : commands) {
        std::vector<const char*> texts;
        std::vector<std::size_t> sizes;
        for (const auto word : words) {
            texts.push_back(word.data());
            sizes.push_back(word.size());
        }
        char* expected = nullptr;
        const auto size = redisFormatCommandArgv(&expected, static_cast<int>(words.size()),
                                                 texts.data(), sizes.data());
        ASSERT_GT(size, 0);
        std::string got;
        append_command(got, words);
        EXPECT_EQ(got, std::string(expected, static_cast<std::size_t>(size)));
        redisFreeCommand(expected);
    }
}

TEST(RespWriter, WritesNumbersAndPieces) {
    std::string got;
    RespWriter(got)
        .command(3)
        .word(std::int64_t{8'640'000'000'000'000})
        .word(std::int64_t{-1})
        .word("a", "b", "c");
    EXPECT_EQ(got, "*3\r\n$16\r\n8640000000000000\r\n$2\r\n-1\r\n$3\r\nabc\r\n");
}

struct ReplyCase {
    std::string bytes;
    ReplyKind kind;
    std::string text;
    std::vector<std::int64_t> integers;
};

const std::vector<ReplyCase>& reply_cases() {
    static const std::vector<ReplyCase> cases = {
        {"+OK\r\n", ReplyKind::status, "OK", {}},
        {"-NOSCRIPT No matching script.\r\n", ReplyKind::error, "NOSCRIPT No matching script.", {}},
        {":42\r\n", ReplyKind::integer, "", {42}},
        {"$3\r\nabc\r\n", ReplyKind::text, "abc", {}},
        {"$-1\r\n", ReplyKind::nil, "", {}},
        {"*-1\r\n", ReplyKind::nil, "", {}},
        {"*0\r\n", ReplyKind::integers, "", {}},
        {"*3\r\n:1\r\n:0\r\n:600000000\r\n", ReplyKind::integers, "", {1, 0, 600000000}},
        {"*2\r\n:1\r\n$1\r\nx\r\n", ReplyKind::array, "", {}},
        {"*2\r\n:1\r\n$-1\r\n", ReplyKind::array, "", {}},
        {"*1\r\n*1\r\n:1\r\n", ReplyKind::array, "", {}},
        {"*33\r\n" +
             [] {
                 std::string ones;
                 for (std::size_t i = 0; i <= kReplyIntegersMax; ++i) {
                     ones += ":1\r\n";
                 }
                 return ones;
             }(),
         ReplyKind::array,
         "",
         {}},
    };
    return cases;
}

void expect_reply(const Reply& reply, const ReplyCase& expected) {
    EXPECT_EQ(reply.kind, expected.kind) << expected.bytes;
    EXPECT_EQ(reply.text(), expected.text) << expected.bytes;
    if (expected.kind == ReplyKind::integer || expected.kind == ReplyKind::integers) {
        EXPECT_EQ(std::vector<std::int64_t>(
                      reply.integers.begin(),
                      reply.integers.begin() + static_cast<std::ptrdiff_t>(reply.count)),
                  expected.integers)
            << expected.bytes;
    }
}

TEST(RespReader, ReadsPipelinedReplies) {
    RespReader reader;
    std::string all;
    for (const ReplyCase& one : reply_cases()) {
        all += one.bytes;
    }
    ASSERT_TRUE(reader.feed(all));
    for (const ReplyCase& one : reply_cases()) {
        ASSERT_EQ(reader.next(), ReadResult::reply) << one.bytes;
        expect_reply(reader.reply(), one);
    }
    EXPECT_EQ(reader.next(), ReadResult::more);
}

TEST(RespReader, ReadsRepliesByteByByte) {
    RespReader reader;
    for (const ReplyCase& one : reply_cases()) {
        for (std::size_t i = 0; i < one.bytes.size(); ++i) {
            ASSERT_EQ(reader.next(), ReadResult::more) << one.bytes;
            ASSERT_TRUE(reader.feed({&one.bytes[i], 1}));
        }
        ASSERT_EQ(reader.next(), ReadResult::reply) << one.bytes;
        expect_reply(reader.reply(), one);
    }
}

std::string shown(const Reply& reply) {
    std::string out;
    for (const ReplyNode& node : reply.nodes()) {
        out += node.kind == ReplyKind::array     ? "[" + std::to_string(node.integer)
               : node.kind == ReplyKind::integer ? std::to_string(node.integer)
               : node.kind == ReplyKind::nil     ? "nil"
                                                 : std::string(reply.text_of(node));
        out += ' ';
    }
    return out;
}

// The answers to limits are read by a way of their own, which must not be seen.
TEST(RespReader, ReadsIntegersWhereverTheStreamIsCut) {
    const std::string stream =
        "*4\r\n:1\r\n:8640000000000\r\n:0\r\n:-5\r\n+OK\r\n*1\r\n:7\r\n*2\r\n:1\r\n$1\r\nx\r\n"
        "*1\r\n:8\r\n*0\r\n*1\r\n:99999999999999999\r\n";
    for (std::size_t first = 1; first < stream.size(); ++first) {
        for (const std::size_t step : {stream.size(), std::size_t{5}}) {
            RespReader reader;
            std::vector<std::string> seen;
            for (std::size_t at = 0, size = first; at < stream.size(); at += size, size = step) {
                ASSERT_TRUE(
                    reader.feed(std::string_view(stream).substr(at, at == 0 ? first : step)));
                for (;;) {
                    const ReadResult result = reader.next();
                    ASSERT_NE(result, ReadResult::broken) << first;
                    if (result == ReadResult::more) {
                        break;
                    }
                    const Reply& reply = reader.reply();
                    std::string text = std::to_string(static_cast<int>(reply.kind));
                    for (std::size_t i = 0; i < reply.count; ++i) {
                        text += " " + std::to_string(reply.integers[i]);
                    }
                    seen.push_back(text + " " + std::string(reply.text()) +
                                   std::to_string(reply.nodes().size()));
                }
                if (at == 0) {
                    size = first;
                }
            }
            EXPECT_EQ(seen,
                      (std::vector<std::string>{"0 1 8640000000000 0 -5 0", "2 OK0", "0 7 0", "6 3",
                                                "0 8 0", "0 0", "0 99999999999999999 0"}))
                << first << " " << step;
        }
    }
}

TEST(RespReader, KeepsOtherArraysAsATree) {
    const std::pair<const char*, const char*> cases[] = {
        {"*2\r\n$4\r\nhost\r\n$4\r\n6379\r\n", "[2 host 6379 "},
        {"*2\r\n:1\r\n$-1\r\n", "[2 1 nil "},
        {"*1\r\n*3\r\n:0\r\n:5460\r\n*2\r\n$1\r\na\r\n:7\r\n", "[1 [3 0 5460 [2 a 7 "},
        {"*2\r\n:1\r\n*0\r\n", "[2 1 [0 "},
        {":1\r\n", ""},
    };
    RespReader reader;
    for (const auto& [bytes, expected] : cases) {
        ASSERT_TRUE(reader.feed(bytes));
        ASSERT_EQ(reader.next(), ReadResult::reply) << bytes;
        EXPECT_EQ(shown(reader.reply()), expected) << bytes;
    }
    RespReader greedy;
    std::string endless = "*" + std::to_string(kReplyNodesMax + 1) + "\r\n";
    for (std::size_t i = 0; i <= kReplyNodesMax; ++i) {
        endless += ":1\r\n";
    }
    ASSERT_TRUE(greedy.feed(endless));
    EXPECT_EQ(greedy.next(), ReadResult::broken);
}

TEST(RespReader, CutsLongErrors) {
    RespReader reader;
    ASSERT_TRUE(reader.feed("-ERR " + std::string(1000, 'x') + "\r\n"));
    ASSERT_EQ(reader.next(), ReadResult::reply);
    EXPECT_EQ(reader.reply().text().size(), kReplyTextMax);
    EXPECT_TRUE(reader.reply().is_error("ERR"));
    EXPECT_FALSE(reader.reply().is_error("NOSCRIPT"));
}

TEST(RespReader, NumbersOfAnyLength) {
    RespReader reader;
    ASSERT_TRUE(
        reader.feed("*3\r\n:999999999999999999\r\n:9223372036854775807\r\n"
                    ":-9223372036854775808\r\n"));
    ASSERT_EQ(reader.next(), ReadResult::reply);
    EXPECT_EQ(reader.reply().count, 3u);
    EXPECT_EQ(reader.reply().integers[0], 999'999'999'999'999'999);
    EXPECT_EQ(reader.reply().integers[1], INT64_MAX);
    EXPECT_EQ(reader.reply().integers[2], INT64_MIN);
    for (const char* text : {"*1\r\n:81444444444444444814\r\n", "*81444444444444444814\r\n",
                             "*1\r\n:\r\n", "*1\r\n:-\r\n"}) {
        RespReader larger;
        EXPECT_TRUE(!larger.feed(text) || larger.next() == ReadResult::broken) << text;
    }
}

TEST(RespReader, RefusesWhatIsNotRespAndWhatNeverEnds) {
    RespReader nonsense;
    ASSERT_TRUE(nonsense.feed("HTTP/1.1 400 Bad Request\r\n\r\n"));
    EXPECT_EQ(nonsense.next(), ReadResult::broken);

    RespReader endless;
    ASSERT_TRUE(endless.feed("$100000000\r\n"));
    ReadResult result = ReadResult::more;
    for (int i = 0; i < 100 && result == ReadResult::more; ++i) {
        ASSERT_TRUE(endless.feed(std::string(1024, 'x')));
        result = endless.next();
    }
    EXPECT_EQ(result, ReadResult::broken);
}

TEST(AppendCheck, IsOneEvalsha) {
    const LimitWire a = make_wire("a", policy::Gcra::make(10, 1'000'000'000, 5));
    const LimitWire long_name = make_wire("long_name", policy::Gcra::make(1, 1'000'000'000, 1));
    Check checks[] = {{&a, {}}, {&long_name, {}}};
    checks[0].key.fill('1');
    checks[1].key.fill('2');
    std::string expected;
    append_command(expected, Words{"EVALSHA", rate_limit_script_sha(), "2",
                                   "sallyport:{a}:11111111111111111111111111111111",
                                   "sallyport:{long_name}:22222222222222222222222222222222", "g",
                                   "100000000", "500000000", "0", "100000000", "0", "g",
                                   "1000000000", "1000000000", "0", "1000000000", "0"});
    std::string got;
    append_check(got, checks);
    EXPECT_EQ(got, expected);
}

// A limit whose numbers are not the usual ones stands beside one whose are, behind what is there.
TEST(AppendCheck, UsualAndOtherNumbersStandSideBySide) {
    const policy::Gcra limit = policy::Gcra::make(10, 1'000'000'000, 5);
    const LimitWire usual = make_wire("a", limit);
    const LimitWire spread = make_wire("b", limit, {.spread = true});
    Check checks[] = {{&usual, {}}, {&spread, {}}};
    checks[0].key.fill('1');
    checks[1].key.fill('2');
    for (const std::uint32_t extra : {0U, 3U}) {
        checks[1].extra = extra;
        std::string expected = "before";
        append_command(expected,
                       Words{"EVALSHA", rate_limit_script_sha(), "2",
                             "sallyport:{a}:11111111111111111111111111111111",
                             "sallyport:b:{22222222222222222222222222222222}", "g", "100000000",
                             "500000000", "0", "100000000", "0", "g", "100000000", "500000000",
                             extra == 0 ? "0" : "300000000", "100000000", "0"});
        std::string got = "before";
        append_check(got, checks);
        EXPECT_EQ(got, expected);
    }
}

TEST(ParseCheck, TakesOnlyWhatTheScriptReturns) {
    const policy::Gcra limit = policy::Gcra::make(10, 1'000'000'000, 5);
    const LimitWire wire = make_wire("a", limit);
    const Check checks[] = {{&wire, {}}, {&wire, {}}};
    const auto parse = [&](const char* bytes) {
        RespReader reader;
        EXPECT_TRUE(reader.feed(bytes));
        EXPECT_EQ(reader.next(), ReadResult::reply);
        return parse_check(reader.reply(), checks);
    };
    const auto good = parse("*6\r\n:1\r\n:9\r\n:100000000\r\n:0\r\n:500000000\r\n:0\r\n");
    ASSERT_TRUE(good.has_value());
    EXPECT_TRUE(good->allowed);
    EXPECT_EQ(good->server_us, 9);
    EXPECT_EQ(good->measures[1].used, 500'000'000);
    for (const char* wrong : {"*2\r\n:1\r\n:0\r\n", "*4\r\n:1\r\n:0\r\n:0\r\n:0\r\n",
                              "*6\r\n:2\r\n:9\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
                              "*6\r\n:1\r\n:-9\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
                              "*6\r\n:1\r\n:9\r\n:-1\r\n:0\r\n:0\r\n:0\r\n",
                              "*6\r\n:1\r\n:9\r\n:0\r\n:-1\r\n:0\r\n:0\r\n",
                              "*6\r\n:1\r\n:9\r\n:0\r\n:0\r\n:500000001\r\n:0\r\n", "+OK\r\n",
                              ":1\r\n", "-ERR no\r\n"}) {
        EXPECT_FALSE(parse(wrong).has_value()) << wrong;
    }
}

}  // namespace
}  // namespace sallyport::store
