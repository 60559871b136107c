// TLS: protocols, suites, tickets, early data, client certificates.
#include "cli/lint/lint.hpp"
#include "common/bytes.hpp"

#include <algorithm>
#include <array>

namespace sallyport::lint {
namespace {

void weak_protocols(const Place& place, Report& report) {
    constexpr std::array weak = {std::string_view("SSLv2"), std::string_view("SSLv3"),
                                 std::string_view("TLSv1"), std::string_view("TLSv1.1")};
    const std::string_view name = place.directive->name;
    const auto& args = place.directive->args;
    if ((name == "ssl_protocols" || name == "proxy_ssl_protocols") &&
        std::any_of(args.begin(), args.end(), [&](const std::string& arg) {
            return std::any_of(weak.begin(), weak.end(),
                               [&](std::string_view one) { return ascii_iequals(one, arg); });
        })) {
        report.add(*place.directive);
    }
}

bool is_weak_cipher(std::string_view word) {
    constexpr std::array whole = {std::string_view("ALL"),
                                  std::string_view("DEFAULT"),
                                  std::string_view("HIGH"),
                                  std::string_view("MEDIUM"),
                                  std::string_view("LOW"),
                                  std::string_view("EXP"),
                                  std::string_view("EXPORT"),
                                  std::string_view("NULL"),
                                  std::string_view("eNULL"),
                                  std::string_view("aNULL"),
                                  std::string_view("COMPLEMENTOFALL"),
                                  std::string_view("kRSA"),
                                  std::string_view("RSA"),
                                  std::string_view("AES"),
                                  std::string_view("SHA"),
                                  std::string_view("SHA1"),
                                  std::string_view("CBC")};
    constexpr std::array pieces = {std::string_view("RC4"),  std::string_view("DES"),
                                   std::string_view("MD5"),  std::string_view("SEED"),
                                   std::string_view("IDEA"), std::string_view("CAMELLIA"),
                                   std::string_view("ARIA"), std::string_view("PSK"),
                                   std::string_view("ADH"),  std::string_view("AECDH")};
    const bool static_rsa = word.starts_with("AES128-") || word.starts_with("AES256-");
    return static_rsa || std::find(whole.begin(), whole.end(), word) != whole.end() ||
           std::any_of(pieces.begin(), pieces.end(), [&](std::string_view piece) {
               return word.find(piece) != std::string_view::npos;
           });
}

void weak_ciphers(const Place& place, Report& report) {
    if (place.directive->name != "ssl_ciphers") {
        return;
    }
    bool weak = false;
    std::string text(place.directive->arg(0));
    std::replace(text.begin(), text.end(), ',', ':');
    for_each_split(text, ':', [&](std::string_view word) {
        weak = weak || (!word.starts_with('!') && !word.starts_with('-') && is_weak_cipher(word));
    });
    if (weak) {
        report.add(*place.directive);
    }
}

bool listens_tls(const Directive& server) {
    return std::any_of(server.block.begin(), server.block.end(), [](const Directive& one) {
        return one.name == "listen" &&
               std::find(one.args.begin(), one.args.end(), "ssl") != one.args.end();
    });
}

void session_tickets(const Place& place, Report& report) {
    const Directive& server = *place.directive;
    if (server.name != "server" || !listens_tls(server)) {
        return;
    }
    std::vector<const Directive*> with_server(place.around.begin(), place.around.end());
    with_server.push_back(&server);
    const Place inside{&server, with_server};
    const Directive* tickets = inherited(inside, "ssl_session_tickets");
    const Directive* policy = inherited(inside, "sallyport_tls_policy");
    const bool managed = policy != nullptr && policy->arg(0) != "off";
    const bool off = tickets != nullptr && tickets->says(0, "off");
    if (!off && !managed && inherited(inside, "ssl_session_ticket_key") == nullptr &&
        inherited(inside, "sallyport_tls_tickets") == nullptr) {
        report.add(tickets != nullptr ? *tickets : *find_in(server, "listen"));
    }
}

void early_data(const Place& place, Report& report) {
    const Directive* judged = inherited(place, "sallyport_early_data");
    if (place.directive->name == "ssl_early_data" && place.directive->says(0, "on") &&
        (judged == nullptr || judged->arg(0) == "off")) {
        report.add(*place.directive);
    }
}

void client_certificate(const Place& place, Report& report) {
    if (place.directive->name == "ssl_verify_client" &&
        place.directive->says(0, "optional_no_ca")) {
        report.add(*place.directive);
    }
}

void misdirected(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name == "ssl_reject_handshake" && directive.says(0, "on") &&
        place.parent() != nullptr) {
        const Directive* answer = find_in(*place.parent(), "return");
        const Directive* strict = inherited(place, "sallyport_strict_sni_host");
        if (strict != nullptr && strict->arg(0) == "on") {
            return;
        }
        if (answer == nullptr || (answer->arg(0) != "421" && answer->arg(0) != "444")) {
            report.add(directive);
        }
    }
}

void compressed_secrets(const Place& place, Report& report) {
    const Directive& directive = *place.directive;
    if (directive.name == "gzip_types" &&
        std::any_of(directive.args.begin(), directive.args.end(), [](const std::string& arg) {
            return ascii_iequals(arg, "application/json") || arg == "*";
        })) {
        report.add(directive);
    }
}

constexpr Rule kRules[] = {
    {"weak_ssl_protocols", Severity::error, "protocols below TLS 1.2 are broken",
     "ssl_protocols TLSv1.2 TLSv1.3, or sallyport_tls_policy intermediate", weak_protocols},
    {"weak_ssl_ciphers", Severity::error,
     "suites without forward secrecy or with broken parts are offered",
     "sallyport_tls_policy intermediate, or Mozilla's list", weak_ciphers},
    {"ssl_session_tickets", Severity::warning,
     "nginx before 1.23.2 never renews its ticket key: who steals it reads all recorded sessions",
     "ssl_session_tickets off, or sallyport_tls_policy, or sallyport_tls_tickets, which rotates "
     "keys",
     session_tickets},
    {"ssl_early_data", Severity::warning, "0-RTT requests can be replayed by anybody",
     "ssl_early_data off, or sallyport_early_data safe, which answers 425 to what may not be "
     "repeated",
     early_data},
    {"client_cert_unverified", Severity::warning,
     "optional_no_ca accepts certificates that nobody signed",
     "ssl_verify_client optional with ssl_client_certificate", client_certificate},
    {"misdirected_request", Severity::warning,
     "after a handshake for a known name a request for an unknown one lands in this server",
     "add return 421, or sallyport_strict_sni_host on at http level", misdirected},
    {"compressed_secrets", Severity::warning,
     "compressing secrets beside what an attacker writes reveals them by length (BREACH)",
     "leave application/json out of gzip_types", compressed_secrets},
};

}  // namespace

std::span<const Rule> tls_rules() {
    return kRules;
}

}  // namespace sallyport::lint
