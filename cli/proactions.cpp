#include "cli/proactions.hpp"

#include "cli/proactions_section.hpp"
#include "common/bytes.hpp"
#include "module/policy/auth_token.hpp"
#include "module/policy/client_address.hpp"
#include "module/policy/control_token.hpp"

namespace sallyport::cli {
namespace {

// Shorter ones could be guessed from their plain hash.
constexpr std::size_t kTokenBytesMin = 20;

void trust_proxy(ProactionsSection& security) {
    const YAML::Node node = security.take("trustProxy");
    const auto flag = yaml_flag(node);
    if (!node.IsDefined()) {
        return;
    }
    if (flag == true) {
        security.leave("trustProxy",
                       "true lets every client choose its address; name the proxies, or their "
                       "number");
        return;
    }
    if (flag == false || node.IsNull() || (node.IsSequence() && node.size() == 0)) {
        security.line("sallyport_trust_proxy off;");
        return;
    }
    const std::vector<std::string> words = yaml_words(node);
    const std::vector<std::string_view> views(words.begin(), words.end());
    // A number in quotes is an address to Express, and trusts nobody.
    const bool quoted = node.IsScalar() && node.Tag() == "!";
    const auto parsed = views.empty() ? Result<policy::ParsedTrust>(Error{"is no list"})
                                      : policy::parse_trust(views, quoted);
    if (!parsed) {
        security.leave("trustProxy", parsed.message());
        return;
    }
    std::string proxies;
    for (const std::string& word : words) {
        proxies += " " + word;
    }
    security.line("sallyport_trust_proxy" + proxies + ";");
}

void tls(ProactionsSection tls) {
    if (!tls.is_on()) {
        return;
    }
    tls.line("sallyport_tls_policy intermediate;");
    for (const auto& [key, directive] :
         {std::pair("cert", "ssl_certificate "), std::pair("key", "ssl_certificate_key "),
          std::pair("ca", "ssl_client_certificate ")}) {
        const auto path = tls.text(key, "");
        if (path && is_plain_word(*path)) {
            tls.line(directive + *path + ";");
        } else if (path && tls.has(key)) {
            tls.leave(key, "is not the path of a file");
        }
    }
    if (tls.flag("rejectUnauthorized", false).value_or(false) && tls.has("ca")) {
        tls.line("ssl_verify_client on;");
    }
    for (const auto& [key, why] :
         {std::pair("passphrase", "write it into a file for ssl_password_file"),
          std::pair("ciphers", "the policy chooses the suites")}) {
        if (tls.has(key)) {
            tls.take(key);
            tls.leave(key, why);
        }
    }
    tls.finish();
}

// The lines of the file; those that cannot be there are named, never shown.
std::string token_lines(ProactionsSection& auth, const YAML::Node& tokens) {
    std::string lines;
    std::size_t number = 0;
    for (const auto& one : tokens) {
        ++number;
        const std::string token = one.IsScalar() ? one.Scalar() : std::string();
        const std::string key = "tokens[" + std::to_string(number - 1) + "]";
        if (token.size() < kTokenBytesMin || token.size() > policy::kAuthTokenBytesMax ||
            !is_plain_word(token)) {
            auth.leave(key,
                       "is too short to be kept as a plain hash, or no token; make another "
                       "with `sallyport token`");
            continue;
        }
        lines += policy::control_token_line(token, "hub" + std::to_string(number)) + "\n";
    }
    return lines;
}

std::string auth_tokens(ProactionsSection auth, const std::string& path) {
    const bool on = auth.is_on();
    const auto type = auth.text("type", "token");
    const YAML::Node tokens = auth.take("tokens");
    std::string lines;
    if (on && tokens.IsDefined() && !tokens.IsNull() && tokens.size() != 0) {
        if (!tokens.IsSequence()) {
            auth.leave("tokens", "is not a list of tokens");
        } else if (type != "token") {
            auth.leave("type", "only tokens are checked by the gateway");
        } else if (path.empty()) {
            auth.leave("tokens",
                       "tokens do not belong into a configuration; --tokens FILE writes their "
                       "hashes into a file for sallyport_auth");
        } else if (lines = token_lines(auth, tokens); !lines.empty()) {
            auth.line(
                "# The hub leaves /health and /ready open: write `sallyport_auth off;` into "
                "their locations.");
            auth.line("sallyport_auth token file=" + path + ";");
        }
    }
    auth.finish();
    return lines;
}

void logging(ProactionsSection logging) {
    const auto names = logging.list("sensitiveData");
    if (names && !names->empty()) {
        logging.line("sallyport_redact args=" + *names + " headers=" + *names + ";");
    }
    logging.finish();
}

ProactionsImport import_root(const YAML::Node& node, const std::string& tokens_path) {
    ProactionsImport out;
    ProactionsSection root(node, "", out);
    ProactionsSection hub = root.section("hub");
    ProactionsSection security = hub.section("security");
    trust_proxy(security);
    proactions_helmet(security.section("helmet"));
    proactions_cors(security.section("cors"));
    proactions_rate_limit(security.section("rateLimit"));
    proactions_body_limits(security.section("limits"));
    security.finish();
    tls(hub.section("tls"));
    hub.finish();
    out.tokens = auth_tokens(root.section("auth"), tokens_path);
    logging(root.section("logging"));
    root.finish();
    return out;
}

}  // namespace

Result<ProactionsImport> import_proactions(std::string_view yaml, const std::string& tokens_path) {
    try {
        const YAML::Node root = YAML::Load(std::string(yaml));
        if (!root.IsMap()) {
            return Error{"is not a map of settings"};
        }
        return import_root(root, tokens_path);
    } catch (const YAML::Exception& error) {
        return Error{error.what()};
    }
}

}  // namespace sallyport::cli
