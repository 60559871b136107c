#include "module/policy/body_limit.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"

#include <algorithm>
#include <string>

namespace sallyport::policy {
namespace {

bool ends_with_json_suffix(std::string_view type) {
    constexpr std::string_view kSuffix = "+json";
    return type.size() > kSuffix.size() &&
           ascii_iequals(type.substr(type.size() - kSuffix.size()), kSuffix);
}

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && ascii_iequals(text.substr(0, prefix.size()), prefix);
}

std::optional<std::size_t> kind_named(std::string_view name) {
    for (std::size_t i = 0; i < kBodyKinds; ++i) {
        if (word(static_cast<BodyKind>(i)) == name) {
            return i;
        }
    }
    return std::nullopt;
}

}  // namespace

BodyKind body_kind(std::string_view content_type) {
    const std::string_view type = trim_ows(content_type.substr(0, content_type.find(';')));
    if (ascii_iequals(type, "application/json") || ascii_iequals(type, "text/json") ||
        ends_with_json_suffix(type)) {
        return BodyKind::json;
    }
    if (ascii_iequals(type, "application/x-www-form-urlencoded")) {
        return BodyKind::form;
    }
    return starts_with(type, "multipart/") ? BodyKind::multipart : BodyKind::other;
}

Result<BodyLimits> BodyLimits::parse(std::span<const std::string_view> words) {
    std::array<std::optional<std::uint64_t>, kBodyKinds> given;
    for (const std::string_view text : words) {
        const std::size_t equals = text.find('=');
        const auto kind =
            equals == std::string_view::npos ? std::nullopt : kind_named(text.substr(0, equals));
        if (!kind) {
            return Error{"unknown parameter \"" + std::string(text) +
                         "\"; write json=, form=, multipart= or default= and a size, or off alone"};
        }
        if (given[*kind]) {
            return Error{"\"" + std::string(text) + "\" is given twice; keep one"};
        }
        const std::string_view value = text.substr(equals + 1);
        if (value == "off") {
            given[*kind] = kUnlimited;
            continue;
        }
        const auto size = parse_size_bytes(value);
        if (!size) {
            return Error{"\"" + std::string(text) + "\": " + size.message()};
        }
        given[*kind] = *size;
    }
    constexpr auto kOther = static_cast<std::size_t>(BodyKind::other);
    if (!given[kOther]) {
        std::uint64_t least = kUnlimited;
        for (const auto& bytes : given) {
            least = std::min(least, bytes.value_or(kUnlimited));
        }
        given[kOther] = least;
    }
    BodyLimits out;
    for (std::size_t i = 0; i < kBodyKinds; ++i) {
        out.bytes_[i] = given[i].value_or(*given[kOther]);
    }
    return out;
}

std::uint64_t BodyLimits::smallest() const {
    return *std::min_element(bytes_.begin(), bytes_.end());
}

std::uint64_t BodyLimits::largest() const {
    std::uint64_t most = 0;
    for (const std::uint64_t bytes : bytes_) {
        most = bytes == kUnlimited ? most : std::max(most, bytes);
    }
    return most;
}

}  // namespace sallyport::policy
