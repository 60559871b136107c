#include "cli/command.hpp"
#include "cli/proactions.hpp"
#include "common/file_text.hpp"

#include <cstdio>
#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

}  // namespace

void add_import(const Command& program) {
    auto path = std::make_shared<std::string>();
    const Command import = program.command("import", "Turns another product's settings into ours");
    import.needs_command();
    const Command command = import.command(
        "proactions",
        "Prints nginx directives with the behaviour of a ProActions Hub's YAML settings");
    command.option("file", *path, "The YAML file").required();
    command.footer(
        "What cannot be carried over is named in comments and on standard error. Exit "
        "codes: 0 all was carried over, 1 something was not, 2 the file cannot be used.");
    command.run([path] {
        const auto text = read_file_text(*path, kFileBytesMax);
        if (!text) {
            fail(text.message(), kUsage);
        }
        const auto made = import_proactions(*text);
        if (!made) {
            fail(*path + ": " + made.message(), kUsage);
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
