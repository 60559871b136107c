#include "common/ip.hpp"

#include <arpa/inet.h>  // inet_pton and inet_ntop: pure conversions, no look-up

#include <cstring>

#include "common/bytes.hpp"

namespace sallyport {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kTextBytesMax = 45;  // the longest IPv6 text

std::uint64_t load_be64(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
        value = (value << 8) | bytes[i];
    }
    return value;
}

}  // namespace

IpAddress IpAddress::from_v4(const std::uint8_t (&bytes)[4]) {
    IpAddress address;
    std::memcpy(address.bytes_.data(), kMappedPrefix.data(), 12);
    std::memcpy(address.bytes_.data() + 12, bytes, 4);
    return address;
}

IpAddress IpAddress::from_v6(const std::uint8_t (&bytes)[16]) {
    IpAddress address;
    std::memcpy(address.bytes_.data(), bytes, 16);
    return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.empty() || text.size() > kTextBytesMax) {
        return std::nullopt;
    }
    char buffer[kTextBytesMax + 1];
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    if (std::strlen(buffer) != text.size()) {
        return std::nullopt;  // an embedded NUL
    }
    std::uint8_t v4[4];
    if (inet_pton(AF_INET, buffer, v4) == 1) {
        return from_v4(v4);
    }
    std::uint8_t v6[16];
    if (inet_pton(AF_INET6, buffer, v6) == 1) {
        return from_v6(v6);
    }
    return std::nullopt;
}

bool IpAddress::is_v4() const {
    return std::memcmp(bytes_.data(), kMappedPrefix.data(), 12) == 0;
}

std::uint32_t IpAddress::v4() const { return static_cast<std::uint32_t>(low() & 0xffffffff); }
std::uint64_t IpAddress::high() const { return load_be64(bytes_.data()); }
std::uint64_t IpAddress::low() const { return load_be64(bytes_.data() + 8); }

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
    char buffer[INET6_ADDRSTRLEN];
    const bool v4 = is_v4();
    const char* text = inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes_.data() + 12 : bytes_.data(),
                                 buffer, sizeof(buffer));
    return text == nullptr ? std::string() : std::string(text);
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
