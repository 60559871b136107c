// Speaks to a running gateway's control location.
#pragma once

#include "common/json.hpp"

#include <string>

namespace sallyport::cli {

struct ControlTarget {
    std::string url;          // of the control location
    std::string token_file;   // holds the token; empty: none is sent
    std::string unix_socket;  // connect there instead of the URL's host
    std::string ca_file;      // for https; empty: the system's
};

// The JSON of a 2xx answer; everything else ends the program with what went wrong.
Json ask_control(const ControlTarget& target, const std::string& method, const std::string& path,
                 const Json& body);

}  // namespace sallyport::cli
