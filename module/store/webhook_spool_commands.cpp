#include "module/store/webhook_spool_commands.hpp"

#include "common/bytes.hpp"
#include "module/store/resp_writer.hpp"
#include "webhook_spool_script_text.hpp"

#include <utility>

namespace sallyport::store {
namespace {

// Reads a reply's tree from front to back.
class SpoolWalk {
  public:
    explicit SpoolWalk(const Reply& reply) : reply_(reply) {}

    const ReplyNode* next() {
        return at_ < reply_.nodes().size() ? &reply_.nodes()[at_++] : nullptr;
    }
    bool text(std::string& out) {
        const ReplyNode* node = next();
        if (node == nullptr || node->kind != ReplyKind::text) {
            return false;
        }
        out = reply_.text_of(*node);
        return true;
    }

  private:
    const Reply& reply_;
    std::size_t at_ = 0;
};

void set_field(SpoolItem& item, std::string_view name, std::string value) {
    const std::pair<std::string_view, std::string*> fields[] = {
        {"key", &item.key},       {"order", &item.order}, {"method", &item.method},
        {"uri", &item.uri},       {"body", &item.body},   {"headers", &item.headers},
        {"reason", &item.reason},
    };
    for (const auto& [known, field] : fields) {
        if (known == name) {
            *field = std::move(value);
            return;
        }
    }
    if (name == "at") {
        item.at_ms = static_cast<std::int64_t>(parse_u64(value).value_or(0));
    }
}

// [id, [name, value, …]]; an entry that was deleted meanwhile is nil, or has nil for its fields.
bool read_entry(SpoolWalk& walk, std::vector<SpoolItem>& out) {
    const ReplyNode* entry = walk.next();
    if (entry == nullptr) {
        return false;
    }
    if (entry->kind == ReplyKind::nil) {
        return true;
    }
    SpoolItem item;
    if (entry->kind != ReplyKind::array || entry->integer != 2 || !walk.text(item.id)) {
        return false;
    }
    const ReplyNode* fields = walk.next();
    if (fields == nullptr) {
        return false;
    }
    if (fields->kind == ReplyKind::nil) {
        return true;
    }
    if (fields->kind != ReplyKind::array || fields->integer % 2 != 0) {
        return false;
    }
    for (std::int64_t i = 0; i < fields->integer; i += 2) {
        std::string name;
        std::string value;
        if (!walk.text(name) || !walk.text(value)) {
            return false;
        }
        set_field(item, name, std::move(value));
    }
    out.push_back(std::move(item));
    return true;
}

bool read_list(SpoolWalk& walk, std::vector<SpoolItem>& out) {
    const ReplyNode* list = walk.next();
    if (list == nullptr || list->kind != ReplyKind::array) {
        return false;
    }
    for (std::int64_t i = 0; i < list->integer; ++i) {
        if (!read_entry(walk, out)) {
            return false;
        }
    }
    return true;
}

Error strange(const Reply& reply) {
    return Error{reply.kind == ReplyKind::error ? std::string(reply.text())
                                                : std::string("Redis gives a strange reply")};
}

bool is_empty(const Reply& reply) {
    return reply.kind == ReplyKind::nil ||
           (reply.kind == ReplyKind::integers && reply.declared == 0);
}

}  // namespace

const RedisScript& webhook_spool_script() {
    static const RedisScript script({kWebhookSpoolScriptText, sizeof kWebhookSpoolScriptText - 1});
    return script;
}

SpoolNames::SpoolNames(std::string_view name)
    : stream("sallyport:{spool:" + std::string(name) + "}"),
      dead(stream + ":dead"),
      lock(stream + ":lock") {}

void append_spool(std::string& out, const SpoolNames& names, std::uint64_t entries_max,
                  const SpoolEntry& entry) {
    RespWriter(out)
        .command(5 + 14)
        .word("EVALSHA")
        .word(webhook_spool_script().sha)
        .word(std::int64_t{1})
        .word(names.stream)
        .word(static_cast<std::int64_t>(entries_max))
        .word("key")
        .word(entry.key)
        .word("order")
        .word(entry.order)
        .word("at")
        .word(entry.at_ms)
        .word("method")
        .word(entry.method)
        .word("uri")
        .word(entry.uri)
        .word("headers")
        .word(entry.headers)
        .word("body")
        .word(entry.body);
}

Result<std::vector<SpoolItem>> parse_entries(const Reply& reply) {
    std::vector<SpoolItem> out;
    if (is_empty(reply)) {
        return out;
    }
    SpoolWalk walk(reply);
    if (reply.kind != ReplyKind::array || !read_list(walk, out)) {
        return strange(reply);
    }
    return out;
}

// [[stream, [entry, …]]]
Result<std::vector<SpoolItem>> parse_read(const Reply& reply) {
    std::vector<SpoolItem> out;
    if (is_empty(reply)) {
        return out;
    }
    SpoolWalk walk(reply);
    const ReplyNode* streams = reply.kind == ReplyKind::array ? walk.next() : nullptr;
    const ReplyNode* stream = streams == nullptr ? nullptr : walk.next();
    std::string name;
    if (stream == nullptr || stream->kind != ReplyKind::array || stream->integer != 2 ||
        !walk.text(name) || !read_list(walk, out)) {
        return strange(reply);
    }
    return out;
}

// [cursor, [entry, …], …]
Result<ClaimedEntries> parse_claimed(const Reply& reply) {
    ClaimedEntries out;
    SpoolWalk walk(reply);
    const ReplyNode* whole = reply.kind == ReplyKind::array ? walk.next() : nullptr;
    if (whole == nullptr || whole->integer < 2 || !walk.text(out.cursor) ||
        !read_list(walk, out.items)) {
        return strange(reply);
    }
    return out;
}

}  // namespace sallyport::store
