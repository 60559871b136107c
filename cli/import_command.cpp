#include "cli/command.hpp"
#include "cli/proactions.hpp"
#include "common/file_text.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

// A new file that only its owner can read: what is there already is somebody's list of tokens.
void write_new_file(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int error = errno;
    if (fd >= 0) {
        ::close(fd);
    }
    if (!written) {
        fail("cannot write " + path + ": " + std::strerror(error), kUsage);
    }
}

}  // namespace

void add_import(const Command& program) {
    auto path = std::make_shared<std::string>();
    auto tokens = std::make_shared<std::string>();
    const Command import = program.command("import", "Turns another product's settings into ours");
    import.needs_command();
    const Command command = import.command(
        "proactions",
        "Prints nginx directives with the behaviour of a ProActions Hub's YAML settings");
    command.option("file", *path, "The YAML file").required();
    command.option("--tokens", *tokens,
                   "A new file for the hashes of auth.tokens, which sallyport_auth reads");
    command.footer(
        "What cannot be carried over is named in comments and on standard error. Exit "
        "codes: 0 all was carried over, 1 something was not, 2 the file cannot be used.");
    command.run([path, tokens] {
        const auto text = read_file_text(*path, kFileBytesMax);
        if (!text) {
            fail(text.message(), kUsage);
        }
        const auto made = import_proactions(*text, *tokens);
        if (!made) {
            fail(*path + ": " + made.message(), kUsage);
        }
        if (!made->tokens.empty()) {
            write_new_file(*tokens, made->tokens);
        }
        std::fputs(made->conf.c_str(), stdout);
        for (const std::string& left : made->left_out) {
            std::fprintf(stderr, "sallyport: not carried over: %s\n", left.c_str());
        }
        if (!made->left_out.empty()) {
            stop(kFailed);
        }
    });
}

}  // namespace sallyport::cli
