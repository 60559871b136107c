// Lists that change while nginx runs: no reload, no lost request, and the last good one when the
// new one is bad.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    set_real_ip_from 127.0.0.1;
    sallyport_ip_list blocked file=blocked.txt 192.0.2.99 refresh=1s;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { return 200 "$sallyport_in_blocked $sallyport_ip_list_blocked [$sallyport_ip_list]"; }
        location /guarded { sallyport_deny blocked; return 200 in; }
    }
)";

NginxOptions options(std::string blocked, int workers = 1) {
    NginxOptions options;
    options.files = {{"blocked.txt", std::move(blocked)}};
    options.workers = workers;
    return options;
}

// As an operator (or scripts/refresh-feeds) puts a new list in place.
void replace(const NginxServer& nginx, const std::string& name, const std::string& text) {
    nginx.dir().write(name + ".new", text);
    ASSERT_EQ(std::rename(nginx.dir().path(name + ".new").c_str(), nginx.dir().path(name).c_str()),
              0);
}

int status(const NginxServer& nginx, const char* address, const char* path = "/guarded") {
    return send({.url = nginx.url(path), .headers = {{"X-Real-IP", address}}}).status;
}

bool logged(const NginxServer& nginx, const std::string& piece) {
    return wait_until([&] { return nginx.error_log().find(piece) != std::string::npos; });
}

std::string lines(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
        out += "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/25\n";
    }
    return out;
}

TEST(IpListRefresh, ANewFileIsTakenByAllWorkersWithoutAReload) {
    NginxServer nginx(kConf, options("10.0.0.0/24\n", 2));
    const std::vector<pid_t> workers = nginx.worker_pids();
    EXPECT_EQ(status(nginx, "10.0.0.1"), 403);
    EXPECT_EQ(status(nginx, "10.0.1.1"), 200);
    replace(nginx, "blocked.txt", "10.0.1.0/24\n2001:db8::/32\n");
    EXPECT_TRUE(wait_until([&] { return status(nginx, "10.0.1.1") == 403; }));
    for (int i = 0; i < 10; ++i) {  // whichever worker answers
        EXPECT_EQ(status(nginx, "10.0.1.1"), 403);
        EXPECT_EQ(status(nginx, "10.0.0.1"), 200);
        EXPECT_EQ(status(nginx, "2001:db8::7"), 403);
        EXPECT_EQ(status(nginx, "192.0.2.99"), 403);
    }
    EXPECT_EQ(nginx.worker_pids(), workers);
    EXPECT_TRUE(logged(nginx, "list \"blocked\" has 3 blocks now (before: 2)"));
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"X-Real-IP", "10.0.1.1"}}}).body,
              "1 1 [blocked]");
    EXPECT_EQ(send({.url = nginx.url("/"), .headers = {{"X-Real-IP", "10.0.9.1"}}}).body, "0 0 []");
}

TEST(IpListRefresh, ABadFileLeavesTheLastGoodListAndSaysWhere) {
    NginxServer nginx(kConf, options(lines(300)));
    const struct {
        std::string text;
        const char* message;
    } rows[] = {
        {"10.0.0.0/24\nnot an address\n", "blocked.txt:2: \"not an address\""},
        {lines(300) + "0.0.0.0/1\n128.0.0.0/1\n", "covers 100.0% of all IPv4 addresses"},
        {lines(20), "has 21 blocks where there were 301; if that is meant, reload nginx"},
        {"", "has 1 blocks where there were 301"},
    };
    for (const auto& row : rows) {
        replace(nginx, "blocked.txt", row.text);
        EXPECT_TRUE(logged(nginx, row.message)) << nginx.error_log();
        EXPECT_EQ(status(nginx, "10.1.43.1"), 403) << row.message;
        EXPECT_EQ(status(nginx, "203.0.113.1"), 200) << row.message;
    }
    ASSERT_EQ(std::remove(nginx.dir().path("blocked.txt").c_str()), 0);
    EXPECT_TRUE(logged(nginx, "cannot be opened"));
    EXPECT_EQ(status(nginx, "10.1.43.1"), 403);
    replace(nginx, "blocked.txt", lines(301));
    EXPECT_TRUE(logged(nginx, "has 302 blocks now"));
    // What is meant is taken by a reload.
    replace(nginx, "blocked.txt", "203.0.113.0/24\n");
    EXPECT_TRUE(logged(nginx, "has 2 blocks where there were 302"));
    ASSERT_TRUE(nginx.reload());
    EXPECT_EQ(status(nginx, "203.0.113.1"), 403);
    EXPECT_EQ(status(nginx, "10.1.43.1"), 200);
}

TEST(IpListRefresh, FeedsOfProviders) {
    NginxOptions feeds;
    feeds.files = {
        {"github.json", R"({"hooks": ["192.30.252.0/22"], "web": ["20.0.0.0/24"]})"},
        {"aws.json", R"({"prefixes": [{"ip_prefix": "3.5.140.0/22", "service": "AMAZON"}],
                         "ipv6_prefixes": []})"},
        {"cloudflare.txt", "173.245.48.0/20\n"},
    };
    NginxServer nginx(R"(
        set_real_ip_from 127.0.0.1;
        sallyport_ip_list hooks feed=github.hooks:github.json refresh=1s;
        sallyport_ip_list edges feed=aws:aws.json feed=cloudflare:cloudflare.txt refresh=1s;
        server {
            listen 127.0.0.1:%%PORT%%;
            location /hooks { sallyport_allow hooks; return 200 in; }
            location /edges { sallyport_allow edges; return 200 in; }
        }
    )",
                      feeds);
    EXPECT_EQ(status(nginx, "192.30.252.1", "/hooks"), 200);
    EXPECT_EQ(status(nginx, "20.0.0.1", "/hooks"), 403);
    EXPECT_EQ(status(nginx, "3.5.140.1", "/edges"), 200);
    EXPECT_EQ(status(nginx, "173.245.48.1", "/edges"), 200);
    replace(nginx, "github.json", R"({"hooks": ["140.82.112.0/20"]})");
    EXPECT_TRUE(wait_until([&] { return status(nginx, "140.82.112.1", "/hooks") == 200; }));
    replace(nginx, "github.json", R"({"hoooks": ["140.82.112.0/20"]})");
    EXPECT_TRUE(logged(nginx, "no section \"hooks\""));
    EXPECT_EQ(status(nginx, "140.82.112.1", "/hooks"), 200);
}

// 192.0.2.1 is in every version and 203.0.113.1 in none: however the list changes under load, and
// through reloads, no answer may ever be wrong.
TEST(IpListRefresh, NoAnswerIsWrongWhileListsChangeUnderLoad) {
    NginxServer nginx(kConf, options("192.0.2.1\n" + lines(400), 2));
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<int> answered{0};
    std::thread load([&] {
        HttpClient client;
        while (!stop) {
            const auto denied = client.send(
                {.url = nginx.url("/guarded"), .headers = {{"X-Real-IP", "192.0.2.1"}}});
            const auto passes = client.send(
                {.url = nginx.url("/guarded"), .headers = {{"X-Real-IP", "203.0.113.1"}}});
            wrong += denied.status == 403 && passes.status == 200 ? 0 : 1;
            ++answered;
        }
    });
    for (int i = 1; i <= 3; ++i) {
        const int blocks = 400 + 100 * i;
        replace(nginx, "blocked.txt", "192.0.2.1\n" + lines(blocks));
        EXPECT_TRUE(logged(nginx, "has " + std::to_string(blocks + 2) + " blocks now"));
    }
    EXPECT_TRUE(nginx.reload());
    replace(nginx, "blocked.txt", "192.0.2.1\n" + lines(800));
    EXPECT_TRUE(logged(nginx, "has 802 blocks now"));
    stop = true;
    load.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(answered, 0);
}

TEST(IpListRefresh, TheControlLocationAsksForALook) {
    NginxServer nginx(R"(
        set_real_ip_from 127.0.0.1;
        sallyport_ip_list blocked file=blocked.txt refresh=24h;
        sallyport_ip_list fixed file=blocked.txt refresh=off;
        sallyport_ip_list office 127.0.0.0/8;
        server {
            listen 127.0.0.1:%%PORT%%;
            location /guarded { sallyport_deny blocked; return 200 in; }
            location /control/ { sallyport_control; }
        }
    )",
                      options(lines(300), 2));
    const auto reload = [&](const char* body) {
        return send({.url = nginx.url("/control/lists/reload"),
                     .method = "POST",
                     .headers = {{"Content-Type", "application/json"}},
                     .body = body});
    };
    replace(nginx, "blocked.txt", "203.0.113.0/24\n");
    EXPECT_EQ(reload(R"({"name":"nobody"})").status, 404);
    EXPECT_EQ(reload(R"({"name":"office"})").status, 404);
    EXPECT_EQ(reload(R"({"name":"fixed"})").status, 404);
    EXPECT_EQ(reload(R"({"name":7})").status, 400);
    EXPECT_EQ(reload("{}").body, "{\"lists\":[\"blocked\"]}\n");
    EXPECT_TRUE(logged(nginx, "has 1 blocks where there were 300"));
    EXPECT_EQ(status(nginx, "203.0.113.1"), 200);
    EXPECT_EQ(reload(R"({"name":"blocked","force":true})").status, 202);
    EXPECT_TRUE(wait_until([&] { return status(nginx, "203.0.113.1") == 403; }));
    const auto lists = send({.url = nginx.url("/control/lists")});
    EXPECT_NE(lists.body.find("{\"name\":\"blocked\",\"blocks\":1,\"refreshed\":true,"),
              std::string::npos)
        << lists.body;
    EXPECT_NE(lists.body.find("{\"name\":\"fixed\",\"blocks\":300,\"refreshed\":false}"),
              std::string::npos)
        << lists.body;
}

// Without a master there is no helper: the one process looks itself.
TEST(IpListRefresh, WithoutAMaster) {
    const TempDir dir("nginx-alone");
    const HeldPort port;
    dir.write("blocked.txt", "127.0.0.1\n");
    dir.write("nginx.conf",
              "load_module " + module_path() + ";\ndaemon off;\nmaster_process off;\npid " +
                  dir.path("pid") + ";\nerror_log " + dir.path("error.log") +
                  " info;\nevents {}\nhttp {\naccess_log off;\n"
                  "client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;\n"
                  "uwsgi_temp_path u; scgi_temp_path s;\n"
                  "sallyport_ip_list blocked file=" +
                  dir.path("blocked.txt") +
                  " refresh=1s;\nserver { listen 127.0.0.1:" + std::to_string(port.number()) +
                  "; location / { sallyport_deny blocked; return 200 in; } }\n}\n");
    Process nginx = Process::spawn(
        {nginx_path(), "-p", dir.path(), "-e", dir.path("error.log"), "-c", dir.path("nginx.conf")},
        {.environment = {},
         .directory = dir.path(),
         .output_path = dir.path("output.log"),
         .parent_death_signal = SIGTERM});
    const std::string url = "http://127.0.0.1:" + std::to_string(port.number()) + "/";
    EXPECT_TRUE(wait_until([&] { return get(url).status == 403; })) << dir.read("error.log");
    dir.write("blocked.txt", "10.0.0.1\n");
    EXPECT_TRUE(wait_until([&] { return get(url).status == 200; })) << dir.read("error.log");
    nginx.stop(SIGTERM);
}

}  // namespace
}  // namespace sallyport::test
