// A subcommand adds itself to the program; its callback runs when it was chosen. It returns through
// CLI::RuntimeError with the exit code: 0 done, 1 the operation failed, 2 wrong usage.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace sallyport::cli {

inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

void add_password(CLI::App& program);
void add_sign(CLI::App& program);
void add_forward(CLI::App& program);
void add_verify(CLI::App& program);
void add_certs(CLI::App& program);
void add_secret(CLI::App& program);
void add_reason(CLI::App& program);
void add_token(CLI::App& program);
void add_explain(CLI::App& program);
void add_check(CLI::App& program);
void add_list(CLI::App& program);
void add_import(CLI::App& program);

// Prints "sallyport: message" on standard error and ends the program.
[[noreturn]] void fail(const std::string& message, int code = kFailed);

}  // namespace sallyport::cli
