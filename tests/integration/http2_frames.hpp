// HTTP/2 by hand, for requests that no library would send: one request on a connection of its own,
// in the clear (`listen … http2`), with every field literal. The answer ends with the connection:
// the server should have a short keepalive_timeout.
#pragma once

#include "tests/integration/fixtures/http_client.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::test {

struct Http2Answer {
    int status = 0;        // 0: none
    bool refused = false;  // the stream was reset, or the connection ended
};

namespace http2 {

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
    std::string out;
    for (int shift = 16; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(payload.size() >> shift & 0xff));
    }
    out.push_back(static_cast<char>(type));
    out.push_back(static_cast<char>(flags));
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(stream >> shift & 0xff));
    }
    return out.append(payload);
}

// RFC 7541 section 6.2.2, names and values below 127 bytes.
inline std::string literal(std::string_view name, std::string_view value) {
    std::string out(1, '\0');
    out.push_back(static_cast<char>(name.size()));
    out.append(name).push_back(static_cast<char>(value.size()));
    return out.append(value);
}

// The status that a block of header fields begins with, as nginx writes it.
inline int status_of(std::string_view block) {
    while (!block.empty() && (static_cast<std::uint8_t>(block[0]) & 0xe0) == 0x20) {
        block.remove_prefix(1);  // a size of the dynamic table
    }
    constexpr int kIndexed[] = {200, 204, 206, 304, 400, 404, 500};  // entries 8 to 14
    const auto first = block.empty() ? 0 : static_cast<std::uint8_t>(block[0]);
    if (first >= 0x88 && first <= 0x8e) {
        return kIndexed[first - 0x88];
    }
    return block.size() >= 5 ? std::stoi(std::string(block.substr(2, 3))) : 0;
}

}  // namespace http2

// With a body the fields do not end the stream; the body does.
inline Http2Answer http2_exchange(std::uint16_t port, const HeaderList& fields,
                                  std::optional<std::string_view> body = {}) {
    constexpr std::uint8_t kData = 0;
    constexpr std::uint8_t kHeaders = 1;
    constexpr std::uint8_t kReset = 3;
    constexpr std::uint8_t kSettings = 4;
    constexpr std::uint8_t kEndStream = 1;
    constexpr std::uint8_t kEndHeaders = 4;
    constexpr std::size_t kFrameHead = 9;
    std::string block;
    for (const auto& [name, value] : fields) {
        block += http2::literal(name, value);
    }
    RawSocket socket(port);
    const auto flags = static_cast<std::uint8_t>(body ? kEndHeaders : kEndHeaders | kEndStream);
    socket.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2::frame(kSettings, 0, 0, "") +
                http2::frame(kHeaders, flags, 1, block) +
                (body ? http2::frame(kData, kEndStream, 1, *body) : ""));
    const std::string all = socket.receive_all();
    Http2Answer answer;
    for (std::size_t at = 0; at + kFrameHead <= all.size();) {
        const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(all[at + i]); };
        const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
        const std::uint8_t type = byte(3);
        if (type == kHeaders && answer.status == 0) {
            answer.status = http2::status_of(std::string_view(all).substr(at + kFrameHead, size));
        }
        answer.refused = answer.refused || type == kReset;
        at += kFrameHead + size;
    }
    answer.refused = answer.refused || answer.status == 0;
    return answer;
}

}  // namespace sallyport::test
