// JSON through jansson, with ownership in the type. A Json holds one reference; copying shares the
// node (jansson counts), `deep_copy` does not. Parsing refuses duplicate keys only when asked,
// always bounds the depth, and never throws.
#pragma once

#include <jansson.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/limits.hpp"
#include "common/result.hpp"

namespace sallyport {

class Json {
public:
    Json() = default;  // no value at all; differs from JSON null
    Json(const Json& other) : node_(json_incref(other.node_)) {}
    Json(Json&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    Json& operator=(Json other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~Json() { json_decref(node_); }

    // Takes over the caller's reference.
    static Json steal(json_t* node) { return Json(node); }
    static Json borrow(json_t* node) { return Json(json_incref(node)); }

    static Json null() { return steal(json_null()); }
    static Json boolean(bool value) { return steal(json_boolean(value)); }
    static Json integer(std::int64_t value) { return steal(json_integer(value)); }
    static Json real(double value);
    // Bytes that are not UTF-8 become U+FFFD: text from outside never makes a null node.
    static Json string(std::string_view value);
    static Json array() { return steal(json_array()); }
    static Json object() { return steal(json_object()); }
    static Json object(std::initializer_list<std::pair<std::string_view, Json>> members);

    enum class Duplicates { last_wins, refuse };
    // The whole text must be one JSON value of any kind. Errors name the line and column.
    static Result<Json> parse(std::string_view text, Duplicates duplicates = Duplicates::last_wins,
                              std::size_t depth_max = limits::kJsonDepthMax);
    // With the depth that flows have.
    static Result<Json> parse_flow(std::string_view text) {
        return parse(text, Duplicates::last_wins, limits::kFlowDepthMax);
    }

    bool exists() const { return node_ != nullptr; }
    explicit operator bool() const { return exists(); }
    bool is_null() const { return json_is_null(node_); }
    bool is_string() const { return json_is_string(node_); }
    bool is_object() const { return json_is_object(node_); }
    bool is_array() const { return json_is_array(node_); }
    bool is_integer() const { return json_is_integer(node_); }
    bool is_number() const { return json_is_number(node_); }
    bool is_boolean() const { return json_is_boolean(node_); }
    bool is_true() const { return json_is_true(node_); }

    // The view lives as long as the node.
    std::string_view text() const;
    std::string_view text_or(std::string_view fallback) const;
    std::int64_t integer_or(std::int64_t fallback) const;
    double number_or(double fallback) const;
    bool boolean_or(bool fallback) const;

    std::size_t size() const;  // members or elements; 0 for the rest
    // A missing member or element is an empty Json.
    Json operator[](std::string_view key) const;
    Json at(std::size_t index) const;
    bool has(std::string_view key) const { return (*this)[key].exists(); }

    // REQUIRES: an object (set, erase) or an array (append); an empty `value` is stored as null.
    void set(std::string_view key, const Json& value);
    void erase(std::string_view key);
    void append(const Json& value);
    void set_at(std::size_t index, const Json& value);

    template <typename F>  // F(std::string_view key, Json value), in insertion order
    void each_member(F&& each) const {
        for (void* it = json_object_iter(node_); it != nullptr;
             it = json_object_iter_next(node_, it)) {
            each(std::string_view(json_object_iter_key(it)), borrow(json_object_iter_value(it)));
        }
    }
    template <typename F>  // F(Json value)
    void each_element(F&& each) const {
        for (std::size_t i = 0; i < json_array_size(node_); ++i) {
            each(borrow(json_array_get(node_, i)));
        }
    }

    Json deep_copy() const { return steal(json_deep_copy(node_)); }
    bool equals(const Json& other) const { return json_equal(node_, other.node_) == 1; }
    // Compact text, member order kept. Empty for an empty Json.
    std::string dump() const;
    std::string dump_sorted() const;
    std::string dump_pretty() const;

    json_t* get() const { return node_; }

private:
    explicit Json(json_t* node) : node_(node) {}
    json_t* node_ = nullptr;
};

}  // namespace sallyport
