#include "module/store/ban_commands.hpp"

#include "ban_script_text.hpp"
#include "common/bytes.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/resp_writer.hpp"

#include <array>

namespace sallyport::store {
namespace {

constexpr std::array<std::string_view, 5> kKeys = {
    "sallyport:{bans}:meta", "sallyport:{bans}:log", "sallyport:{bans}:ends",
    "sallyport:{bans}:entries", "sallyport:{bans}:strikes:"};
// EVALSHA, the script, the number of keys, the keys, the verb and the epoch.
constexpr std::size_t kHeadWords = 3 + kKeys.size() + 2;
// Epochs and numbers are short; what is longer is not ours.
constexpr std::size_t kEpochBytesMax = 64;

RespWriter begin(std::string& out, std::string_view verb, std::string_view fresh,
                 std::size_t arguments) {
    RespWriter writer(out);
    writer.command(kHeadWords + arguments)
        .word("EVALSHA")
        .word(ban_script().sha)
        .word(static_cast<std::int64_t>(kKeys.size()));
    for (const std::string_view key : kKeys) {
        writer.word(key);
    }
    writer.word(verb).word(fresh);
    return writer;
}

}  // namespace

const RedisScript& ban_script() {
    static const RedisScript script({kBanScriptText, sizeof kBanScriptText - 1});
    return script;
}

std::uint16_t ban_slot() {
    return key_slot(kKeys[0]);
}

void append_ban_say(std::string& out, std::string_view fresh,
                    std::span<const policy::BanWord> words) {
    RespWriter writer = begin(out, "say", fresh, words.size());
    for (const policy::BanWord& word : words) {
        writer.word(policy::to_text(word));
    }
}

void append_ban_pull(std::string& out, std::string_view fresh, const BanHearing& heard,
                     std::size_t max) {
    begin(out, "pull", fresh, 3)
        .word(heard.epoch)
        .word(heard.number)
        .word(static_cast<std::int64_t>(max));
}

void append_ban_strike(std::string& out, std::string_view fresh, const policy::BanRule& rule,
                       const policy::BanSubject& subject) {
    RespWriter writer = begin(out, "strike", fresh, 5 + rule.ttl_ms.size());
    writer.word(policy::to_string(subject))
        .word(rule.name)
        .word(std::int64_t{rule.after})
        .word(rule.within_ms)
        .word(rule.remember_ms);
    for (const std::int64_t ttl_ms : rule.ttl_ms) {
        writer.word(ttl_ms);
    }
}

std::optional<BanNews> parse_ban_pull(const Reply& reply, policy::BanPrefixes prefixes) {
    const auto& nodes = reply.nodes();
    if (reply.kind != ReplyKind::array || nodes.size() < 4 || nodes[1].kind != ReplyKind::text ||
        nodes[2].kind != ReplyKind::text || nodes[3].kind != ReplyKind::integer) {
        return std::nullopt;
    }
    BanNews news;
    news.heard = {std::string(reply.text_of(nodes[1])), std::string(reply.text_of(nodes[2]))};
    news.more = nodes[3].integer != 0;
    if (news.heard.epoch.size() > kEpochBytesMax || !parse_u64(news.heard.number)) {
        return std::nullopt;
    }
    for (std::size_t i = 4; i < nodes.size(); ++i) {
        auto word = nodes[i].kind == ReplyKind::text
                        ? policy::parse_ban_word(reply.text_of(nodes[i]), prefixes)
                        : std::nullopt;
        if (word) {
            news.words.push_back(std::move(*word));
        } else {
            ++news.strange;
        }
    }
    return news;
}

std::optional<policy::BanWord> parse_ban_strike(const Reply& reply, policy::BanPrefixes prefixes) {
    const auto& nodes = reply.nodes();
    return reply.kind == ReplyKind::array && nodes.size() == 2 && nodes[1].kind == ReplyKind::text
               ? policy::parse_ban_word(reply.text_of(nodes[1]), prefixes)
               : std::nullopt;
}

}  // namespace sallyport::store
