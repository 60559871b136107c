#include "cli/command.hpp"
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/limits.hpp"

#include <cstdio>
#include <memory>

namespace sallyport::cli {

void add_secret(const Command& program) {
    auto bytes = std::make_shared<std::size_t>(32);
    const Command command = program.command("secret", "Prints a new random secret in hexadecimal");
    command.option("bytes", *bytes, "How many random bytes (16 to 1024)")
        .between(limits::kSecretBytesMin, std::size_t{1024})
        .shows_default();
    command.run([bytes] {
        const Secret secret(random_bytes(*bytes));
        std::printf("%s\n", hex_encode(secret.data(), secret.size()).c_str());
    });
}

}  // namespace sallyport::cli
