// Who may come in: address rules that are gone round, clients that name themselves.
#include "cli/lint/lint.hpp"
#include "common/bytes.hpp"
#include "common/ip.hpp"

#include <algorithm>
#include <array>

namespace sallyport::lint {
namespace {

void location_realip(const Place& place, Report& report) {
    const std::string_view name = place.directive->name;
    if ((name == "set_real_ip_from" || name == "real_ip_header" || name == "real_ip_recursive") &&
        place.enclosing("location") != nullptr) {
        report.add(*place.directive);
    }
}

void trust_everybody(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "set_real_ip_from") {
        return;
    }
    const std::string_view block = directive.arg(0);
    const std::size_t slash = block.find('/');
    const auto bits =
        slash == std::string_view::npos ? std::nullopt : parse_u64(block.substr(slash + 1));
    const bool v6 = block.find(':') != std::string_view::npos;
    if (bits && *bits < (v6 ? 16u : 8u)) {
        report.add(directive);
    }
}

bool has_deny_all(const Directive& block) {
    return std::any_of(block.block.begin(), block.block.end(), [](const Directive& one) {
        return one.name == "deny" && one.arg(0) == "all";
    });
}

void allow_without_deny(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name == "allow" && directive.arg(0) != "all" && place.parent() != nullptr &&
        find_in(*place.parent(), "allow") == &directive && !has_deny_all(*place.parent())) {
        report.add(directive);
    }
}

void return_bypasses_deny(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if ((directive.name != "return" && directive.name != "rewrite") || place.parent() == nullptr ||
        directive.arg(0).starts_with('4') || directive.arg(2) == "break") {
        return;
    }
    const Directive* scope = place.parent()->name == "if" && place.around.size() > 1
                                 ? place.around[place.around.size() - 2]
                                 : place.parent();
    if (find_in(*scope, "deny") != nullptr || find_in(*scope, "allow") != nullptr) {
        report.add(directive);
    }
}

// These are asked behind the rewrite module, in the location that the request has by then.
void rewrite_leaves_rules(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    const std::string_view target = directive.arg(1);
    const std::string_view flag = directive.arg(2);
    if (directive.name != "rewrite" || place.parent() == nullptr || flag == "break" ||
        flag == "redirect" || flag == "permanent" || target.starts_with("http://") ||
        target.starts_with("https://") || target.starts_with("$scheme")) {
        return;
    }
    const Directive* scope = place.parent()->name == "if" && place.around.size() > 1
                                 ? place.around[place.around.size() - 2]
                                 : place.parent();
    const auto has = [scope](std::string_view name) {
        const Directive* rule = find_in(*scope, name);
        return rule != nullptr && rule->arg(0) != "off";
    };
    if (scope->name == "location" &&
        (has("sallyport_webhook") || has("sallyport_rate_limit") || has("sallyport_body_limit"))) {
        report.add(directive);
    }
}

void satisfy_any(const Place& place, Report& report) {
    if (place.directive->name == "satisfy" && place.directive->says(0, "any")) {
        report.add(*place.directive);
    }
}

void error_page_success(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "error_page") {
        return;
    }
    constexpr std::array refusals = {std::string_view("401"), std::string_view("403"),
                                     std::string_view("407"), std::string_view("421"),
                                     std::string_view("425"), std::string_view("429")};
    const auto has = [&](const auto& test) {
        return std::any_of(directive.args.begin(), directive.args.end(), test);
    };
    const bool refusal = has([&](const std::string& arg) {
        return std::find(refusals.begin(), refusals.end(), arg) != refusals.end();
    });
    if (refusal &&
        has([](const std::string& arg) { return arg.starts_with("=2") || arg == "="; })) {
        report.add(directive);
    }
}

void valid_referers(const Place& place, Report& report) {
    const auto& args = place.directive->args;
    if (place.directive->name == "valid_referers" &&
        std::any_of(args.begin(), args.end(),
                    [](const std::string& arg) { return arg == "none" || arg == "blocked"; })) {
        report.add(*place.directive);
    }
}

void status_exposed(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "stub_status" || place.parent() == nullptr) {
        return;
    }
    const bool guarded = inherited(place, "deny") != nullptr ||
                         inherited(place, "sallyport_allow") != nullptr ||
                         inherited(place, "auth_basic") != nullptr ||
                         find_in(*place.parent(), "internal") != nullptr;
    const Directive* server = place.enclosing("server");
    const bool loopback =
        server != nullptr && find_in(*server, "listen") != nullptr &&
        std::all_of(server->block.begin(), server->block.end(), [](const Directive& one) {
            return one.name != "listen" || one.arg(0).starts_with("127.") ||
                   one.arg(0).starts_with("[::1]") || one.arg(0).starts_with("unix:");
        });
    if (!guarded && !loopback) {
        report.add(directive);
    }
}

// Variables that any client sets to what it likes. nginx takes the PROXY protocol from whoever
// connects, and its realip module, which knows the proxies, writes $remote_addr.
bool is_forgeable(std::string_view key) {
    constexpr std::array names = {std::string_view("http_"), std::string_view("arg_"),
                                  std::string_view("cookie_"),
                                  std::string_view("proxy_add_x_forwarded_for"),
                                  std::string_view("proxy_protocol_addr")};
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view name) { return has_variable(key, name); });
}

void limit_key_forgeable(const Place& place, Report& report) {
    const std::string_view name = place.directive->name;
    if ((name == "limit_req_zone" || name == "limit_conn_zone") &&
        is_forgeable(place.directive->arg(0))) {
        report.add(*place.directive);
    }
    if (name == "geo" && place.directive->args.size() > 1 &&
        is_forgeable(place.directive->arg(0))) {
        report.add(*place.directive);
    }
}

void underscores(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if ((directive.name == "underscores_in_headers" && directive.says(0, "on")) ||
        (directive.name == "ignore_invalid_headers" && directive.says(0, "off"))) {
        report.add(directive);
    }
}

void keepalive_requests(const Place& place, Report& report) {
    constexpr std::uint64_t kDefault = 1000;
    if (place.directive->name == "keepalive_requests" &&
        parse_u64(place.directive->arg(0)).value_or(0) > kDefault) {
        report.add(*place.directive);
    }
}

std::vector<Cidr> blocks_of(const Directive& directive) {
    std::vector<Cidr> out;
    for (const std::string& arg : directive.args) {
        if (const auto block = Cidr::parse(arg)) {
            out.push_back(*block);
        }
    }
    return out;
}

// What nginx believes here: a directive of the innermost block that has one replaces the outer
// ones.
std::vector<Cidr> trusted_here(const Place& place, std::string_view name) {
    std::vector<Cidr> out;
    for (std::size_t i = place.around.size(); i-- > 0 && out.empty();) {
        for (const Directive& one : place.around[i]->block) {
            if (one.name == name) {
                const auto blocks = blocks_of(one);
                out.insert(out.end(), blocks.begin(), blocks.end());
            }
        }
    }
    return out;
}

// The blocks of a rule: its own, and those written into the lists that it names.
std::vector<Cidr> allowed_by(const Directive& rule, const std::vector<Directive>& all) {
    std::vector<Cidr> out = blocks_of(rule);
    for (const Directive& http : all) {
        for (const Directive& one : http.block) {
            const bool named =
                one.name == "sallyport_ip_list" &&
                std::find(rule.args.begin(), rule.args.end(), one.arg(0)) != rule.args.end();
            if (named) {
                const auto blocks = blocks_of(one);
                out.insert(out.end(), blocks.begin(), blocks.end());
            }
        }
    }
    return out;
}

bool overlap(const Cidr& a, const Cidr& b) {
    return a.contains(b.base) || b.contains(a.base);
}

void proxy_allowed(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name != "allow" && directive.name != "sallyport_allow") {
        return;
    }
    auto trusted = trusted_here(place, "set_real_ip_from");
    const auto ours = trusted_here(place, "sallyport_trust_proxy");
    trusted.insert(trusted.end(), ours.begin(), ours.end());
    for (const Cidr& allowed : allowed_by(directive, report.all())) {
        if (std::any_of(trusted.begin(), trusted.end(),
                        [&](const Cidr& proxy) { return overlap(proxy, allowed); })) {
            report.add(directive);
            return;
        }
    }
}

constexpr Rule kRules[] = {
    {"location_realip", Severity::error,
     "realip in a location takes effect after the server's address rules have judged the proxy's "
     "address",
     "put the realip directives at http or server level, or use sallyport_trust_proxy",
     location_realip},
    {"trust_everybody", Severity::error,
     "whoever connects may claim any address in X-Forwarded-For", "name your proxies' addresses",
     trust_everybody},
    {"proxy_allowed", Severity::warning,
     "a believed proxy's own address is allowed: whatever it passes on without naming a client "
     "gets "
     "in",
     "allow the clients' addresses; keep those of proxies out of allowlists", proxy_allowed},
    {"allow_without_deny", Severity::error, "allow alone keeps nobody out",
     "add deny all, or use sallyport_allow, which does", allow_without_deny},
    {"return_bypasses_deny", Severity::error,
     "return and rewrite answer before allow and deny are asked",
     "use sallyport_allow and sallyport_deny, which are asked first", return_bypasses_deny},
    {"rewrite_leaves_rules", Severity::warning,
     "webhooks, limits and body limits of a location are not asked when rewrite leads to another",
     "write rewrite … break, or the rules into the location that it leads to",
     rewrite_leaves_rules},
    {"satisfy_any", Severity::warning, "one module that lets pass outweighs every other's refusal",
     "satisfy all; sallyport's refusals do not depend on it", satisfy_any},
    {"error_page_success", Severity::error, "a refusal is shown, and logged, as a success",
     "leave out the \"=2xx\"", error_page_success},
    {"valid_referers", Severity::warning,
     "the Referer is the client's word, and \"none\" lets everybody in who leaves it out",
     "do not decide access by Referer; use signed links or sallyport_auth", valid_referers},
    {"status_exposed", Severity::warning, "counters of the server are open to everybody",
     "add sallyport_allow, or listen on loopback", status_exposed},
    {"limit_key_forgeable", Severity::error,
     "the client chooses its own key, and a new one for each request",
     "use $binary_remote_addr, or sallyport_limit with $sallyport_client_ip", limit_key_forgeable},
    {"underscores_in_headers", Severity::warning,
     "X_Real_IP reaches the upstream beside X-Real-IP, and many upstreams take them for one",
     "underscores_in_headers off; ignore_invalid_headers on", underscores},
    {"keepalive_requests", Severity::warning,
     "the bound on requests a connection is what limits HTTP/2 floods (CVE-2023-44487)",
     "keep the default of 1000", keepalive_requests},
};

}  // namespace

std::span<const Rule> access_rules() {
    return kRules;
}

}  // namespace sallyport::lint
