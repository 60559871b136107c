// The includes of conf.d that belong to the edge (TLS policy, headers, IP lists) work as shipped.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

TEST(EdgeIncludes, WorkTogether) {
    Upstream upstream([](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.headers = {{"X-Accel-Redirect", "/secret"},
                         {"X-Powered-By", "x"},
                         {"Access-Control-Allow-Origin", "*"}};
        return reply;
    });
    NginxOptions options;
    options.variables = {{"UPSTREAM", upstream.address()}};
    for (const char* name : {"cors.conf", "ip_list.conf", "redact.conf", "security_headers.conf",
                             "tls_policy.conf"}) {
        options.files[name] = read_file(std::string(SALLYPORT_CONF_D) + "/" + name);
        ASSERT_FALSE(options.files[name].empty()) << name;
    }
    options.files["lists/blocked.txt"] = "127.0.0.66\n";
    NginxServer nginx(R"(
        include cors.conf;
        include ip_list.conf;
        include redact.conf;
        access_log safe.log sallyport;
        include security_headers.conf;
        include tls_policy.conf;
        server {
            listen 127.0.0.1:%%PORT_TLS%% ssl;
            ssl_certificate %%CERT%%;
            ssl_certificate_key %%KEY%%;
            location / { proxy_pass http://%%UPSTREAM%%; }
            location /secret { internal; return 200 secret; }
            location /admin/ { sallyport_allow office; proxy_pass http://%%UPSTREAM%%; }
        }
    )",
                      options);
    const auto response = send({.url = nginx.tls_url("/")});
    EXPECT_EQ(response.status, 200) << response.error;
    EXPECT_EQ(response.body, "upstream\n");
    EXPECT_EQ(response.header("Cache-Control"), "no-store");
    EXPECT_EQ(response.header("X-Powered-By"), std::nullopt);
    EXPECT_EQ(send({.url = nginx.tls_url("/"), .local_address = "127.0.0.66"}).status, 403);
    EXPECT_EQ(response.header("Access-Control-Allow-Origin"), std::nullopt);
    EXPECT_EQ(send({.url = nginx.tls_url("/admin/?token=canary")}).status, 403);
    EXPECT_TRUE(wait_until([&] {
        return nginx.dir().read("safe.log").find("deny ip_not_allowed") != std::string::npos;
    }));
    EXPECT_EQ(nginx.dir().read("safe.log").find("canary"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::test
