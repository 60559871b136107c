#include "module/nginx/webhook_certificates.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/file_text.hpp"
#include "module/nginx/request.hpp"

#include <string>
#include <utility>

namespace sallyport::ngx {
namespace {

// Providers publish a handful; an attacker may name many.
constexpr std::size_t kKnownMax = 64;
constexpr std::size_t kCertificateBytesMax = 64 * 1024;
// A certificate that is there is looked at again after this long, for it may have been withdrawn.
constexpr std::int64_t kKeepMs = 60'000;
// Notes of a kind at a time, and how many names are tried for one.
constexpr std::size_t kNotesMax = 64;
constexpr std::size_t kNoteProbes = 4;
// One that is not there, after this.
constexpr std::int64_t kMissMs = 1'000;

std::string name_of(std::string_view url) {
    return hex_encode(digest(DigestAlgorithm::sha256, url));
}

}  // namespace

// A folder of notes stays small whatever a stranger writes: there are only so many names.
void WebhookCertificates::leave_note(const char* kind, std::string_view url) {
    const Bytes hash = digest(DigestAlgorithm::sha256, url);
    const std::string line = std::string(url) + "\n";
    for (std::size_t i = 0; i < kNoteProbes; ++i) {
        const std::string path =
            folder_ + "/" + kind + "-" + std::to_string((hash[0] + i) % kNotesMax);
        const int file =
            open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (file >= 0) {
            if (write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
                unlink(path.c_str());
            }
            close(file);
            return;
        }
        const auto there = read_file_text(path, kCertificateBytesMax);
        if (there && *there == line) {
            return;  // somebody has asked already
        }
    }
}

const PublicKey* WebhookCertificates::find(std::string_view url) {
    const std::int64_t now = now_ms();
    auto found = known_.find(url);
    if (found != known_.end()) {
        const std::int64_t age = now - found->second.looked_ms;
        if (age >= 0 && age < (found->second.key ? kKeepMs : kMissMs)) {
            return found->second.key ? &*found->second.key : nullptr;
        }
    } else if (known_.size() >= kKnownMax) {
        // Misses go first, so that nobody can push out what is in use.
        for (auto it = known_.begin(); it != known_.end();) {
            it = it->second.key && now - it->second.looked_ms < kKeepMs ? std::next(it)
                                                                        : known_.erase(it);
        }
        if (known_.size() >= kKnownMax) {
            return nullptr;
        }
    }
    Known& known = known_[std::string(url)];
    known.looked_ms = now;
    known.key.reset();
    const std::string name = name_of(url);
    const auto text = read_file_text(folder_ + "/" + name + ".pem", kCertificateBytesMax);
    if (text) {
        auto key = PublicKey::from_pem(*text);
        if (key && key->valid_at(now)) {
            known.key = std::move(*key);
            return &*known.key;
        }
    }
    leave_note("want", url);
    return nullptr;
}

void WebhookCertificates::ask_to_call(std::string_view url) {
    leave_note("call", url);
}

}  // namespace sallyport::ngx
