#include "module/policy/rate_limit_fields.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sallyport::policy {
namespace {

// Generation C (drafts 08 to 11): a List of Strings (RFC 9651) with these parameters.
constexpr std::string_view kQuota = ";q=";
constexpr std::string_view kWindow = ";w=";
constexpr std::string_view kRemaining = ";r=";
constexpr std::string_view kTime = ";t=";
constexpr std::string_view kConcurrent = ";qu=\"concurrent-requests\"";

constexpr FieldGenerations kC = bit(FieldGeneration::draft_11);
constexpr FieldGenerations kB = bit(FieldGeneration::draft_07);
constexpr FieldGenerations kA = bit(FieldGeneration::draft_06);
constexpr FieldGenerations kX = bit(FieldGeneration::legacy);

std::optional<FieldGeneration> generation_from(std::string_view word) {
    if (word == "draft-11")
        return FieldGeneration::draft_11;
    if (word == "draft-07")
        return FieldGeneration::draft_07;
    if (word == "draft-06")
        return FieldGeneration::draft_06;
    if (word == "legacy")
        return FieldGeneration::legacy;
    return std::nullopt;
}

// Appends to memory whose sufficiency field_bytes_max() promises; what would not fit is cut.
class Writer {
  public:
    explicit Writer(std::span<char> room) : room_(room) {}

    Writer& text(std::string_view piece) {
        const std::size_t size = std::min(piece.size(), room_.size() - used_);
        std::memcpy(room_.data() + used_, piece.data(), size);
        used_ += size;
        return *this;
    }
    Writer& number(std::uint64_t value) {
        char digits[20];
        const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        return text({digits, static_cast<std::size_t>(end - digits)});
    }
    // What was written since the last call.
    std::string_view cut() {
        const std::string_view piece(room_.data() + start_, used_ - start_);
        start_ = used_;
        return piece;
    }

  private:
    std::span<char> room_;
    std::size_t used_ = 0;
    std::size_t start_ = 0;
};

// More than the quota is never promised, though a large burst may hold more.
std::uint64_t shown_remaining(const FieldLimit& limit) {
    return std::min(limit.standing.remaining, limit.quota);
}

// While units remain: when the bucket is full again. When none do: when the next one is there.
std::uint32_t shown_reset(const FieldLimit& limit) {
    return limit.standing.remaining == 0 ? limit.standing.next_s : limit.standing.full_s;
}

std::string_view list_value(Writer& writer, std::span<const FieldLimit> limits) {
    for (std::size_t i = 0; i < limits.size(); ++i) {
        writer.text(i == 0 ? "\"" : ", \"").text(limits[i].name).text("\"");
        writer.text(kRemaining).number(shown_remaining(limits[i]));
        if (limits[i].standing.next_s != 0) {
            writer.text(kTime).number(limits[i].standing.next_s);
        }
    }
    return writer.cut();
}

char* append(char* at, std::string_view text) {
    return std::copy(text.begin(), text.end(), at);
}

}  // namespace

Result<FieldGenerations> parse_generations(std::span<const std::string_view> words) {
    FieldGenerations set = 0;
    for (const std::string_view one : words) {
        if (one == "off" && words.size() == 1) {
            return FieldGenerations{0};
        }
        const auto generation = generation_from(one);
        if (!generation) {
            return Error{one == "off"
                             ? std::string("\"off\" stands alone; remove the other words")
                             : "unknown generation \"" + std::string(one) +
                                   "\"; write draft-11, draft-07, draft-06, legacy or off"};
        }
        if ((set & bit(*generation)) != 0) {
            return Error{"\"" + std::string(one) + "\" stands there twice; keep one"};
        }
        set = static_cast<FieldGenerations>(set | bit(*generation));
    }
    if ((set & kC) != 0 && (set & kB) != 0) {
        return Error{
            "\"draft-11\" and \"draft-07\" write the field RateLimit in different grammars; keep "
            "one"};
    }
    return set;
}

std::string policy_field(FieldGenerations generations, std::span<const FieldLimit> limits) {
    std::string out;
    if ((generations & (kA | kB | kC)) == 0) {
        return out;
    }
    const bool named = (generations & kC) != 0;
    for (const FieldLimit& limit : limits) {
        const bool concurrent = limit.window_s == 0;
        if (concurrent && !named) {
            continue;  // these generations know quotas of time only
        }
        out += out.empty() ? "" : ", ";
        if (named) {
            out += "\"" + std::string(limit.name) + "\"" + std::string(kQuota);
        }
        out += std::to_string(limit.quota);
        out += concurrent ? std::string(kConcurrent)
                          : std::string(kWindow) + std::to_string(limit.window_s);
    }
    return out;
}

const FieldLimit& tightest(std::span<const FieldLimit> limits) {
    return *std::min_element(limits.begin(), limits.end(),
                             [](const FieldLimit& a, const FieldLimit& b) {
                                 if (a.standing.remaining != b.standing.remaining) {
                                     return a.standing.remaining < b.standing.remaining;
                                 }
                                 if (a.standing.retry_after_s != b.standing.retry_after_s) {
                                     return a.standing.retry_after_s > b.standing.retry_after_s;
                                 }
                                 return a.window_s > b.window_s;
                             });
}

std::string list_head(std::string_view name) {
    return "\"" + std::string(name) + "\"" + std::string(kRemaining);
}

[[gnu::hot]] char* write_list_item(char* at, bool first, std::string_view head, std::uint64_t quota,
                                   const Standing& standing) {
    at = append(at, first ? std::string_view() : std::string_view(", "));
    at = append(at, head);
    at = std::to_chars(at, at + 20, std::min(standing.remaining, quota)).ptr;
    if (standing.next_s != 0) {
        at = std::to_chars(append(at, kTime), at + 13, standing.next_s).ptr;
    }
    return at;
}

std::size_t write_fields(FieldGenerations generations, std::span<const FieldLimit> limits,
                         std::int64_t now_unix_s, std::span<char> scratch, std::span<Field> out) {
    Writer writer(scratch);
    std::size_t count = 0;
    const auto put = [&](std::string_view name, std::string_view value, bool is_list = false) {
        out[count++] = {name, value, is_list};
    };
    if ((generations & kC) != 0) {
        put("RateLimit", list_value(writer, limits), true);
    }
    if ((generations & (kA | kB | kX)) == 0) {
        return count;
    }
    const FieldLimit& one = tightest(limits);
    if ((generations & kB) != 0) {
        put("RateLimit", writer.text("limit=")
                             .number(one.quota)
                             .text(", remaining=")
                             .number(shown_remaining(one))
                             .text(", reset=")
                             .number(shown_reset(one))
                             .cut());
    }
    const auto triple = [&](std::string_view limit_name, std::string_view remaining_name,
                            std::string_view reset_name, std::uint64_t reset) {
        put(limit_name, writer.number(one.quota).cut());
        put(remaining_name, writer.number(shown_remaining(one)).cut());
        put(reset_name, writer.number(reset).cut());
    };
    if ((generations & kA) != 0) {
        triple("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", shown_reset(one));
    }
    if ((generations & kX) != 0) {
        triple("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
               static_cast<std::uint64_t>(now_unix_s) + shown_reset(one));
    }
    return count;
}

}  // namespace sallyport::policy
