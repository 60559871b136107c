// A short list in place, whose unused places cost nothing: for what every request builds.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

namespace sallyport::ngx {

template <typename T, std::size_t N>
class FixedList {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  public:
    FixedList() noexcept : count_(0) {}
    FixedList(const FixedList& other) noexcept : count_(other.count_) { copy(other); }
    FixedList& operator=(const FixedList& other) noexcept {
        count_ = other.count_;
        copy(other);
        return *this;
    }

    // REQUIRES: size() < N.
    T& push(const T& item) {
        items_[count_] = item;
        return items_[count_++];
    }
    bool full() const { return count_ == N; }
    std::size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    T& operator[](std::size_t i) { return items_[i]; }
    const T& operator[](std::size_t i) const { return items_[i]; }
    std::span<T> all() { return {items_, count_}; }
    std::span<const T> all() const { return {items_, count_}; }

  private:
    void copy(const FixedList& other) {
        for (std::size_t i = 0; i < count_; ++i) {
            items_[i] = other.items_[i];
        }
    }
    std::size_t count_;
    union {
        T items_[N];
    };
};

}  // namespace sallyport::ngx
