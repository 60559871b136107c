#include "common/json.hpp"

#include "common/json_text.hpp"
#include "common/plain_bytes.hpp"

#include <cmath>
#include <cstdlib>
#include <memory>

namespace sallyport {
namespace {

std::string to_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t i = 0;
    while (i < text.size()) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t length = lead < 0x80   ? 1
                                   : lead < 0xc2 ? 0
                                   : lead < 0xe0 ? 2
                                   : lead < 0xf0 ? 3
                                   : lead < 0xf5 ? 4
                                                 : 0;
        bool valid = length > 0 && i + length <= text.size();
        for (std::size_t k = 1; valid && k < length; ++k) {
            valid = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
        }
        if (valid && length >= 3) {
            const auto second = static_cast<unsigned char>(text[i + 1]);
            valid = !(lead == 0xe0 && second < 0xa0) && !(lead == 0xed && second > 0x9f) &&
                    !(lead == 0xf0 && second < 0x90) && !(lead == 0xf4 && second > 0x8f);
        }
        if (valid) {
            out.append(text.substr(i, length));
            i += length;
        } else {
            out.append("\xef\xbf\xbd");
            ++i;
        }
    }
    return out;
}

std::string dump_with(const json_t* node, std::size_t flags) {
    if (node == nullptr) {
        return {};
    }
    const std::unique_ptr<char, decltype(&std::free)> text(
        json_dumps(node, flags | JSON_ENCODE_ANY), &std::free);
    return text == nullptr ? std::string() : std::string(text.get());
}

}  // namespace

Json Json::real(double value) {
    return std::isfinite(value) ? steal(json_real(value)) : null();
}

Json Json::string(std::string_view value) {
    if (is_ascii(value)) {
        return steal(
            json_stringn_nocheck(value.data() == nullptr ? "" : value.data(), value.size()));
    }
    json_t* node = json_stringn(value.data(), value.size());
    if (node == nullptr) {
        const std::string clean = to_utf8(value);
        node = json_stringn(clean.data(), clean.size());
    }
    return steal(node);
}

Json Json::object(std::initializer_list<std::pair<std::string_view, Json>> members) {
    Json out = object();
    for (const auto& [key, value] : members) {
        out.set(key, value);
    }
    return out;
}

Result<Json> Json::parse(std::string_view text, Duplicates duplicates, std::size_t depth_max) {
    return json_text::read(text, duplicates, depth_max);
}

std::string_view Json::text() const {
    return is_string() ? std::string_view(json_string_value(node_), json_string_length(node_))
                       : std::string_view();
}

std::string_view Json::text_or(std::string_view fallback) const {
    return is_string() ? text() : fallback;
}

std::int64_t Json::integer_or(std::int64_t fallback) const {
    return is_integer() ? json_integer_value(node_) : fallback;
}

double Json::number_or(double fallback) const {
    return is_number() ? json_number_value(node_) : fallback;
}

bool Json::boolean_or(bool fallback) const {
    return is_boolean() ? is_true() : fallback;
}

std::size_t Json::size() const {
    return is_object() ? json_object_size(node_) : json_array_size(node_);
}

Json Json::operator[](std::string_view key) const {
    return borrow(json_object_getn(node_, key.data(), key.size()));
}

Json Json::at(std::size_t index) const {
    return borrow(json_array_get(node_, index));
}

void Json::set(std::string_view key, const Json& value) {
    json_t* const node = value.exists() ? json_incref(value.node_) : json_null();
    // What is no UTF-8 is no key: jansson sees to it.
    is_ascii(key) ? json_object_setn_new_nocheck(node_, key.data(), key.size(), node)
                  : json_object_setn_new(node_, key.data(), key.size(), node);
}

void Json::erase(std::string_view key) {
    json_object_deln(node_, key.data(), key.size());
}

void Json::append(const Json& value) {
    json_array_append_new(node_, value.exists() ? json_incref(value.node_) : json_null());
}

void Json::set_at(std::size_t index, const Json& value) {
    json_array_set_new(node_, index, value.exists() ? json_incref(value.node_) : json_null());
}

std::string Json::dump() const {
    return exists() ? json_text::write(node_) : std::string();
}
std::string Json::dump_sorted() const {
    return dump_with(node_, JSON_COMPACT | JSON_SORT_KEYS);
}
std::string Json::dump_pretty() const {
    return dump_with(node_, JSON_INDENT(2));
}

}  // namespace sallyport
