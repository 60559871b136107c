#include "engine/adapters/time_zones.hpp"

#include <date/tz.h>

#include <chrono>
#include <exception>

namespace sallyport::engine {
namespace {

// Far beyond any schedule, and far from overflowing when offsets are added.
constexpr std::int64_t kEverS = 1LL << 40;

class SystemZone final : public ZoneRules {
  public:
    explicit SystemZone(const date::time_zone& zone) : zone_(zone) {}

    ZoneSpan span_at(std::int64_t unix_s) const override {
        const auto at = date::sys_seconds{std::chrono::seconds{unix_s}};
        const date::sys_info info = zone_.get_info(at);
        return {std::max<std::int64_t>(info.begin.time_since_epoch().count(), -kEverS),
                std::min<std::int64_t>(info.end.time_since_epoch().count(), kEverS),
                info.offset.count()};
    }

  private:
    const date::time_zone& zone_;  // the library's, for ever
};

class Utc final : public ZoneRules {
  public:
    ZoneSpan span_at(std::int64_t) const override { return {-kEverS, kEverS, 0}; }
};

}  // namespace

Result<std::unique_ptr<ZoneRules>> find_zone(const std::string& name) {
    if (name == "UTC" || name == "Etc/UTC") {
        return std::unique_ptr<ZoneRules>(std::make_unique<Utc>());
    }
    try {
        return std::unique_ptr<ZoneRules>(std::make_unique<SystemZone>(*date::locate_zone(name)));
    } catch (const std::exception&) {
        return Error{"the time zone '" + name +
                     "' is not known here: use a name such as "
                     "Europe/Berlin, and see that tzdata is installed"};
    }
}

Result<std::int64_t> next_fire_ms(const std::string& cron, const std::string& zone,
                                  std::int64_t after_ms) {
    const Result<Cron> parsed = Cron::parse(cron);
    if (!parsed.ok()) {
        return parsed.error();
    }
    const auto rules = find_zone(zone);
    if (!rules.ok()) {
        return rules.error();
    }
    const auto next = parsed->next(after_ms, **rules);
    if (!next) {
        return Error{"the cron expression '" + cron + "' names a time that never comes"};
    }
    return *next;
}

}  // namespace sallyport::engine
