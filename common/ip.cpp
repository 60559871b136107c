#include "common/ip.hpp"

#include "common/bytes.hpp"

#include <arpa/inet.h>  // inet_pton: a pure conversion, no look-up

#include <charconv>
#include <cstring>

namespace sallyport {
namespace {

struct ZeroRun {
    std::size_t first = 0;
    std::size_t length = 0;
};

// The leftmost of the longest runs of groups that are zero.
ZeroRun longest_zero_run(const std::array<unsigned, 8>& groups) {
    ZeroRun best;
    ZeroRun run;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        run = groups[i] != 0 ? ZeroRun{i + 1, 0} : ZeroRun{run.first, run.length + 1};
        if (run.length > best.length) {
            best = run;
        }
    }
    return best;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (const auto v4 = parse_v4(text)) {
        return v4;
    }
    if (text.empty() || text.size() > kIpTextBytesMax) {
        return std::nullopt;
    }
    char buffer[kIpTextBytesMax + 1];
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    if (std::strlen(buffer) != text.size()) {
        return std::nullopt;  // an embedded NUL
    }
    std::uint8_t v6[16];
    if (inet_pton(AF_INET6, buffer, v6) == 1) {
        return from_v6(v6);
    }
    return std::nullopt;
}

// By hand, because every request behind a proxy pays for it: inet_pton wants its own copy of the
// text and takes four times as long.
[[gnu::hot]] std::optional<IpAddress> IpAddress::parse_v4(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    // The next digit's value; more than 9: there is none.
    const auto digit = [&at, end] { return at == end ? 10U : static_cast<unsigned>(*at) - '0'; };
    std::uint32_t address = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        if (i != 0 && (at == end || *at++ != '.')) {
            return std::nullopt;
        }
        unsigned number = digit();
        if (number > 9) {
            return std::nullopt;
        }
        ++at;
        // Nothing follows a leading zero.
        for (unsigned next = digit(); number != 0 && next <= 9; next = digit()) {
            number = number * 10 + next;
            ++at;
            if (number > 255) {
                return std::nullopt;
            }
        }
        address = address << 8 | number;
    }
    return at == end ? std::optional(from_v4(address)) : std::nullopt;
}

IpAddress IpAddress::masked(unsigned bits) const {
    IpAddress out = *this;
    for (unsigned i = 0; i < 16; ++i) {
        const unsigned first = i * 8;
        if (bits <= first) {
            out.bytes_[i] = 0;
        } else if (bits < first + 8) {
            out.bytes_[i] = static_cast<std::uint8_t>(out.bytes_[i] & (0xff << (first + 8 - bits)));
        }
    }
    return out;
}

std::string IpAddress::to_string() const {
    char buffer[kIpTextBytesMax];
    return std::string(buffer, write_to(buffer));
}

std::size_t IpAddress::write_to(std::span<char, kIpTextBytesMax> out) const {
    char* at = out.data();
    char* const end = at + out.size();
    if (is_v4()) {
        for (std::size_t i = 12; i < 16; ++i) {
            at = std::to_chars(at, end, static_cast<unsigned>(bytes_[i])).ptr;
            *at++ = '.';
        }
        return static_cast<std::size_t>(at - out.data()) - 1;
    }
    std::array<unsigned, 8> groups{};
    for (std::size_t i = 0; i < groups.size(); ++i) {
        groups[i] = static_cast<unsigned>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
    }
    const auto [first, length] = longest_zero_run(groups);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i == first && length > 1) {
            *at++ = ':';
            i += length - 1;
            if (i + 1 == groups.size()) {
                *at++ = ':';
            }
            continue;
        }
        if (i != 0) {
            *at++ = ':';
        }
        at = std::to_chars(at, end, groups[i], 16).ptr;
    }
    return static_cast<std::size_t>(at - out.data());
}

Result<Cidr> Cidr::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) {
        return Error{"\"" + std::string(text) + "\" is not an IP address or CIDR block"};
    }
    const unsigned width = address->is_v4() && text.find(':') == std::string_view::npos ? 32 : 128;
    unsigned length = width;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto parsed = parse_u64(digits);
        if (!parsed || *parsed > width || (digits.size() > 1 && digits.front() == '0')) {
            return Error{"\"" + std::string(text) + "\" has no valid prefix length (0 to " +
                         std::to_string(width) + ")"};
        }
        length = static_cast<unsigned>(*parsed);
    }
    Cidr cidr;
    cidr.bits = static_cast<std::uint8_t>(128 - width + length);
    cidr.base = address->masked(cidr.bits);
    if (cidr.base != *address) {
        return Error{"\"" + std::string(text) + "\" has bits set after its prefix; write " +
                     cidr.to_string()};
    }
    return cidr;
}

IpAddress Cidr::last() const {
    std::uint8_t bytes[16];
    std::memcpy(bytes, base.bytes().data(), 16);
    for (unsigned i = 0; i < 16; ++i) {
        const unsigned first = i * 8;
        if (bits <= first) {
            bytes[i] = 0xff;
        } else if (bits < first + 8) {
            bytes[i] = static_cast<std::uint8_t>(bytes[i] | (0xff >> (bits - first)));
        }
    }
    return IpAddress::from_v6(bytes);
}

std::string Cidr::to_string() const {
    const bool v4 = base.is_v4() && bits >= 96;
    return base.to_string() + "/" + std::to_string(v4 ? bits - 96 : bits);
}

}  // namespace sallyport
