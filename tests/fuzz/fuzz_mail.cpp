// E-mails from any input: what is accepted has no line but those that belong to it.
#include "engine/core/pieces/smtp.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using sallyport::Json;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

// A field ends where it ends: each line end in it is followed by the blank of a fold.
void check_field(std::string_view field) {
    require(field.find(':') != std::string_view::npos);
    for (std::size_t at = 0; at < field.size(); ++at) {
        if (field[at] == '\r') {
            require(at + 2 < field.size() && field[at + 1] == '\n' && field[at + 2] == ' ');
        } else if (field[at] == '\n') {
            require(at > 0 && field[at - 1] == '\r');
        } else {
            require(static_cast<unsigned char>(field[at]) < 0x7f && field[at] >= ' ');
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Parts that end with a zero byte: what each property holds.
    std::array<std::string, 8> parts;
    std::size_t part = 0;
    for (std::size_t at = 0; at < size && part < parts.size(); ++at) {
        if (data[at] == 0) {
            ++part;
        } else {
            parts[part] += static_cast<char>(data[at]);
        }
    }
    Json input = Json::object({{"from", Json::string(parts[0])},
                               {"to", Json::string(parts[1])},
                               {"cc", Json::string(parts[2])},
                               {"senderName", Json::string(parts[3])},
                               {"replyTo", Json::string(parts[4])},
                               {"subject", Json::string(parts[5])},
                               {"body", Json::string("b")}});
    input.set("customHeaders", Json::object({{parts[6], Json::string(parts[7])}}));
    const auto mail = sallyport::engine::mail_of(input, "id@host", 1'700'000'000'000);
    if (!mail.ok()) {
        require(!mail.message().empty());
        return 0;
    }
    for (const std::string& header : mail->headers) {
        check_field(header);
        require(!header.starts_with("Bcc"));
    }
    require(!mail->recipients.empty());
    for (const std::string& recipient : mail->recipients) {
        require(recipient.find_first_of("<>\r\n ,") == std::string::npos);
    }
    return 0;
}
