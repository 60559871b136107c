#include "module/store/webhook_replay_commands.hpp"

#include "common/bytes.hpp"
#include "module/store/redis_slot.hpp"
#include "module/store/resp_writer.hpp"
#include "webhook_reserve_script_text.hpp"
#include "webhook_settle_script_text.hpp"

#include <array>

namespace sallyport::store {

using policy::webhook::ReplayIdentity;
using policy::webhook::ReplayKeys;
using policy::webhook::Reservation;
using policy::webhook::Reserved;

namespace {

std::string hex_of(const policy::webhook::ReplayKey& key) {
    std::array<std::uint8_t, 16> bytes;
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[i] = static_cast<std::uint8_t>(key.high >> (56 - 8 * i));
        bytes[8 + i] = static_cast<std::uint8_t>(key.low >> (56 - 8 * i));
    }
    return hex_encode(bytes.data(), bytes.size());
}

void append_call(std::string& out, const RedisScript& script, const ReplayWire& wire,
                 std::string_view token, std::int64_t number) {
    RespWriter(out)
        .command(3 + wire.count + 2)
        .word("EVALSHA")
        .word(script.sha)
        .word(static_cast<std::int64_t>(wire.count));
    out.append(wire.keys);
    RespWriter(out).word(token).word(number);
}

}  // namespace

const RedisScript& webhook_reserve_script() {
    static const RedisScript script(
        {kWebhookReserveScriptText, sizeof kWebhookReserveScriptText - 1});
    return script;
}

const RedisScript& webhook_settle_script() {
    static const RedisScript script(
        {kWebhookSettleScriptText, sizeof kWebhookSettleScriptText - 1});
    return script;
}

ReplayWire make_replay_wire(const ReplayKeys& keys, ReplayIdentity::Kind kind,
                            std::string_view scope) {
    // Half a digest is enough of a name for a place.
    const std::string tag = kind == ReplayIdentity::Kind::id
                                ? hex_of(keys.keys[0])
                                : hex_encode(digest(DigestAlgorithm::sha256, scope)).substr(0, 16);
    ReplayWire out;
    out.count = keys.count;
    const std::string prefix = "sallyport:{w:" + tag + "}:";
    out.slot = key_slot(prefix);
    RespWriter writer(out.keys);
    for (std::size_t i = 0; i < keys.count; ++i) {
        writer.word(prefix, hex_of(keys.keys[i]), {});
    }
    return out;
}

void append_reserve(std::string& out, const ReplayWire& wire, std::string_view token,
                    std::int64_t lease_ms) {
    append_call(out, webhook_reserve_script(), wire, token, lease_ms);
}

void append_settle(std::string& out, const ReplayWire& wire, std::string_view token,
                   std::int64_t ttl_ms) {
    append_call(out, webhook_settle_script(), wire, token, ttl_ms);
}

std::optional<Reservation> parse_reserve(const Reply& reply) {
    if (reply.kind != ReplyKind::integers || reply.count != 2 || reply.integers[1] < 0) {
        return std::nullopt;
    }
    Reservation out;
    switch (reply.integers[0]) {
        case 0:
            out.answer = Reserved::forward;
            return out;
        case 1:
            out.answer = Reserved::duplicate;
            return out;
        case 2:
            out.answer = Reserved::busy;
            out.lease_left_ms = reply.integers[1];
            return out;
        default:
            return std::nullopt;
    }
}

}  // namespace sallyport::store
