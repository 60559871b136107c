// Runs a program to its end and collects what it says.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sallyport::cli {

struct ProgramResult {
    int exit_code = -1;  // -1: ended by a signal
    std::string output;
    std::string errors;
};

// Ends our program when `command` cannot be started or says more than it should.
ProgramResult run_program(const std::vector<std::string>& command,
                          const std::vector<std::pair<std::string, std::string>>& environment);

}  // namespace sallyport::cli
