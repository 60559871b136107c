#include "engine/adapters/sandbox/result.hpp"

#include "common/bytes.hpp"

#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

// 2^63 has 19 digits: a longer integer may not fit, and none of 18 digits fails to.
constexpr std::size_t kSafeDigits = 18;

// The code unit of a `\uXXXX` at `at`, -1 when there is none.
int escaped_unit(std::string_view text, std::size_t at) {
    if (text.size() - at < 6 || text[at] != '\\' || text[at + 1] != 'u') {
        return -1;
    }
    const std::optional<Bytes> bytes = hex_decode(text.substr(at + 2, 4), HexCase::any);
    return bytes ? (*bytes)[0] * 256 + (*bytes)[1] : -1;
}

// Copies one escape of a string and returns its length; a lone surrogate becomes U+FFFD.
std::size_t mend_escape(std::string_view text, std::size_t at, std::string& out) {
    const int unit = escaped_unit(text, at);
    if (unit < 0xd800 || unit > 0xdfff) {
        out.append(text.substr(at, 2));
        return 2;
    }
    const int next = at + 6 < text.size() ? escaped_unit(text, at + 6) : -1;
    if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) {
        out.append(text.substr(at, 12));
        return 12;
    }
    out.append("\\ufffd");
    return 6;
}

std::size_t mend_number(std::string_view text, std::size_t at, std::string& out) {
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) {
        ++end;
    }
    out.append(text.substr(at, end - at));
    const bool is_integer =
        end == text.size() || (text[end] != '.' && text[end] != 'e' && text[end] != 'E');
    if (end - at > kSafeDigits && is_integer) {
        out.append(".0");
    }
    while (end < text.size() && (is_digit(text[end]) || text[end] == '.' || text[end] == 'e' ||
                                 text[end] == 'E' || text[end] == '+' || text[end] == '-')) {
        out.push_back(text[end++]);
    }
    return end - at;
}

std::string mend(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 16);
    bool in_string = false;
    std::size_t at = 0;
    while (at < text.size()) {
        if (in_string && text[at] == '\\') {
            at += mend_escape(text, at, out);
            continue;
        }
        if (!in_string && is_digit(text[at])) {
            at += mend_number(text, at, out);
            continue;
        }
        in_string = in_string != (text[at] == '"');
        out.push_back(text[at++]);
    }
    return out;
}

SandboxStatus from_worker(jsbox::RunStatus status) {
    switch (status) {
        case jsbox::RunStatus::ok:
            return SandboxStatus::ok;
        case jsbox::RunStatus::error:
            return SandboxStatus::error;
        case jsbox::RunStatus::timeout:
            return SandboxStatus::timeout;
        case jsbox::RunStatus::memory_limit:
            return SandboxStatus::memory_limit;
        case jsbox::RunStatus::crashed:
            return SandboxStatus::crashed;
        case jsbox::RunStatus::output_limit:
            return SandboxStatus::output_limit;
    }
    return SandboxStatus::crashed;
}

}  // namespace

Result<Json> parse_script_json(std::string_view text) {
    Result<Json> parsed = Json::parse(text);
    return parsed.ok() ? std::move(parsed) : Json::parse(mend(text));
}

SandboxResult to_result(jsbox::ResultFrame frame) {
    SandboxResult result;
    result.status = from_worker(frame.status);
    result.error = std::move(frame.error);
    result.stack = std::move(frame.stack);
    result.console = std::move(frame.console);
    if (result.status == SandboxStatus::ok) {
        Result<Json> value = parse_script_json(frame.value);
        if (value.ok()) {
            result.value = std::move(*value);
        } else {
            result.status = SandboxStatus::error;
            result.error = "the result cannot be kept: " + value.message();
        }
    }
    return result;
}

SandboxResult failed_run(SandboxStatus status, std::string error) {
    SandboxResult result;
    result.status = status;
    result.error = std::move(error);
    return result;
}

EvaluateResult to_evaluation(const SandboxResult& result, std::size_t expected) {
    EvaluateResult out;
    out.status = result.status;
    out.error = result.error;
    if (result.status != SandboxStatus::ok) {
        return out;
    }
    result.value.each_element([&](const Json& entry) {
        ExpressionResult one;
        one.ok = entry["ok"].is_true();
        one.value = entry["value"];
        one.error = std::string(entry["error"].text());
        out.results.push_back(std::move(one));
    });
    if (out.results.size() != expected) {
        out.status = SandboxStatus::crashed;
        out.error = "the sandbox answered with another number of results";
        out.results.clear();
    }
    return out;
}

}  // namespace sallyport::engine
