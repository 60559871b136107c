#include "common/json_text.hpp"

#include "common/limits.hpp"
#include "common/number_text.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace sallyport::json_text {
namespace {

// Builds the tree while the reader reports its parts.
class Builder {
  public:
    using Ch = char;

    Builder(Json::Duplicates duplicates, std::size_t depth_max)
        : duplicates_(duplicates), depth_max_(depth_max) {
        open_.reserve(16);
    }
    Builder(const Builder&) = delete;
    Builder& operator=(const Builder&) = delete;
    ~Builder() { json_decref(root_); }

    Json take() { return Json::steal(std::exchange(root_, nullptr)); }
    const char* refusal() const { return refusal_; }

    bool Null() { return add(json_null()); }
    bool Bool(bool value) { return add(json_boolean(value)); }
    // Numbers come as they are written: RapidJSON 1.1 makes any value of 0e111.
    bool RawNumber(const Ch* text, rapidjson::SizeType size, bool) {
        const char* end = text + size;
        const bool whole =
            std::none_of(text, end, [](char c) { return c == '.' || c == 'e' || c == 'E'; });
        json_int_t integer = 0;
        if (whole && std::from_chars(text, end, integer).ec == std::errc()) {
            return add(json_integer(integer));
        }
        double value = 0;
        if (std::from_chars(text, end, value).ec == std::errc::result_out_of_range) {
            value = 0;
            if (!is_tiny({text, size})) {
                return refuse("a number is too large");
            }
        }
        return add(json_real(value));
    }
    // The reader asks for these by name and never calls them.
    bool Int(int) { return false; }
    bool Uint(unsigned) { return false; }
    bool Int64(std::int64_t) { return false; }
    bool Uint64(std::uint64_t) { return false; }
    bool Double(double) { return false; }
    bool String(const Ch* text, rapidjson::SizeType size, bool) {
        return add(json_stringn_nocheck(text, size));
    }
    bool Key(const Ch* text, rapidjson::SizeType size, bool) {
        // Whoever walks over members sees keys as C strings.
        if (std::find(text, text + size, '\0') != text + size) {
            return refuse("a member's name holds \\u0000");
        }
        key_.assign(text, size);
        if (duplicates_ == Json::Duplicates::refuse &&
            json_object_getn(open_.back(), text, size) != nullptr) {
            return refuse("a member's name stands there twice");
        }
        return true;
    }
    bool StartObject() { return open(json_object()); }
    bool StartArray() { return open(json_array()); }
    bool EndObject(rapidjson::SizeType) { return close(); }
    bool EndArray(rapidjson::SizeType) { return close(); }

  private:
    // Of a number that no double holds: nearer to nothing than to infinity. Where its first digit
    // stands and the exponent decide together (1000…e-1 may be huge). It has a digit that is not 0.
    static bool is_tiny(std::string_view text) {
        constexpr std::int64_t kExponentMax = std::int64_t{1} << 40;
        const std::size_t end = std::min(text.find_first_of("eE"), text.size());
        const std::size_t point = std::min(text.find('.'), end);
        const std::size_t first = text.find_first_of("123456789");
        std::int64_t exponent = 0;
        if (end < text.size()) {
            const char* from = text.data() + end + (text[end + 1] == '+' ? 2 : 1);
            if (std::from_chars(from, text.data() + text.size(), exponent).ec != std::errc()) {
                exponent = *from == '-' ? -kExponentMax : kExponentMax;
            }
        }
        exponent = std::clamp(exponent, -kExponentMax, kExponentMax);
        return exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) < 0;
    }
    bool refuse(const char* why) {
        refusal_ = why;
        return false;
    }
    // Takes over `node`.
    bool add(json_t* node) {
        if (open_.empty()) {
            root_ = node;
            return node != nullptr;
        }
        json_t* parent = open_.back();
        const int failed = json_is_object(parent) ? json_object_setn_new_nocheck(
                                                        parent, key_.data(), key_.size(), node)
                                                  : json_array_append_new(parent, node);
        return failed == 0 || refuse("out of memory");
    }
    bool open(json_t* node) {
        if (open_.size() == depth_max_) {
            json_decref(node);
            return refuse("it is nested too deep");
        }
        if (!add(node)) {
            return false;
        }
        open_.push_back(node);
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    Json::Duplicates duplicates_;
    std::size_t depth_max_;
    const char* refusal_ = nullptr;
    json_t* root_ = nullptr;
    std::vector<json_t*> open_;  // the containers around the next value, owned by the root
    std::string key_;
};

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_value(Writer& writer, const json_t* node);

// As JavaScript writes it (the writer's own algorithm gives 0.30000000000000007 for 0.1 + 0.2), but
// so that it still looks like no integer.
void write_real(Writer& writer, double value) {
    std::string text = (std::signbit(value) && value == 0 ? "-" : "") + js_number_text(value);
    if (text.find_first_not_of("-0123456789") == std::string::npos) {
        text += ".0";
    }
    writer.RawValue(text.data(), text.size(), rapidjson::kNumberType);
}

void write_object(Writer& writer, json_t* node) {
    writer.StartObject();
    for (void* it = json_object_iter(node); it != nullptr; it = json_object_iter_next(node, it)) {
        writer.Key(json_object_iter_key(it),
                   static_cast<rapidjson::SizeType>(json_object_iter_key_len(it)));
        write_value(writer, json_object_iter_value(it));
    }
    writer.EndObject();
}

void write_array(Writer& writer, const json_t* node) {
    writer.StartArray();
    for (std::size_t i = 0; i < json_array_size(node); ++i) {
        write_value(writer, json_array_get(node, i));
    }
    writer.EndArray();
}

void write_value(Writer& writer, const json_t* node) {
    switch (json_typeof(node)) {
        case JSON_OBJECT:
            write_object(writer, const_cast<json_t*>(node));
            break;
        case JSON_ARRAY:
            write_array(writer, node);
            break;
        case JSON_STRING:
            writer.String(json_string_value(node),
                          static_cast<rapidjson::SizeType>(json_string_length(node)));
            break;
        case JSON_INTEGER:
            writer.Int64(json_integer_value(node));
            break;
        case JSON_REAL:
            write_real(writer, json_real_value(node));
            break;
        case JSON_TRUE:
        case JSON_FALSE:
            writer.Bool(json_is_true(node));
            break;
        case JSON_NULL:
            writer.Null();
            break;
    }
}

Error error_at(std::string_view text, std::size_t offset, const char* what) {
    const std::string_view before = text.substr(0, std::min(offset, text.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t newline = before.rfind('\n');
    const std::size_t column =
        before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
    return Error{"invalid JSON at line " + std::to_string(line) + ", column " +
                 std::to_string(column) + ": " + what};
}

}  // namespace

Result<Json> read(std::string_view text, Json::Duplicates duplicates, std::size_t depth_max) {
    constexpr unsigned kFlags =
        rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
    constexpr unsigned kDeepFlags = kFlags | rapidjson::kParseIterativeFlag;
    Builder builder(duplicates, depth_max);
    rapidjson::MemoryStream input(text.data() == nullptr ? "" : text.data(), text.size());
    rapidjson::Reader reader;
    const rapidjson::ParseResult result = depth_max > limits::kJsonDepthMax
                                              ? reader.Parse<kDeepFlags>(input, builder)
                                              : reader.Parse<kFlags>(input, builder);
    if (result.IsError()) {
        return error_at(text, result.Offset(),
                        builder.refusal() != nullptr ? builder.refusal()
                                                     : rapidjson::GetParseError_En(result.Code()));
    }
    // The reader takes a NUL for the end.
    if (input.Tell() != text.size()) {
        return error_at(text, input.Tell(), "a NUL follows the value");
    }
    return builder.take();
}

std::string write(const json_t* node) {
    rapidjson::StringBuffer output;
    Writer writer(output);
    write_value(writer, node);
    return {output.GetString(), output.GetSize()};
}

}  // namespace sallyport::json_text
