// What engine and sandbox worker say to each other over their one socket.
//
// A frame is a 4-byte little-endian payload length, one type byte, and the payload. Integers are
// little-endian, texts a 4-byte length and bytes. The engine takes every byte from a worker for
// hostile: lengths are capped before anything is stored, unknown types and trailing bytes are
// errors, and an error ends the worker. This file is shared with the worker and must stay free of
// the engine's libraries.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine::jsbox {

inline constexpr std::uint32_t kProtocolVersion = 2;
inline constexpr std::size_t kFrameHeaderBytes = 5;

// Source of a code step. A bundle larger than this does not belong into a step of tier js.
inline constexpr std::size_t kCodeBytesMax = 4u << 20;
// Whose run it is; longer names are left out.
inline constexpr std::size_t kTenantBytesMax = 128;
// Inputs of a step; parsed, they must also fit into the sandbox's memory.
inline constexpr std::size_t kInputBytesMax = 16u << 20;
// The most that a run may return, whatever it asks for.
inline constexpr std::size_t kOutputBytesMax = 16u << 20;
// Name, message and stack of an error: enough to read, too little to flood a run record.
inline constexpr std::size_t kErrorBytesMax = 8u << 10;
// What a run may print; more is cut with a note.
inline constexpr std::size_t kConsoleBytesMax = 64u << 10;
// The memory of a run, all of it. Less leaves no room beside the engine's own stack and data; more
// is a job for a step that is not of tier js.
inline constexpr std::size_t kMemoryBytesMin = 24u << 20;
inline constexpr std::size_t kMemoryBytesMax = 256u << 20;
// One outgoing request: its method, address and header fields as JSON, and its body.
inline constexpr std::size_t kFetchHeadBytesMax = 256u << 10;
inline constexpr std::size_t kFetchBodyBytesMax = 8u << 20;

// The largest payloads each side may send, from the parts above and their lengths.
inline constexpr std::size_t kToWorkerBytesMax =
    kCodeBytesMax + kInputBytesMax + kTenantBytesMax + 4096;
inline constexpr std::size_t kFromWorkerBytesMax =
    kOutputBytesMax + 2 * kErrorBytesMax + kConsoleBytesMax + 4096;

enum class FrameType : std::uint8_t {
    hello = 1,        // worker: the snapshot stands, runs may come
    run = 2,          // engine
    fetch = 3,        // worker: one outgoing request of the current run
    fetch_reply = 4,  // engine
    result = 5,       // worker: the current run is over
};

enum class RunKind : std::uint8_t {
    code = 0,        // an ES module that exports `code`
    expression = 1,  // `code` is a JSON array of expressions, `input` their scope
    piece = 2,       // of nodebox alone: `code` is a task as JSON
};

enum class RunStatus : std::uint8_t {
    ok = 0,
    error = 1,
    timeout = 2,
    memory_limit = 3,
    crashed = 4,
    output_limit = 5,
};
inline constexpr std::uint8_t kRunStatusMax = 5;

struct Frame {
    FrameType type = FrameType::hello;
    std::string payload;
};

// Cuts a byte stream into frames. After an error it stays in error: the stream is lost.
class FrameReader {
  public:
    explicit FrameReader(std::size_t payload_bytes_max) : payload_bytes_max_(payload_bytes_max) {}

    enum class State { need_more, frame, error };
    void feed(const char* data, std::size_t size);
    // Moves the next whole frame into `frame` when there is one.
    State next(Frame& frame);
    // How many bytes the frame in progress still needs, at least 1.
    std::size_t bytes_wanted() const;
    bool idle() const { return buffer_.empty(); }

  private:
    std::size_t payload_bytes_max_;
    bool failed_ = false;
    std::string buffer_;
};

struct RunFrame {
    std::uint64_t run_id = 0;
    RunKind kind = RunKind::code;
    std::uint32_t time_limit_ms = 0;
    std::uint32_t memory_bytes_max = 0;
    std::uint32_t output_bytes_max = 0;
    std::array<std::uint32_t, 4> random_seed{};  // of Math.random, which is not for secrets
    bool fetch_allowed = false;
    std::string tenant;  // empty: nothing of the run is kept, not even its compiled code
    std::string code;
    std::string input;  // JSON
};

struct FetchFrame {
    std::uint64_t run_id = 0;
    std::uint32_t call_id = 0;
    std::string head;  // JSON: {"url","method","headers":[[name,value]…],"redirect"}
    std::string body;
};

struct FetchReplyFrame {
    std::uint64_t run_id = 0;
    std::uint32_t call_id = 0;
    bool ok = false;
    std::string head;  // ok: JSON {"status","statusText","url","headers"}; else why it failed
    std::string body;
};

struct ResultFrame {
    std::uint64_t run_id = 0;
    RunStatus status = RunStatus::error;
    bool retiring = false;  // the worker ends after this frame
    std::string value;      // JSON; empty unless ok
    std::string error;
    std::string stack;
    std::string console;
};

struct HelloFrame {
    std::uint32_t version = kProtocolVersion;
    std::uint32_t snapshot_bytes = 0;
};

// Whole frames, header included, ready to be written.
std::string encode(const HelloFrame& frame);
std::string encode(const RunFrame& frame);
std::string encode(const FetchFrame& frame);
std::string encode(const FetchReplyFrame& frame);
std::string encode(const ResultFrame& frame);

// nullopt for anything but exactly one well-formed payload within the caps above.
std::optional<HelloFrame> decode_hello(std::string_view payload);
std::optional<RunFrame> decode_run(std::string_view payload);
std::optional<FetchFrame> decode_fetch(std::string_view payload);
std::optional<FetchReplyFrame> decode_fetch_reply(std::string_view payload);
std::optional<ResultFrame> decode_result(std::string_view payload);

}  // namespace sallyport::engine::jsbox
