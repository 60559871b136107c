#include "module/policy/auth_token.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/policy/auth_file.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::policy {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::string_view kExpires = "expires=";
constexpr std::string_view kTokenRemedy = "make a line with: sallyport token --name NAME";

std::string_view text_of(const std::array<std::uint8_t, 32>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<TokenTable> TokenTable::parse(std::string_view text) {
    TokenTable table;
    const Status status = for_each_entry(text, [&](std::string_view line) -> Status {
        Entry entry;
        const std::string_view hash = next_word(line);
        if (!hash.starts_with(kPrefix) ||
            hex_decode_to(hash.substr(kPrefix.size()), std::span(entry.sha256), HexCase::any) !=
                entry.sha256.size()) {
            return Error{"\"sha256:\" and 64 hex digits must come first; " +
                         std::string(kTokenRemedy)};
        }
        entry.name = next_word(line);
        if (!is_auth_name(entry.name)) {
            return Error{"a name of letters, digits and ._@+- must follow; " +
                         std::string(kTokenRemedy)};
        }
        if (line.starts_with(kExpires)) {
            const auto date = parse_auth_date(next_word(line).substr(kExpires.size()));
            if (!date) {
                return Error{"\"expires=\" wants a day; write for example expires=2027-01-31"};
            }
            entry.expires_s = *date;
        }
        if (!line.empty()) {
            return Error{"\"" + std::string(line) + "\" is not understood; remove it"};
        }
        if (table.entries_.size() == kAuthEntriesMax) {
            return Error{"more than " + std::to_string(kAuthEntriesMax) + " tokens; remove some"};
        }
        table.entries_.push_back(std::move(entry));
        return Done{};
    });
    if (!status.ok()) {
        return status.error();
    }
    if (table.entries_.empty()) {
        return Error{"it holds no token; " + std::string(kTokenRemedy)};
    }
    const auto by_hash = [](const Entry& a, const Entry& b) { return a.sha256 < b.sha256; };
    std::sort(table.entries_.begin(), table.entries_.end(), by_hash);
    const auto same_hash = [](const Entry& a, const Entry& b) { return a.sha256 == b.sha256; };
    const auto twice = std::adjacent_find(table.entries_.begin(), table.entries_.end(), same_hash);
    if (twice != table.entries_.end()) {
        return Error{"the token of \"" + twice->name + "\" stands twice; keep one line"};
    }
    return table;
}

// Finding by hash tells a stranger nothing: who knows a text whose hash is near has guessed 256
// bits.
AuthOutcome TokenTable::check(std::string_view token, std::int64_t now_s) const {
    if (token.empty() || token.size() > kAuthTokenBytesMax) {
        return {Reason::auth_malformed};
    }
    std::array<std::uint8_t, 32> hash{};
    DigestStream stream(DigestAlgorithm::sha256);
    stream.update(token);
    stream.finish(hash.data());
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), hash,
        [](const Entry& entry, const auto& wanted) { return entry.sha256 < wanted; });
    if (found == entries_.end() || !constant_time_equal(text_of(found->sha256), text_of(hash))) {
        return {Reason::auth_invalid};
    }
    if (found->expires_s != 0 && now_s >= found->expires_s) {
        return {Reason::auth_expired};
    }
    return {Reason::none, found->name};
}

bool looks_like_token(std::string_view text) {
    return std::count(text.begin(), text.end(), '.') != 2;
}

}  // namespace sallyport::policy
