// Reads single values out of a JSON body while it streams by: `data.id`, `event_id`.
//
// A body may be a megabyte of somebody else's choosing and only one short value of it matters here.
// So no tree is built: a machine follows the text byte by byte, keeps the few values asked for in
// memory taken once, and holds to one meaning for each of them. A segment that is a number is the
// place in an array: `value.0.id`. A key that occurs
// twice on the way to a value is a conflict, because two parsers may then see two values; a body
// that is not one whole JSON document yields nothing at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy::webhook {

// Identifiers, timestamps and signatures are far shorter.
inline constexpr std::size_t kJsonValueBytesMax = 512;
// Names on a path; longer keys in the body cannot match.
inline constexpr std::size_t kJsonKeyBytesMax = 64;
inline constexpr std::size_t kJsonPathDepthMax = 8;
// Payment providers sign a list of fields; the longest known has twenty.
inline constexpr std::size_t kJsonPathsMax = 24;
// Deeper documents are treated as not JSON.
inline constexpr std::size_t kJsonNestingMax = 64;

struct JsonPath {
    std::string text;                   // a.b
    std::vector<std::string> segments;  // a, b
};

struct JsonValue {
    enum class State : std::uint8_t { absent, found, conflict, null, unusable };
    State state = State::absent;  // unusable: an object or array, or too long
    std::string_view text{};      // decoded string; number, true and false as written
};

// Where a value of any kind stands in the text, from its first byte to behind its last.
struct JsonSpan {
    std::size_t begin = 0;
    std::size_t end = 0;
};

class JsonPicker {
  public:
    // `paths` and `memory` must outlive the picker; `memory` is never given back, so it is a pool.
    JsonPicker(std::span<const JsonPath> paths, std::pmr::memory_resource* memory);

    void feed(std::string_view chunk);
    // No more text: until then every value is absent.
    void end();
    // It was one JSON text. REQUIRES: end().
    bool whole() const { return ended_; }
    // The view lives as long as the picker.
    JsonValue value(std::size_t path) const;
    // Nothing when there is no such value, or two of them.
    std::optional<JsonSpan> span(std::size_t path) const;

  private:
    enum class Step : std::uint8_t {
        value,        // a value must come
        first_value,  // a value, or the end of an empty array
        first_key,    // a key, or the end of an empty object
        key,
        colon,
        after_value,
        string,
        escape,
        unicode,
        number,
        word,
        done,
        broken,
    };
    struct Slot {
        std::uint32_t seen = 0;    // bit d: the key of depth d was met
        std::uint8_t matched = 0;  // how many segments the enclosing keys match
        JsonValue::State state = JsonValue::State::absent;
        std::uint16_t size = 0;
        JsonSpan span;
        std::array<char, kJsonValueBytesMax> text;
    };

    void take(char c);
    void begin_value(char c);
    void begin_element();
    void begin_string(bool is_key);
    void begin_key_or_value(char c);
    void open(bool object);
    void close(bool object);
    void string_char(char c);
    void escape_char(char c);
    void unicode_char(char c);
    void append_code_point(std::uint32_t code);
    void append(char c);
    void end_string();
    void end_key();
    void end_scalar(JsonValue::State state = JsonValue::State::found);
    void end_value();
    std::size_t skip_string(std::string_view text) const;
    bool in_object() const { return depth_ > 0 && (objects_ >> (depth_ - 1) & 1) != 0; }

    std::span<const JsonPath> paths_;
    Slot* slots_ = nullptr;      // one a path
    std::size_t offset_ = 0;     // of the byte being taken
    std::size_t value_end_ = 0;  // behind the value that ends
    // The next element's place in the array of each depth that a path can reach.
    std::array<std::uint32_t, kJsonPathDepthMax> elements_{};
    std::array<char, kJsonValueBytesMax> text_;  // the key or value being read
    std::size_t size_ = 0;
    bool keep_ = false;      // the text being read may matter
    bool overflow_ = false;  // it did not fit
    bool is_key_ = false;
    Step step_ = Step::value;
    std::uint64_t objects_ = 0;  // bit d: the container of depth d + 1 is an object
    std::size_t depth_ = 0;
    std::string_view word_{};  // the rest of true, false or null
    std::uint32_t code_ = 0;
    std::uint32_t high_surrogate_ = 0;
    std::uint8_t digits_ = 0;
    bool ended_ = false;
};
static_assert(kJsonNestingMax <= 64, "objects_ has 64 bits");
static_assert(kJsonKeyBytesMax <= kJsonValueBytesMax);

}  // namespace sallyport::policy::webhook
