// `sallyport`: what operators run beside nginx.
#include "cli/command.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <utility>

namespace sallyport::cli {

Option Option::required() const {
    option_->required();
    return *this;
}

Option Option::shows_default() const {
    option_->capture_default_str();
    return *this;
}

Option Option::between_integers(std::int64_t least, std::int64_t most) const {
    option_->check(CLI::Range(least, most));
    return *this;
}

Option Option::between_numbers(double least, double most) const {
    option_->check(CLI::Range(least, most));
    return *this;
}

Option Option::one_of(std::initializer_list<const char*> words) const {
    option_->check(CLI::IsMember(std::vector<std::string>(words.begin(), words.end())));
    return *this;
}

Option Option::one_value_each() const {
    option_->allow_extra_args(false);
    return *this;
}

Command Command::command(const char* name, const char* help) const {
    return Command(*app_->add_subcommand(name, help));
}

void Command::needs_command() const {
    app_->require_subcommand(1);
}

Option Command::option(const char* names, std::string& target, const std::string& help) const {
    return Option(*app_->add_option(names, target, help));
}
Option Command::option(const char* names, std::vector<std::string>& target,
                       const std::string& help) const {
    return Option(*app_->add_option(names, target, help));
}
Option Command::option(const char* names, int& target, const std::string& help) const {
    return Option(*app_->add_option(names, target, help));
}
Option Command::option(const char* names, unsigned& target, const std::string& help) const {
    return Option(*app_->add_option(names, target, help));
}
Option Command::option(const char* names, long& target, const std::string& help) const {
    return Option(*app_->add_option(names, target, help));
}
Option Command::option(const char* names, unsigned long& target, const std::string& help) const {
    return Option(*app_->add_option(names, target, help));
}
Option Command::option(const char* names, double& target, const std::string& help) const {
    return Option(*app_->add_option(names, target, help));
}

void Command::flag(const char* names, bool& target, const std::string& help) const {
    app_->add_flag(names, target, help);
}

void Command::footer(const char* text) const {
    app_->footer(text);
}

void Command::run(std::function<void()> action) const {
    app_->callback(std::move(action));
}

void stop(int code) {
    throw CLI::RuntimeError(code);
}

void fail(const std::string& message, int code) {
    std::fprintf(stderr, "sallyport: %s\n", message.c_str());
    stop(code);
}

namespace {

void add_all(const Command& program) {
    add_sign(program);
    add_forward(program);
    add_verify(program);
    add_certs(program);
    add_secret(program);
    add_reason(program);
    add_token(program);
    add_decisions(program);
    add_explain(program);
    add_check(program);
    add_list(program);
    add_ban(program);
    add_import(program);
    add_password(program);
    add_tickets(program);
    add_engine(program);
}

}  // namespace
}  // namespace sallyport::cli

int main(int argc, char** argv) {
    CLI::App program{
        "Works with the Sallyport gateway: signs webhook deliveries, makes secrets, explains "
        "refusals."};
    program.set_version_flag("--version", "sallyport " SALLYPORT_VERSION);
    program.require_subcommand(1);
    program.footer(
        "Examples:\n"
        "  sallyport secret 32 > github.key\n"
        "  sallyport sign github --secret-file github.key --body push.json --id 72d3162e\n"
        "  sallyport reason webhook_timestamp_stale");
    sallyport::cli::add_all(sallyport::cli::Command(program));
    try {
        program.parse(argc, argv);
    } catch (const CLI::RuntimeError& end) {
        return end.get_exit_code();
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : sallyport::cli::kUsage;
    }
    return 0;
}
