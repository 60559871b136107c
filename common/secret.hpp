// Secret: bytes that must not be seen. No operator<<, no implicit conversion, wiped on destruction
// and when moved from. Compare with `constant_time_equal` (common/crypto.hpp) only.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/bytes.hpp"

namespace sallyport {

// Overwrites memory in a way the compiler may not remove. Defined in crypto.cpp.
void wipe(void* data, std::size_t size);

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view text) : bytes_(text.begin(), text.end()) {}
    explicit Secret(Bytes bytes) : bytes_(std::move(bytes)) {}
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe(bytes_.data(), bytes_.size());
            bytes_ = std::move(other.bytes_);
            other.bytes_.clear();
        }
        return *this;
    }
    ~Secret() { wipe(bytes_.data(), bytes_.size()); }

    bool empty() const { return bytes_.empty(); }
    std::size_t size() const { return bytes_.size(); }
    const std::uint8_t* data() const { return bytes_.data(); }
    // The name says what the caller is doing: this view must not outlive the secret or be logged.
    std::string_view reveal() const { return as_text(bytes_); }
    Secret clone() const { return Secret(Bytes(bytes_)); }

private:
    Bytes bytes_;
};

}  // namespace sallyport
