#include "engine/core/pieces/delay.hpp"

#include "engine/core/date_text.hpp"
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {{
    {"seconds", 1000},
    {"minutes", 60 * 1000},
    {"hours", 60 * 60 * 1000},
    {"days", 24.0 * 60 * 60 * 1000},
}};

double number_of(const Json& value) {
    return value.is_number() ? value.number_or(0) : js_text_to_number(value.text());
}

Error too_long() {
    return Error{
        "PAUSED_FLOW_TIMEOUT_EXCEEDED: the flow would rest longer than "
        "AP_PAUSED_FLOW_TIMEOUT_DAYS allows"};
}

Result<Delay> delay_for(const Json& input, std::int64_t now_ms, std::int64_t longest_ms) {
    const std::string_view name = input["unit"].text_or("seconds");
    const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                   [name](const auto& row) { return row.first == name; });
    const Json amount = input["delayFor"];
    const bool given = amount.is_number() || !js_trim_start(amount.text()).empty();
    const double wait_ms =
        unit == kUnits.end() || !given ? std::nan("") : number_of(amount) * unit->second;
    if (std::isnan(wait_ms) || wait_ms < 0) {
        return Error{"The delay must be a number of seconds, minutes, hours or days"};
    }
    if (wait_ms > static_cast<double>(longest_ms)) {
        return too_long();
    }
    const auto whole_ms = static_cast<std::int64_t>(wait_ms);
    return Delay{now_ms + whole_ms, Json::object({{"delayForInMs", Json::integer(whole_ms)},
                                                  {"success", Json::boolean(true)}})};
}

// Without a zone, UTC's.
std::optional<std::int64_t> wanted_time(const Json& wanted) {
    if (wanted.is_integer()) {
        return wanted.integer_or(0);
    }
    if (const auto at = parse_iso_time(wanted.text())) {
        return at;
    }
    const auto at_s = read_any_date(wanted.text());
    return at_s ? std::optional(*at_s * 1000) : std::nullopt;
}

Result<Delay> delay_until(const Json& input, std::int64_t now_ms, std::int64_t longest_ms) {
    const Json wanted = input["delayUntilTimestamp"];
    const std::optional<std::int64_t> at = wanted_time(wanted);
    if (!at) {
        return Error{"The time to wait for must be a time, as 2026-01-02T10:00:00Z"};
    }
    if (*at > now_ms && *at - now_ms > longest_ms) {
        return too_long();
    }
    return Delay{std::max(*at, now_ms), Json::object({{"delayTill", Json::string(iso_time(*at))},
                                                      {"success", Json::boolean(true)}})};
}

}  // namespace

Result<Delay> delay_of(std::string_view action, const Json& input, std::int64_t now_ms,
                       std::int64_t longest_ms) {
    return action == kDelayFor ? delay_for(input, now_ms, longest_ms)
                               : delay_until(input, now_ms, longest_ms);
}

const NativePiece kDelayNative = {R"json({
 "name":"@activepieces/piece-delay","version":"0.3.26","displayName":"Delay",
 "description":"Let a run wait","categories":["CORE","FLOW_CONTROL"],
 "actions":{
  "delayFor":{"displayName":"Delay For","description":"Goes on after a time","props":{
   "unit":["STATIC_DROPDOWN","Unit",true,{"defaultValue":"seconds","options":[["Seconds","seconds"],["Minutes","minutes"],["Hours","hours"],["Days","days"]]}],
   "delayFor":["NUMBER","Amount",true]}},
  "delay_until":{"displayName":"Delay Until","description":"Goes on at a date","props":{
   "delayUntilTimestamp":["DATE_TIME","Date and Time",true]}}},
 "triggers":{}
})json",
                                  {{kDelayFor}, {kDelayUntil}}};

}  // namespace sallyport::engine
