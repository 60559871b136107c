#include "engine/core/http_retry.hpp"

#include "common/bytes.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kFirstWaitMs = 500;

bool follows(HttpRetry retry, const FailedAttempt& failed) {
    const bool told = failed.status == 429 || (failed.status == 503 && !failed.retry_after.empty());
    switch (retry) {
        case HttpRetry::none:
            return false;
        case HttpRetry::when_told:
            return told;
        case HttpRetry::on_5xx:
            return told || failed.status == 0 || failed.status >= 500;
        case HttpRetry::on_error:
            return failed.status == 0 || failed.status >= 400;
    }
    return false;
}

// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is sent (RFC 9110 section 5.6.7).
std::optional<std::int64_t> http_date_ms(std::string_view text) {
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    constexpr std::size_t kSize = 29;
    if (text.size() != kSize || !text.ends_with(" GMT") || text.substr(3, 2) != ", ") {
        return std::nullopt;
    }
    const auto* month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
    if (month == kMonths.end()) {
        return std::nullopt;
    }
    const std::string number = std::to_string(month - kMonths.begin() + 1);
    return parse_iso_time(std::string(text.substr(12, 4)) + (number.size() == 1 ? "-0" : "-") +
                          number + "-" + std::string(text.substr(5, 2)) + "T" +
                          std::string(text.substr(17, 8)) + "Z");
}

}  // namespace

std::optional<std::int64_t> retry_after_ms(std::string_view value, std::int64_t now_ms) {
    value = trim_ows(value);
    if (const auto seconds = parse_u64(value)) {
        return static_cast<std::int64_t>(std::min<std::uint64_t>(*seconds, UINT32_MAX)) * 1000;
    }
    const auto at = http_date_ms(value);
    return at ? std::optional(std::max<std::int64_t>(0, *at - now_ms)) : std::nullopt;
}

std::optional<std::int64_t> wait_before_retry_ms(HttpRetry retry, const FailedAttempt& failed,
                                                 std::int64_t now_ms, double chance) {
    if (failed.number >= kHttpAttemptsMax || !follows(retry, failed)) {
        return std::nullopt;
    }
    const std::int64_t step = kFirstWaitMs << (failed.number - 1);
    const auto spread = static_cast<std::int64_t>(static_cast<double>(step) * chance / 2);
    const auto told = retry_after_ms(failed.retry_after, now_ms);
    if (told && *told > kRetryAfterMsMax) {
        return std::nullopt;
    }
    return told ? *told + spread : step / 2 + spread;
}

bool HostBreaker::admits(const std::string& host, std::int64_t now_ms) {
    const auto found = hosts_.find(host);
    if (found == hosts_.end() || found->second.failures < kFailuresMax) {
        return true;
    }
    if (now_ms < found->second.asked_again_ms) {
        return false;
    }
    found->second.asked_again_ms = now_ms + kRestMs;  // this one tries, the others wait for it
    return true;
}

void HostBreaker::note(const std::string& host, bool answered, std::int64_t now_ms) {
    if (answered) {
        hosts_.erase(host);
        return;
    }
    if (hosts_.size() >= kHostsMax) {
        forget_old(now_ms);
    }
    const auto found = hosts_.find(host);
    if (found == hosts_.end() && hosts_.size() >= kHostsMax) {
        return;
    }
    Host& failing = found == hosts_.end() ? hosts_[host] : found->second;
    failing.failures =
        failing.failures > 0 && now_ms - failing.failed_ms > kRestMs * 6 ? 1 : failing.failures + 1;
    failing.failed_ms = now_ms;
    failing.asked_again_ms = now_ms + kRestMs;
}

void HostBreaker::forget_old(std::int64_t now_ms) {
    std::erase_if(
        hosts_, [now_ms](const auto& entry) { return now_ms - entry.second.failed_ms > kRestMs; });
}

}  // namespace sallyport::engine
