// The providers' own npm libraries sign, the gateway verifies. They come from npm into the build
// folder (scripts/fetch-senders) and speak to nobody; senders/sign.mjs says what each has signed.
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

constexpr const char* kFolder = SALLYPORT_SENDERS;
// What the senders were told; several sign it.
constexpr const char* kHost = "hooks.test";

struct Signed {
    std::string preset;
    std::string key;
    HttpRequest request;
};

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::vector<Signed> signed_deliveries() {
    const CommandResult result =
        run_command({first_line(std::string(kFolder) + "/node"), SALLYPORT_SENDERS_SCRIPT, kFolder,
                     std::string("http://") + kHost},
                    {.environment = {"NODE_OPTIONS="}});
    EXPECT_EQ(result.exit_code, 0) << result.output.substr(0, 2000);
    std::vector<Signed> out;
    std::istringstream lines(result.output);
    for (std::string line; std::getline(lines, line);) {
        const auto json = Json::parse(line);
        if (!json || !json->has("preset")) {
            continue;  // a library's own word of warning
        }
        Signed each{std::string((*json)["preset"].text()), std::string((*json)["key"].text()), {}};
        each.request.method = "POST";
        each.request.url = (*json)["path"].text();
        each.request.body = std::string((*json)["body"].text());
        each.request.headers = {
            {"Host", kHost},
            {"Content-Type", each.preset == "twilio-form" ? "application/x-www-form-urlencoded"
                                                          : "application/json"}};
        (*json)["headers"].each_member([&](std::string_view name, const Json& value) {
            each.request.headers.emplace_back(name, value.text());
        });
        out.push_back(std::move(each));
    }
    return out;
}

TEST(WebhookSenders, AreUnderstoodAndNobodyElse) {
    ASSERT_TRUE(std::filesystem::exists(std::string(kFolder) + "/node_modules/stripe"))
        << "run scripts/fetch-senders " << kFolder;
    const std::vector<Signed> all = signed_deliveries();
    EXPECT_GE(all.size(), 94U);
    Upstream upstream;
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    std::map<std::string, std::string> locations;
    for (const Signed& each : all) {
        options.files[each.preset + ".key"] = each.key;
        locations[each.preset] =
            "location = /" + each.preset + " { sallyport_webhook " + each.preset +
            "; sallyport_webhook_secret file:%%DIR%%/" + each.preset +
            ".key; sallyport_webhook_replay zone=all; proxy_pass http://%%UPSTREAM%%; }\n";
    }
    EXPECT_EQ(locations.size(), 25U);
    std::string http =
        "sallyport_webhook_replay zone=all:1m;\n"
        "server { listen 127.0.0.1:%%PORT%%; server_name hooks.test;\n"
        "add_header X-Webhook \"$sallyport_webhook_status $sallyport_webhook_reason\" always;\n";
    for (const auto& [preset, location] : locations) {
        http += location;
    }
    NginxServer nginx(http + "}", options);
    HttpClient client;
    for (const Signed& each : all) {
        HttpRequest request = each.request;
        request.url = nginx.url(each.request.url);
        // Whatever is changed is refused, and does not use the delivery up.
        HttpRequest changed = request;
        *changed.body += "x";
        // These two sign who sends, and monday.com's not even what.
        if (each.preset != "monday-jwt" && each.preset != "adyen") {
            EXPECT_EQ(client.send(changed).status, 401) << each.preset;
        }
        changed = request;
        for (auto& [name, value] : changed.headers) {
            if (name != "Host" && name != "Content-Type" && name != "X-GitHub-Delivery") {
                value[value.size() / 2] = value[value.size() / 2] == '1' ? '2' : '1';
            }
        }
        if (each.preset != "adyen") {
            EXPECT_EQ(client.send(changed).status, 401) << each.preset;
        }
        const std::size_t before = upstream.request_count();
        const HttpResponse response = client.send(request);
        EXPECT_EQ(response.status, 200)
            << each.preset << ": " << response.header("X-Webhook").value_or("");
        EXPECT_EQ(upstream.request_count(), before + 1) << each.preset;
        EXPECT_EQ(upstream.requests().back().body, *each.request.body) << each.preset;
        // The same once more goes no further.
        EXPECT_EQ(client.send(request).header("X-Webhook").value_or("").substr(0, 9), "duplicate")
            << each.preset;
        EXPECT_EQ(upstream.request_count(), before + 1) << each.preset;
    }
}

}  // namespace
}  // namespace sallyport::test
