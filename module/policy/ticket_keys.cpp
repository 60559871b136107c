#include "module/policy/ticket_keys.hpp"

#include "module/policy/auth_file.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace sallyport::policy {
namespace {

constexpr std::string_view kRemedy = "make the file with: sallyport tickets FILE";

}  // namespace

Result<TicketKeys> TicketKeys::parse(std::string_view text) {
    TicketKeys out;
    const Status status = for_each_entry(text, [&](std::string_view line) -> Status {
        std::array<std::uint8_t, kTicketKeyBytes> key{};
        const auto size = base64_decode_to(line, key);
        Status added = size == key.size()
                           ? out.add({reinterpret_cast<const char*>(key.data()), key.size()})
                           : Status(Error{"it is not base64 of 80 bytes; " + std::string(kRemedy)});
        wipe(key.data(), key.size());
        return added;
    });
    if (!status.ok()) {
        return status.error();
    }
    if (out.size() == 0) {
        return Error{"it holds no key; " + std::string(kRemedy)};
    }
    return out;
}

std::optional<TicketKeys> TicketKeys::from_bytes(std::string_view bytes) {
    if (bytes.empty() || bytes.size() % kTicketKeyBytes != 0) {
        return std::nullopt;
    }
    TicketKeys out;
    for (std::size_t at = 0; at < bytes.size(); at += kTicketKeyBytes) {
        if (!out.add(bytes.substr(at, kTicketKeyBytes)).ok()) {
            return std::nullopt;
        }
    }
    return out;
}

Status TicketKeys::add(std::string_view key) {
    if (count_ == kTicketKeysMax) {
        return Error{"more than " + std::to_string(kTicketKeysMax) + " keys; remove the last"};
    }
    if (find(key.substr(0, 16))) {
        return Error{"the key stands twice; " + std::string(kRemedy)};
    }
    std::copy(key.begin(), key.end(), bytes_.data() + count_ * kTicketKeyBytes);
    ++count_;
    return Done{};
}

// Names travel in the clear: nothing about them is secret.
std::optional<std::size_t> TicketKeys::find(std::string_view wanted) const {
    for (std::size_t i = 0; i < count_; ++i) {
        if (name(i) == wanted) {
            return i;
        }
    }
    return std::nullopt;
}

TicketKeys TicketKeys::rotated(const TicketKeys& fresh, std::size_t keep) const {
    const auto key = [](const TicketKeys& from, std::size_t index) {
        return from.part(index, 0, kTicketKeyBytes);
    };
    const std::size_t next = count_ > 1 ? 1 : 0;
    TicketKeys out;
    (void)out.add(key(*this, next));
    (void)out.add(key(fresh, 0));
    for (std::size_t i = 0; i < count_ && out.size() < keep; ++i) {
        if (i != next) {
            (void)out.add(key(*this, i));
        }
    }
    return out;
}

Secret TicketKeys::text() const {
    constexpr std::size_t kLineBytes = (kTicketKeyBytes + 2) / 3 * 4 + 1;
    std::string out;
    out.reserve(count_ * kLineBytes);
    for (std::size_t i = 0; i < count_; ++i) {
        std::string line = base64_encode(as_bytes(part(i, 0, kTicketKeyBytes)), kTicketKeyBytes);
        out.append(line).append("\n");
        wipe(line.data(), line.size());
    }
    Secret text{std::string_view(out)};
    wipe(out.data(), out.size());
    return text;
}

void TicketKeys::take(TicketKeys& other) {
    bytes_ = other.bytes_;
    count_ = other.count_;
    other.clear();
}

void TicketKeys::clear() {
    wipe(bytes_.data(), bytes_.size());
    count_ = 0;
}

}  // namespace sallyport::policy
