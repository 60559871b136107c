// Row 49 of the checklist (API9): every route that the engine has is behind a rule of the example
// site. The engine says itself which there are, so that a new one cannot be forgotten here.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/upstream.hpp"
#include "tests/integration/site_conf.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sallyport::test {
namespace {

constexpr const char* kStranger = "127.0.0.66";

struct Route {
    std::string method;
    std::string path;  // with something in place of each parameter
};

std::vector<Route> routes_of_the_engine() {
    EngineProcess engine;
    const auto answer = get(engine.url("/openapi.json"));
    EXPECT_EQ(answer.status, 200);
    const auto description = Json::parse(answer.body);
    EXPECT_TRUE(description.ok());
    std::vector<Route> out;
    (*description)["paths"].each_member([&](std::string_view path, const Json& item) {
        std::string filled;
        for (std::size_t at = 0; at < path.size(); ++at) {
            if (path[at] == '{') {
                at = path.find('}', at);
                filled += "x1";
            } else {
                filled += path[at];
            }
        }
        item.each_member([&](std::string_view method, const Json&) {
            std::string name(method);
            for (char& c : name) {
                c = static_cast<char>(c - 'a' + 'A');
            }
            out.push_back({name, filled});
        });
    });
    return out;
}

// What strangers may call without being asked who they are: approvals, whose addresses are secrets.
bool is_open(const std::string& path) {
    return path.starts_with("/api/v1/flow-runs/") && path.find("/requests/") != std::string::npos;
}

TEST(Inventory, EveryRouteIsBehindARule) {
    const auto routes = routes_of_the_engine();
    ASSERT_GT(routes.size(), 60u);
    Upstream upstream;
    NginxServer nginx(site_conf("activepieces", "flows.example.com", "127.0.0.1:8080"),
                      site_options(upstream.address()));
    std::size_t open = 0;
    HttpClient client;
    for (const Route& route : routes) {
        for (const std::string prefix : {"/api", ""}) {
            const std::string path = prefix + route.path;
            upstream.clear();
            const auto response = client.send({.url = nginx.tls_url(path),
                                               .method = route.method,
                                               .headers = {{"Host", "flows.example.com"}},
                                               .local_address = kStranger});
            if (is_open(path)) {
                ++open;
                continue;
            }
            EXPECT_TRUE(response.status == 401 || response.status == 403 || response.status == 404)
                << route.method << " " << path << " " << response.status << response.error;
            EXPECT_EQ(upstream.request_count(), 0u) << route.method << " " << path;
        }
    }
    EXPECT_GT(open, 0u) << "the exception is still there";
}

TEST(Inventory, AnotherVersionIsNobodys) {
    Upstream upstream;
    NginxServer nginx(site_conf("activepieces", "flows.example.com", "127.0.0.1:8080"),
                      site_options(upstream.address()));
    const auto status = [&](const std::string& path, const char* from) {
        return send({.url = nginx.tls_url(path),
                     .headers = {{"Host", "flows.example.com"}},
                     .local_address = from})
            .status;
    };
    for (const char* path : {"/api/v2/flows", "/v2/flows", "/api/v0/", "/API/V3/flows", "/v10"}) {
        EXPECT_EQ(status(path, "127.0.0.1"), 404) << path;
        EXPECT_EQ(status(path, kStranger), 404) << path;
    }
    EXPECT_EQ(upstream.request_count(), 0u);
    EXPECT_EQ(status("/api/v1/flows", "127.0.0.1"), 200);
    EXPECT_EQ(status("/v1/flows", "127.0.0.1"), 200);
}

}  // namespace
}  // namespace sallyport::test
