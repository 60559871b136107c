#include "cli/verdict_renewer.hpp"

#include "cli/command.hpp"
#include "common/contract.hpp"
#include "common/file_text.hpp"
#include "common/limits.hpp"

namespace sallyport::cli {

VerdictRenewer::VerdictRenewer(const std::vector<std::string>& secret_files) {
    for (const std::string& path : secret_files) {
        const auto secret = read_secret_file(path);
        if (!secret) {
            fail("--verdict-secret-file: " + secret.message());
        }
        if (secret->size() < limits::kSecretBytesMin) {
            fail("--verdict-secret-file: the secret in \"" + path + "\" is shorter than " +
                 std::to_string(limits::kSecretBytesMin) + " bytes");
        }
        keys_.push_back(contract::verdict_key(*secret));
    }
}

std::optional<std::string> VerdictRenewer::renew(std::string_view verdict,
                                                 std::int64_t now_s) const {
    for (const HmacKey& key : keys_) {
        auto opened = contract::open_verdict(verdict, key);
        if (opened) {
            opened->time_s = now_s;
            return contract::sign_verdict(*opened, keys_.front());
        }
    }
    return std::nullopt;
}

}  // namespace sallyport::cli
