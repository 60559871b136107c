// The frames between engine and sandbox worker: what is well-formed comes through whole, and
// nothing else comes through at all.
#include "engine/jsbox/protocol.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sallyport::engine::jsbox {
namespace {

std::string payload_of(const std::string& frame) {
    return frame.substr(kFrameHeaderBytes);
}

RunFrame sample_run() {
    RunFrame run;
    run.run_id = 0x0102030405060708;
    run.kind = RunKind::expression;
    run.time_limit_ms = 1500;
    run.memory_bytes_max = 64u << 20;
    run.output_bytes_max = 1000;
    run.random_seed = {1, 2, 3, 0xffffffff};
    run.fetch_allowed = true;
    run.code = std::string("a\0b", 3);
    run.input = "{}";
    return run;
}

TEST(JsboxProtocol, FramesComeBackWhole) {
    const std::optional<RunFrame> run = decode_run(payload_of(encode(sample_run())));
    ASSERT_TRUE(run);
    EXPECT_EQ(run->run_id, 0x0102030405060708u);
    EXPECT_EQ(run->kind, RunKind::expression);
    EXPECT_EQ(run->random_seed[3], 0xffffffffu);
    EXPECT_TRUE(run->fetch_allowed);
    EXPECT_EQ(run->code, std::string("a\0b", 3));

    ResultFrame result;
    result.run_id = 7;
    result.status = RunStatus::memory_limit;
    result.retiring = true;
    result.error = "e";
    result.stack = "s";
    result.console = "c\n";
    const std::optional<ResultFrame> back = decode_result(payload_of(encode(result)));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->status, RunStatus::memory_limit);
    EXPECT_TRUE(back->retiring);
    EXPECT_EQ(back->error + back->stack + back->console, "esc\n");

    FetchFrame fetch;
    fetch.call_id = 9;
    fetch.head = "{}";
    fetch.body = "body";
    ASSERT_TRUE(decode_fetch(payload_of(encode(fetch))));
    FetchReplyFrame reply;
    reply.ok = true;
    reply.body = "x";
    ASSERT_TRUE(decode_fetch_reply(payload_of(encode(reply))));
    ASSERT_TRUE(decode_hello(payload_of(encode(HelloFrame{}))));
}

TEST(JsboxProtocol, EveryTruncationAndAnyTrailingByteIsRefused) {
    const std::string whole = payload_of(encode(sample_run()));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(decode_run(std::string_view(whole).substr(0, size))) << size;
    }
    EXPECT_FALSE(decode_run(whole + '\0'));
    const std::string result = payload_of(encode(ResultFrame{}));
    for (std::size_t size = 0; size < result.size(); ++size) {
        EXPECT_FALSE(decode_result(std::string_view(result).substr(0, size))) << size;
    }
}

TEST(JsboxProtocol, ValuesOutsideTheirRangeAreRefused) {
    std::string result = payload_of(encode(ResultFrame{}));
    result[8] = static_cast<char>(kRunStatusMax + 1);
    EXPECT_FALSE(decode_result(result));
    result = payload_of(encode(ResultFrame{}));
    result[9] = 2;  // neither retiring nor not
    EXPECT_FALSE(decode_result(result));

    ResultFrame flood;
    flood.console.assign(kConsoleBytesMax + 1, 'x');
    EXPECT_FALSE(decode_result(payload_of(encode(flood))));
    ResultFrame long_error;
    long_error.error.assign(kErrorBytesMax + 1, 'x');
    EXPECT_FALSE(decode_result(payload_of(encode(long_error))));

    RunFrame greedy = sample_run();
    greedy.memory_bytes_max = static_cast<std::uint32_t>(kMemoryBytesMax + 1);
    EXPECT_FALSE(decode_run(payload_of(encode(greedy))));
    HelloFrame other;
    other.version = kProtocolVersion + 1;
    EXPECT_FALSE(decode_hello(payload_of(encode(other))));
}

TEST(JsboxProtocol, TheReaderCutsAnyPartitionOfTheStream) {
    const std::string stream = encode(HelloFrame{}) + encode(sample_run()) + encode(ResultFrame{});
    for (std::size_t step = 1; step <= stream.size(); ++step) {
        FrameReader reader(kFromWorkerBytesMax);
        std::string types;
        for (std::size_t at = 0; at < stream.size(); at += step) {
            const std::string_view part = std::string_view(stream).substr(at, step);
            reader.feed(part.data(), part.size());
            Frame frame;
            while (reader.next(frame) == FrameReader::State::frame) {
                types += static_cast<char>('0' + static_cast<int>(frame.type));
            }
        }
        EXPECT_EQ(types, "125") << step;
        EXPECT_TRUE(reader.idle());
    }
}

TEST(JsboxProtocol, TheReaderRefusesForgedHeadersForGood) {
    const std::string forged[] = {
        std::string("\xff\xff\xff\xff\x05", 5),  // length beyond the cap
        std::string("\x00\x00\x00\x00\x00", 5),  // type 0
        std::string("\x00\x00\x00\x00\x06", 5),  // type beyond the last
        std::string("GET / HTTP/1.1\r\n\r\n"),
    };
    for (const std::string& bytes : forged) {
        FrameReader reader(1000);
        Frame frame;
        reader.feed(bytes.data(), bytes.size());
        EXPECT_EQ(reader.next(frame), FrameReader::State::error);
        const std::string good = encode(HelloFrame{});
        reader.feed(good.data(), good.size());
        EXPECT_EQ(reader.next(frame), FrameReader::State::error);
    }
}

// No input makes the reader or a decoder do anything but answer; the asan build watches.
TEST(JsboxProtocol, NoiseIsOnlyEverRefusedOrDecoded) {
    std::mt19937 random(20260101);
    const std::string seeds[] = {encode(HelloFrame{}), encode(sample_run()), encode(FetchFrame{}),
                                 encode(FetchReplyFrame{}), encode(ResultFrame{})};
    std::size_t frames = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes = seeds[random() % std::size(seeds)] + seeds[random() % std::size(seeds)];
        for (auto flips = random() % 6; flips > 0; --flips) {
            bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        FrameReader reader(4096);
        reader.feed(bytes.data(), bytes.size());
        Frame frame;
        while (reader.next(frame) == FrameReader::State::frame) {
            ++frames;
            decode_hello(frame.payload);
            decode_run(frame.payload);
            decode_fetch(frame.payload);
            decode_fetch_reply(frame.payload);
            decode_result(frame.payload);
        }
    }
    EXPECT_GT(frames, 1'000u);
}

}  // namespace
}  // namespace sallyport::engine::jsbox
