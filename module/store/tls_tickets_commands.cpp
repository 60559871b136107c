#include "module/store/tls_tickets_commands.hpp"

#include "module/store/resp_writer.hpp"
#include "tls_tickets_script_text.hpp"

namespace sallyport::store {

const RedisScript& tls_tickets_script() {
    static const RedisScript script({kTlsTicketsScriptText, sizeof kTlsTicketsScriptText - 1});
    return script;
}

std::string tls_tickets_key(std::string_view name) {
    return "sallyport:{tls-tickets:" + std::string(name) + "}";
}

void append_tls_tickets(std::string& out, const TlsTicketsQuestion& question) {
    RespWriter(out)
        .command(8)
        .word("EVALSHA")
        .word(tls_tickets_script().sha)
        .word(std::int64_t{1})
        .word(question.key)
        .word(question.rotate_ms)
        .word(question.remember_ms)
        .word(question.seen)
        .word(question.put);
}

std::optional<TlsTicketsAnswer> parse_tls_tickets(const Reply& reply) {
    const auto& nodes = reply.nodes();
    if (reply.kind != ReplyKind::array || nodes.size() != 3 || nodes[0].integer != 2 ||
        nodes[1].kind != ReplyKind::text || nodes[2].kind != ReplyKind::integer) {
        return std::nullopt;
    }
    return TlsTicketsAnswer{std::string(reply.text_of(nodes[1])), nodes[2].integer == 1};
}

}  // namespace sallyport::store
