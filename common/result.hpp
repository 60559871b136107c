// Result<T>: a value or an Error, for everything that can fail without being a bug.
//
// Errors are values in common, policy, store and engine/core. The message is written for the person
// who has to mend it: it names what was wrong and, where there is one, the remedy. It never holds a
// secret.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace sallyport {

struct Error {
    std::string message;
};

template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: by design
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: by design

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    // REQUIRES: ok().
    T& value() & { return assert_get<0>(state_); }
    const T& value() const& { return assert_get<0>(state_); }
    T&& value() && { return std::move(assert_get<0>(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    // REQUIRES: !ok().
    const Error& error() const { return assert_get<1>(state_); }
    const std::string& message() const { return error().message; }

private:
    template <std::size_t I, typename V>
    static auto& assert_get(V& state) {
        assert(state.index() == I);
        return *std::get_if<I>(&state);
    }

    std::variant<T, Error> state_;
};

// For operations that return nothing but success.
struct Done {};
using Status = Result<Done>;

}  // namespace sallyport
