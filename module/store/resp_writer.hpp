// RESP commands, appended to a buffer whose capacity is kept: no allocation once it is warm.
// Byte for byte what hiredis' formatter writes (a test compares them), without its malloc a
// command.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::store {

class RespWriter {
  public:
    explicit RespWriter(std::string& out) : out_(out) {}

    // Announces a command of `words` words; exactly that many word() calls must follow.
    RespWriter& command(std::size_t words);
    RespWriter& word(std::string_view text);
    // One word made of three pieces.
    RespWriter& word(std::string_view a, std::string_view b, std::string_view c);
    RespWriter& word(std::int64_t number);

  private:
    void header(char kind, std::size_t count);
    std::string& out_;
};

void append_command(std::string& out, std::span<const std::string_view> words);

}  // namespace sallyport::store
