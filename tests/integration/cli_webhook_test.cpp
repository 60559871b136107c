// `sallyport sign` and `sallyport verify`: what one makes the other and the gateway accept, and
// nothing else.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

CommandResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT));
    return run_command(arguments);
}

HeaderList fields_of(const std::string& text) {
    HeaderList out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t colon = line.find(": ");
        if (colon != std::string::npos) {
            out.emplace_back(line.substr(0, colon), line.substr(colon + 2));
        }
    }
    return out;
}

struct Sender {
    const char* preset;
    const char* secret;
    std::vector<std::string> more = {};
};

const Sender kSenders[] = {
    {"github", "a secret of more than sixteen bytes"},
    {"stripe", "a secret of more than sixteen bytes"},
    {"slack", "a secret of more than sixteen bytes"},
    {"standard", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=", {"--id", "m-1"}},
    {"shopify", "a secret of more than sixteen bytes", {"--id", "s-1"}},
    {"square", "a secret of more than sixteen bytes"},
    {"hubspot-v3", "a secret of more than sixteen bytes"},
    {"hubspot-v2", "a secret of more than sixteen bytes"},
    {"twilio-json", "a secret of more than sixteen bytes"},
    {"twitch", "a secret of more than sixteen bytes", {"--id", "t-1"}},
    {"zendesk", "a secret of more than sixteen bytes"},
    {"basic", "user:a password of some length"},
    {"token", "a secret of more than sixteen bytes"},
    {"onfleet", "00112233445566778899aabbccddeeff"},
};

class CliWebhook : public testing::Test {
  protected:
    std::vector<std::string> words(const char* command, const Sender& sender,
                                   const std::string& url) const {
        std::vector<std::string> out = {
            command,         sender.preset,
            "--secret-file", dir_.path(std::string(sender.preset) + ".key"),
            "--body",        dir_.path("body"),
            "--url",         url};
        return out;
    }
    TempDir dir_{"cli"};
};

TEST_F(CliWebhook, TheGatewayAcceptsWhatIsSigned) {
    const std::string body = R"({"id":"evt_1","event_id":"evt_2","text":"Zoë"})";
    dir_.write("body", body);
    Upstream upstream;
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    std::string http = "server { listen 127.0.0.1:%%PORT%%; server_name hooks.test;\n";
    for (const Sender& sender : kSenders) {
        const std::string name = sender.preset;
        options.files[name + ".key"] = sender.secret;
        dir_.write(name + ".key", sender.secret, 0600);
        http += "location /" + name + " { sallyport_webhook " + name +
                "; sallyport_webhook_secret file:%%DIR%%/" + name +
                ".key; proxy_pass http://%%UPSTREAM%%; }\n";
    }
    NginxServer nginx(http + "}", options);
    for (const Sender& sender : kSenders) {
        const std::string path = std::string("/") + sender.preset;
        std::vector<std::string> arguments = words("sign", sender, "http://hooks.test" + path);
        arguments.insert(arguments.end(), sender.more.begin(), sender.more.end());
        const CommandResult made = run(arguments);
        ASSERT_EQ(made.exit_code, 0) << sender.preset << made.output;
        HttpRequest request;
        request.method = "POST";
        request.headers = fields_of(made.output);
        request.headers.emplace_back("Host", "hooks.test");
        request.body = body;
        // What is required in the query only the curl form shows.
        arguments.emplace_back("--curl");
        const std::string curl = run(arguments).output;
        const std::size_t at = curl.find("http://hooks.test");
        ASSERT_NE(at, std::string::npos) << curl;
        std::string target = curl.substr(at + 17);
        target.erase(target.find('\''));
        request.url = nginx.url(target);
        EXPECT_EQ(send(request).status, 200) << sender.preset << made.output;
        *request.body += " ";
        if (request.headers[0].first != "Authorization") {
            EXPECT_EQ(send(request).status, 401) << sender.preset;
        }
    }
}

TEST_F(CliWebhook, VerifySaysWhatIsGenuine) {
    dir_.write("body", R"({"id":"evt_1"})");
    for (const Sender& sender : kSenders) {
        dir_.write(std::string(sender.preset) + ".key", sender.secret, 0600);
        const std::string url = "https://example.org/hook";
        std::vector<std::string> arguments = words("sign", sender, url);
        arguments.insert(arguments.end(), sender.more.begin(), sender.more.end());
        arguments.insert(arguments.end(), {"--time", "1700000000"});
        const HeaderList fields = fields_of(run(arguments).output);
        ASSERT_FALSE(fields.empty()) << sender.preset;
        arguments = words("verify", sender,
                          sender.preset == std::string("twilio-json")
                              ? url + "?bodySHA256=" + std::string(64, '0')
                              : url);
        for (const auto& [name, value] : fields) {
            arguments.insert(arguments.end(), {"--header", name + ": " + value});
        }
        std::vector<std::string> late = arguments;
        arguments.insert(arguments.end(), {"--time", "1700000002"});
        late.insert(late.end(), {"--time", "1700009999"});
        const CommandResult good = run(arguments);
        if (sender.preset == std::string("twilio-json")) {
            EXPECT_EQ(good.exit_code, 1) << "another body's digest";
            continue;
        }
        EXPECT_EQ(good.exit_code, 0) << sender.preset << good.output;
        EXPECT_EQ(good.output.substr(0, 8), "genuine\n") << sender.preset;
        const bool timed = good.output.find("age 2 s") != std::string::npos;
        EXPECT_EQ(run(late).exit_code, timed ? 1 : 0) << sender.preset;
        if (timed) {
            EXPECT_NE(run(late).output.find("webhook_timestamp_stale"), std::string::npos);
        }
        arguments[3] =
            dir_.write("other.key",
                       sender.preset == std::string("onfleet") ? "ffeeddccbbaa99887766554433221100"
                       : sender.preset == std::string("standard")
                           ? "whsec_QUJDREVGMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk="
                           : "user:another secret, another sender",
                       0600);
        const CommandResult bad = run(arguments);
        EXPECT_EQ(bad.exit_code, 1) << sender.preset;
        EXPECT_NE(bad.output.find("webhook_signature_invalid"), std::string::npos) << bad.output;
        EXPECT_EQ(bad.output.find(sender.secret), std::string::npos) << "no secret is shown";
    }
}

TEST_F(CliWebhook, PublicKeysWorkBothWays) {
    dir_.write("body", R"({"id":"1"})");
    for (const auto& [preset, kind] : std::initializer_list<std::pair<const char*, const char*>>{
             {"discord", "ED25519"}, {"fireblocks", "RSA"}}) {
        const std::string key = dir_.path(std::string(preset) + ".pem");
        ASSERT_EQ(run_command({"openssl", "genpkey", "-algorithm", kind, "-out", key}).exit_code,
                  0);
        ASSERT_EQ(
            run_command({"openssl", "pkey", "-in", key, "-pubout", "-out", key + ".pub"}).exit_code,
            0);
        ASSERT_EQ(run_command({"chmod", "600", key, key + ".pub"}).exit_code, 0);
        std::vector<std::string> arguments = {"sign",   preset,      "--secret-file",
                                              key,      "--body",    dir_.path("body"),
                                              "--time", "1700000000"};
        const CommandResult made = run(arguments);
        ASSERT_EQ(made.exit_code, 0) << made.output;
        arguments[0] = "verify";
        arguments[3] = key + ".pub";
        arguments.insert(arguments.end(), {"--key", "key_fmt=pem"});
        for (const auto& [name, value] : fields_of(made.output)) {
            arguments.insert(arguments.end(), {"--header", name + ": " + value});
        }
        EXPECT_EQ(run(arguments).exit_code, 0) << run(arguments).output;
        dir_.write("body", R"({"id":"2"})");
        EXPECT_EQ(run(arguments).exit_code, 1);
        dir_.write("body", R"({"id":"1"})");
    }
}

}  // namespace
}  // namespace sallyport::test
