// Stands in for a sandbox worker that was taken over: greets properly, then answers each run in the
// way that its code names. The pool must end it and never believe it.
#include "engine/jsbox/protocol.hpp"

#include <unistd.h>

#include <cstdint>
#include <random>
#include <string>

namespace {

using namespace sallyport::engine::jsbox;

constexpr int kChannel = 3;

void put(const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t put = write(kChannel, bytes.data() + done, bytes.size() - done);
        if (put <= 0) {
            _exit(0);
        }
        done += static_cast<std::size_t>(put);
    }
}

RunFrame next_run(FrameReader& reader) {
    Frame frame;
    char buffer[4096];
    while (true) {
        while (reader.next(frame) != FrameReader::State::frame) {
            const ssize_t got = read(kChannel, buffer, sizeof buffer);
            if (got <= 0) {
                _exit(0);
            }
            reader.feed(buffer, static_cast<std::size_t>(got));
        }
        if (frame.type == FrameType::run) {
            return decode_run(frame.payload).value_or(RunFrame{});
        }
    }
}

std::string result_for(std::uint64_t run_id, const std::string& value) {
    ResultFrame result;
    result.run_id = run_id;
    result.status = RunStatus::ok;
    result.value = value;
    return encode(result);
}

// What the run's code asks for, as a code step would be: the first word of the source.
void misbehave(const RunFrame& run) {
    const std::string mode = run.code.substr(0, run.code.find(' '));
    if (mode == "other-run") {
        put(result_for(run.run_id + 1, "\"forged\""));
    } else if (mode == "huge-length") {
        put(std::string("\xff\xff\xff\xff\x05", 5));
    } else if (mode == "unknown-type") {
        put(std::string("\x01\x00\x00\x00\x09x", 6));
    } else if (mode == "second-hello") {
        put(encode(HelloFrame{}));
    } else if (mode == "run-frame") {
        RunFrame forged;
        forged.memory_bytes_max = kMemoryBytesMin;
        put(encode(forged));
    } else if (mode == "two-results") {
        put(result_for(run.run_id, "1") + result_for(run.run_id + 1, "\"forged\""));
    } else if (mode == "half-frame") {
        put(result_for(run.run_id, "1").substr(0, 12));
        pause();
    } else if (mode == "not-json") {
        put(result_for(run.run_id, "{\"a\":"));
    } else if (mode == "deep-json") {
        put(result_for(run.run_id, std::string(100'000, '[')));
    } else if (mode == "exit") {
        _exit(0);
    } else if (mode == "silence") {
        pause();
    } else if (mode == "fetch-flood") {
        for (std::uint32_t i = 0; i < 100'000; ++i) {
            FetchFrame fetch;
            fetch.run_id = run.run_id;
            fetch.call_id = i;
            // Answered requests make room for more; unanswered ones show the bound.
            fetch.head = R"({"url":"http://127.0.0.1/never","method":"GET","headers":[]})";
            put(encode(fetch));
        }
        pause();
    } else if (mode == "fetch-garbage") {
        for (const char* head :
             {"", "[]", "{}", "{\"url\":1}", "{\"url\":\"x\",\"method\":\"G T\"}",
              "{\"url\":\"x\",\"method\":\"GET\",\"headers\":[[\"a\",\"b\\r\\nc\"]]}",
              "{\"url\":\"x\",\"method\":\"GET\",\"headers\":{\"a\":1}}"}) {
            FetchFrame fetch;
            fetch.run_id = run.run_id;
            fetch.head = head;
            put(encode(fetch));
        }
        put(result_for(run.run_id, "1"));
    } else if (mode == "noise") {
        std::mt19937 random(static_cast<unsigned>(run.random_seed[0]));
        std::string bytes = result_for(run.run_id, "[1,2,3]") + encode(FetchFrame{});
        for (int i = 0; i < 4; ++i) {
            bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        put(bytes);
        pause();
    } else {
        put(result_for(run.run_id, "\"good\""));
    }
}

}  // namespace

int main() {
    put(encode(HelloFrame{}));
    FrameReader reader(kToWorkerBytesMax);
    while (true) {
        misbehave(next_run(reader));
    }
}
