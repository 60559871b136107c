#include "module/store/rate_limit_commands.hpp"

#include "module/store/resp_writer.hpp"
#include "rate_limit_script_text.hpp"

namespace sallyport::store {

namespace {

// What every check of so many limits begins with.
using Heads = std::array<std::string, kLimitsPerRequestMax + 1>;
const Heads& command_heads() {
    static const Heads heads = [] {
        Heads out;
        for (std::size_t count = 0; count < out.size(); ++count) {
            RespWriter(out[count])
                .command(3 + 3 * count)
                .word("EVALSHA")
                .word(rate_limit_script_sha())
                .word(static_cast<std::int64_t>(count));
        }
        return out;
    }();
    return heads;
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

LimitWire make_wire(std::string_view limit, const policy::Gcra& gcra) {
    LimitWire wire;
    wire.limit = gcra;
    const std::string prefix = key_prefix(limit);
    RespWriter(wire.key_head).word(prefix, std::string(policy::KeyText().size(), '0'), {});
    // Everything before the hash.
    wire.key_head.resize(wire.key_head.find(prefix) + prefix.size());
    wire.slot = key_slot(prefix);
    RespWriter(wire.numbers).word(gcra.interval_ns).word(gcra.capacity_ns);
    return wire;
}

void append_check(std::string& out, std::span<const Check> checks) {
    out.append(command_heads()[checks.size()]);
    for (const Check& check : checks) {
        out.append(check.wire->key_head).append(check.key.data(), check.key.size());
        out.append("\r\n", 2);
    }
    for (const Check& check : checks) {
        out.append(check.wire->numbers);
    }
}

std::optional<CheckReply> parse_check(const Reply& reply, std::span<const Check> checks) {
    if (reply.kind != ReplyKind::integers || reply.count != checks.size() + 1 ||
        reply.integers[0] < 0 || reply.integers[0] > 1) {
        return std::nullopt;
    }
    CheckReply out;
    out.allowed = reply.integers[0] == 1;
    out.count = checks.size();
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const std::int64_t ahead_ns = reply.integers[i + 1];
        if (ahead_ns < 0 || ahead_ns > checks[i].wire->limit.capacity_ns) {
            return std::nullopt;
        }
        out.ahead_ns[i] = ahead_ns;
    }
    return out;
}

}  // namespace sallyport::store
