#include "cli/proactions.hpp"

#include "common/bytes.hpp"
#include "module/policy/helmet_options.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>

namespace sallyport::cli {
namespace {

using policy::HelmetOptions;

constexpr std::int64_t kDayMs = 86'400'000;

class Importer {
  public:
    explicit Importer(const YAML::Node& root) : root_(root) {}

    ProactionsImport run() {
        name_unknown(root_, "", {"auth", "hub", "logging"});
        const YAML::Node hub = child(root_, "hub");
        name_unknown(hub, "hub.", {"security", "tls"});
        const YAML::Node security = child(hub, "security");
        name_unknown(security, "hub.security.",
                     {"trustProxy", "helmet", "cors", "rateLimit", "limits"});
        trust_proxy(child(security, "trustProxy"));
        helmet(child(security, "helmet"));
        cors(child(security, "cors"));
        rate_limit(child(security, "rateLimit"));
        limits(child(security, "limits"));
        tls(child(hub, "tls"));
        auth(child(root_, "auth"));
        logging(child(root_, "logging"));
        return std::move(out_);
    }

  private:
    static YAML::Node child(const YAML::Node& node, const char* name) {
        return node.IsDefined() && node.IsMap() ? YAML::Clone(node)[name]
                                                : YAML::Node(YAML::NodeType::Undefined);
    }
    void leave(const std::string& key, const std::string& why) {
        out_.left_out.push_back(key + ": " + why);
        out_.conf += "# not carried over: " + key + ": " + why + "\n";
    }
    void line(const std::string& text) { out_.conf += text + "\n"; }

    void name_unknown(const YAML::Node& node, const std::string& prefix,
                      const std::vector<std::string>& known) {
        if (!node.IsDefined() || !node.IsMap()) {
            return;
        }
        for (const auto& member : node) {
            const auto name = member.first.as<std::string>("");
            if (std::find(known.begin(), known.end(), name) == known.end()) {
                leave(prefix + plain(name), "no directive of the gateway means this");
            }
        }
    }

    // What goes into a comment or a message: one line.
    static std::string plain(std::string text) {
        std::replace_if(
            text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
        return text;
    }
    static bool is_plain(const std::string& text) {
        return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
            return c > ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\' && c != ';' &&
                   c != '{' && c != '}' && c != '$' && c != '#';
        });
    }
    static std::string quoted(const std::string& text) {
        std::string out = "\"";
        for (const char c : text) {
            out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
        }
        return out + "\"";
    }
    static std::vector<std::string> words(const YAML::Node& node) {
        std::vector<std::string> out;
        if (node.IsSequence()) {
            for (const auto& one : node) {
                out.push_back(one.as<std::string>(""));
            }
        } else {
            const auto text = node.as<std::string>("");
            for_each_split(text, ',',
                           [&](std::string_view part) { out.emplace_back(trim_ows(part)); });
        }
        return out;
    }
    static bool is_on(const YAML::Node& node) {
        return node.IsDefined() && node.IsMap() && node["enabled"].as<bool>(true);
    }
    // A list of plain words as one directive argument; false when a word would break it.
    static bool joined(const YAML::Node& node, std::string& out) {
        for (const std::string& word : words(node)) {
            if (!is_plain(word)) {
                return false;
            }
            out += (out.empty() ? "" : ",") + word;
        }
        return !out.empty();
    }

    void trust_proxy(const YAML::Node& node) {
        if (!node.IsDefined()) {
            return;
        }
        const auto text = node.IsScalar() ? node.as<std::string>("") : std::string();
        if (text == "true") {
            leave("hub.security.trustProxy",
                  "true lets every client choose its address; name the "
                  "proxies, or their number");
            return;
        }
        if (text == "false") {
            line("sallyport_trust_proxy off;");
            return;
        }
        // A number in quotes is an address to Express, and trusts nobody.
        if (node.IsScalar() && node.Tag() == "!" && parse_u64(text)) {
            leave("hub.security.trustProxy",
                  "a number in quotes is an address, not a count of hops");
            return;
        }
        std::string proxies;
        for (const std::string& word : words(node)) {
            if (!is_plain(word)) {
                leave("hub.security.trustProxy", "is not a count and not a list of addresses");
                return;
            }
            proxies += " " + word;
        }
        line("sallyport_trust_proxy" + proxies + ";");
    }

    // true: helmet's own value; false: not sent; a map: its member, or helmet's own.
    template <typename T>
    static void choose(const YAML::Node& node, const char* member, std::optional<T>& value,
                       const T& standard) {
        if (!node.IsDefined()) {
            return;
        }
        if (node.IsMap()) {
            value = node[member].as<T>(standard);
        } else if (node.as<bool>(true)) {
            value = value ? value : std::optional<T>(standard);
        } else {
            value.reset();
        }
    }

    void helmet_csp(const YAML::Node& node, HelmetOptions& options) {
        if (!node.IsDefined() || !node.IsMap()) {
            if (node.IsDefined() && !node.as<bool>(true)) {
                options.csp.reset();
            }
            return;
        }
        options.csp->use_defaults = node["useDefaults"].as<bool>(true);
        options.csp->report_only = node["reportOnly"].as<bool>(false);
        for (const auto& member : node["directives"]) {
            HelmetOptions::CspChange change{member.first.as<std::string>(""), std::nullopt};
            if (!member.second.IsNull()) {
                std::string sources;
                if (member.second.IsSequence()) {
                    for (const auto& source : member.second) {
                        sources += (sources.empty() ? "" : " ") + source.as<std::string>("");
                    }
                } else {
                    sources = member.second.as<std::string>("");
                }
                change.sources = sources;
            }
            options.csp->changes.push_back(change);
        }
    }

    void helmet(const YAML::Node& node) {
        if (!is_on(node)) {
            return;
        }
        HelmetOptions options;
        helmet_csp(node["contentSecurityPolicy"], options);
        choose<std::string>(node["crossOriginEmbedderPolicy"], "policy", options.embedder_policy,
                            "require-corp");
        choose<std::string>(node["crossOriginOpenerPolicy"], "policy", options.opener_policy,
                            "same-origin");
        choose<std::string>(node["crossOriginResourcePolicy"], "policy", options.resource_policy,
                            "same-origin");
        choose<std::string>(node["frameguard"], "action", options.frame_action, "sameorigin");
        choose<std::string>(node["permittedCrossDomainPolicies"], "permittedPolicies",
                            options.permitted_policies, "none");
        choose<bool>(node["dnsPrefetchControl"], "allow", options.dns_prefetch_allow, false);
        options.origin_agent_cluster = node["originAgentCluster"].as<bool>(true);
        options.content_type_options = node["noSniff"].as<bool>(true);
        options.download_options = node["ieNoOpen"].as<bool>(true);
        options.xss_protection = node["xssFilter"].as<bool>(true);
        if (const YAML::Node referrer = node["referrerPolicy"];
            referrer.IsDefined() && referrer.IsMap()) {
            options.referrer_policy = words(referrer["policy"]);
        } else if (referrer.IsDefined() && !referrer.as<bool>(true)) {
            options.referrer_policy.reset();
        }
        if (const YAML::Node hsts = node["hsts"]; hsts.IsDefined() && hsts.IsMap()) {
            options.hsts->max_age_s =
                hsts["maxAge"].as<decltype(options.hsts->max_age_s)>(options.hsts->max_age_s);
            options.hsts->include_subdomains = hsts["includeSubDomains"].as<bool>(true);
            options.hsts->preload = hsts["preload"].as<bool>(false);
        } else if (hsts.IsDefined() && !hsts.as<bool>(true)) {
            options.hsts.reset();
        }
        const auto set = policy::helmet_headers(options);
        if (!set) {
            leave("hub.security.helmet", set.message());
            return;
        }
        for (const policy::HeaderField& field : *set) {
            line("sallyport_header " + field.name + " " + quoted(field.value) + ";");
        }
        if (node["hidePoweredBy"].as<bool>(true)) {
            line("sallyport_header X-Powered-By off;\nproxy_hide_header X-Powered-By;");
        }
    }

    void cors(const YAML::Node& node) {
        if (!is_on(node)) {
            return;
        }
        const YAML::Node origin = node["origin"];
        const bool credentials = node["credentials"].as<bool>(false);
        const auto text = origin.IsDefined() && origin.IsScalar() ? origin.as<std::string>("") : "";
        if (text == "false") {
            return;
        }
        const bool everybody = !origin.IsDefined() || text == "*" || text == "true";
        if (everybody && credentials) {
            leave("hub.security.cors",
                  "credentials for every origin let any page act as its "
                  "visitor; list the origins");
            return;
        }
        std::string list;
        if (!everybody && !joined(origin, list)) {
            leave("hub.security.cors.origin", "is not a list of origins");
            return;
        }
        std::string out = "sallyport_cors ";
        out += text == "true"        ? "origin=reflect"
               : everybody           ? "origin=*"
               : origin.IsSequence() ? "origins=" + list
                                     : "origin=" + list;
        for (const auto& [key, option] :
             {std::pair("methods", " methods="), std::pair("allowedHeaders", " headers="),
              std::pair("exposedHeaders", " expose=")}) {
            std::string value;
            if (node[key].IsDefined() && joined(node[key], value)) {
                out += option + value;
            }
        }
        if (node["maxAge"].IsDefined()) {
            out += " max_age=" + std::to_string(node["maxAge"].as<std::uint32_t>(5)) + "s";
        }
        line(out + (credentials ? " credentials;" : ";"));
    }

    void rate_limit(const YAML::Node& node) {
        if (!is_on(node)) {
            return;
        }
        const auto window_ms = node["windowMs"].as<std::int64_t>(60'000);
        const auto max = node["limit"].as<std::int64_t>(node["max"].as<std::int64_t>(5));
        constexpr std::int64_t kMaxMax = 1'000'000'000;
        if (window_ms <= 0 || max <= 0 || max > kMaxMax || max * kDayMs % window_ms != 0) {
            leave("hub.security.rateLimit",
                  "windowMs and max do not give a whole number of requests "
                  "a day; round them");
            return;
        }
        line(
            "# express-rate-limit counts in windows that begin with a key's first request; the "
            "bucket "
            "holds as\n# many and is refilled evenly at the same rate.");
        line("sallyport_limit proactions rate=" + std::to_string(max * kDayMs / window_ms) +
             "r/d burst=" + std::to_string(max) + ";\nsallyport_rate_limit proactions;");
        std::string fields = node["legacyHeaders"].as<bool>(true) ? " legacy" : "";
        const auto standard = node["standardHeaders"].as<std::string>("false");
        if (standard == "true" || standard == "draft-6") {
            fields += " draft-06";
        } else if (standard == "draft-7") {
            fields += " draft-07";
        } else if (standard != "false") {
            leave("hub.security.rateLimit.standardHeaders",
                  "\"" + plain(standard) + "\" has no counterpart; write draft-11 yourself");
        }
        line("sallyport_rate_limit_headers" + (fields.empty() ? std::string(" off") : fields) +
             ";");
        if (node["message"].IsDefined()) {
            leave("hub.security.rateLimit.message", "a refusal has a problem document");
        }
    }

    void limits(const YAML::Node& node) {
        if (node.IsDefined() && node.IsMap() && node.size() != 0) {
            leave("hub.security.limits",
                  "write the limits by media type with sallyport_body_limit, "
                  "or client_max_body_size");
        }
    }

    void tls(const YAML::Node& node) {
        if (!is_on(node)) {
            return;
        }
        line("sallyport_tls_policy intermediate;");
        for (const auto& [key, directive] :
             {std::pair("cert", "ssl_certificate "), std::pair("key", "ssl_certificate_key "),
              std::pair("ca", "ssl_client_certificate ")}) {
            const auto path = node[key].as<std::string>("");
            if (node[key].IsDefined() && is_plain(path)) {
                line(directive + path + ";");
            } else if (node[key].IsDefined()) {
                leave(std::string("hub.tls.") + key, "is not the path of a file");
            }
        }
        if (node["rejectUnauthorized"].as<bool>(false) && node["ca"].IsDefined()) {
            line("ssl_verify_client on;");
        }
        for (const char* key : {"passphrase", "ciphers"}) {
            if (node[key].IsDefined()) {
                leave(std::string("hub.tls.") + key,
                      std::string_view(key) == "ciphers"
                          ? "the policy chooses the suites"
                          : "write it into a file for ssl_password_file");
            }
        }
    }

    void auth(const YAML::Node& node) {
        if (!node.IsDefined() || !node.IsMap()) {
            return;
        }
        if (node["tokens"].IsDefined() && node["tokens"].size() != 0) {
            leave("auth.tokens",
                  "tokens do not belong into a configuration: put their hashes into a "
                  "file for sallyport_auth");
        }
        name_unknown(node, "auth.", {"tokens", "enabled", "type"});
    }

    void logging(const YAML::Node& node) {
        const YAML::Node names = child(node, "sensitiveData");
        if (names.IsDefined()) {
            std::string list;
            if (joined(names, list)) {
                line("sallyport_redact args=" + list + " headers=" + list + ";");
            } else {
                leave("logging.sensitiveData", "is not a list of names");
            }
        }
        name_unknown(node, "logging.", {"sensitiveData"});
    }

    YAML::Node root_;
    ProactionsImport out_;
};

}  // namespace

Result<ProactionsImport> import_proactions(std::string_view yaml) {
    try {
        const YAML::Node root = YAML::Load(std::string(yaml));
        if (!root.IsMap()) {
            return Error{"is not a map of settings"};
        }
        return Importer(root).run();
    } catch (const YAML::Exception& error) {
        return Error{error.what()};
    }
}

}  // namespace sallyport::cli
