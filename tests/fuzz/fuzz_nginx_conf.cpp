// Any bytes as an nginx configuration: no crash, no hang, and what parses can be linted.
#include "cli/lint/lint.hpp"

#include <cstdint>
#include <string>
#include <utility>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace lint = sallyport::lint;
    const std::string text(reinterpret_cast<const char*>(data), size);
    bool first = true;
    const lint::ConfSource source{
        [&](const std::string&) -> sallyport::Result<std::string> {
            // The main file, and one small include: an include of itself would only be deep.
            return std::exchange(first, false) ? text : std::string("a b;");
        },
        [](const std::string& pattern) { return std::vector<std::string>{pattern}; }};
    const auto conf = lint::parse_nginx_conf("/nginx.conf", source);
    if (conf) {
        (void)lint::lint(*conf, {});
    }
    return 0;
}
