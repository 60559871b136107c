// Addresses that a flow's step asks for: what is taken for a URL is one that reads back the same,
// and holds nothing by which two parsers could disagree on the host.
#include "common/ip.hpp"
#include "engine/core/egress_policy.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace sallyport::engine;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

bool printable(std::string_view text) {
    for (const char c : text) {
        if (c <= ' ' || c > '~') {
            return false;
        }
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto policy = EgressPolicy::parse(text);
    require(policy.ok() || !policy.message().empty());
    (void)check_method(text);
    if (check_header("X-Any", text).ok()) {
        require(text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos);
    }
    const auto url = parse_egress_url(text);
    if (!url.ok()) {
        require(!url.message().empty());
        return 0;
    }
    require(url->scheme == "http" || url->scheme == "https");
    require(!url->host.empty() && url->port != 0 && url->target.starts_with('/'));
    require(url->host.find_first_of("/\\@?#[] ") == url->host.npos);
    require(printable(url->host) && printable(url->target));
    require(url->literal == sallyport::IpAddress::parse(url->host).has_value());
    const auto again = parse_egress_url(url->text());
    require(again.ok() && again->text() == url->text() && again->host == url->host &&
            again->port == url->port);
    return 0;
}
