// Policies and directives from any bytes: what was accepted is written as it was read, and values
// can never begin another directive.
#include "common/bytes.hpp"
#include "module/policy/content_security_policy.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace sallyport;
using policy::ContentSecurityPolicy;

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = ContentSecurityPolicy::parse(text);
    if (parsed) {
        const std::string written = parsed->text();
        const auto again = ContentSecurityPolicy::parse(written);
        require(again.ok() && again->text() == written);
        require(parsed->without_variables().text().find('$') == std::string::npos);
    }
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view name = text.substr(0, space);
    const std::string sources = ContentSecurityPolicy::sources_of({text.substr(space)});
    ContentSecurityPolicy policy;
    if (policy.set(name, sources).ok()) {
        const std::string written = policy.text();
        require(is_field_value(written) && written.find_first_of(";,") == std::string::npos);
        (void)ContentSecurityPolicy::check(name, sources);
    }
    return 0;
}
