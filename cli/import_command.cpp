#include "cli/command.hpp"
#include "cli/proactions.hpp"
#include "common/file_text.hpp"

#include <cstdio>
#include <memory>

namespace sallyport::cli {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

}  // namespace

void add_import(CLI::App& program) {
    auto path = std::make_shared<std::string>();
    CLI::App* import =
        program.add_subcommand("import", "Turns another product's settings into ours");
    import->require_subcommand(1);
    CLI::App* command = import->add_subcommand(
        "proactions",
        "Prints nginx directives with the behaviour of a ProActions Hub's YAML settings");
    command->add_option("file", *path, "The YAML file")->required();
    command->footer(
        "What cannot be carried over is named in comments and on standard error. Exit "
        "codes: 0 all was carried over, 1 something was not, 2 the file cannot be used.");
    command->callback([path] {
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
            throw CLI::RuntimeError(kFailed);
        }
    });
}

}  // namespace sallyport::cli
