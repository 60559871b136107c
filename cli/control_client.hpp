// Speaks to a running gateway's control location.
#pragma once

#include "cli/command.hpp"
#include "common/json.hpp"

#include <string>
#include <string_view>

namespace sallyport::cli {

struct ControlTarget {
    std::string url;          // of the control location
    std::string token_file;   // holds the token; empty: none is sent
    std::string unix_socket;  // connect there instead of the URL's host
    std::string ca_file;      // for https; empty: the system's
};

// --control, --token-file, --unix-socket and --ca.
Option add_control_options(const Command& command, ControlTarget& target);

// A value inside a query, percent-encoded.
std::string query_value(std::string_view text);

// The JSON of a 2xx answer; everything else ends the program with what went wrong.
Json ask_control(const ControlTarget& target, const std::string& method, const std::string& path,
                 const Json& body);

}  // namespace sallyport::cli
