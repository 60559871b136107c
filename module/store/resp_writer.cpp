#include "module/store/resp_writer.hpp"

#include <charconv>

namespace sallyport::store {

void RespWriter::header(char kind, std::size_t count) {
    char text[24];
    text[0] = kind;
    char* end = std::to_chars(text + 1, text + 22, count).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out_.append(text, static_cast<std::size_t>(end - text));
}

RespWriter& RespWriter::command(std::size_t words) {
    header('*', words);
    return *this;
}

RespWriter& RespWriter::word(std::string_view text) {
    header('$', text.size());
    out_.append(text).append("\r\n", 2);
    return *this;
}

RespWriter& RespWriter::word(std::string_view a, std::string_view b, std::string_view c) {
    header('$', a.size() + b.size() + c.size());
    out_.append(a).append(b).append(c).append("\r\n", 2);
    return *this;
}

RespWriter& RespWriter::word(std::int64_t number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return word(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void append_command(std::string& out, std::span<const std::string_view> words) {
    RespWriter writer(out);
    writer.command(words.size());
    for (const std::string_view word : words) {
        writer.word(word);
    }
}

}  // namespace sallyport::store
