// helmet's vectors (tests/vectors/helmet.json) against the real module: what helmet sends, an nginx
// with the same options in our directives sends; what helmet throws on, stops nginx from starting.
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

namespace sallyport::test {
namespace {

using Headers = std::map<std::string, std::string>;

// helmet sends it; it binds every subdomain for as long as browsers live, and so is refused.
const std::set<std::string> kRefusedThoughHelmetSendsIt = {
    "hsts preload with tiny max-age accepted?"};

std::string dashed(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z') {
            out.append({'-', static_cast<char>(c + 32)});
        } else {
            out.push_back(c);
        }
    }
    return out;
}

std::string directive(const std::string& name, const std::string& value) {
    return "sallyport_header " + name + " \"" + value + "\" replace;\n";
}

std::string switch_off(const std::string& name) {
    return "sallyport_header " + name + " off;\n";
}

std::string sources_of(const Json& value) {
    std::string out(value.is_string() ? value.text() : "");
    value.each_element(
        [&](const Json& source) { out.append(out.empty() ? "" : " ").append(source.text()); });
    return out;
}

std::string csp_conf(const Json& option) {
    if (option.is_boolean()) {
        return option.is_true() ? "" : "sallyport_csp off;\n";
    }
    std::string out;
    if (!option["useDefaults"].boolean_or(true)) {
        out += "sallyport_csp off;\n";
    }
    if (option["reportOnly"].boolean_or(false)) {
        out += "sallyport_csp_mode report;\n";
    }
    option["directives"].each_member([&](std::string_view key, const Json& value) {
        const std::string name = dashed(key);
        const std::string sources = sources_of(value);
        if (value.is_null()) {
            out += "sallyport_csp " + name + " off;\n";
        } else if (sources == "self") {
            // nginx takes quotes away, so that sallyport_csp gives keywords theirs back; a whole
            // policy is written with its quotes, and judged like helmet's.
            out += directive("Content-Security-Policy", "default-src 'self'; " + name + " self");
        } else {
            out += "sallyport_csp " + name + " \"" + sources + "\";\n";
        }
    });
    return out;
}

struct Option {
    const char* helmet;
    const char* alias;
    const char* member;  // of the option's object; empty: a switch
    const char* header;
    const char* when_true;
};
constexpr Option kOptions[] = {
    {"crossOriginEmbedderPolicy", "", "policy", "Cross-Origin-Embedder-Policy", "require-corp"},
    {"crossOriginOpenerPolicy", "", "policy", "Cross-Origin-Opener-Policy", "same-origin"},
    {"crossOriginResourcePolicy", "", "policy", "Cross-Origin-Resource-Policy", "same-origin"},
    {"originAgentCluster", "", "", "Origin-Agent-Cluster", "?1"},
    {"xContentTypeOptions", "noSniff", "", "X-Content-Type-Options", "nosniff"},
    {"xDownloadOptions", "ieNoOpen", "", "X-Download-Options", "noopen"},
    {"xFrameOptions", "frameguard", "action", "X-Frame-Options", "SAMEORIGIN"},
    {"xPermittedCrossDomainPolicies", "permittedCrossDomainPolicies", "permittedPolicies",
     "X-Permitted-Cross-Domain-Policies", "none"},
    {"xXssProtection", "xssFilter", "", "X-XSS-Protection", "0"},
};

Json first_of(const Json& options, const char* name, const char* alias) {
    return options.has(name) || *alias == '\0' ? options[name] : options[alias];
}

std::string hsts_conf(const Json& option) {
    if (option.is_boolean()) {
        return option.is_true() ? "" : switch_off("Strict-Transport-Security");
    }
    const auto seconds = static_cast<long long>(std::floor(option["maxAge"].number_or(31536000)));
    std::string value = "max-age=" + std::to_string(seconds);
    value += option["includeSubDomains"].boolean_or(true) ? "; includeSubDomains" : "";
    value += option["preload"].boolean_or(false) ? "; preload" : "";
    return directive("Strict-Transport-Security", value);
}

std::string referrer_conf(const Json& option) {
    std::string value(option["policy"].is_string() ? option["policy"].text() : "");
    option["policy"].each_element(
        [&](const Json& token) { value.append(value.empty() ? "" : ",").append(token.text()); });
    return directive("Referrer-Policy", value);
}

std::string conf_of(const Json& options) {
    std::string out = "sallyport_headers helmet;\n";
    if (options.has("contentSecurityPolicy")) {
        out += csp_conf(options["contentSecurityPolicy"]);
    }
    for (const Option& row : kOptions) {
        const Json option = first_of(options, row.helmet, row.alias);
        if (!option.exists()) {
            continue;
        }
        if (option.is_boolean() && !option.is_true()) {
            out += switch_off(row.header);
            continue;
        }
        std::string value(option[row.member].text_or(row.when_true));
        if (std::string_view(row.header) == "X-Frame-Options") {
            value = value == "deny" || value == "DENY" ? "DENY" : "SAMEORIGIN";
        }
        out += directive(row.header, value);
    }
    if (const Json hsts = first_of(options, "strictTransportSecurity", "hsts"); hsts.exists()) {
        out += hsts_conf(hsts);
    }
    if (const Json prefetch = first_of(options, "xDnsPrefetchControl", "dnsPrefetchControl");
        prefetch.exists() && !prefetch.is_true()) {
        const char* value = prefetch["allow"].boolean_or(false) ? "on" : "off";
        out += prefetch.is_object() ? directive("X-DNS-Prefetch-Control", value)
                                    : switch_off("X-DNS-Prefetch-Control");
    }
    if (options["referrerPolicy"].is_object()) {
        out += referrer_conf(options["referrerPolicy"]);
    }
    return out;
}

// What helmet might send; everything else on a response is nginx's.
bool is_helmets(const std::string& name) {
    static const std::set<std::string> names = {
        "Content-Security-Policy",   "Content-Security-Policy-Report-Only",
        "Strict-Transport-Security", "X-DNS-Prefetch-Control",
        "Referrer-Policy",           "X-Powered-By"};
    if (names.count(name) != 0) {
        return true;
    }
    return std::any_of(std::begin(kOptions), std::end(kOptions),
                       [&](const Option& row) { return name == row.header; });
}

Headers headers_of(const HttpResponse& response) {
    Headers out;
    for (const auto& [name, value] : response.headers) {
        if (is_helmets(name)) {
            EXPECT_TRUE(out.emplace(name, value).second) << name << " is sent twice";
        }
    }
    return out;
}

TEST(HelmetVectors, EveryRowThroughRealNginx) {
    const char* other_rows = std::getenv("SALLYPORT_ROWS");  // scripts/compare-headers
    const auto text = read_file_text(
        other_rows != nullptr ? other_rows : SALLYPORT_VECTORS_DIR "/helmet.json", 8 << 20);
    ASSERT_TRUE(text.ok()) << text.message();
    const auto vectors = Json::parse(*text);
    ASSERT_TRUE(vectors.ok());
    struct Row {
        std::string name;
        Headers expected;
    };
    std::vector<Row> rows;
    std::string locations;
    int refused = 0;
    (*vectors)["cases"].each_element([&](const Json& row) {
        const std::string name(row["case"].text());
        const std::string conf = conf_of(row["options"]);
        if (row.has("throws") || kRefusedThoughHelmetSendsIt.count(name) != 0) {
            ++refused;
            const auto check =
                check_config("server { listen 127.0.0.1:%%PORT_SPARE%%; " + conf + "}");
            EXPECT_FALSE(check.ok()) << name << "\n" << conf;
            EXPECT_NE(check.messages.find("[emerg]"), std::string::npos) << check.messages;
            EXPECT_NE(check.messages.find("sallyport_"), std::string::npos) << check.messages;
            return;
        }
        locations +=
            "location /" + std::to_string(rows.size()) + "/ { return 200 ok;\n" + conf + "}\n";
        Row good{name, {}};
        row["headers"].each_member([&](std::string_view key, const Json& value) {
            good.expected.emplace(key, value.text());
        });
        rows.push_back(good);
    });
    EXPECT_GE(rows.size(), 13u);
    if (other_rows == nullptr) {
        EXPECT_GE(refused, 6);
    }
    NginxServer nginx(
        "server { listen 127.0.0.1:%%PORT_TLS%% ssl; ssl_certificate %%CERT%%; "
        "ssl_certificate_key %%KEY%%;\n" +
        locations + "}");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto response = get(nginx.tls_url("/" + std::to_string(i) + "/"));
        ASSERT_EQ(response.status, 200) << rows[i].name << response.error;
        EXPECT_EQ(headers_of(response), rows[i].expected) << rows[i].name;
    }
}

}  // namespace
}  // namespace sallyport::test
