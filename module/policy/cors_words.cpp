#include "module/policy/cors_words.hpp"

#include "common/bytes.hpp"
#include "common/units.hpp"

#include <algorithm>

namespace sallyport::policy {
namespace {

// Names joined by commas, every one a token. `*` stands alone.
Result<std::string> token_list(std::string_view option, std::string_view value) {
    std::string out;
    bool fits = true;
    for_each_split(value, ',', [&](std::string_view part) {
        const std::string_view name = trim_ows(part);
        fits = fits && is_token(name);
        out.append(out.empty() ? "" : ",").append(name);
    });
    if (!fits) {
        return Error{std::string(option) + "=: " + in_quotes(value) +
                     " is not a list of names; write them with commas and without blanks"};
    }
    return out;
}

bool has_lower_case(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

Status CorsWords::read(std::string_view word) {
    const std::size_t equals = word.find('=');
    std::string_view name = word.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    if (name != "origins") {
        if (std::find(seen_.begin(), seen_.end(), name) != seen_.end()) {
            return Error{in_quotes(name) + " is given twice; keep one"};
        }
        seen_.emplace_back(name);
    }
    if (word == "credentials") {
        spec_.credentials = true;
        return Done{};
    }
    if (equals == std::string_view::npos) {
        name = {};
    }
    if (name == "origin") {
        return read_origin(value);
    }
    if (name == "origins") {
        return read_origins(value);
    }
    if (name == "preflight" || name == "status" || name == "unmatched") {
        return read_preflight(name, value);
    }
    if (name == "methods" || name == "headers" || name == "expose" || name == "max_age") {
        return read_option(name, value);
    }
    return Error{"unknown parameter " + in_quotes(word) +
                 "; write origin=, origins=, methods=, headers=, expose=, max_age=, credentials, "
                 "preflight=, status= or unmatched="};
}

Status CorsWords::read_origin(std::string_view value) {
    spec_.fixed = value;
    if (value == "*") {
        spec_.origin = CorsOrigin::any;
        return Done{};
    }
    if (value == "reflect") {
        spec_.origin = CorsOrigin::reflect;
        return Done{};
    }
    if (value.find('$') != std::string_view::npos) {
        spec_.origin = CorsOrigin::dynamic;
        return Done{};
    }
    if (value == "null") {
        return Error{"origin=null trusts every sandboxed frame and local file; name an origin"};
    }
    if (value.find(',') != std::string_view::npos || value.starts_with('~') ||
        value.find('*') != std::string_view::npos) {
        return Error{"origin=" + std::string(value) +
                     ": one origin is sent as it is; for lists, patterns and expressions write "
                     "origins="};
    }
    spec_.origin = CorsOrigin::fixed;
    return check_cors_origin(value);
}

Status CorsWords::read_origins(std::string_view value) {
    spec_.origin = CorsOrigin::list;
    Status status{Done{}};
    if (value.starts_with('~')) {
        // An expression may hold commas: it is the whole word.
        spec_.regexes.emplace_back(value.substr(1));
        status = check_cors_regex(value.substr(1));
    } else {
        for_each_split(value, ',', [&](std::string_view origin) {
            if (!status.ok()) {
                return;
            }
            if (origin == "*") {
                status = Error{"\"*\" in origins= matches nothing; for everybody write origin=*"};
            } else if (origin == "null") {
                has_null_ = true;
                spec_.exact.emplace_back(origin);
            } else if (origin.find('*') != std::string_view::npos) {
                status = check_cors_pattern(origin);
                spec_.patterns.emplace_back(origin);
            } else {
                status = check_cors_origin(origin);
                spec_.exact.emplace_back(origin);
            }
        });
    }
    const std::size_t count = spec_.exact.size() + spec_.patterns.size() + spec_.regexes.size();
    if (status.ok() && count > kCorsOriginsMax) {
        return Error{std::to_string(count) +
                     " origins are too many; put them into a map and write "
                     "origin=$variable"};
    }
    return status;
}

Status CorsWords::read_option(std::string_view name, std::string_view value) {
    if (name == "max_age") {
        const auto duration = parse_duration_ms(value);
        if (!duration) {
            return Error{"max_age=: " + duration.message()};
        }
        spec_.max_age = std::to_string(*duration / 1000);
        return Done{};
    }
    if (name == "headers" && value == "none") {
        spec_.headers.emplace();
        return Done{};
    }
    const auto names = token_list(name, value);
    if (!names) {
        return names.error();
    }
    if (name == "headers") {
        spec_.headers = *names;
    } else if (name == "expose") {
        spec_.exposed = *names;
    } else {
        if (has_lower_case(*names)) {
            return Error{
                "methods=: browsers compare methods with their case; write them in capitals"};
        }
        spec_.methods = *names;
    }
    return Done{};
}

Status CorsWords::read_preflight(std::string_view name, std::string_view value) {
    if (name == "preflight") {
        if (value != "answer" && value != "continue") {
            return Error{"preflight=: unknown word " + in_quotes(value) +
                         "; write answer or continue"};
        }
        spec_.forwards_preflight = value == "continue";
        return Done{};
    }
    if (name == "unmatched") {
        if (value != "pass" && value != "deny") {
            return Error{"unmatched=: unknown word " + in_quotes(value) + "; write pass or deny"};
        }
        spec_.refuses_others = value == "deny";
        return Done{};
    }
    const auto status = parse_u64(value);
    if (!status || *status < 200 || *status > 299) {
        return Error{"status=: " + in_quotes(value) +
                     " is no success, and browsers would refuse the preflight; write 200 or 204"};
    }
    spec_.preflight_status = static_cast<std::uint16_t>(*status);
    return Done{};
}

Status CorsWords::check_credentials() const {
    if (spec_.origin == CorsOrigin::any) {
        return Error{"credentials with origin=* is refused by browsers; name the origins"};
    }
    const bool echoes =
        spec_.origin == CorsOrigin::dynamic && (spec_.fixed.find("$http_") != std::string::npos ||
                                                spec_.fixed.find("${http_") != std::string::npos);
    if (spec_.origin == CorsOrigin::reflect || echoes) {
        return Error{
            "credentials with a reflected origin lets every site act as its visitor; name "
            "the origins"};
    }
    if (has_null_) {
        return Error{
            "credentials with the origin null lets every sandboxed frame act as the user; "
            "take null out of origins="};
    }
    const auto plain = [](const std::string& origin) { return !is_trustworthy_origin(origin); };
    const auto& exact = spec_.exact;
    const auto found = std::find_if(exact.begin(), exact.end(), plain);
    const auto& patterns = spec_.patterns;
    const auto pattern = std::find_if(patterns.begin(), patterns.end(), plain);
    const bool fixed = spec_.origin == CorsOrigin::fixed && plain(spec_.fixed);
    if (fixed || found != exact.end() || pattern != patterns.end()) {
        const std::string& origin = fixed ? spec_.fixed : found != exact.end() ? *found : *pattern;
        return Error{"credentials with " + in_quotes(origin) +
                     " trusts whoever can change plaintext on the way; write https"};
    }
    const auto loose = std::find_if(spec_.regexes.begin(), spec_.regexes.end(), [](const auto& r) {
        return !r.starts_with("^https://") && !r.starts_with("^https:\\/\\/");
    });
    if (loose != spec_.regexes.end()) {
        return Error{"credentials with the expression " + in_quotes(*loose) +
                     " trusts whoever can change plaintext on the way; begin it with ^https://"};
    }
    const auto star = [](std::string_view names) { return names == "*"; };
    if (star(spec_.methods) || star(spec_.exposed) || (spec_.headers && star(*spec_.headers))) {
        return Error{
            "credentials makes * a name like any other in methods=, headers= and expose=; "
            "write the names"};
    }
    return Done{};
}

Result<CorsSpec> CorsWords::finish() {
    const bool single = std::find(seen_.begin(), seen_.end(), "origin") != seen_.end();
    if (single && spec_.exact.size() + spec_.patterns.size() + spec_.regexes.size() > 0) {
        return Error{"origin= and origins= are given together; keep one of them"};
    }
    if (spec_.credentials) {
        const Status status = check_credentials();
        if (!status) {
            return status.error();
        }
    }
    if (spec_.refuses_others &&
        (spec_.origin == CorsOrigin::any || spec_.origin == CorsOrigin::reflect)) {
        return Error{
            "unmatched=deny refuses nobody where every origin is allowed; name the origins"};
    }
    return spec_;
}

}  // namespace sallyport::policy
