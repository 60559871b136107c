// Which of the spooled deliveries may be sent now. Pure: the time is an argument.
//
// Deliveries of one order are sent one after the other, in the order of the stream; different
// orders do not wait for each other. An upstream that is down stops everything for a while; a
// delivery that the upstream refuses holds up only its own order, and is given up after some
// attempts.
#pragma once

#include "module/store/webhook_spool_commands.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace sallyport::store {

enum class Delivered : std::uint8_t {
    done,     // 2xx
    down,     // no connection, a time-out, 429, 502, 503, 504: not the delivery's fault
    refused,  // any other answer
};
Delivered delivered_by_status(long status);

class SpoolPlan {
  public:
    // A delivery is given up after so many refusals.
    explicit SpoolPlan(unsigned attempts_max) : attempts_max_(attempts_max) {}

    void add(SpoolItem item);
    // The next delivery that may go: it is under way until settle() names its order. Null: none.
    const SpoolItem* next(std::int64_t now_ms);

    enum class After : std::uint8_t {
        forget,  // delivered: acknowledge it
        keep,    // it will be tried again
        bury,    // given up: a dead letter
    };
    // The item leaves with `forget` and `bury`. REQUIRES: next() gave an item of this order.
    After settle(const std::string& order, Delivered outcome, std::int64_t now_ms);
    // What was taken out by the last settle().
    const SpoolItem& settled() const { return settled_; }

    // Nothing is known any more, nothing is under way: the stream is read anew.
    void clear();

    std::size_t size() const { return size_; }
    std::size_t bytes() const { return bytes_; }
    std::size_t under_way() const { return under_way_; }
    // False while nothing may go because the upstream is down.
    bool upstream_ready(std::int64_t now_ms) const { return now_ms >= quiet_until_ms_; }

  private:
    struct Lane {
        std::deque<SpoolItem> items;
        bool under_way = false;
        unsigned attempts = 0;
        std::int64_t quiet_until_ms = 0;
    };

    unsigned attempts_max_;
    std::map<std::string, Lane> lanes_;
    std::string last_;  // the order that went last: the others come first
    SpoolItem settled_;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
    std::size_t under_way_ = 0;
    unsigned failures_ = 0;  // of the upstream, in a row
    std::int64_t quiet_until_ms_ = 0;
};

}  // namespace sallyport::store
