#include "engine/jsbox/protocol.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

namespace sallyport::engine::jsbox {
namespace {

class Writer {
  public:
    explicit Writer(FrameType type, std::size_t expected_bytes = 64) {
        out_.reserve(kFrameHeaderBytes + expected_bytes);
        out_.assign(kFrameHeaderBytes, '\0');
        out_[4] = static_cast<char>(type);
    }

    template <typename T>
    Writer& number(T value) {
        static_assert(std::is_integral_v<T>);
        auto bits = static_cast<std::make_unsigned_t<T>>(value);
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            out_.push_back(static_cast<char>((bits >> (8 * i)) & 0xff));
        }
        return *this;
    }
    Writer& text(std::string_view value) {
        number(static_cast<std::uint32_t>(value.size()));
        out_.append(value);
        return *this;
    }
    std::string finish() {
        const auto size = static_cast<std::uint32_t>(out_.size() - kFrameHeaderBytes);
        for (std::size_t i = 0; i < 4; ++i) {
            out_[i] = static_cast<char>((size >> (8 * i)) & 0xff);
        }
        return std::move(out_);
    }

  private:
    std::string out_;
};

// Reads past the end yield zeros and leave `good()` false.
class Reader {
  public:
    explicit Reader(std::string_view in) : in_(in) {}

    template <typename T>
    T number() {
        static_assert(std::is_integral_v<T>);
        if (in_.size() < sizeof(T)) {
            good_ = false;
            return 0;
        }
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            bits |= std::uint64_t{static_cast<unsigned char>(in_[i])} << (8 * i);
        }
        in_.remove_prefix(sizeof(T));
        return static_cast<T>(bits);
    }
    bool flag() {
        const auto value = number<std::uint8_t>();
        good_ = good_ && value <= 1;
        return value == 1;
    }
    std::string text(std::size_t bytes_max) {
        const auto size = number<std::uint32_t>();
        if (!good_ || size > bytes_max || size > in_.size()) {
            good_ = false;
            return {};
        }
        std::string value(in_.substr(0, size));
        in_.remove_prefix(size);
        return value;
    }
    void require(bool condition) { good_ = good_ && condition; }
    bool good_to_the_end() const { return good_ && in_.empty(); }

  private:
    std::string_view in_;
    bool good_ = true;
};

}  // namespace

void FrameReader::feed(const char* data, std::size_t size) {
    if (!failed_) {
        buffer_.append(data, size);
    }
}

std::size_t FrameReader::bytes_wanted() const {
    if (buffer_.size() < kFrameHeaderBytes) {
        return kFrameHeaderBytes - buffer_.size();
    }
    Reader header{std::string_view(buffer_).substr(0, 4)};
    const std::size_t whole = kFrameHeaderBytes + header.number<std::uint32_t>();
    return whole > buffer_.size() ? whole - buffer_.size() : 1;
}

FrameReader::State FrameReader::next(Frame& frame) {
    if (failed_) {
        return State::error;
    }
    if (buffer_.size() < kFrameHeaderBytes) {
        return State::need_more;
    }
    Reader header{std::string_view(buffer_).substr(0, kFrameHeaderBytes)};
    const std::size_t size = header.number<std::uint32_t>();
    const auto type = header.number<std::uint8_t>();
    if (size > payload_bytes_max_ || type < static_cast<std::uint8_t>(FrameType::hello) ||
        type > static_cast<std::uint8_t>(FrameType::result)) {
        failed_ = true;
        buffer_.clear();
        return State::error;
    }
    if (buffer_.size() < kFrameHeaderBytes + size) {
        return State::need_more;
    }
    frame.type = static_cast<FrameType>(type);
    frame.payload.assign(buffer_, kFrameHeaderBytes, size);
    buffer_.erase(0, kFrameHeaderBytes + size);
    return State::frame;
}

std::string encode(const HelloFrame& frame) {
    return Writer(FrameType::hello).number(frame.version).number(frame.snapshot_bytes).finish();
}

std::string encode(const RunFrame& frame) {
    Writer out(FrameType::run, 96 + frame.tenant.size() + frame.code.size() + frame.input.size());
    out.number(frame.run_id).number(static_cast<std::uint8_t>(frame.kind));
    out.number(frame.time_limit_ms).number(frame.memory_bytes_max).number(frame.output_bytes_max);
    for (const std::uint32_t word : frame.random_seed) {
        out.number(word);
    }
    out.number(static_cast<std::uint8_t>(frame.fetch_allowed));
    return out.text(frame.tenant).text(frame.code).text(frame.input).finish();
}

std::string encode(const FetchFrame& frame) {
    Writer out(FrameType::fetch, 32 + frame.head.size() + frame.body.size());
    return out.number(frame.run_id)
        .number(frame.call_id)
        .text(frame.head)
        .text(frame.body)
        .finish();
}

std::string encode(const FetchReplyFrame& frame) {
    Writer out(FrameType::fetch_reply, 32 + frame.head.size() + frame.body.size());
    out.number(frame.run_id).number(frame.call_id).number(static_cast<std::uint8_t>(frame.ok));
    return out.text(frame.head).text(frame.body).finish();
}

std::string encode(const ResultFrame& frame) {
    Writer out(FrameType::result, 64 + frame.value.size() + frame.error.size() +
                                      frame.stack.size() + frame.console.size());
    out.number(frame.run_id).number(static_cast<std::uint8_t>(frame.status));
    out.number(static_cast<std::uint8_t>(frame.retiring));
    return out.text(frame.value).text(frame.error).text(frame.stack).text(frame.console).finish();
}

std::optional<HelloFrame> decode_hello(std::string_view payload) {
    Reader in(payload);
    HelloFrame frame;
    frame.version = in.number<std::uint32_t>();
    frame.snapshot_bytes = in.number<std::uint32_t>();
    in.require(frame.version == kProtocolVersion);
    return in.good_to_the_end() ? std::optional(frame) : std::nullopt;
}

std::optional<RunFrame> decode_run(std::string_view payload) {
    Reader in(payload);
    RunFrame frame;
    frame.run_id = in.number<std::uint64_t>();
    const auto kind = in.number<std::uint8_t>();
    in.require(kind <= static_cast<std::uint8_t>(RunKind::expression));
    frame.kind = static_cast<RunKind>(kind);
    frame.time_limit_ms = in.number<std::uint32_t>();
    frame.memory_bytes_max = in.number<std::uint32_t>();
    in.require(frame.memory_bytes_max >= kMemoryBytesMin &&
               frame.memory_bytes_max <= kMemoryBytesMax);
    frame.output_bytes_max = in.number<std::uint32_t>();
    for (std::uint32_t& word : frame.random_seed) {
        word = in.number<std::uint32_t>();
    }
    frame.fetch_allowed = in.flag();
    frame.tenant = in.text(kTenantBytesMax);
    frame.code = in.text(kCodeBytesMax);
    frame.input = in.text(kInputBytesMax);
    return in.good_to_the_end() ? std::optional(std::move(frame)) : std::nullopt;
}

std::optional<FetchFrame> decode_fetch(std::string_view payload) {
    Reader in(payload);
    FetchFrame frame;
    frame.run_id = in.number<std::uint64_t>();
    frame.call_id = in.number<std::uint32_t>();
    frame.head = in.text(kFetchHeadBytesMax);
    frame.body = in.text(kFetchBodyBytesMax);
    return in.good_to_the_end() ? std::optional(std::move(frame)) : std::nullopt;
}

std::optional<FetchReplyFrame> decode_fetch_reply(std::string_view payload) {
    Reader in(payload);
    FetchReplyFrame frame;
    frame.run_id = in.number<std::uint64_t>();
    frame.call_id = in.number<std::uint32_t>();
    frame.ok = in.flag();
    frame.head = in.text(kFetchHeadBytesMax);
    frame.body = in.text(kFetchBodyBytesMax);
    return in.good_to_the_end() ? std::optional(std::move(frame)) : std::nullopt;
}

std::optional<ResultFrame> decode_result(std::string_view payload) {
    Reader in(payload);
    ResultFrame frame;
    frame.run_id = in.number<std::uint64_t>();
    const auto status = in.number<std::uint8_t>();
    in.require(status <= kRunStatusMax);
    frame.status = static_cast<RunStatus>(status);
    frame.retiring = in.flag();
    frame.value = in.text(kOutputBytesMax);
    frame.error = in.text(kErrorBytesMax);
    frame.stack = in.text(kErrorBytesMax);
    frame.console = in.text(kConsoleBytesMax);
    return in.good_to_the_end() ? std::optional(std::move(frame)) : std::nullopt;
}

}  // namespace sallyport::engine::jsbox
