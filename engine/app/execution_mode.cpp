#include "engine/app/execution_mode.hpp"

#include "common/bytes.hpp"

#include <array>
#include <string_view>

namespace sallyport::engine {

Status put_execution_mode(Config& out, const std::string& value) {
    struct Mode {
        std::string_view name;
        bool pieces;
        bool code;
        bool jailed;
    };
    constexpr std::array kModes = {Mode{"SANDBOX_CODE_ONLY", false, false, true},
                                   Mode{"SANDBOX_CODE_AND_PROCESS", true, false, true},
                                   Mode{"SANDBOX_PROCESS", true, true, true},
                                   Mode{"SANDBOXED", true, true, true},
                                   Mode{"UNSANDBOXED", true, true, false}};
    for (const Mode& mode : kModes) {
        if (value == mode.name) {
            out.node_pieces = mode.pieces;
            out.node_code = mode.code;
            out.node_jailed = mode.jailed;
            return Done{};
        }
    }
    return Error{
        "must be SANDBOX_CODE_ONLY, SANDBOX_CODE_AND_PROCESS, SANDBOX_PROCESS or "
        "UNSANDBOXED, not '" +
        value + "'"};
}

Status put_sync_mode(Config& out, const std::string& value) {
    out.pieces_may_be_fetched = value == "OFFICIAL_AUTO";
    return value == "OFFICIAL_AUTO" || value == "NONE"
               ? Status(Done{})
               : Error{"must be OFFICIAL_AUTO or NONE, not '" + value + "'"};
}

// npm finds its registry, its proxy and its cache by these; nothing else of the engine's is its.
void collect_npm_environment(const Environment& environment, Config& config) {
    for (const auto& [name, value] : environment) {
        const std::string lower = ascii_lower(name);
        const bool wanted = name == "PATH" || name == "HOME" || name == "NODE_EXTRA_CA_CERTS" ||
                            name == "SSL_CERT_FILE" || lower.starts_with("npm_config_") ||
                            lower == "https_proxy" || lower == "http_proxy" || lower == "no_proxy";
        if (wanted) {
            config.npm_environment.push_back(name + "=" + value);
        }
        if (name == "PATH") {
            config.search_path = value;
        }
    }
}

}  // namespace sallyport::engine
