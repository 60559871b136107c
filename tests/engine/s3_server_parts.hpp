// What the sources of the double of S3 share: refusals, queries, encodings of keys.
#pragma once

#include "common/bytes.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <cctype>
#include <cstdio>
#include <string>
#include <string_view>

namespace sallyport::test {

inline UpstreamReply s3_refusal(int status, const std::string& code) {
    UpstreamReply reply;
    reply.status = status;
    reply.headers = {{"Content-Type", "application/xml"}};
    reply.body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + code +
                 " it is</Message></Error>";
    return reply;
}

inline std::string unescaped(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '%' && at + 2 < text.size()) {
            out += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
            at += 2;
        } else {
            out += text[at];
        }
    }
    return out;
}

// As S3 encodes keys when it is asked to: blanks are `+`.
inline std::string escaped(const std::string& key) {
    std::string out;
    for (const char c : key) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ||
                           c == '_' || c == '.' || c == '/';
        char code[4];
        std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
        out += plain ? std::string(1, c) : c == ' ' ? "+" : code;
    }
    return out;
}

inline std::string argument(const std::string& query, const std::string& name) {
    std::string value;
    for_each_split(query, '&', [&](std::string_view part) {
        if (part.starts_with(name + "=")) {
            value = unescaped(std::string(part.substr(name.size() + 1)));
        }
    });
    return value;
}

// Also without a value.
inline bool has_argument(const std::string& query, std::string_view name) {
    bool found = false;
    for_each_split(query, '&', [&](std::string_view part) {
        found = found || part.substr(0, part.find('=')) == name;
    });
    return found;
}

}  // namespace sallyport::test
