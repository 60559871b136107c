// ProActions Hub settings (hub.security, hub.tls, auth.tokens, logging) as nginx directives of the
// same behaviour: helmet 8, cors 2, express-rate-limit 7 and 8, Express' trust proxy. What is
// unsafe or unknown is not carried over but named.
#pragma once

#include "common/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::cli {

struct ProactionsImport {
    std::string conf;                   // for the http block
    std::vector<std::string> left_out;  // "key: why"
    std::string tokens;                 // for the file of sallyport_auth: hashes, one a line
};

// `tokens_path`: where the caller will write `tokens`; empty: nowhere, and auth.tokens is named.
// Errors are YAML's own, with the line.
Result<ProactionsImport> import_proactions(std::string_view yaml, const std::string& tokens_path);

}  // namespace sallyport::cli
