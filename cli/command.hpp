// Subcommands of `sallyport`: CLI11 behind the few words that ours need, so that one translation
// unit pays for its templates.
//
// A subcommand adds itself to the program, its options to itself, and what runs when it was chosen.
// The targets of options must live as long as the program (a shared_ptr that `run` captures does).
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sallyport::cli {

inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

class Option {
  public:
    explicit Option(CLI::Option& option) : option_(&option) {}

    Option required() const;
    // --help shows the target's value as it is now.
    Option shows_default() const;
    template <typename T>
    Option between(T least, T most) const {
        if constexpr (std::is_floating_point_v<T>) {
            return between_numbers(least, most);
        } else {
            return between_integers(static_cast<std::int64_t>(least),
                                    static_cast<std::int64_t>(most));
        }
    }
    Option one_of(std::initializer_list<const char*> words) const;
    // Of a list: each value has the option's name before it, and positionals may follow.
    Option one_value_each() const;

  private:
    Option between_integers(std::int64_t least, std::int64_t most) const;
    Option between_numbers(double least, double most) const;

    CLI::Option* option_;
};

class Command {
  public:
    explicit Command(CLI::App& app) : app_(&app) {}

    Command command(const char* name, const char* help) const;
    // One of its subcommands must be given.
    void needs_command() const;

    // `names` as CLI11 has them: "--name", "-n,--name", or "name" for a positional.
    Option option(const char* names, std::string& target, const std::string& help) const;
    Option option(const char* names, std::vector<std::string>& target,
                  const std::string& help) const;
    Option option(const char* names, int& target, const std::string& help) const;
    Option option(const char* names, unsigned& target, const std::string& help) const;
    Option option(const char* names, long& target, const std::string& help) const;
    Option option(const char* names, unsigned long& target, const std::string& help) const;
    Option option(const char* names, double& target, const std::string& help) const;
    void flag(const char* names, bool& target, const std::string& help) const;

    void footer(const char* text) const;
    void run(std::function<void()> action) const;

  private:
    CLI::App* app_;
};

void add_ban(const Command& program);
void add_certs(const Command& program);
void add_engine(const Command& program);
void add_check(const Command& program);
void add_decisions(const Command& program);
void add_explain(const Command& program);
void add_forward(const Command& program);
void add_import(const Command& program);
void add_list(const Command& program);
void add_password(const Command& program);
void add_reason(const Command& program);
void add_secret(const Command& program);
void add_sign(const Command& program);
void add_tickets(const Command& program);
void add_token(const Command& program);
void add_verify(const Command& program);

// Ends the program from within an action. `fail` prints "sallyport: message" on standard error
// first.
[[noreturn]] void stop(int code);
[[noreturn]] void fail(const std::string& message, int code = kFailed);

}  // namespace sallyport::cli
