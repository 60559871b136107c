// The spool over every way to a Redis that the gateway knows: the forwarder knows them as well.
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/redis_cluster.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

std::string cli_path() {
    return environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT);
}

// One delivery through a spool in `redis_url`, kept by the gateway and delivered by the forwarder.
void through(
    const std::string& redis_url, const std::vector<std::string>& redis_options,
    const std::function<void()>& meanwhile = [] {}) {
    Upstream upstream([](const UpstreamRequest&) { return UpstreamReply{.status = 503}; });
    std::string options;
    std::vector<std::string> words = {cli_path(), "forward", "--redis",
                                      redis_url,  "--to",    "http://" + upstream.address(),
                                      "--once"};
    for (const std::string& option : redis_options) {
        options += " " + option;
        words.insert(words.end(), {"--redis-option", option});
    }
    NginxOptions nginx_options;
    nginx_options.variables = {{"UPSTREAM", upstream.address()}, {"REDIS", redis_url + options}};
    nginx_options.files = webhook_files();
    NginxServer nginx(R"(
        sallyport_redis main %%REDIS%% budget=900ms backoff=20ms backoff_max=100ms;
        sallyport_webhook_replay zone=z:1m;
        server {
            listen 127.0.0.1:%%PORT%%;
            location / {
                sallyport_webhook github;
                sallyport_webhook_secret file:%%DIR%%/hook.key;
                sallyport_webhook_spool redis=main;
                proxy_pass http://%%UPSTREAM%%;
            }
        })",
                      nginx_options);
    EXPECT_TRUE(wait_until([&] {
        return send(delivery(nginx.url("/"), "once", github_headers("once"))).status == 202;
    })) << nginx.error_log();
    meanwhile();
    upstream.set_handler([](const UpstreamRequest&) { return UpstreamReply{}; });
    upstream.clear();
    const CommandResult result = run_command(words);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(upstream.request_count(), 1u);
}

TEST(WebhookSpoolTransport, OverTls) {
    const HeldPort port;
    const Certificates& tls = certificates();
    const RedisServer redis({"--tls-port", std::to_string(port.number()), "--tls-cert-file",
                             tls.server_certificate, "--tls-key-file", tls.server_key,
                             "--tls-ca-cert-file", tls.ca, "--tls-auth-clients", "yes"});
    const std::string url = "rediss://localhost:" + std::to_string(port.number());
    through(url, {"tls_ca=" + tls.ca, "tls_certificate=" + tls.client_certificate,
                  "tls_key=" + tls.client_key});
    // A server that cannot show whose it is gets nothing.
    const TempDir dir("forward");
    const std::string log = dir.write("forward.log", "");
    Process forwarder = Process::spawn(
        {cli_path(), "forward", "--redis", url, "--to", "http://127.0.0.1:1", "--once"},
        {.output_path = log});
    EXPECT_TRUE(wait_until([&] {
        return dir.read("forward.log").find("certificate") != std::string::npos;
    })) << dir.read("forward.log");
    EXPECT_TRUE(forwarder.running()) << "it waits for a better one";
}

TEST(WebhookSpoolTransport, BySentinelsAlsoAfterAFailover) {
    RedisSentinels redis;
    through("redis+sentinel://127.0.0.1:1,127.0.0.1:" + std::to_string(redis.port()) + "/mymaster",
            {}, [&] {
                const auto there = [&] {
                    return redis.server(1).command({"XLEN", "sallyport:{spool:deliveries}"}) ==
                           ":1\r\n";
                };
                EXPECT_TRUE(wait_until(there));
                redis.fail_over();
            });
}

}  // namespace
}  // namespace sallyport::test
