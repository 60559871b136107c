// Locations and URIs: traversal, matching, rewriting.
#include "cli/lint/lint.hpp"

#include <algorithm>
#include <array>

namespace sallyport::lint {
namespace {

void alias_traversal(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "alias" || place.parent() == nullptr ||
        place.parent()->name != "location") {
        return;
    }
    const std::string_view path = prefix_path(*place.parent());
    if (!path.empty() && !path.ends_with('/') && directive.arg(0).ends_with('/')) {
        report.add(directive);
    }
}

// The part of proxy_pass behind the host; empty when there is none.
std::string_view uri_part(std::string_view target) {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) {
        return {};
    }
    const std::size_t slash = target.find('/', scheme + 3);
    return slash == std::string_view::npos ? std::string_view() : target.substr(slash);
}

void proxy_pass_slash(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "proxy_pass" || place.parent() == nullptr ||
        place.parent()->name != "location" || directive.arg(0).find('$') != std::string::npos) {
        return;
    }
    const std::string_view path = prefix_path(*place.parent());
    if (!path.empty() && !path.ends_with('/') && !uri_part(directive.arg(0)).empty()) {
        report.add(directive);
    }
}

void merge_slashes(const Place& place, Report& report) {
    if (place.directive->name == "merge_slashes" && place.directive->says(0, "off")) {
        report.add(*place.directive);
    }
}

bool guards(const Directive& location) {
    constexpr std::array names = {
        std::string_view("deny"),           std::string_view("allow"),
        std::string_view("auth_basic"),     std::string_view("auth_request"),
        std::string_view("sallyport_deny"), std::string_view("sallyport_allow"),
        std::string_view("sallyport_auth"), std::string_view("sallyport_tls_policy")};
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view name) { return find_in(location, name) != nullptr; });
}

void regex_over_prefix(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (!is_regex_location(directive) || place.parent() == nullptr ||
        place.parent()->name != "server" || directive.arg(1).starts_with('^') ||
        guards(directive)) {
        return;
    }
    const Directive* answer = find_in(directive, "return");
    if (answer != nullptr && answer->arg(0).starts_with('4')) {
        return;  // a refusal guards as well
    }
    const auto& siblings = place.parent()->block;
    if (std::any_of(siblings.begin(), siblings.end(), [](const Directive& one) {
            return one.name == "location" && one.args.size() == 1 && !prefix_path(one).empty() &&
                   prefix_path(one) != "/" && guards(one);
        })) {
        report.add(directive);
    }
}

void internal_rewrite(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "rewrite" || directive.arg(2) == "redirect" ||
        directive.arg(2) == "permanent" || !anywhere(report.all(), "internal")) {
        return;
    }
    const std::string_view to = directive.arg(1);
    if (to.starts_with("/$1") || to.starts_with("$1")) {
        report.add(directive);
    }
}

void if_is_evil(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "if" || place.parent() == nullptr || place.parent()->name != "location") {
        return;
    }
    constexpr std::array safe = {std::string_view("return"), std::string_view("rewrite"),
                                 std::string_view("set"), std::string_view("break")};
    for (const Directive& one : directive.block) {
        if (std::find(safe.begin(), safe.end(), one.name) == safe.end()) {
            report.add(directive);
            return;
        }
    }
}

void autoindex(const Place& place, Report& report) {
    if (place.directive->name == "autoindex" && place.directive->says(0, "on")) {
        report.add(*place.directive);
    }
}

void root_exposure(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    constexpr std::array dangerous = {
        std::string_view("/"),     std::string_view("/etc"), std::string_view("/root"),
        std::string_view("/home"), std::string_view("/var"), std::string_view("/proc"),
        std::string_view("/run"),  std::string_view("/tmp"), std::string_view("/etc/nginx"),
        std::string_view("/srv"),  std::string_view("/dev"), std::string_view("/sys")};
    if (directive.name != "root" && directive.name != "alias") {
        return;
    }
    std::string_view path = directive.arg(0);
    while (path.size() > 1 && path.ends_with('/')) {
        path.remove_suffix(1);
    }
    if (std::find(dangerous.begin(), dangerous.end(), path) != dangerous.end()) {
        report.add(directive);
    }
}

void dotfiles(const Place& place, Report& report) {
    const Directive& server = *place.directive;
    if (server.name != "server" || find_in(server, "root") == nullptr) {
        return;
    }
    for (const Directive& one : server.block) {
        if (is_regex_location(one) && one.arg(1).find("/\\.") != std::string::npos) {
            return;
        }
    }
    report.add(*find_in(server, "root"));
}

constexpr Rule kRules[] = {
    {"alias_traversal", Severity::error,
     "the location does not end in a slash and its alias does: /i../secret leaves the folder",
     "write location /i/ { alias …/; }", alias_traversal},
    {"proxy_pass_slash", Severity::error,
     "the location does not end in a slash and proxy_pass has a path: /obs../admin reaches "
     "/v1../admin of the upstream",
     "end both in a slash, or leave the path out of proxy_pass", proxy_pass_slash},
    {"merge_slashes_off", Severity::error,
     "//admin is not matched by location /admin, and most upstreams treat it as /admin",
     "remove merge_slashes off", merge_slashes},
    {"regex_over_prefix", Severity::warning,
     "a regex location beats a guarded prefix location: /admin/x.json is answered here, unguarded",
     "write location ^~ /admin/ for what is guarded, or anchor the regex (^/…)", regex_over_prefix},
    {"internal_rewrite", Severity::error,
     "the client chooses where the rewrite leads, internal locations included",
     "put a fixed folder in front of $1", internal_rewrite},
    {"if_is_evil", Severity::warning,
     "inside an if of a location only return, rewrite, set and break do what they say; the rest "
     "replaces the location's settings",
     "use map and a variable, or error_page with a named location", if_is_evil},
    {"autoindex", Severity::warning, "names of files are shown to everybody", "autoindex off",
     autoindex},
    {"root_exposure", Severity::error,
     "the folder holds the system's own files; one missing location serves them",
     "give the site a folder of its own", root_exposure},
    {"dotfiles", Severity::warning, ".git, .env and the like below root are served",
     "location ~ /\\.(?!well-known) { sallyport_deny all; }", dotfiles},
};

}  // namespace

std::span<const Rule> uri_rules() {
    return kRules;
}

}  // namespace sallyport::lint
