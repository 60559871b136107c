#include <cstdio>
#include <memory>

#include "cli/command.hpp"
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/limits.hpp"

namespace sallyport::cli {

void add_secret(CLI::App& program) {
    auto bytes = std::make_shared<std::size_t>(32);
    CLI::App* command = program.add_subcommand("secret", "Prints a new random secret in hexadecimal");
    command->add_option("bytes", *bytes, "How many random bytes (16 to 1024)")
        ->check(CLI::Range(limits::kSecretBytesMin, std::size_t{1024}))
        ->capture_default_str();
    command->callback([bytes] {
        const Secret secret(random_bytes(*bytes));
        std::printf("%s\n", hex_encode(secret.data(), secret.size()).c_str());
    });
}

}  // namespace sallyport::cli
