// Towards the upstream: what the client may steer, what the upstream may steer.
#include "cli/lint/lint.hpp"
#include "common/bytes.hpp"

#include <algorithm>
#include <array>

namespace sallyport::lint {
namespace {

void proxy_set_header_inheritance(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "proxy_set_header" || place.parent() == nullptr ||
        find_in(*place.parent(), "proxy_set_header") != &directive) {
        return;
    }
    const auto here = [&](std::string_view header) {
        return std::any_of(
            place.parent()->block.begin(), place.parent()->block.end(), [&](const Directive& one) {
                return one.name == "proxy_set_header" && ascii_iequals(one.arg(0), header);
            });
    };
    for (std::size_t i = place.around.size() - 1; i-- > 0;) {
        for (const Directive& outer : place.around[i]->block) {
            if (outer.name == "proxy_set_header" && !here(outer.arg(0))) {
                report.add(directive);
                return;
            }
        }
        if (find_in(*place.around[i], "proxy_set_header") != nullptr) {
            return;
        }
    }
}

void host_spoofing(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    const bool to_upstream =
        directive.name == "proxy_set_header" && ascii_iequals(directive.arg(0), "Host");
    const bool redirect = directive.name == "rewrite" ||
                          (directive.name == "return" &&
                           (directive.arg(0).starts_with('3') || directive.args.size() == 1));
    if ((to_upstream || redirect) &&
        std::any_of(directive.args.begin(), directive.args.end(),
                    [](const std::string& arg) { return has_variable(arg, "http_host"); })) {
        report.add(directive);
    }
}

void forwarded_append(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name == "proxy_set_header" &&
        has_variable(directive.arg(1), "proxy_add_x_forwarded_for")) {
        report.add(directive);
    }
}

bool names_client(std::string_view text) {
    constexpr std::array names = {
        std::string_view("arg_"), std::string_view("http_"),       std::string_view("cookie_"),
        std::string_view("uri"),  std::string_view("args"),        std::string_view("request_uri"),
        std::string_view("host"), std::string_view("1"),           std::string_view("2"),
        std::string_view("3"),    std::string_view("query_string")};
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view name) { return has_variable(text, name); });
}

// Whether `text` refers to a variable that `set` fills with what the client wrote.
bool has_copy_of_client(std::string_view text, const std::vector<Directive>& blocks) {
    return std::any_of(blocks.begin(), blocks.end(), [&](const Directive& one) {
        return (one.name == "set" && one.arg(0).size() > 1 && names_client(one.arg(1)) &&
                has_variable(text, one.arg(0).substr(1))) ||
               has_copy_of_client(text, one.block);
    });
}

void ssrf(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "proxy_pass") {
        return;
    }
    const std::string_view target = directive.arg(0);
    const std::size_t scheme = target.find("://");
    const std::string_view host =
        scheme == std::string_view::npos
            ? target
            : target.substr(scheme + 3, target.find_first_of("/?", scheme + 3) - scheme - 3);
    if (names_client(host) || has_copy_of_client(host, report.all())) {
        report.add(directive);
    }
}

void accel_headers(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "proxy_pass" || !anywhere(report.all(), "internal")) {
        return;
    }
    const Directive* ignored = inherited(place, "proxy_ignore_headers");
    if (ignored == nullptr || std::find(ignored->args.begin(), ignored->args.end(),
                                        "X-Accel-Redirect") == ignored->args.end()) {
        report.add(directive);
    }
}

void upstream_unverified(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "proxy_pass" || !directive.arg(0).starts_with("https://")) {
        return;
    }
    const Directive* verify = inherited(place, "proxy_ssl_verify");
    if (verify == nullptr || !verify->says(0, "on")) {
        report.add(directive);
    }
}

void resolver_external(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "resolver") {
        return;
    }
    for (const std::string& arg : directive.args) {
        const bool option = arg.find('=') != std::string::npos;
        if (!option && !arg.starts_with("127.") && !arg.starts_with("[::1]")) {
            report.add(directive);
            return;
        }
    }
}

constexpr Rule kRules[] = {
    {"proxy_set_header_inheritance", Severity::error,
     "one proxy_set_header in an inner block drops all of the blocks around it: the client's own "
     "X-Forwarded-For reaches the upstream",
     "repeat the outer ones, or let sallyport_trust_proxy write the forwarding fields",
     proxy_set_header_inheritance},
    {"host_spoofing", Severity::warning,
     "$http_host is what the client wrote: it poisons links and caches of the upstream",
     "use $host, with server_name lists", host_spoofing},
    {"forwarded_append", Severity::warning,
     "$proxy_add_x_forwarded_for keeps what the client wrote in front of its address",
     "use $remote_addr, or sallyport_trust_proxy", forwarded_append},
    {"ssrf", Severity::error, "the client chooses the host that nginx connects to",
     "map the value to a list of upstreams", ssrf},
    {"accel_headers", Severity::error,
     "an upstream that lets users set response headers reads internal locations with "
     "X-Accel-Redirect",
     "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering "
     "X-Accel-Charset",
     accel_headers},
    {"upstream_unverified", Severity::warning,
     "the upstream's certificate is not checked: whoever is on the way reads along",
     "proxy_ssl_verify on with proxy_ssl_trusted_certificate and proxy_ssl_name",
     upstream_unverified},
    {"resolver_external", Severity::warning,
     "answers of a resolver across the network can be forged, and nginx connects where they point",
     "run a validating resolver on loopback", resolver_external},
};

}  // namespace

std::span<const Rule> proxy_rules() {
    return kRules;
}

}  // namespace sallyport::lint
