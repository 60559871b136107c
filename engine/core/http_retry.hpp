// When a request is sent once more, and when a host is left alone. Pure: time and chance are
// arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sallyport::engine {

// Which answers another attempt follows, within the time of the request.
enum class HttpRetry {
    none,
    when_told,  // 429, and 503 that says when
    on_5xx,     // besides, 5xx and connections that failed
    on_error    // besides, 4xx
};

// The first attempt included.
inline constexpr unsigned kHttpAttemptsMax = 3;
// Who is told to come later than that gets the answer instead.
inline constexpr std::int64_t kRetryAfterMsMax = 60'000;

struct FailedAttempt {
    int status = 0;  // 0: no answer
    std::string_view retry_after;
    unsigned number = 1;
};

// How long to wait before the next attempt; nothing: there is none. `chance`: from 0 up to 1,
// spreads those who failed together. Waits double from half a second unless the answer says how
// long.
std::optional<std::int64_t> wait_before_retry_ms(HttpRetry retry, const FailedAttempt& failed,
                                                 std::int64_t now_ms, double chance);

// `Retry-After` (RFC 9110 section 10.2.3): seconds or a date.
std::optional<std::int64_t> retry_after_ms(std::string_view value, std::int64_t now_ms);

// Hosts that have not answered again and again are not asked for a while: a thousand steps that
// each wait for a host that is down would hold up all others. One request then tries; its answer
// counts.
class HostBreaker {
  public:
    static constexpr unsigned kFailuresMax = 8;  // in a row
    static constexpr std::int64_t kRestMs = 10'000;
    static constexpr std::size_t kHostsMax = 4096;  // that fail; further ones are not remembered

    // `host`: whose request it is and where it goes. `now_ms` never goes back.
    bool admits(const std::string& host, std::int64_t now_ms);
    void note(const std::string& host, bool answered, std::int64_t now_ms);
    std::size_t size() const { return hosts_.size(); }

  private:
    struct Host {
        unsigned failures = 0;
        std::int64_t asked_again_ms = 0;
        std::int64_t failed_ms = 0;
    };
    void forget_old(std::int64_t now_ms);

    std::unordered_map<std::string, Host> hosts_;
};

}  // namespace sallyport::engine
