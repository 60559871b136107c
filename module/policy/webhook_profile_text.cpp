// The tokenizer of the profile language: `key=value key="quoted value"`.
#include "module/policy/webhook_profile.hpp"

#include <algorithm>

namespace sallyport::policy::webhook {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Reads the quoted text that begins at `at` and moves `at` behind its closing quote.
Result<std::string> read_quoted(std::string_view text, std::size_t& at) {
    std::string out;
    for (++at; at < text.size(); ++at) {
        if (text[at] == '"') {
            ++at;
            return out;
        }
        if (text[at] != '\\') {
            out.push_back(text[at]);
            continue;
        }
        if (++at == text.size()) {
            break;
        }
        switch (text[at]) {
            case 'n':
                out.push_back('\n');
                break;
            case 't':
                out.push_back('\t');
                break;
            case '"':
                out.push_back('"');
                break;
            case '\\':
                out.push_back('\\');
                break;
            default:
                return Error{std::string("\"\\") + text[at] +
                             "\" is not an escape; known are \\n, \\t, \\\" and \\\\"};
        }
    }
    return Error{"a quote is never closed; write key=\"value\""};
}

}  // namespace

Result<Pairs> parse_pairs(std::string_view text) {
    Pairs out;
    std::size_t at = 0;
    while (true) {
        while (at < text.size() && is_blank(text[at])) {
            ++at;
        }
        if (at == text.size()) {
            return out;
        }
        const std::size_t equals = text.find('=', at);
        const std::string key(
            text.substr(at, equals == std::string_view::npos ? equals : equals - at));
        if (equals == std::string_view::npos || key.empty() ||
            std::any_of(key.begin(), key.end(), is_blank)) {
            return Error{"\"" + key +
                         "\" is not key=value; write for example sig=header:X-Signature"};
        }
        at = equals + 1;
        std::string value;
        if (at < text.size() && text[at] == '"') {
            auto quoted = read_quoted(text, at);
            if (!quoted) {
                return quoted.error();
            }
            value = std::move(*quoted);
            if (at < text.size() && !is_blank(text[at])) {
                return Error{"text follows the closing quote of \"" + key +
                             "\"; put a blank between two keys"};
            }
        } else {
            const std::size_t begin = at;
            while (at < text.size() && !is_blank(text[at])) {
                ++at;
            }
            value = text.substr(begin, at - begin);
        }
        const bool repeated = std::any_of(out.begin(), out.end(),
                                          [&](const auto& pair) { return pair.first == key; });
        if (repeated) {
            return Error{"the key \"" + key + "\" is given twice; keep one"};
        }
        out.emplace_back(key, std::move(value));
    }
}

Pairs merge_pairs(Pairs base, const Pairs& overrides) {
    for (const auto& [key, value] : overrides) {
        const auto found =
            std::find_if(base.begin(), base.end(),
                         [&wanted = key](const auto& pair) { return pair.first == wanted; });
        if (found == base.end()) {
            base.emplace_back(key, value);
        } else {
            found->second = value;
        }
    }
    return base;
}

}  // namespace sallyport::policy::webhook
