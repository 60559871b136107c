#include "engine/jsbox/host_calls.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/jsbox/run.hpp"
#include "engine/jsbox/time_zones.hpp"
#include "engine/jsbox/wasm_host.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

namespace sallyport::engine::jsbox {
namespace {

// As the Web Crypto API bounds one call.
constexpr std::size_t kRandomBytesMax = 65536;
constexpr std::array kDigests = {DigestAlgorithm::md5, DigestAlgorithm::sha1,
                                 DigestAlgorithm::sha256, DigestAlgorithm::sha384,
                                 DigestAlgorithm::sha512};
constexpr std::string_view kConsoleCutNote = "… output cut here\n";

enum Id {
    kSettle = 1,
    kLog,
    kDigest,
    kRandom,
    kFetch,
    kMemoryGrace,
    kToText,
    kToBytes,
    kZone,
    kZoneOffset,
    kZoneName,
    kZoneNames
};
// JavaScript's times end here, on both sides.
constexpr double kUnixSecondsMax = 8.64e12;

std::optional<std::string> text_argument(const HostCall& call, int index) {
    return index < call.count ? js::to_text(js::argument(call.arguments, index)) : std::nullopt;
}
std::optional<std::string> bytes_argument(const HostCall& call, int index) {
    return index < call.count ? js::to_bytes(js::argument(call.arguments, index)) : std::nullopt;
}
// NaN when absent.
double number_argument(const HostCall& call, int index) {
    return index < call.count ? js::to_double(js::argument(call.arguments, index)) : std::nan("");
}
std::string cut(std::optional<std::string> text, std::size_t bytes_max) {
    std::string out = std::move(text).value_or(std::string());
    if (out.size() > bytes_max) {
        out.resize(bytes_max);
        while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) {
            out.pop_back();  // not in the middle of a character
        }
        if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) {
            out.pop_back();
        }
    }
    return out;
}

// settle(status, value, error, stack): the one way a run ends from inside.
js::Value settle(const HostCall& call) {
    if (call.state.settled) {
        return 0;
    }
    const double status = number_argument(call, 0);
    ResultFrame& result = call.result;
    if (status == static_cast<double>(RunStatus::ok)) {
        std::optional<std::string> value = text_argument(call, 1);
        if (!value) {
            return 0;
        }
        if (value->size() > call.frame.output_bytes_max) {
            result.status = RunStatus::output_limit;
            result.error = "the result is larger than the output limit";
        } else {
            result.status = RunStatus::ok;
            result.value = std::move(*value);
        }
    } else {
        result.status =
            status == static_cast<double>(RunStatus::memory_limit)   ? RunStatus::memory_limit
            : status == static_cast<double>(RunStatus::output_limit) ? RunStatus::output_limit
                                                                     : RunStatus::error;
        result.error = cut(text_argument(call, 2), kErrorBytesMax);
        result.stack = cut(text_argument(call, 3), kErrorBytesMax);
    }
    call.state.settled = true;
    return 0;
}

// log(line)
js::Value log(const HostCall& call) {
    if (call.state.console_cut) {
        return 0;
    }
    const std::size_t room =
        kConsoleBytesMax - kConsoleCutNote.size() -
        std::min(call.state.console.size() + 1, kConsoleBytesMax - kConsoleCutNote.size());
    std::optional<std::string> line = text_argument(call, 0);
    if (line && line->size() > room) {
        call.state.console_cut = true;
        call.state.console += cut(std::move(line), room) + '\n';
        call.state.console += kConsoleCutNote;
    } else if (line) {
        call.state.console += *line + '\n';
    }
    return 0;
}

// digest(algorithm index, ArrayBuffer) -> ArrayBuffer
js::Value make_digest(const HostCall& call) {
    const double index = number_argument(call, 0);
    const std::optional<std::string> data = bytes_argument(call, 1);
    if (!(index >= 0 && index < static_cast<double>(kDigests.size())) || !data) {
        return 0;
    }
    const Bytes out = digest(kDigests[static_cast<std::size_t>(index)], *data);
    return js::array_buffer(as_text(out));
}

// random(size) -> ArrayBuffer
js::Value random(const HostCall& call) {
    const double size = number_argument(call, 0);
    if (!(size >= 0 && size <= static_cast<double>(kRandomBytesMax))) {
        return 0;
    }
    std::string bytes(static_cast<std::size_t>(size), '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t got = getrandom(bytes.data() + done, bytes.size() - done, 0);
        if (got > 0) {
            done += static_cast<std::size_t>(got);
        }
    }
    return js::array_buffer(bytes);
}

// fetch(head, ArrayBuffer) -> call id, undefined when refused
js::Value fetch(const HostCall& call) {
    FetchFrame frame;
    std::optional<std::string> head = text_argument(call, 0);
    std::optional<std::string> body = bytes_argument(call, 1);
    if (call.channel == nullptr || call.state.settled || !call.frame.fetch_allowed || !head ||
        head->size() > kFetchHeadBytesMax || (body && body->size() > kFetchBodyBytesMax) ||
        call.state.fetches >= kFetchesAtOnceMax) {
        return 0;
    }
    frame.run_id = call.frame.run_id;
    frame.call_id = ++call.state.next_call_id;
    frame.head = std::move(*head);
    frame.body = std::move(body).value_or(std::string());
    ++call.state.fetches;
    call.channel->send(encode(frame));
    return js::number(frame.call_id);
}

// memory_grace() -> 1 when the memory limit had been reached, once
js::Value memory_grace(const HostCall& call) {
    if (call.state.memory_grace_used) {
        return 0;
    }
    call.state.memory_grace_used = true;
    js::set_memory_limit(call.state.memory_limit + kMemoryGraceBytes);
    return wasm::growth_refused() ? js::number(1) : 0;
}

bool is_utf8(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t more = lead < 0x80   ? 0
                                 : lead < 0xc2 ? 4
                                 : lead < 0xe0 ? 1
                                 : lead < 0xf0 ? 2
                                 : lead < 0xf5 ? 3
                                               : 4;
        if (more == 4 || lead == 0 || i + more >= text.size()) {
            return false;
        }
        for (std::size_t k = 1; k <= more; ++k) {
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) {
                return false;
            }
        }
        const auto second = more > 0 ? static_cast<unsigned char>(text[i + 1]) : 0;
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
            (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

// to_text(form, ArrayBuffer) -> string; form 0: UTF-8 (undefined when it is not, or holds NUL),
// 1: base64, 2: hex
js::Value to_text(const HostCall& call) {
    const double form = number_argument(call, 0);
    const std::optional<std::string> bytes = bytes_argument(call, 1);
    if (!bytes) {
        return 0;
    }
    if (form == 1) {
        return js::string(base64_encode(as_bytes(*bytes), bytes->size()));
    }
    if (form == 2) {
        return js::string(hex_encode(as_bytes(*bytes), bytes->size()));
    }
    return is_utf8(*bytes) ? js::string(*bytes) : 0;
}

// to_bytes(string without NUL and lone surrogates) -> ArrayBuffer with its UTF-8
js::Value to_bytes(const HostCall& call) {
    const std::optional<std::string> text = text_argument(call, 0);
    return text ? js::array_buffer(*text) : 0;
}

// zone(name) -> its canonical name, undefined when tzdata has none such
js::Value zone(const HostCall& call) {
    const std::optional<std::string> name = text_argument(call, 0);
    const auto canonical = name ? zones::canonical(*name) : std::nullopt;
    return canonical ? js::string(*canonical) : 0;
}

std::optional<std::int64_t> unix_seconds_argument(const HostCall& call, int index) {
    const double seconds = number_argument(call, index);
    return std::abs(seconds) <= kUnixSecondsMax ? std::optional(static_cast<std::int64_t>(seconds))
                                                : std::nullopt;
}

// zone_offset(name, unix seconds) -> seconds ahead of UTC
js::Value zone_offset(const HostCall& call) {
    const std::optional<std::string> name = text_argument(call, 0);
    const auto at = unix_seconds_argument(call, 1);
    const auto reading = name && at ? zones::reading_at(*name, *at) : std::nullopt;
    return reading ? js::number(reading->offset_s) : 0;
}

// zone_name(name, unix seconds, long or not) -> what the time is called, an empty text without a
// name
js::Value zone_name(const HostCall& call) {
    const std::optional<std::string> name = text_argument(call, 0);
    const auto at = unix_seconds_argument(call, 1);
    return js::string(name && at ? zones::name_at(*name, *at, number_argument(call, 2) == 1)
                                 : std::string());
}

}  // namespace

js::Value host_object() {
    const js::Value host = js::object();
    const std::pair<const char*, int> functions[] = {
        {"settle", kSettle},      {"log", kLog},
        {"digest", kDigest},      {"random", kRandom},
        {"fetch", kFetch},        {"memory_grace", kMemoryGrace},
        {"to_text", kToText},     {"to_bytes", kToBytes},
        {"zone", kZone},          {"zone_offset", kZoneOffset},
        {"zone_name", kZoneName}, {"zone_names", kZoneNames}};
    for (const auto& [name, id] : functions) {
        js::set(host, name, js::host_function(name, id));
    }
    return host;
}

js::Value perform_host_call(const HostCall& call, int id) {
    switch (id) {
        case kSettle:
            return settle(call);
        case kLog:
            return log(call);
        case kDigest:
            return make_digest(call);
        case kRandom:
            return random(call);
        case kFetch:
            return fetch(call);
        case kMemoryGrace:
            return memory_grace(call);
        case kToText:
            return to_text(call);
        case kToBytes:
            return to_bytes(call);
        case kZone:
            return zone(call);
        case kZoneOffset:
            return zone_offset(call);
        case kZoneName:
            return zone_name(call);
        case kZoneNames:
            return js::string(zones::canonical_names());
        default:
            return 0;
    }
}

void warm_up_crypto() {
    for (const DigestAlgorithm algorithm : kDigests) {
        digest(algorithm, "");
    }
}

}  // namespace sallyport::engine::jsbox
