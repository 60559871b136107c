#include "cli/command.hpp"
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/policy/auth_password.hpp"

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

namespace sallyport::cli {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kPasswordBytes = 18;  // 24 characters, 144 bits

struct PasswordOptions {
    std::string name;
    unsigned log_n = 13;
    bool from_input = false;
};

Secret new_password() {
    const Secret bytes(random_bytes(kPasswordBytes));
    return Secret(std::string_view(base64url_encode(bytes.data(), bytes.size())));
}

Secret read_password() {
    std::string line;
    if (!std::getline(std::cin, line)) {
        fail("--stdin wants the password as one line of standard input", kUsage);
    }
    Secret password{std::string_view(line)};
    wipe(line.data(), line.size());
    return password;
}

void run(const PasswordOptions& options) {
    const Secret password = options.from_input ? read_password() : new_password();
    const auto line = policy::password_line(options.name, password, random_bytes(kSaltBytes),
                                            ScryptCost{.log_n = options.log_n});
    if (!line) {
        fail(line.message(), kUsage);
    }
    if (!options.from_input) {
        std::printf("%s\n", std::string(password.reveal()).c_str());
    }
    std::printf("%s\n", line->c_str());
}

}  // namespace

void add_password(const Command& program) {
    auto options = std::make_shared<PasswordOptions>();
    const Command command = program.command(
        "password",
        "Makes a password for sallyport_auth basic: the password, and the line for its file");
    command.option("name", options->name, "Who signs in with it").required();
    command.flag("--stdin", options->from_input,
                 "Take the password from standard input instead, and print the line alone");
    command.option("--cost", options->log_n, "scrypt's N as a power of two")
        .between(policy::kScryptLogNMin, policy::kScryptLogNMax)
        .shows_default();
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
