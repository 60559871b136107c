#include "cli/command.hpp"
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/policy/auth_token.hpp"
#include "module/policy/control_token.hpp"

#include <cstdio>
#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::size_t kTokenBytes = 32;  // 256 bits: nothing to guess, so a plain hash is enough

}  // namespace

void add_token(const Command& program) {
    auto name = std::make_shared<std::string>();
    auto expires = std::make_shared<std::string>();
    const Command command = program.command(
        "token",
        "Makes a token for the control location or sallyport_auth: the token, and the line for its "
        "file");
    command.option("--name", *name, "Whose it is; appears in the file and in the log");
    command.option("--expires", *expires,
                   "The day from which it is refused, such as 2027-01-31; sallyport_auth only");
    command.run([name, expires] {
        const Bytes bytes = random_bytes(kTokenBytes);
        const std::string token = base64url_encode(bytes.data(), bytes.size());
        const std::string line = policy::control_token_line(token, *name);
        const auto parsed = policy::parse_control_tokens(line, "--name");
        if (!parsed) {
            fail(parsed.message(), kUsage);
        }
        const std::string whole = expires->empty() ? line : line + " expires=" + *expires;
        if (!expires->empty()) {
            const auto table = policy::TokenTable::parse(whole);
            if (!table) {
                fail("--expires: " + table.message(), kUsage);
            }
        }
        std::printf("%s\n%s\n", token.c_str(), whole.c_str());
    });
}

}  // namespace sallyport::cli
