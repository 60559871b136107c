// Replies from a byte stream, by hiredis' reader with object functions of our own: a reply is built
// in place, nothing is allocated for it. Knows the shapes we ask for; everything else is `other`.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace sallyport::store {

// Longest reply we ask for is 1 + limits a request integers.
inline constexpr std::size_t kReplyIntegersMax = 16;
// Enough of an error or status to know and to log it.
inline constexpr std::size_t kReplyTextMax = 128;
// Bytes of one unfinished reply. Ours have some hundred; what grows beyond is not speaking to us.
inline constexpr std::size_t kReplyBytesMax = 64 * 1024;

enum class ReplyKind : std::uint8_t { integers, integer, status, error, text, nil, other };

class Reply {
  public:
    ReplyKind kind = ReplyKind::other;
    std::size_t count = 0;  // integers in use
    std::array<std::int64_t, kReplyIntegersMax> integers{};

    // Cut to kReplyTextMax.
    std::string_view text() const { return {text_.data(), text_size_}; }
    bool is_error(std::string_view code) const {
        return kind == ReplyKind::error && text().starts_with(code);
    }
    void set_text(std::string_view text);

  private:
    std::array<char, kReplyTextMax> text_{};
    std::size_t text_size_ = 0;
};

enum class ReadResult : std::uint8_t { reply, more, broken };

class RespReader {
  public:
    RespReader();
    ~RespReader();
    RespReader(const RespReader&) = delete;
    RespReader& operator=(const RespReader&) = delete;

    // False when the stream is broken: close the connection.
    [[nodiscard]] bool feed(std::string_view bytes);
    // The next whole reply goes to reply(), valid until the next call.
    ReadResult next();
    const Reply& reply() const { return *reply_; }

  private:
    struct Hiredis;
    std::unique_ptr<Reply> reply_;
    std::unique_ptr<Hiredis> hiredis_;
};

}  // namespace sallyport::store
