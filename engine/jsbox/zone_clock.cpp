#include "engine/jsbox/zone_clock.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace sallyport::engine::jsbox::zones {
namespace {

// The calendar repeats.
constexpr std::int64_t kCycleSeconds = std::int64_t{146'097} * 86'400;

int year_of(std::int64_t unix_s) {
    using namespace std::chrono;
    return static_cast<int>(year_month_day(floor<days>(sys_seconds(seconds(unix_s)))).year());
}

// What the clock in question shows, as UTC.
std::int64_t as_utc(std::int64_t shown_s, ClockKind clock, std::int32_t standard_s,
                    std::int32_t save_s) {
    return shown_s - (clock == ClockKind::universal ? 0 : standard_s) -
           (clock == ClockKind::wall ? save_s : 0);
}

struct Years {
    int first;
    int last;
};

// Tells `each` what the rules change in the years, in order, until it answers false: when, the
// summer time from then on, and that before.
template <typename Each>
void walk(const std::vector<Rule>& rules, Years years, std::int32_t standard_s, Each each) {
    std::int32_t save_s = 0;
    std::vector<const Rule*> due;
    for (int year = years.first; year <= years.last; ++year) {
        due.clear();
        for (const Rule& rule : rules) {
            if (rule.from_year <= year && year <= rule.to_year) {
                due.push_back(&rule);
            }
        }
        while (!due.empty()) {
            // Which is next depends on the clock that the last one set.
            std::int64_t next_s = std::numeric_limits<std::int64_t>::max();
            auto next = due.begin();
            for (auto one = due.begin(); one != due.end(); ++one) {
                const std::int64_t at = as_utc(moment_of((*one)->day, year, (*one)->time_s),
                                               (*one)->clock, standard_s, save_s);
                if (at < next_s) {
                    next_s = at;
                    next = one;
                }
            }
            const std::int32_t next_save_s = (*next)->save_s;
            due.erase(next);
            if (!each(next_s, next_save_s, save_s)) {
                return;
            }
            save_s = next_save_s;
        }
    }
}

int first_year(const std::vector<Rule>& rules) {
    int year = rules.front().from_year;
    for (const Rule& rule : rules) {
        year = std::min(year, rule.from_year);
    }
    return year;
}

// The first in which nothing but rules without an end are left.
int settled_year(const std::vector<Rule>& rules) {
    int year = 1970;
    for (const Rule& rule : rules) {
        year = std::max(year, (rule.to_year == kForever ? rule.from_year : rule.to_year) + 1);
    }
    return year;
}

}  // namespace

ZoneClock::ZoneClock(const ZoneSource& source) {
    std::int64_t start_s = std::numeric_limits<std::int64_t>::min();
    for (std::size_t i = 0; i < source.eras.size(); ++i) {
        add_era(source, i, start_s);
    }
    put_in_order();
}

// `start_s`: when the era begins, and then the next one.
void ZoneClock::add_era(const ZoneSource& source, std::size_t index, std::int64_t& start_s) {
    const Era& era = source.eras[index];
    const bool is_first = index == 0;
    const bool is_last = index + 1 == source.eras.size();
    const auto end_s = [&era](std::int32_t save) {
        return as_utc(era.until_s, era.until_clock, era.standard_s, save);
    };
    std::int32_t save_s = era.save_s;
    std::int32_t start_save_s = era.save_s;
    std::int32_t least_save_s = 0;
    bool begins_between_rules = true;
    const std::size_t first_change = changes_.size();
    if (era.rules >= 0) {
        const auto& rules = source.rules[static_cast<std::size_t>(era.rules)];
        int last_year = era.until_year;
        if (is_last) {
            last_year =
                std::max(settled_year(rules), is_first ? 0 : source.eras[index - 1].until_year + 1);
        }
        save_s = start_save_s = 0;
        walk(rules, {first_year(rules), last_year}, era.standard_s,
             [&](std::int64_t at_s, std::int32_t next_s, std::int32_t now_s) {
                 if (!is_last && at_s >= end_s(now_s)) {
                     return false;
                 }
                 save_s = next_s;
                 if (!is_first && at_s < start_s) {
                     start_save_s = next_s;
                     return true;
                 }
                 begins_between_rules = begins_between_rules && at_s != start_s;
                 least_save_s = std::min(least_save_s, next_s);
                 changes_.push_back({at_s, {era.standard_s + next_s, next_s}});
                 return true;
             });
        if (is_last) {
            std::copy_if(rules.begin(), rules.end(), std::back_inserter(endless_rules_),
                         [](const Rule& rule) { return rule.to_year == kForever; });
            endless_s_ = moment_of({}, last_year + 1, 0);
            endless_standard_s_ = era.standard_s;
        }
    }
    const Reading at_start{era.standard_s + start_save_s, start_save_s};
    if (is_first) {
        first_ = at_start;
    } else if (begins_between_rules) {
        least_save_s = std::min(least_save_s, start_save_s);
        changes_.push_back({start_s, at_start});
    }
    // Where clocks are put back in winter instead, summer is when they are not.
    for (std::size_t i = first_change; i < changes_.size(); ++i) {
        changes_[i].then.summer_s -= least_save_s;
    }
    endless_save_min_s_ = least_save_s;
    if (!is_last) {
        start_s = end_s(save_s);
    }
}

void ZoneClock::put_in_order() {
    std::stable_sort(changes_.begin(), changes_.end(),
                     [](const Change& a, const Change& b) { return a.at_s < b.at_s; });
    std::vector<Change> out;
    for (const Change& change : changes_) {
        const std::size_t size = out.size();
        const Reading& last = size > 0 ? out[size - 1].then : first_;
        const Reading& before = size > 1 ? out[size - 2].then : first_;
        // The clocks would not have got to the last one's time yet: it never showed.
        if (size > 0 && change.at_s + last.offset_s <= out[size - 1].at_s + before.offset_s) {
            out.back().then = change.then;
        } else if (!(change.then == last)) {
            out.push_back(change);
        }
    }
    out.shrink_to_fit();
    changes_ = std::move(out);
}

Reading ZoneClock::at(std::int64_t unix_s) const {
    if (!endless_rules_.empty() && unix_s >= endless_s_) {
        return by_endless_rules(unix_s);
    }
    const auto next =
        std::upper_bound(changes_.begin(), changes_.end(), unix_s,
                         [](std::int64_t at, const Change& change) { return at < change.at_s; });
    return next == changes_.begin() ? first_ : std::prev(next)->then;
}

Reading ZoneClock::by_endless_rules(std::int64_t unix_s) const {
    const std::int64_t folded = endless_s_ + (unix_s - endless_s_) % kCycleSeconds;
    const int year = year_of(folded);
    std::int32_t save_s = 0;
    walk(endless_rules_, {year - 2, year + 1}, endless_standard_s_,
         [&](std::int64_t at_s, std::int32_t next_s, std::int32_t) {
             if (at_s > folded) {
                 return false;
             }
             save_s = next_s;
             return true;
         });
    return {endless_standard_s_ + save_s, save_s - endless_save_min_s_};
}

}  // namespace sallyport::engine::jsbox::zones
