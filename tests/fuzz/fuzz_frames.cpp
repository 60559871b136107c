// Frames of a worker that wants harm: however the stream is cut, the same frames come out; nothing
// above the caps does; and what is decoded is written back to the same bytes. The requests among
// them never become more fields than one writes.
#include "engine/adapters/sandbox/fetch.hpp"
#include "engine/jsbox/protocol.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sallyport::engine::jsbox;

// Small, so that frames above it are tried too.
constexpr std::size_t kPayloadBytesMax = 512;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

struct Read {
    std::vector<Frame> frames;
    bool failed = false;
};

Read read_stream(std::string_view stream, std::size_t piece) {
    FrameReader reader(kPayloadBytesMax);
    Read read;
    while (!read.failed && !stream.empty()) {
        const std::string_view fed = stream.substr(0, piece);
        stream.remove_prefix(fed.size());
        reader.feed(fed.data(), fed.size());
        for (bool more = true; more;) {
            Frame frame;
            switch (reader.next(frame)) {
                case FrameReader::State::frame:
                    require(frame.payload.size() <= kPayloadBytesMax);
                    read.frames.push_back(std::move(frame));
                    break;
                case FrameReader::State::need_more:
                    require(reader.bytes_wanted() >= 1);
                    require(reader.bytes_wanted() <= kPayloadBytesMax + kFrameHeaderBytes);
                    more = false;
                    break;
                case FrameReader::State::error:
                    read.failed = true;
                    more = false;
                    break;
            }
        }
    }
    return read;
}

// One way of writing each message: what came in is what goes out.
template <typename Decoded>
void check_same(const Decoded& decoded, std::string_view payload) {
    if (decoded) {
        require(std::string_view(encode(*decoded)).substr(kFrameHeaderBytes) == payload);
    }
}

void check_fetch(std::string_view payload) {
    auto fetch = decode_fetch(payload);
    if (!fetch) {
        return;
    }
    const auto request = sallyport::engine::request_from_fetch(*std::move(fetch));
    require(request.ok() || !request.message().empty());
    if (request.ok()) {
        require(!request->url.empty() && request->headers.size() <= 100);
        for (const auto& field : request->headers) {
            require(field.name.find_first_of("\r\n:") == std::string::npos);
            require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
        }
    }
}

void decode_all(std::string_view payload) {
    check_same(decode_hello(payload), payload);
    check_same(decode_run(payload), payload);
    check_same(decode_fetch(payload), payload);
    check_same(decode_fetch_reply(payload), payload);
    check_same(decode_result(payload), payload);
    check_fetch(payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view stream(reinterpret_cast<const char*>(data), size);
    const Read whole = read_stream(stream, std::max<std::size_t>(size, 1));
    const Read bytes = read_stream(stream, 1);
    require(whole.failed == bytes.failed && whole.frames.size() == bytes.frames.size());
    for (std::size_t i = 0; i < whole.frames.size(); ++i) {
        require(whole.frames[i].type == bytes.frames[i].type);
        require(whole.frames[i].payload == bytes.frames[i].payload);
        decode_all(whole.frames[i].payload);
    }
    decode_all(stream);
    return 0;
}
