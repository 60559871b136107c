// Replies from a byte stream, by hiredis' reader with object functions of our own. The common
// shapes (a line, a number, a few integers) are built in place and nothing is allocated for them;
// any other array is kept as a tree, of bounded size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::store {

// Longest reply we ask for is 1 + 3 a limit of a request integers.
inline constexpr std::size_t kReplyIntegersMax = 32;
// Enough of an error or status to know and to log it.
inline constexpr std::size_t kReplyTextMax = 128;
// Bytes of one unfinished element. Ours have some hundred; what grows beyond is not speaking to us.
inline constexpr std::size_t kReplyBytesMax = 64 * 1024;
// What one tree may hold: a cluster of a thousand nodes, or a page of a list.
inline constexpr std::size_t kReplyNodesMax = 64 * 1024;
inline constexpr std::size_t kReplyTreeBytesMax = 4 * 1024 * 1024;

// For a reader of its own kind, such as the forwarder's, which reads whole deliveries.
struct ReplyLimits {
    std::size_t element_bytes = kReplyBytesMax;
    std::size_t nodes = kReplyNodesMax;
    std::size_t tree_bytes = kReplyTreeBytesMax;
};

enum class ReplyKind : std::uint8_t { integers, integer, status, error, text, nil, array, other };

// One element of a tree, in the order of the wire: an array is followed by its elements.
struct ReplyNode {
    ReplyKind kind = ReplyKind::other;
    std::int64_t integer = 0;  // an integer's value, an array's length
    std::size_t at = 0;        // where the text starts
    std::size_t size = 0;
};

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

    // The tree of an `array`, the outermost array first; empty for every other kind.
    const std::vector<ReplyNode>& nodes() const { return nodes_; }
    std::string_view text_of(const ReplyNode& node) const {
        return std::string_view(arena_).substr(node.at, node.size);
    }

    // For the reader.
    void reset();
    bool grow(ReplyKind kind, std::int64_t integer, std::string_view text);
    bool promote();
    std::int64_t declared = 0;  // length of the outermost array
    ReplyLimits limits;

  private:
    std::array<char, kReplyTextMax> text_{};
    std::size_t text_size_ = 0;
    std::vector<ReplyNode> nodes_;
    std::string arena_;
};

enum class ReadResult : std::uint8_t { reply, more, broken };

class RespReader {
  public:
    explicit RespReader(const ReplyLimits& limits = {});
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
    bool hand_over();
    bool read_integers();

    std::unique_ptr<Reply> reply_;
    std::unique_ptr<Hiredis> hiredis_;
    // What was fed and hiredis has not: whole arrays of integers, the answers to most commands, are
    // read from here.
    std::string fed_;
    std::size_t at_ = 0;
};

}  // namespace sallyport::store
