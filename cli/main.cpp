// `sallyport`: what operators run beside nginx.
#include <cstdio>

#include "cli/command.hpp"

namespace sallyport::cli {

void fail(const std::string& message, int code) {
    std::fprintf(stderr, "sallyport: %s\n", message.c_str());
    throw CLI::RuntimeError(code);
}

}  // namespace sallyport::cli

int main(int argc, char** argv) {
    CLI::App program{"Works with the Sallyport gateway: signs webhook deliveries, makes secrets, explains "
                     "refusals."};
    program.set_version_flag("--version", "sallyport " SALLYPORT_VERSION);
    program.require_subcommand(1);
    program.footer("Examples:\n"
                   "  sallyport secret 32 > github.key\n"
                   "  sallyport sign github --secret-file github.key --body push.json --id 72d3162e\n"
                   "  sallyport reason webhook_timestamp_stale");
    sallyport::cli::add_sign(program);
    sallyport::cli::add_forward(program);
    sallyport::cli::add_verify(program);
    sallyport::cli::add_certs(program);
    sallyport::cli::add_secret(program);
    sallyport::cli::add_reason(program);
    sallyport::cli::add_token(program);
    sallyport::cli::add_explain(program);
    sallyport::cli::add_check(program);
    sallyport::cli::add_list(program);
    sallyport::cli::add_import(program);
    sallyport::cli::add_password(program);
    try {
        program.parse(argc, argv);
    } catch (const CLI::RuntimeError& stop) {
        return stop.get_exit_code();
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : sallyport::cli::kUsage;
    }
    return 0;
}
