#include "module/store/ip_list_commands.hpp"

#include "ip_list_script_text.hpp"
#include "module/store/resp_writer.hpp"

namespace sallyport::store {
namespace {

constexpr std::int64_t kPieceBytes = 32 * 1024;
constexpr std::int64_t kPieceMembers = 500;

}  // namespace

std::string list_version_key(std::string_view key) {
    return std::string(key) + ":version";
}

const RedisScript& ip_list_script() {
    static const RedisScript script({kIpListScriptText, sizeof kIpListScriptText - 1});
    return script;
}

// MGET, because a key that holds something else is then as good as none.
void append_list_version(std::string& out, std::string_view version_key) {
    RespWriter(out).command(2).word("MGET").word(version_key);
}

void append_list_piece(std::string& out, std::string_view key, std::string_view cursor) {
    RespWriter(out)
        .command(7)
        .word("EVALSHA")
        .word(ip_list_script().sha)
        .word(std::int64_t{1})
        .word(key)
        .word(cursor)
        .word(kPieceBytes)
        .word(kPieceMembers);
}

std::optional<ListVersion> parse_list_version(const Reply& reply) {
    const auto& nodes = reply.nodes();
    if (reply.kind != ReplyKind::array || nodes.size() != 2) {
        return std::nullopt;
    }
    if (nodes[1].kind == ReplyKind::nil) {
        return ListVersion{};
    }
    if (nodes[1].kind != ReplyKind::text || nodes[1].size > kListVersionBytesMax) {
        return std::nullopt;
    }
    return ListVersion{true, std::string(reply.text_of(nodes[1]))};
}

std::optional<ListPiece> parse_list_piece(const Reply& reply) {
    const auto& nodes = reply.nodes();
    if (reply.kind != ReplyKind::array || nodes.size() != 4 || nodes[1].kind != ReplyKind::text ||
        nodes[2].kind != ReplyKind::text || nodes[3].kind != ReplyKind::text) {
        return std::nullopt;
    }
    return ListPiece{reply.text_of(nodes[1]), reply.text_of(nodes[2]), reply.text_of(nodes[3])};
}

}  // namespace sallyport::store
