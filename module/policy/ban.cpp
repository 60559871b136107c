#include "module/policy/ban.hpp"

#include "common/bytes.hpp"
#include "common/ip.hpp"
#include "common/units.hpp"
#include "module/policy/http_status.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::policy {
namespace {

constexpr std::string_view kCredential = "credential:";
constexpr std::uint32_t kAfterMax = 1'000'000;
constexpr std::int64_t kWithinMsMin = 1000;
constexpr std::int64_t kWithinMsMax = std::int64_t{7} * 86'400'000;

void add_status(BanRule& rule, unsigned status) {
    const unsigned bit = status - kBanStatusMin;
    rule.statuses[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

bool has_status(const BanRule& rule, unsigned status) {
    if (status < kBanStatusMin || status > kBanStatusMax) {
        return false;
    }
    const unsigned bit = status - kBanStatusMin;
    return (rule.statuses[bit / 64] >> (bit % 64) & 1) != 0;
}

Status set_on(BanRule& rule, std::string_view value) {
    rule.statuses = {};
    rule.bad_signatures = false;
    Status status = Done{};
    for_each_split(value, ',', [&](std::string_view word) {
        const auto number = parse_u64(word);
        if (word == "webhook") {
            rule.bad_signatures = true;
        } else if (number && *number >= kBanStatusMin && *number <= kBanStatusMax) {
            add_status(rule, static_cast<unsigned>(*number));
        } else {
            status = Error{"on=" + in_quotes(value) + ": " + in_quotes(word) +
                           " does not count; write statuses from 400 to 527 or webhook, with "
                           "commas between them"};
        }
    });
    return status;
}

Status set_after(BanRule& rule, std::string_view value) {
    const auto count = parse_u64(value);
    if (!count || *count == 0 || *count > kAfterMax) {
        return Error{"after=" + in_quotes(value) +
                     ": write how many outcomes make a ban, 1 to 1000000"};
    }
    rule.after = static_cast<std::uint32_t>(*count);
    return Done{};
}

Status set_within(BanRule& rule, std::string_view value) {
    const auto ms = parse_duration_ms(value);
    if (!ms || *ms < kWithinMsMin || *ms > kWithinMsMax) {
        return Error{"within=" + in_quotes(value) +
                     ": write a time from 1s to 7d, such as within=1m"};
    }
    rule.within_ms = *ms;
    return Done{};
}

Status set_for(BanRule& rule, std::string_view value) {
    rule.ttl_ms.clear();
    Status status = Done{};
    for_each_split(value, ',', [&](std::string_view word) {
        const auto ms = parse_duration_ms(word);
        if (!ms || *ms < kWithinMsMin) {
            status = Error{"for=" + in_quotes(value) + ": " + in_quotes(word) +
                           " is not a time of at least 1s; write for=1m,10m,1h,24h"};
        } else if (!rule.ttl_ms.empty() && *ms < rule.ttl_ms.back()) {
            status = Error{"for=" + in_quotes(value) + ": " + in_quotes(word) +
                           " is shorter than the time before it; write rising times"};
        } else {
            rule.ttl_ms.push_back(*ms);
        }
    });
    if (status.ok() && rule.ttl_ms.size() > kBanLevelsMax) {
        return Error{"for=" + in_quotes(value) + " has more than " + std::to_string(kBanLevelsMax) +
                     " times; leave some out"};
    }
    return status;
}

Status set_remember(BanRule& rule, std::string_view value) {
    const auto ms = parse_duration_ms(value);
    if (!ms) {
        return Error{"remember=" + ms.message()};
    }
    rule.remember_ms = *ms;
    return Done{};
}

Status set_by(BanRule& rule, std::string_view value) {
    rule.by_address = false;
    rule.by_credential = false;
    Status status = Done{};
    for_each_split(value, ',', [&](std::string_view word) {
        if (word == "address") {
            rule.by_address = true;
        } else if (word == "credential") {
            rule.by_credential = true;
        } else {
            status = Error{"by=" + in_quotes(value) +
                           ": write by=address, by=credential or by=address,credential"};
        }
    });
    return status;
}

Status set_path(BanRule& rule, std::string_view value) {
    const std::size_t star = value.find('*');
    if (value.empty() || value.front() != '/' ||
        (star != std::string_view::npos && star + 1 != value.size())) {
        return Error{
            "path=" + in_quotes(value) +
            ": write a path that begins with \"/\"; a \"*\" at its end stands for the rest"};
    }
    rule.path = value;
    return Done{};
}

struct Option {
    std::string_view name;
    Status (*set)(BanRule&, std::string_view);
};
constexpr Option kOptions[] = {
    {"on", set_on},     {"after", set_after},       {"within", set_within},
    {"for", set_for},   {"remember", set_remember}, {"by", set_by},
    {"path", set_path},
};

Status set_option(BanRule& rule, std::string_view argument, std::uint32_t& seen) {
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const auto* option = std::find_if(std::begin(kOptions), std::end(kOptions),
                                      [&](const Option& one) { return one.name == name; });
    if (option == std::end(kOptions) || equals == std::string_view::npos) {
        return Error{"unknown option " + in_quotes(argument) +
                     "; write on, after, within, for, remember, by or path, each as name=value"};
    }
    const std::uint32_t bit = 1U << (option - std::begin(kOptions));
    if ((seen & bit) != 0) {
        return Error{std::string(name) + "= stands there twice; keep one"};
    }
    seen |= bit;
    return option->set(rule, argument.substr(equals + 1));
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kBanNameBytesMax &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
           });
}

std::string_view without_slash(std::string_view path) {
    return path.size() > 1 && path.back() == '/' ? path.substr(0, path.size() - 1) : path;
}

}  // namespace

BanSubject ban_subject(const IpAddress& address, BanPrefixes prefixes) {
    BanSubject subject;
    subject.kind = BanKind::address;
    subject.bits =
        address.is_v4() ? static_cast<std::uint8_t>(kMappedBits + prefixes.ipv4) : prefixes.ipv6;
    subject.id = subject.bits == 128 ? address.bytes() : address.masked(subject.bits).bytes();
    return subject;
}

BanSubject ban_credential(const HashSecret& secret, std::string_view value) {
    KeyParts parts;
    parts.add("credential");
    parts.add(value);
    const KeyText text = key_text(secret, parts);
    BanSubject subject;
    subject.kind = BanKind::credential;
    hex_decode_to({text.data(), text.size()}, subject.id);
    return subject;
}

std::string to_string(const BanSubject& subject) {
    if (subject.kind == BanKind::credential) {
        return std::string(kCredential) + hex_encode(subject.id.data(), subject.id.size());
    }
    std::uint8_t bytes[16];
    std::copy(subject.id.begin(), subject.id.end(), bytes);
    const Cidr block{IpAddress::from_v6(bytes), subject.bits};
    return subject.bits == 128 ? block.base.to_string() : block.to_string();
}

Result<BanSubject> parse_ban_subject(std::string_view text, BanPrefixes prefixes) {
    if (text.starts_with(kCredential)) {
        BanSubject subject;
        subject.kind = BanKind::credential;
        const auto size = hex_decode_to(text.substr(kCredential.size()), subject.id);
        if (size != subject.id.size()) {
            return Error{in_quotes(text) +
                         " is not a credential of the list of bans; copy it from there"};
        }
        return subject;
    }
    const auto block = Cidr::parse(text);
    if (!block) {
        return block.error();
    }
    const BanSubject subject = ban_subject(block->base, prefixes);
    if (block->bits != 128 && block->bits != subject.bits) {
        return Error{in_quotes(text) + " is not what bans count by here (" + to_string(subject) +
                     " is); deny other blocks with sallyport_deny"};
    }
    return subject;
}

// In any case, with a slash at the end or without: Express routes all of them to one place, and who
// guesses passwords would choose the one that is not counted.
bool BanRule::matches_path(std::string_view uri) const {
    if (path.empty()) {
        return true;
    }
    if (path.back() == '*') {
        const std::string_view begin = std::string_view(path).substr(0, path.size() - 1);
        return ascii_iequals(uri.substr(0, begin.size()), begin);
    }
    return ascii_iequals(without_slash(uri), without_slash(path));
}

bool BanRule::counts(const BanOutcome& outcome, BanKind kind) const {
    if (kind == BanKind::credential) {
        return by_credential && !outcome.bad_signature && outcome.status != kUnauthorized &&
               has_status(*this, outcome.status);
    }
    return by_address &&
           ((bad_signatures && outcome.bad_signature) || has_status(*this, outcome.status));
}

Result<BanRule> parse_ban_rule(std::span<const std::string_view> arguments) {
    BanRule rule;
    rule.name = arguments.front();
    if (!is_name(rule.name)) {
        return Error{"ban name " + in_quotes(rule.name) +
                     " must be 1 to 31 letters, digits, \"_\" or \"-\""};
    }
    rule.bad_signatures = true;
    for (const unsigned status : {401u, 403u, 404u, 429u}) {
        add_status(rule, status);
    }
    std::uint32_t seen = 0;
    for (const std::string_view argument : arguments.subspan(1)) {
        if (const Status set = set_option(rule, argument, seen); !set) {
            return set.error();
        }
    }
    const bool others = rule.statuses != std::array<std::uint64_t, 2>{std::uint64_t{1} << 1, 0} &&
                        rule.statuses != std::array<std::uint64_t, 2>{};
    if (rule.by_credential && !rule.by_address && !others) {
        return Error{"ban " + in_quotes(rule.name) +
                     " counts by credential only what never counts against one (401, webhook); "
                     "write by=address, or other statuses in on="};
    }
    return rule;
}

}  // namespace sallyport::policy
