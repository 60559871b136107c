// Writes every character beyond printable ASCII of a UTF-8 text as JSON's \uXXXX, lower case, while
// the text streams by: some senders sign that spelling of what they send (body=json-escape).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::policy::webhook {

class JsonEscape {
  public:
    // Calls `sink` with pieces of the spelling; their views live for that call. False for what is
    // no UTF-8 (overlong forms and surrogates are none); the text is then of no use.
    template <typename Sink>
    bool feed(std::string_view text, Sink&& sink) {
        while (!text.empty()) {
            std::size_t plain = 0;
            while (left_ == 0 && plain < text.size() && is_plain(text[plain])) {
                ++plain;
            }
            if (plain > 0) {
                sink(text.substr(0, plain));
                text.remove_prefix(plain);
                continue;
            }
            if (!take(static_cast<std::uint8_t>(text.front()))) {
                return false;
            }
            text.remove_prefix(1);
            if (left_ == 0) {
                sink(spelt());
            }
        }
        return true;
    }
    // True when no character is cut short.
    bool whole() const { return left_ == 0; }

  private:
    static bool is_plain(char c) { return static_cast<unsigned char>(c) <= 0x7e; }
    bool take(std::uint8_t byte);
    std::string_view spelt();
    void put(std::uint32_t unit);

    std::uint32_t code_ = 0;
    std::uint32_t least_ = 0;  // smaller codes are overlong
    std::uint8_t left_ = 0;    // bytes to come
    std::array<char, 12> text_{};
    std::size_t size_ = 0;
};

// A value of a JSON text as PHP's json_encode writes it: without white space, `/` as `\/`,
// characters beyond ASCII as \uXXXX. Numbers and escapes stay as they are. Nothing when it is no
// UTF-8.
std::optional<std::pmr::string> php_json(std::string_view json, std::pmr::memory_resource* memory);

}  // namespace sallyport::policy::webhook
