#include "cli/spool_queue.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::cli {

using store::Reply;
using store::ReplyKind;
using store::SpoolItem;

namespace {

constexpr std::string_view kGroup = store::kSpoolGroup;
constexpr const char* kClaimCount = "100";

// The lock is extended, and given back, by its holder alone.
constexpr std::string_view kExtend =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) "
    "end return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0";
constexpr std::string_view kRelease =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
// Both in one: an entry that is acknowledged but still there would never be read again.
constexpr std::string_view kFinish =
    "redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) return redis.call('XDEL', KEYS[1], ARGV[2])";

}  // namespace

Status SpoolQueue::expect(Result<const Reply*> reply) {
    if (!reply) {
        return reply.error();
    }
    if ((*reply)->kind == ReplyKind::error) {
        return Error{std::string((*reply)->text())};
    }
    return Done{};
}

Status SpoolQueue::open() {
    if (const Status opened = session_.open(); !opened) {
        return opened;
    }
    const auto made = session_.run({"XGROUP", "CREATE", names_.stream, kGroup, "0", "MKSTREAM"});
    if (!made) {
        return made.error();
    }
    if ((*made)->kind == ReplyKind::error && !(*made)->is_error("BUSYGROUP")) {
        return Error{std::string((*made)->text())};
    }
    return Done{};
}

Result<bool> SpoolQueue::hold_lock(std::int64_t life_ms) {
    const std::string life = std::to_string(life_ms);
    const auto reply = session_.run({"EVAL", kExtend, "1", names_.lock, me_, life});
    if (const Status good = expect(reply); !good) {
        return good.error();
    }
    return (*reply)->kind == ReplyKind::integer && (*reply)->integers[0] == 1;
}

void SpoolQueue::release_lock() {
    if (is_open()) {
        // When it fails the lock ends by itself.
        (void)session_.run({"EVAL", kRelease, "1", names_.lock, me_}).ok();
    }
}

Result<std::vector<SpoolItem>> SpoolQueue::claim() {
    std::vector<SpoolItem> out;
    std::string cursor = "0-0";
    do {
        const auto reply = session_.run(
            {"XAUTOCLAIM", names_.stream, kGroup, me_, "0", cursor, "COUNT", kClaimCount});
        if (!reply) {
            return reply.error();
        }
        auto claimed = store::parse_claimed(**reply);
        if (!claimed) {
            return claimed.error();
        }
        cursor = claimed->cursor;
        std::move(claimed->items.begin(), claimed->items.end(), std::back_inserter(out));
    } while (cursor != "0-0");
    return out;
}

Result<std::vector<SpoolItem>> SpoolQueue::read(std::size_t count) {
    const std::string number = std::to_string(count);
    const auto reply = session_.run(
        {"XREADGROUP", "GROUP", kGroup, me_, "COUNT", number, "STREAMS", names_.stream, ">"});
    if (!reply) {
        return reply.error();
    }
    return store::parse_read(**reply);
}

Status SpoolQueue::finished(const SpoolItem& item) {
    return expect(session_.run({"EVAL", kFinish, "1", names_.stream, kGroup, item.id}));
}

Status SpoolQueue::append(const std::string& stream, const SpoolItem& item,
                          const std::string& reason) {
    const std::string at = std::to_string(item.at_ms);
    return expect(session_.run({"XADD", stream, "*", "key", item.key, "order", item.order, "at", at,
                                "method", item.method, "uri", item.uri, "headers", item.headers,
                                "body", item.body, "reason", reason}));
}

// Appended there before it is removed here: what stops in between is there twice, never not at all.
Status SpoolQueue::bury(const SpoolItem& item, const std::string& reason) {
    const Status appended = append(names_.dead, item, reason);
    return appended ? finished(item) : appended;
}

Result<bool> SpoolQueue::empty() {
    const auto reply = session_.run({"XLEN", names_.stream});
    if (const Status good = expect(reply); !good) {
        return good.error();
    }
    return (*reply)->integers[0] == 0;
}

Result<std::vector<SpoolItem>> SpoolQueue::dead(std::size_t count_max) {
    std::vector<SpoolItem> out;
    std::string from = "-";
    while (out.size() < count_max) {
        const auto reply = session_.run({"XRANGE", names_.dead, from, "+", "COUNT", kClaimCount});
        if (!reply) {
            return reply.error();
        }
        auto page = store::parse_entries(**reply);
        if (!page) {
            return page.error();
        }
        if (page->empty()) {
            break;
        }
        from = "(" + page->back().id;
        std::move(page->begin(), page->end(), std::back_inserter(out));
    }
    return out;
}

Status SpoolQueue::revive(const SpoolItem& item) {
    const Status appended = append(names_.stream, item, "");
    return appended ? drop_dead(item) : appended;
}

Status SpoolQueue::drop_dead(const SpoolItem& item) {
    return expect(session_.run({"XDEL", names_.dead, item.id}));
}

}  // namespace sallyport::cli
