// Words of sallyport_cors and origins from any bytes: no crash, what was accepted is safe, and an
// origin that a list contains is one that browsers can send.
#include "common/bytes.hpp"
#include "module/policy/cors.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace sallyport;

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t line = text.find('\n');
    const std::string_view origin =
        line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
    std::vector<std::string_view> words;
    for_each_split(text.substr(0, line), ' ', [&](std::string_view word) {
        if (!word.empty()) {
            words.push_back(word);
        }
    });
    (void)policy::check_cors_regex(origin);
    (void)policy::merge_vary(origin, words);
    if (policy::is_reflectable_origin(origin)) {
        require(is_field_value(origin));
    }
    if (policy::is_reflectable_header_list(origin)) {
        require(is_field_value(origin));
    }
    const auto spec = policy::parse_cors(words);
    if (!spec) {
        require(!spec.message().empty());
        return 0;
    }
    if (spec->credentials) {
        require(spec->origin != policy::CorsOrigin::any &&
                spec->origin != policy::CorsOrigin::reflect);
        for (const auto& exact : spec->exact) {
            require(policy::is_trustworthy_origin(exact));
        }
    }
    for (const auto& exact : spec->exact) {
        require(policy::cors_list_contains(*spec, exact));
    }
    if (policy::cors_list_contains(*spec, origin)) {
        require(origin == "null" || origin.find("://") != std::string_view::npos);
        require(is_field_value(origin) &&
                origin.find_first_of("/ @?#,*", origin.find("://") + 3) == std::string_view::npos);
    }
    return 0;
}
