// Response headers: inheritance, duplicates, splitting, CORS, what they reveal.
#include "cli/lint/lint.hpp"
#include "common/bytes.hpp"
#include "common/units.hpp"

#include <algorithm>
#include <array>

namespace sallyport::lint {
namespace {

bool is_security_header(std::string_view name) {
    constexpr std::array names = {std::string_view("Strict-Transport-Security"),
                                  std::string_view("Content-Security-Policy"),
                                  std::string_view("X-Frame-Options"),
                                  std::string_view("X-Content-Type-Options"),
                                  std::string_view("Referrer-Policy"),
                                  std::string_view("Permissions-Policy"),
                                  std::string_view("Cross-Origin-Opener-Policy"),
                                  std::string_view("Cross-Origin-Embedder-Policy"),
                                  std::string_view("Cross-Origin-Resource-Policy")};
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view one) { return ascii_iequals(one, name); });
}

// The first directive of that name in the block has lost some of those around it.
void check_inheritance(const Place& place, Report& report, std::string_view name) {
    const Directive& directive = *place.directive;
    if (directive.name != name || place.parent() == nullptr ||
        find_in(*place.parent(), name) != &directive) {
        return;
    }
    const auto repeats = [&](const Directive& outer) {
        return std::any_of(place.parent()->block.begin(), place.parent()->block.end(),
                           [&](const Directive& one) {
                               return one.name == name && ascii_iequals(one.arg(0), outer.arg(0));
                           });
    };
    for (std::size_t i = place.around.size() - 1; i-- > 0;) {
        for (const Directive& outer : place.around[i]->block) {
            if (outer.name == name && !repeats(outer)) {
                report.add(directive);
                return;
            }
        }
        if (find_in(*place.around[i], name) != nullptr) {
            return;  // the next block out is already cut off by this one
        }
    }
}

void add_header_inheritance(const Place& place, Report& report) {
    check_inheritance(place, report, "add_header");
}

void add_header_always(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name == "add_header" && is_security_header(directive.arg(0)) &&
        directive.arg(2) != "always") {
        report.add(directive);
    }
}

void add_header_content_type(const Place& place, Report& report) {
    if (place.directive->name == "add_header" &&
        ascii_iequals(place.directive->arg(0), "Content-Type")) {
        report.add(*place.directive);
    }
}

void add_header_multiline(const Place& place, Report& report) {
    const std::string_view name = place.directive->name;
    if ((name == "add_header" || name == "more_set_headers") &&
        std::any_of(place.directive->args.begin(), place.directive->args.end(),
                    [](const std::string& arg) {
                        return arg.find_first_of("\r\n") != std::string::npos;
                    })) {
        report.add(*place.directive);
    }
}

void hsts_preload(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "add_header" ||
        !ascii_iequals(directive.arg(0), "Strict-Transport-Security")) {
        return;
    }
    const std::string value = ascii_lower(directive.arg(1));
    constexpr std::uint64_t kYearS = 31'536'000;
    const std::size_t at = value.find("max-age=");
    std::uint64_t age = 0;
    if (at != std::string::npos) {
        const std::size_t end = value.find_first_not_of("0123456789", at + 8);
        age = parse_u64(std::string_view(value).substr(at + 8, end - at - 8)).value_or(0);
    }
    if (value.find("preload") != std::string::npos &&
        (age < kYearS || value.find("includesubdomains") == std::string::npos)) {
        report.add(directive);
    }
}

// A regular expression that may capture line ends: a negated class that does not name them.
bool captures_line_ends(std::string_view regex) {
    for (std::size_t at = regex.find("[^"); at != std::string_view::npos;
         at = regex.find("[^", at + 1)) {
        const std::string_view inside = regex.substr(at, regex.find(']', at) - at);
        if (inside.find("\\n") == std::string_view::npos &&
            inside.find("\\s") == std::string_view::npos &&
            inside.find('\n') == std::string_view::npos) {
            return true;
        }
    }
    return false;
}

// Whether `text` refers to a named capture, `(?<name>…)`, of the expression.
bool has_named_capture(std::string_view text, std::string_view regex) {
    for (std::size_t at = regex.find('<'); at != std::string_view::npos;
         at = regex.find('<', at + 1)) {
        const std::size_t end = std::min(regex.find('>', at), regex.size());
        const std::string_view before = regex.substr(0, at);
        if ((before.ends_with("(?") || before.ends_with("(?P")) &&
            has_variable(text, regex.substr(at + 1, end - at - 1))) {
            return true;
        }
    }
    return false;
}

bool has_capture(std::string_view text) {
    for (char digit = '1'; digit <= '9'; ++digit) {
        if (has_variable(text, std::string_view(&digit, 1))) {
            return true;
        }
    }
    return false;
}

// What is written into a message without being escaped again.
bool writes_text(const Directive& directive) {
    const std::string_view name = directive.name;
    if (name == "return") {
        return directive.arg(0).starts_with('3') || directive.args.size() == 1;
    }
    return name == "add_header" || name == "proxy_set_header" || name == "proxy_pass";
}

bool has_decoded_uri(std::string_view text) {
    return has_variable(text, "uri") || has_variable(text, "document_uri");
}

// Whether `text` refers to a variable that `set` or `map` fills with the decoded URI.
bool has_copy_of_uri(std::string_view text, const std::vector<Directive>& blocks) {
    return std::any_of(blocks.begin(), blocks.end(), [&](const Directive& one) {
        const bool copies =
            (one.name == "set" && has_decoded_uri(one.arg(1))) ||
            (one.name == "map" &&
             std::any_of(one.block.begin(), one.block.end(),
                         [](const Directive& row) { return has_decoded_uri(row.arg(0)); }));
        const std::string_view name = one.arg(one.name == "map" ? 1 : 0);
        return (copies && name.size() > 1 && has_variable(text, name.substr(1))) ||
               has_copy_of_uri(text, one.block);
    });
}

// Whether `text` refers to what a location's or an if's expression has captured, line ends
// included.
bool has_captured_line_ends(std::string_view text, const Place& place) {
    return std::any_of(place.around.begin(), place.around.end(), [&](const Directive* block) {
        return (is_regex_location(*block) || block->name == "if") &&
               std::any_of(block->args.begin(), block->args.end(), [&](const std::string& arg) {
                   return captures_line_ends(arg) &&
                          (has_capture(text) || has_named_capture(text, arg));
               });
    });
}

void http_splitting(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (!writes_text(directive)) {
        return;
    }
    for (const std::string& arg : directive.args) {
        if (has_decoded_uri(arg) || has_copy_of_uri(arg, report.all()) ||
            has_captured_line_ends(arg, place)) {
            report.add(directive);
            return;
        }
    }
}

void cors_reflection(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "add_header" ||
        !ascii_iequals(directive.arg(0), "Access-Control-Allow-Origin") ||
        place.parent() == nullptr) {
        return;
    }
    const bool reflects = has_variable(directive.arg(1), "http_origin");
    const bool open = directive.arg(1) == "*" || directive.arg(1) == "null";
    const bool credentials = std::any_of(
        place.parent()->block.begin(), place.parent()->block.end(), [](const Directive& one) {
            return one.name == "add_header" &&
                   ascii_iequals(one.arg(0), "Access-Control-Allow-Credentials");
        });
    if ((reflects && place.parent()->name != "if") || (open && credentials)) {
        report.add(directive);
    }
}

// A dot that stands for any character although a host name is meant, or a pattern without its end.
bool is_loose_host_pattern(std::string_view pattern) {
    if (!pattern.starts_with('^') || !pattern.ends_with('$')) {
        return true;
    }
    bool in_class = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == '\\') {
            ++i;
        } else if (c == '[' || c == ']') {
            in_class = c == '[';
        } else if (c == '.' && !in_class) {
            const char after = i + 1 < pattern.size() ? pattern[i + 1] : ' ';
            if (after != '*' && after != '+' && after != '?' && after != '{') {
                return true;
            }
        }
    }
    return false;
}

void cors_origin_pattern(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    std::string_view variable = directive.arg(0);
    variable.remove_prefix(variable.starts_with('(') ? 1 : 0);
    if (directive.name == "if" && variable == "$http_origin" && directive.arg(1).starts_with('~')) {
        std::string_view pattern = directive.arg(2);
        pattern.remove_suffix(pattern.ends_with(')') ? 1 : 0);
        if (is_loose_host_pattern(pattern)) {
            report.add(directive);
        }
    }
    if (directive.name == "map" && directive.arg(0) == "$http_origin") {
        for (const Directive& entry : directive.block) {
            const std::size_t mark = entry.name.find_first_not_of("~*");
            if (entry.name.starts_with('~') && mark != std::string::npos &&
                is_loose_host_pattern(std::string_view(entry.name).substr(mark))) {
                report.add(entry);
            }
        }
    }
}

void server_name_pattern(const Place& place, Report& report) {
    if (place.directive->name != "server_name") {
        return;
    }
    for (const std::string& arg : place.directive->args) {
        if (arg.starts_with('~') && is_loose_host_pattern(std::string_view(arg).substr(1))) {
            report.add(*place.directive);
            return;
        }
    }
}

void server_tokens(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name == "server_tokens" && !directive.says(0, "off")) {
        report.add(directive);
    }
    if (directive.name == "http" && !anywhere(directive.block, "server_tokens") &&
        !anywhere(directive.block, "sallyport_headers")) {
        report.add(directive);
    }
}

constexpr Rule kRules[] = {
    {"add_header_inheritance", Severity::error,
     "one add_header in an inner block drops every add_header of the blocks around it",
     "use sallyport_headers and sallyport_header, which merge by name, or repeat the outer headers",
     add_header_inheritance},
    {"add_header_always", Severity::warning,
     "without \"always\" the header is missing on errors, which attackers can provoke",
     "add \"always\", or use sallyport_header", add_header_always},
    {"add_header_content_type", Severity::warning,
     "a second Content-Type is added; clients choose one of the two", "use default_type or types",
     add_header_content_type},
    {"add_header_multiline", Severity::error,
     "a line end in a header's value splits the response; folded values are obsolete",
     "write the value on one line", add_header_multiline},
    {"hsts_preload", Severity::warning,
     "preload without includeSubDomains or with less than a year is refused by browsers' lists",
     "write max-age=63072000; includeSubDomains; preload, or leave out preload", hsts_preload},
    {"http_splitting", Severity::error,
     "$uri, $document_uri and captures of [^…] are decoded: %0d%0a in a URL starts a new header",
     "use $request_uri, or exclude line ends in the class: [^/\\s]", http_splitting},
    {"cors_reflection", Severity::error,
     "every origin is allowed, or any with credentials: any web page reads what its visitor may",
     "use sallyport_cors with a list of origins", cors_reflection},
    {"cors_origin_pattern", Severity::error,
     "the pattern has no end or a dot that matches anything: https://app.example.org.evil.test "
     "or https://appxexample.org is allowed",
     "write ^https://app\\.example\\.org$, or use sallyport_cors", cors_origin_pattern},
    {"server_name_pattern", Severity::warning,
     "the pattern has no end or a dot that matches anything: other host names get in",
     "anchor it (^…$) and write \\. for a dot", server_name_pattern},
    {"server_tokens", Severity::warning, "the version tells attackers which flaws to try",
     "server_tokens off, or sallyport_headers, which removes the name as well", server_tokens},
};

}  // namespace

std::span<const Rule> header_rules() {
    return kRules;
}

}  // namespace sallyport::lint
