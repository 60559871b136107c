// The walls around one Node process: namespaces of its own for users, mounts, processes, network,
// IPC and host name, a root of its own with nothing in it but Node, its libraries and the folder of
// packages, limits, and a system-call filter. All of it works without a privilege where the kernel
// lets users make namespaces; root gives its identity up first.
#pragma once

#include <cstddef>
#include <string>

namespace sallyport::engine::nodebox {

struct Plan {
    long parent_pid = 0;
    bool jailed = true;    // false: AP_EXECUTION_MODE=UNSANDBOXED
    std::string node;      // absolute path of the program
    std::string packages;  // the folder that holds node_modules; empty: none
    std::string ahead;     // what is loaded before the run is there; empty: nothing, it is there
    std::size_t memory_bytes = 0;
    std::size_t code_range_bytes = 0;  // what Node reserves for code as if it were data
    unsigned cpu_seconds = 0;
    std::string scratch;  // not jailed: a folder for this run's files
};

// Where things are in the jail.
inline constexpr const char* kJailNode = "/node";
inline constexpr const char* kJailPackages = "/app";
inline constexpr const char* kJailScratch = "/tmp";

// What Node's heap, stacks and tables take beside what the script may have.
inline constexpr std::size_t kNodeOwnBytes = 256u << 20;

// Dies with the engine, leaves no core, empties the environment, and gives up being root.
// Empty, or what is missing.
std::string step_down(const Plan& plan);
// New namespaces for this process and, for processes, its next child. Empty, or what is missing.
std::string enter_namespaces(const Plan& plan);
// In that child: the new root, limits and filter. Empty, or what is missing. What follows is exec.
std::string close_walls(const Plan& plan);

}  // namespace sallyport::engine::nodebox
