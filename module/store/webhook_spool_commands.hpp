// Deliveries that wait in a Redis stream for an upstream that is down: names, entries, commands.
// The gateway appends, `sallyport forward` delivers; both know the layout from here alone.
#pragma once

#include "common/result.hpp"
#include "module/store/redis_script.hpp"
#include "module/store/resp_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::store {

const RedisScript& webhook_spool_script();

// All keys of one spool share the words in braces, and so a cluster's slot.
struct SpoolNames {
    explicit SpoolNames(std::string_view stream);
    std::string stream;
    std::string dead;  // deliveries that were given up
    std::string lock;  // held by the one forwarder that delivers
};
inline constexpr std::string_view kSpoolGroup = "sallyport";

struct SpoolEntry {
    std::string_view key;    // the idempotency key
    std::string_view order;  // entries of one order are delivered one after the other
    std::int64_t at_ms = 0;  // when it was received
    std::string_view method;
    std::string_view uri;      // path and query
    std::string_view headers;  // "Name: value\r\n" each
    std::string_view body;
};
void append_spool(std::string& out, const SpoolNames& names, std::uint64_t entries_max,
                  const SpoolEntry& entry);

// An entry as it is read back.
struct SpoolItem {
    std::string id;
    std::string key;
    std::string order;
    std::int64_t at_ms = 0;
    std::string method;
    std::string uri;
    std::string headers;
    std::string body;
    std::string reason;  // of a dead letter: why it was given up

    std::size_t bytes() const { return headers.size() + body.size() + uri.size(); }
};
// Replies of XRANGE (a list of entries), XREADGROUP (that list below its stream, or nil) and
// XAUTOCLAIM (that list behind a cursor).
Result<std::vector<SpoolItem>> parse_entries(const Reply& reply);
struct ClaimedEntries {
    std::string cursor;  // 0-0: there are no more
    std::vector<SpoolItem> items;
};
Result<std::vector<SpoolItem>> parse_read(const Reply& reply);
Result<ClaimedEntries> parse_claimed(const Reply& reply);

}  // namespace sallyport::store
