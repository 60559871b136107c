#include "module/store/rate_limit_commands.hpp"

#include "module/store/resp_writer.hpp"
#include "rate_limit_hold_script_text.hpp"
#include "rate_limit_nodes_script_text.hpp"
#include "rate_limit_refund_script_text.hpp"
#include "rate_limit_script_text.hpp"

#include <cstring>

namespace sallyport::store {

namespace {

// What every check of so many limits begins with.
using Heads = std::array<std::string, kLimitsPerRequestMax + 1>;
const Heads& command_heads() {
    static const Heads heads = [] {
        Heads out;
        for (std::size_t count = 0; count < out.size(); ++count) {
            RespWriter(out[count])
                .command(3 + 7 * count)
                .word("EVALSHA")
                .word(rate_limit_script_sha())
                .word(static_cast<std::int64_t>(count));
        }
        return out;
    }();
    return heads;
}

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::array<std::string_view, 3> kKindWords = {"g", "w", "c"};
constexpr std::array<std::string_view, 3> kChargeWords = {"G", "W", "C"};

std::int64_t most_of(const Check& check) {
    return check.terms == nullptr ? check.wire->max : check.terms->most();
}

std::int64_t life_of(const Check& check) {
    const bool own = check.terms == nullptr || check.wire->kind != policy::LimitKind::window;
    return own ? check.wire->life_ms : check.terms->window.window_ns / 1'000'000;
}

void append_numbers(std::string& out, const Check& check) {
    const LimitWire& wire = *check.wire;
    const auto kind = static_cast<std::size_t>(wire.kind);
    const bool rate = wire.kind == policy::LimitKind::rate;
    const std::int64_t interval_ns =
        check.terms == nullptr ? wire.limit.interval_ns : check.terms->gcra.interval_ns;
    const std::int64_t unit = rate ? interval_ns : 1;
    RespWriter writer(out);
    const bool holds = check.hold > 0 && !wire.hold_word.empty();
    writer
        .word(holds          ? std::string_view(wire.hold_word)
              : check.charge ? kChargeWords[kind]
                             : kKindWords[kind])
        .word(check.units * unit)
        .word(most_of(check));
    if (rate) {
        writer
            .word(check.reserve > 0 ? -check.reserve
                                    : std::int64_t{holds ? check.hold : check.extra} * unit)
            .word(unit)
            .word(check.known_ns);
        return;
    }
    writer.word(life_of(check))
        .word(check.holder.empty() ? std::string_view("0") : check.holder)
        .word(check.reserve);
}

std::size_t key_bytes(const LimitWire& wire) {
    return wire.key_head.size() + policy::KeyText().size() + wire.key_tail.size() + kLineEnd.size();
}

char* put(char* at, std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
}

char* put_key(char* at, const LimitWire& wire, const policy::KeyText& key) {
    at = put(at, wire.key_head);
    std::memcpy(at, key.data(), key.size());
    at += key.size();
    if (wire.spread) {
        at = put(at, wire.key_tail);
    }
    return put(at, kLineEnd);
}

void append_key(std::string& out, const LimitWire& wire, const policy::KeyText& key) {
    const std::size_t size = out.size();
    out.resize(size + key_bytes(wire));
    put_key(out.data() + size, wire, key);
}

// The name of a key that is made beside a limit's own.
std::string key_name(const LimitWire& wire, const policy::KeyText& key, std::string_view suffix) {
    std::string name = wire.key_head.substr(wire.key_head.find('\n') + 1);
    return name.append(key.data(), key.size()).append(wire.key_tail).append(suffix);
}

bool plausible(const Check& check, const policy::Measure& measure, std::int64_t extra_ns) {
    if (measure.used < 0 || measure.next_ns < 0 || extra_ns < 0) {
        return false;
    }
    // What is held or counted may exceed a max that was lowered; a bucket is clamped to its size.
    return check.wire->kind != policy::LimitKind::rate ||
           (measure.used <= most_of(check) && extra_ns <= most_of(check));
}

}  // namespace

std::string_view rate_limit_script() {
    return {kRateLimitScriptText, sizeof kRateLimitScriptText - 1};
}

const std::string& rate_limit_script_sha() {
    return rate_limit_redis_script().sha;
}

const RedisScript& rate_limit_redis_script() {
    static const RedisScript script(rate_limit_script());
    return script;
}

std::string key_prefix(std::string_view limit) {
    return "sallyport:{" + std::string(limit) + "}:";
}

namespace {

std::string prefix_at(std::string_view limit, const KeyPlace& place) {
    if (!place.group.empty()) {
        return "sallyport:{@" + std::string(place.group) + "}:" + std::string(limit) + ":";
    }
    return place.spread ? "sallyport:" + std::string(limit) + ":" : key_prefix(limit);
}

void write_head(LimitWire& wire, std::string_view limit, const KeyPlace& place) {
    wire.spread = place.spread && place.group.empty();
    const std::string prefix = prefix_at(limit, place) +
                               (wire.kind == policy::LimitKind::concurrent ? "c:" : "") +
                               (wire.spread ? "{" : "");
    wire.key_tail = wire.spread ? "}" : "";
    RespWriter(wire.key_head)
        .word(prefix, std::string(policy::KeyText().size(), '0'), wire.key_tail);
    // Everything before the hash.
    wire.key_head.resize(wire.key_head.find(prefix) + prefix.size());
    wire.slot = wire.spread ? std::uint16_t{0} : key_slot(prefix);
    if (wire.kind != policy::LimitKind::concurrent) {
        append_numbers(wire.one, {.wire = &wire});
    }
}

}  // namespace

LimitWire make_wire(std::string_view limit, const policy::Gcra& gcra, const KeyPlace& place) {
    LimitWire wire;
    wire.limit = gcra;
    wire.max = gcra.capacity_ns;
    write_head(wire, limit, place);
    return wire;
}

LimitWire make_wire(const policy::LimitSpec& spec, bool cluster) {
    const KeyPlace place{spec.group, cluster};
    LimitWire wire;
    wire.kind = spec.kind;
    switch (spec.kind) {
        case policy::LimitKind::rate:
            wire = make_wire(spec.name, spec.gcra, place);
            if (const std::int64_t hold_ns = spec.lease_terms().hold_ns; spec.leases()) {
                wire.hold_word = "h" + std::to_string(hold_ns / 1'000'000);
            }
            return wire;
        case policy::LimitKind::window:
            wire.max = spec.window.max;
            wire.life_ms = spec.window.window_ns / 1'000'000;
            break;
        case policy::LimitKind::concurrent:
            wire.max = spec.concurrent;
            wire.life_ms = kHolderLifeMs;
            break;
    }
    write_head(wire, spec.name, place);
    return wire;
}

std::uint16_t slot_of(const LimitWire& wire, const policy::KeyText& key) {
    return wire.spread ? key_slot({key.data(), key.size()}) : wire.slot;
}

bool share_slot(const policy::LimitSpec& a, const policy::LimitSpec& b) {
    if (!a.group.empty() || !b.group.empty()) {
        return a.group == b.group;
    }
    return a.key == b.key && a.ipv6_prefix == b.ipv6_prefix;
}

namespace {

// One unit and nothing beyond it, of the limit's own numbers.
bool is_plain(const Check& check) {
    return check.units == 1 && check.extra == 0 && check.hold == 0 && check.known_ns == 0 &&
           check.terms == nullptr && check.reserve == 0 && !check.charge &&
           !check.wire->one.empty();
}

}  // namespace

[[gnu::hot]] void append_check(std::string& out, std::span<const Check> checks) {
    const std::string& head = command_heads()[checks.size()];
    std::size_t bytes = head.size();
    bool plain = true;
    for (const Check& check : checks) {
        bytes += key_bytes(*check.wire) + check.wire->one.size();
        plain = plain && is_plain(check);
    }
    // Pieces of a known size go into place at once.
    const std::size_t start = out.size();
    out.resize(start + bytes);
    char* at = put(out.data() + start, head);
    for (const Check& check : checks) {
        at = put_key(at, *check.wire, check.key);
    }
    if (plain) {
        for (const Check& check : checks) {
            at = put(at, check.wire->one);
        }
        return;
    }
    out.resize(static_cast<std::size_t>(at - out.data()));
    for (const Check& check : checks) {
        if (is_plain(check)) {
            out.append(check.wire->one);
        } else {
            append_numbers(out, check);
        }
    }
}

[[gnu::hot]] std::optional<CheckReply> parse_check(const Reply& reply,
                                                   std::span<const Check> checks) {
    if (reply.kind != ReplyKind::integers || reply.count != 2 + 2 * checks.size() ||
        reply.integers[0] < 0 || reply.integers[0] > 1 || reply.integers[1] < 0) {
        return std::nullopt;
    }
    CheckReply out;
    out.allowed = reply.integers[0] == 1;
    out.server_us = reply.integers[1];
    out.count = checks.size();
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const LimitWire& wire = *checks[i].wire;
        const std::int64_t* two = reply.integers.data() + 2 + 2 * i;
        out.measures[i].used = two[0];
        if (wire.kind == policy::LimitKind::rate) {
            out.extra_ns[i] = two[1];
        } else if (two[1] < 0 || two[1] > life_of(checks[i])) {
            return std::nullopt;
        } else {
            out.measures[i].next_ns = two[1] * 1'000'000;
        }
        if (!plausible(checks[i], out.measures[i], out.extra_ns[i])) {
            return std::nullopt;
        }
    }
    return out;
}

const RedisScript& rate_limit_refund_script() {
    static const RedisScript script(
        {kRateLimitRefundScriptText, sizeof kRateLimitRefundScriptText - 1});
    return script;
}

void append_refund(std::string& out, const LimitWire& wire, const policy::KeyText& key,
                   std::int64_t refund_ns, std::int64_t server_us, std::int64_t life_ms,
                   std::string_view id) {
    RespWriter writer(out);
    writer.command(8).word("EVALSHA").word(rate_limit_refund_script().sha).word(std::int64_t{2});
    append_key(out, wire, key);
    writer.word(key_name(wire, key, ":" + std::string(id)));
    writer.word(refund_ns).word(server_us).word(life_ms);
}

const RedisScript& rate_limit_hold_script() {
    static const RedisScript script(
        {kRateLimitHoldScriptText, sizeof kRateLimitHoldScriptText - 1});
    return script;
}

void append_hold(std::string& out, const LimitWire& wire, const policy::KeyText& key,
                 std::string_view holder, bool add, std::int64_t count) {
    RespWriter writer(out);
    writer.command(8).word("EVALSHA").word(rate_limit_hold_script().sha).word(std::int64_t{1});
    append_key(out, wire, key);
    writer.word(holder).word(add ? "add" : "set").word(count).word(wire.life_ms);
}

const RedisScript& rate_limit_nodes_script() {
    static const RedisScript script(
        {kRateLimitNodesScriptText, sizeof kRateLimitNodesScriptText - 1});
    return script;
}

std::string_view nodes_key() {
    return "sallyport:{nodes}:live";
}

void append_nodes(std::string& out, std::string_view name) {
    RespWriter(out)
        .command(5)
        .word("EVALSHA")
        .word(rate_limit_nodes_script().sha)
        .word(std::int64_t{1})
        .word(nodes_key())
        .word(name);
}

}  // namespace sallyport::store
