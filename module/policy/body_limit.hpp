// How much of a request body is taken, by its media type. The media type is the client's word: it
// chooses among the limits the operator wrote and never escapes all of them.
#pragma once

#include "common/result.hpp"
#include "module/policy/decision.hpp"
#include "module/policy/http_status.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace sallyport::policy {

// In the order of the words in the directive; `other` is written `default`.
enum class BodyKind : std::uint8_t { json, form, multipart, other };
inline constexpr std::size_t kBodyKinds = 4;

constexpr std::string_view word(BodyKind kind) {
    constexpr std::array<std::string_view, kBodyKinds> words = {"json", "form", "multipart",
                                                                "default"};
    return words[static_cast<std::size_t>(kind)];
}

// By the Content-Type field's value, which may hold parameters or be empty.
BodyKind body_kind(std::string_view content_type);

class BodyLimits {
  public:
    static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

    // `<kind>=<size>|off` each. Without `default` the smallest of the others stands for it: a
    // client must gain nothing by leaving the Content-Type out.
    static Result<BodyLimits> parse(std::span<const std::string_view> words);

    std::uint64_t bytes(BodyKind kind) const { return bytes_[static_cast<std::size_t>(kind)]; }
    std::uint64_t smallest() const;
    std::uint64_t largest() const;  // of those that are no kUnlimited; 0 without any

  private:
    std::array<std::uint64_t, kBodyKinds> bytes_{};
};

// `bytes`: how much is known to come, or has come.
constexpr Decision decide_body(std::uint64_t bytes, std::uint64_t limit) {
    return bytes > limit ? Decision::deny(Reason::body_too_large, kContentTooLarge)
                         : Decision::allow();
}

}  // namespace sallyport::policy
