#include "module/policy/tenant_limits.hpp"

#include "common/byte_order_mark.hpp"
#include "common/bytes.hpp"
#include "common/units.hpp"
#include "module/policy/rate_concurrency.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

using Numbers = TenantLimits::Numbers;

constexpr std::int64_t kWindowNsMax = std::int64_t{30} * 86'400 * kNsPerS;
constexpr std::uint64_t kBurstMax = 1'000'000'000;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

// The next word of a line, which loses it.
std::string_view take_word(std::string_view& line) {
    while (!line.empty() && is_blank(line.front())) {
        line.remove_prefix(1);
    }
    std::size_t end = 0;
    while (end < line.size() && !is_blank(line[end])) {
        ++end;
    }
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

Error wrong(std::string_view word, std::string_view remedy) {
    return Error{"\"" + std::string(word) + "\" " + std::string(remedy)};
}

Status set_number(std::string_view word, std::string_view value, std::uint64_t most,
                  std::uint64_t& out) {
    const auto number = parse_u64(value);
    if (!number || *number == 0 || *number > most) {
        return wrong(word, "is out of range; write 1 to " + std::to_string(most));
    }
    out = *number;
    return Done{};
}

Status set_rate(std::string_view word, std::string_view value, Numbers& out) {
    const auto rate = parse_rate(value);
    if (!rate) {
        return rate.error();
    }
    if (rate->count > static_cast<std::uint64_t>(rate->period_ms * kNsPerMs / kIntervalNsMin)) {
        return wrong(word, "is faster than 1000000r/s; write unlimited instead");
    }
    out.count = rate->count;
    out.period_ns = rate->period_ms * kNsPerMs;
    return Done{};
}

Status set_window(std::string_view word, std::string_view value, Numbers& out) {
    const auto ms = parse_duration_ms(value);
    if (!ms) {
        return ms.error();
    }
    if (*ms < 1'000 || *ms * kNsPerMs > kWindowNsMax) {
        return wrong(word, "is out of range; write 1s to 30d");
    }
    out.window_ns = *ms * kNsPerMs;
    return Done{};
}

Status set_word(std::string_view word, Numbers& out) {
    if (word == "unlimited") {
        out.unlimited = true;
        return Done{};
    }
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string_view name = word.substr(0, equals);
    const std::string_view value = word.substr(std::min(equals + 1, word.size()));
    if (name == "rate") {
        return set_rate(word, value, out);
    }
    if (name == "burst") {
        return set_number(word, value, kBurstMax, out.burst);
    }
    if (name == "window") {
        return set_window(word, value, out);
    }
    std::uint64_t number = 0;
    if (name == "max") {
        const Status status = set_number(word, value, kWindowMaxUnits, number);
        out.max = static_cast<std::uint32_t>(number);
        return status;
    }
    if (name == "concurrent") {
        const Status status = set_number(word, value, kConcurrentMax, number);
        out.concurrent = static_cast<std::uint32_t>(number);
        return status;
    }
    return wrong(word,
                 "is not known; write rate=, burst=, window=, max=, concurrent= or unlimited");
}

std::string_view word_name(std::string_view word) {
    return word.substr(0, word.find('='));
}

// What a line says twice, or says and lifts, is a slip: nobody knows which of the two was meant.
Status check_once(std::string_view word, const std::vector<std::string_view>& before) {
    for (const std::string_view one : before) {
        if (word_name(one) == word_name(word)) {
            return wrong(word, "stands beside \"" + std::string(one) + "\"; keep one");
        }
        if (one == "unlimited" || word == "unlimited") {
            return wrong(word,
                         "stands beside \"" + std::string(one) + "\"; unlimited has no numbers");
        }
    }
    return Done{};
}

Status check(const Numbers& numbers) {
    if (numbers.window_ns != 0 && numbers.max == 0) {
        return Error{"window= stands without max=; write both"};
    }
    if (numbers.count != 0) {
        const std::uint64_t burst = numbers.burst == 0 ? numbers.count : numbers.burst;
        const std::int64_t interval_ns =
            Gcra::make(numbers.count, numbers.period_ns, 1).interval_ns;
        if (burst > static_cast<std::uint64_t>(kRefillNsMax / interval_ns)) {
            return Error{
                "the rate takes more than 100 days to refill; lower burst= or raise rate="};
        }
    }
    return Done{};
}

LimitTerms with_rate(const LimitTerms& own, const Numbers& numbers) {
    LimitTerms out = own;
    if (numbers.count != 0) {
        out.quota = numbers.count;
        out.window_s = static_cast<std::uint32_t>(numbers.period_ns / kNsPerS);
        out.burst = numbers.burst == 0 ? numbers.count : numbers.burst;
        out.gcra = Gcra::make(numbers.count, numbers.period_ns, out.burst);
        return out;
    }
    if (numbers.burst != 0) {
        const std::int64_t interval_ns = own.gcra.interval_ns;
        out.burst = std::min(numbers.burst, static_cast<std::uint64_t>(kRefillNsMax / interval_ns));
        out.gcra = {interval_ns, interval_ns * static_cast<std::int64_t>(out.burst)};
    }
    return out;
}

}  // namespace

Result<TenantLimits> TenantLimits::parse(std::string_view text) {
    text = without_byte_order_mark(text);
    TenantLimits out;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        const std::string at = "line " + std::to_string(number) + ": ";
        line = line.substr(0, line.find('#'));
        const std::string_view name = take_word(line);
        if (name.empty()) {
            continue;
        }
        if (name.size() > kTenantNameBytesMax) {
            return Error{at + "the tenant's name is longer than " +
                         std::to_string(kTenantNameBytesMax) + " bytes; shorten it"};
        }
        Numbers numbers;
        std::vector<std::string_view> words;
        for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
            if (const Status once = check_once(word, words); !once) {
                return Error{at + once.message()};
            }
            if (const Status set = set_word(word, numbers); !set) {
                return Error{at + set.message()};
            }
            words.push_back(word);
        }
        if (words.empty()) {
            return Error{at + "tenant \"" + std::string(name) +
                         "\" has no numbers; write for example rate=100r/s, or remove the line"};
        }
        if (const Status good = check(numbers); !good) {
            return Error{at + good.message()};
        }
        if (!out.all_.emplace(name, numbers).second) {
            return Error{at + "tenant \"" + std::string(name) + "\" stands there twice; keep one"};
        }
        if (out.all_.size() > kTenantsMax) {
            return Error{at + "there are more than " + std::to_string(kTenantsMax) +
                         " tenants; leave those with common numbers to the limit's own"};
        }
    }
    return out;
}

const Numbers* TenantLimits::find(std::string_view tenant) const {
    const auto found = all_.find(tenant);
    return found == all_.end() ? nullptr : &found->second;
}

LimitTerms with_numbers(const LimitTerms& own, const Numbers& numbers) {
    switch (own.kind) {
        case LimitKind::rate:
            return with_rate(own, numbers);
        case LimitKind::window: {
            LimitTerms out = own;
            if (numbers.max != 0) {
                out.window.max = numbers.max;
                out.quota = numbers.max;
            }
            if (numbers.window_ns != 0) {
                out.window.window_ns = numbers.window_ns;
                out.window_s =
                    static_cast<std::uint32_t>((numbers.window_ns + kNsPerS - 1) / kNsPerS);
            }
            return out;
        }
        case LimitKind::concurrent: {
            LimitTerms out = own;
            if (numbers.concurrent != 0) {
                out.concurrent = numbers.concurrent;
                out.quota = numbers.concurrent;
            }
            return out;
        }
    }
    return own;
}

}  // namespace sallyport::policy
