#include "module/store/tenant_table_commands.hpp"

#include "module/store/resp_writer.hpp"
#include "tenant_table_script_text.hpp"

namespace sallyport::store {

std::string tenant_table_key(std::string_view table) {
    return "sallyport:{table}:" + std::string(table);
}

const RedisScript& tenant_table_script() {
    static const RedisScript script({kTenantTableScriptText, sizeof kTenantTableScriptText - 1});
    return script;
}

void append_tenant_table(std::string& out, std::string_view table, std::string_view known) {
    RespWriter(out)
        .command(6)
        .word("EVALSHA")
        .word(tenant_table_script().sha)
        .word(std::int64_t{1})
        .word(tenant_table_key(table))
        .word(known.empty() ? std::string_view("-") : known)
        .word(static_cast<std::int64_t>(kTenantTableRedisBytesMax));
}

std::optional<TenantTableReply> parse_tenant_table(const Reply& reply, std::string_view known) {
    using Kind = TenantTableReply::Kind;
    const auto& nodes = reply.nodes();
    if (reply.kind != ReplyKind::array || nodes.size() < 2 || nodes[1].kind != ReplyKind::text) {
        return std::nullopt;
    }
    TenantTableReply out;
    out.digest = reply.text_of(nodes[1]);
    if (out.digest == "absent" || out.digest == "large") {
        out.kind = out.digest == "absent" ? Kind::absent : Kind::too_large;
        return out;
    }
    if (out.digest == known) {
        out.kind = Kind::same;
        return out;
    }
    out.kind = Kind::changed;
    for (std::size_t i = 2; i < nodes.size(); ++i) {
        if (nodes[i].kind != ReplyKind::text) {
            return std::nullopt;
        }
        out.text += reply.text_of(nodes[i]);
    }
    return out;
}

}  // namespace sallyport::store
