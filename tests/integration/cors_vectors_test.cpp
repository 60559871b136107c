// The vectors of the npm package `cors` (tests/vectors/cors.json) against the real module: the same
// answers where they are safe, and a refusal to start where they are not.
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

namespace sallyport::test {
namespace {

constexpr const char* kApp1 = "https://app1.example.com";

std::string joined(const Json& value) {
    std::string out(value.is_string() ? value.text() : "");
    value.each_element(
        [&](const Json& part) { out.append(out.empty() ? "" : ",").append(part.text()); });
    return out;
}

// An expression as JavaScript writes it, without its slashes.
std::string plain_regex(std::string text) {
    text = text.substr(std::string("regex:/").size());
    text.pop_back();
    for (std::size_t at = 0; (at = text.find("\\/", at)) != std::string::npos;) {
        text.erase(at, 1);
    }
    return text;
}

std::string origin_word(const Json& origin) {
    if (!origin.exists()) {
        return "origin=*";
    }
    if (origin.is_array()) {
        return "origins=" + joined(origin);
    }
    if (origin.is_boolean()) {
        return origin.is_true() ? "origin=reflect" : "off";
    }
    const std::string text(origin.text());
    if (text.empty() || text == "undefined") {
        return "off";
    }
    if (text.starts_with("regex:/")) {
        return "\"origins=~" + plain_regex(text) + "\"";
    }
    // Functions of the recorder, and an expression with the flag /g, which has no counterpart.
    static const std::map<std::string, std::string> functions = {
        {"FN_ALLOWLIST", "origins=https://app1.example.com,https://app2.example.com"},
        {"FN_STAR", "origin=*"},
        {"REGEX_G", "\"origins=~^https://app1\\.example\\.com$\""},
    };
    const auto found = functions.find(text);
    return found != functions.end() ? found->second : "origin=" + text;
}

std::string conf_of(const Json& options) {
    std::string out = "sallyport_cors " + origin_word(options["origin"]);
    if (out == "sallyport_cors off") {
        return out + ";";
    }
    if (options["methods"].exists()) {
        out += " methods=" + joined(options["methods"]);
    }
    if (options["allowedHeaders"].exists()) {
        const std::string names = joined(options["allowedHeaders"]);
        out += " headers=" + (names.empty() ? "none" : names);
    }
    if (options["exposedHeaders"].exists()) {
        out += " expose=" + joined(options["exposedHeaders"]);
    }
    if (options["maxAge"].is_number()) {
        out += " max_age=" + std::to_string(static_cast<long>(options["maxAge"].number_or(0)));
    }
    if (options["credentials"].is_boolean() && options["credentials"].is_true()) {
        out += " credentials";
    }
    if (options["preflightContinue"].boolean_or(false)) {
        out += " preflight=continue";
    }
    if (options["optionsSuccessStatus"].is_number()) {
        out += " status=" +
               std::to_string(static_cast<int>(options["optionsSuccessStatus"].number_or(204)));
    }
    return out + ";";
}

// What browsers refuse or what trusts everybody; and a wildcard where it means nothing.
bool is_unsafe(const std::string& conf) {
    const bool anybody = conf.find("origin=*") != std::string::npos ||
                         conf.find("origin=reflect") != std::string::npos;
    return (anybody && conf.find(" credentials") != std::string::npos) ||
           conf.find("origins=*;") != std::string::npos;
}

UpstreamReply application(const UpstreamRequest& request) {
    UpstreamReply reply;
    reply.body = "data";
    if (request.target == "/vary") {
        reply.headers.emplace_back("Vary", "Accept-Encoding");
        reply.body = "v";
    } else if (request.target == "/nope") {
        reply.status = 404;
    } else if (request.method == "OPTIONS") {
        reply.headers.emplace_back("X-App", "options");
        reply.body = "app-options";
    }
    // The gateway owns these: whatever the application says must not be doubled.
    reply.headers.emplace_back("X-From", "application");
    return reply;
}

struct Row {
    std::string id;
    std::string conf;
    HttpRequest request;
    std::string path;
    int status = 0;
    bool handler_ran = false;
    std::map<std::string, std::string> expected;
};

Row row_of(const Json& vector, const std::string& conf) {
    Row row;
    row.id = vector["id"].text();
    row.conf = conf;
    row.request.method = vector["request"]["method"].text();
    row.path = vector["request"]["path"].text();
    vector["request"]["headers"].each_member([&](std::string_view name, const Json& value) {
        if (value.is_string()) {
            row.request.headers.emplace_back(name, value.text());
        }
        value.each_element(
            [&](const Json& one) { row.request.headers.emplace_back(name, one.text()); });
    });
    if (row.request.method == "POST") {
        row.request.body = "x";
    }
    row.status = static_cast<int>(vector["expect"]["status"].number_or(0));
    row.handler_ran = vector["expect"]["handler_ran"].is_true();
    vector["expect"]["headers"].each_member([&](std::string_view name, const Json& value) {
        if (name.starts_with("Access-Control-") || name == "Vary") {
            row.expected.emplace(name, value.text());
        }
    });
    if (row.id == "CORS-043") {
        // JavaScript's /g makes every second test fail; an expression here has no memory.
        row.expected.emplace("Access-Control-Allow-Origin", kApp1);
    }
    return row;
}

std::map<std::string, std::string> cors_fields(const HttpResponse& response) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : response.headers) {
        if (name.starts_with("Access-Control-") || name == "Vary") {
            EXPECT_TRUE(out.emplace(name, value).second) << name << " is sent twice";
        }
    }
    return out;
}

TEST(CorsVectors, EveryRowThroughRealNginx) {
    const char* other_rows = std::getenv("SALLYPORT_ROWS");  // scripts/compare-headers
    const auto text = read_file_text(
        other_rows != nullptr ? other_rows : SALLYPORT_VECTORS_DIR "/cors.json", 8 << 20);
    ASSERT_TRUE(text.ok()) << text.message();
    const auto vectors = Json::parse(*text);
    ASSERT_TRUE(vectors.ok());
    std::vector<Row> rows;
    std::string locations;
    int refused = 0;
    (*vectors)["vectors"].each_element([&](const Json& vector) {
        const std::string conf = conf_of(vector["options"]);
        if (is_unsafe(conf)) {
            ++refused;
            const auto check =
                check_config("server { listen 127.0.0.1:%%PORT_SPARE%%; " + conf + "}");
            EXPECT_FALSE(check.ok()) << conf;
            EXPECT_NE(check.messages.find("\"sallyport_cors\""), std::string::npos)
                << check.messages;
            return;
        }
        locations += "location /" + std::to_string(rows.size()) + "/ { " + conf +
                     " proxy_pass http://backend/; }\n";
        rows.push_back(row_of(vector, conf));
    });
    EXPECT_GE(rows.size(), 30u);
    if (other_rows == nullptr) {
        EXPECT_GE(refused, 3);
    }
    Upstream upstream(application);
    NginxServer nginx("upstream backend { server " + upstream.address() +
                      "; }\nserver { listen 127.0.0.1:%%PORT%%;\n" + locations + "}");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Row& row = rows[i];
        upstream.clear();
        row.request.url = nginx.url("/" + std::to_string(i) + row.path);
        const auto response = send(row.request);
        EXPECT_EQ(response.status, row.status) << row.id << " " << row.conf << response.error;
        EXPECT_EQ(cors_fields(response), row.expected) << row.id << " " << row.conf;
        EXPECT_EQ(upstream.request_count(), row.handler_ran ? 1u : 0u) << row.id;
    }
}

}  // namespace
}  // namespace sallyport::test
