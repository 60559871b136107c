// What the clocks of a zone show at any time, past and to come: tzdata's eras and rules in the
// order they took effect, as zic(8) reads them. Pure; seconds since the epoch.
#pragma once

#include "engine/jsbox/zone_text.hpp"

#include <cstdint>
#include <vector>

namespace sallyport::engine::jsbox::zones {

struct Reading {
    std::int32_t offset_s = 0;  // local time less UTC
    std::int32_t summer_s = 0;  // the part of it that is summer time, never less than 0
    bool operator==(const Reading&) const = default;
};

class ZoneClock {
  public:
    struct Change {
        std::int64_t at_s = 0;
        Reading then;
    };

    explicit ZoneClock(const ZoneSource& source);

    Reading at(std::int64_t unix_s) const;
    // All changes but those that rules without an end will bring after a few years more.
    const std::vector<Change>& changes() const { return changes_; }

  private:
    void add_era(const ZoneSource& source, std::size_t index, std::int64_t& start_s);
    void put_in_order();
    Reading by_endless_rules(std::int64_t unix_s) const;

    Reading first_;
    std::vector<Change> changes_;
    // From `endless_s` on, the only ones in force.
    std::vector<Rule> endless_rules_;
    std::int32_t endless_standard_s_ = 0;
    std::int32_t endless_save_min_s_ = 0;
    std::int64_t endless_s_ = 0;
};

}  // namespace sallyport::engine::jsbox::zones
