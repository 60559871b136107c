#include "module/policy/auth_password.hpp"

#include "module/policy/auth_file.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sallyport::policy {
namespace {

constexpr std::string_view kScheme = "$scrypt$";
constexpr std::string_view kPasswordRemedy = "make the line with: sallyport password NAME";
constexpr std::size_t kSaltBytesMin = 16;
constexpr std::size_t kSaltBytesMax = 64;
constexpr unsigned kBlockSize = 8;

std::string_view unpadded(std::string_view base64) {
    return base64.substr(0, base64.find('='));
}

std::optional<Bytes> decode_unpadded(std::string_view text) {
    if (text.find('=') != std::string_view::npos) {
        return std::nullopt;
    }
    return base64_decode(std::string(text) + std::string((4 - text.size() % 4) % 4, '='));
}

// ln=13,r=8,p=1
std::optional<ScryptCost> parse_cost(std::string_view text) {
    ScryptCost cost;
    std::size_t seen = 0;
    bool good = true;
    for_each_split(text, ',', [&](std::string_view part) {
        constexpr std::array<std::string_view, 3> kNames = {"ln=", "r=", "p="};
        if (seen >= kNames.size() || !part.starts_with(kNames[seen])) {
            good = false;
            return;
        }
        const auto value = parse_u64(part.substr(kNames[seen].size()));
        good = good && value && *value <= 64;
        (seen == 0   ? cost.log_n
         : seen == 1 ? cost.r
                     : cost.p) = static_cast<unsigned>(value.value_or(0));
        ++seen;
    });
    return good && seen == 3 ? std::optional<ScryptCost>(cost) : std::nullopt;
}

std::string_view take_until(std::string_view& rest, char separator) {
    const std::size_t end = std::min(rest.find(separator), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
}

// Code points of UTF-8 text: everything but continuation bytes.
std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

}  // namespace

std::optional<Credentials> parse_basic(std::string_view base64) {
    if (base64.size() > 2 * kPasswordBytesMax) {
        return std::nullopt;
    }
    auto bytes = base64_decode(base64);
    if (!bytes) {
        return std::nullopt;
    }
    const Secret text(std::move(*bytes));
    const std::string_view view = text.reveal();
    const std::size_t colon = view.find(':');
    const std::string_view name = view.substr(0, colon);
    if (colon == std::string_view::npos || !is_auth_name(name) ||
        view.size() - colon - 1 > kPasswordBytesMax) {
        return std::nullopt;
    }
    return Credentials{std::string(name), Secret(view.substr(colon + 1))};
}

Result<PasswordTable> PasswordTable::parse(std::string_view text) {
    PasswordTable table;
    const Status status = for_each_entry(text, [&](std::string_view line) -> Status {
        Entry entry;
        entry.name = take_until(line, ':');
        if (!is_auth_name(entry.name)) {
            return Error{"a name of letters, digits and ._@+- and a colon must come first"};
        }
        const std::string shown = "\"" + entry.name + "\": ";
        if (!line.starts_with(kScheme)) {
            return Error{shown + "the password is not kept as $scrypt$; " +
                         std::string(kPasswordRemedy)};
        }
        line.remove_prefix(kScheme.size());
        const auto cost = parse_cost(take_until(line, '$'));
        const auto salt = decode_unpadded(take_until(line, '$'));
        const auto hash = decode_unpadded(line);
        if (!cost || !salt || salt->size() < kSaltBytesMin || salt->size() > kSaltBytesMax ||
            !hash || hash->size() != kScryptBytes) {
            return Error{shown + "the hash is damaged; " + std::string(kPasswordRemedy)};
        }
        if (cost->log_n < kScryptLogNMin || cost->log_n > kScryptLogNMax || cost->r != kBlockSize ||
            cost->p != 1) {
            return Error{shown + "the cost must be ln=12 to ln=14, r=8, p=1; " +
                         std::string(kPasswordRemedy)};
        }
        if (table.entries_.size() == kAuthEntriesMax) {
            return Error{"more than " + std::to_string(kAuthEntriesMax) + " names; remove some"};
        }
        entry.cost = *cost;
        entry.salt = *salt;
        entry.hash = *hash;
        table.entries_.push_back(std::move(entry));
        return Done{};
    });
    if (!status.ok()) {
        return status.error();
    }
    if (table.entries_.empty()) {
        return Error{"it holds no name; " + std::string(kPasswordRemedy)};
    }
    const auto by_name = [](const Entry& a, const Entry& b) { return a.name < b.name; };
    std::sort(table.entries_.begin(), table.entries_.end(), by_name);
    const auto same = [](const Entry& a, const Entry& b) { return a.name == b.name; };
    const auto twice = std::adjacent_find(table.entries_.begin(), table.entries_.end(), same);
    if (twice != table.entries_.end()) {
        return Error{"\"" + twice->name + "\" stands twice; keep one line"};
    }
    return table;
}

const PasswordTable::Entry* PasswordTable::entry(std::string_view name) const {
    const auto found =
        std::lower_bound(entries_.begin(), entries_.end(), name,
                         [](const Entry& e, std::string_view wanted) { return e.name < wanted; });
    return found != entries_.end() && found->name == name ? &*found : nullptr;
}

std::string_view PasswordTable::find(std::string_view name) const {
    const Entry* found = entry(name);
    return found == nullptr ? std::string_view() : std::string_view(found->name);
}

AuthOutcome PasswordTable::check(const Credentials& credentials) const {
    const Entry* known = entry(credentials.name);
    // The work is the same for a stranger's name; its outcome is thrown away.
    const Entry& tried = known != nullptr ? *known : entries_.front();
    const auto made = scrypt(credentials.password.reveal(), tried.salt, tried.cost);
    const bool same = made && constant_time_equal(as_text(*made), as_text(tried.hash));
    if (known == nullptr || !same) {
        return {Reason::auth_invalid};
    }
    return {Reason::none, known->name};
}

Result<std::string> password_line(std::string_view name, const Secret& password,
                                  std::span<const std::uint8_t> salt, const ScryptCost& cost) {
    if (!is_auth_name(name)) {
        return Error{"a name has letters, digits and ._@+-, at most 64"};
    }
    if (characters(password.reveal()) < kPasswordCharactersMin ||
        password.size() > kPasswordBytesMax) {
        return Error{"a password has at least " + std::to_string(kPasswordCharactersMin) +
                     " characters and at most " + std::to_string(kPasswordBytesMax) + " bytes"};
    }
    const auto hash = scrypt(password.reveal(), salt, cost);
    if (!hash) {
        return hash.error();
    }
    const std::string salt_text = base64_encode(salt.data(), salt.size());
    const std::string hash_text = base64_encode(hash->data(), hash->size());
    std::string line(name);
    line.append(":").append(kScheme);
    line.append("ln=").append(std::to_string(cost.log_n));
    line.append(",r=").append(std::to_string(cost.r));
    line.append(",p=").append(std::to_string(cost.p));
    line.append("$").append(unpadded(salt_text));
    line.append("$").append(unpadded(hash_text));
    return line;
}

VerifiedCredentials::Mark VerifiedCredentials::mark(std::uint64_t table,
                                                    const Credentials& credentials) const {
    std::array<char, sizeof(table)> prefix{};
    std::memcpy(prefix.data(), &table, sizeof(table));
    HmacStream stream(key_);
    stream.update({prefix.data(), prefix.size()});
    stream.update(credentials.name);
    stream.update(":");  // no name holds one
    stream.update(credentials.password.reveal());
    Mark out{};
    stream.finish(out.data());
    return out;
}

std::size_t VerifiedCredentials::place(const Mark& mark) {
    std::uint32_t word = 0;
    std::memcpy(&word, mark.data(), sizeof(word));
    return word % kSlots;
}

bool VerifiedCredentials::holds(const Mark& mark, std::int64_t now_ms) const {
    const auto text = [](const Mark& bytes) {
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    const Slot& slot = slots_[place(mark)];
    return now_ms < slot.until_ms && constant_time_equal(text(slot.mark), text(mark));
}

void VerifiedCredentials::remember(const Mark& mark, std::int64_t now_ms) {
    slots_[place(mark)] = {mark, now_ms + life_ms_};
}

bool PasswordBudget::take(std::int64_t now_ms) {
    const std::int64_t cost_ms = 1000 / per_second_;
    const std::int64_t from = std::max(spent_until_ms_, now_ms);
    // A clock set back must not stop everything until it has caught up.
    if (spent_until_ms_ > now_ms + 2000) {
        spent_until_ms_ = now_ms + cost_ms;
        return true;
    }
    if (from + cost_ms > now_ms + 1000) {
        return false;
    }
    spent_until_ms_ = from + cost_ms;
    return true;
}

}  // namespace sallyport::policy
