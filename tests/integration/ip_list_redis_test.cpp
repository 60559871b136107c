// Lists in a real Redis: loaded and refreshed without a reload, and the last good one when the
// store holds rubbish, or is gone.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_redis main redis://%%REDIS%%;
    set_real_ip_from 127.0.0.1;
    sallyport_ip_list blocked redis=main:blocked 192.0.2.99 refresh=1s;
    sallyport_ip_list office "redis=main:{ips}office" refresh=1s;
    sallyport_ip_list lazy redis=main:lazy unloaded=empty refresh=1s;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { return 200 "$sallyport_in_blocked [$sallyport_ip_list]"; }
        location /guarded { sallyport_deny blocked; return 200 in; }
        location /office { sallyport_allow office 203.0.113.200; return 200 in; }
        location /lazy { sallyport_deny lazy; return 200 in; }
        location /reported { sallyport_ip_mode report; sallyport_deny blocked; return 200 "$sallyport_reason"; }
        location /control/ { sallyport_control; }
    }
)";

class IpListRedis : public testing::Test {
  protected:
    NginxOptions options(int workers = 1) {
        NginxOptions out;
        out.variables = {{"REDIS", redis_.address()}};
        out.workers = workers;
        return out;
    }
    void set(const std::string& key, const std::string& text, const std::string& version) {
        redis_.command({"SET", key, text});
        redis_.command({"SET", key + ":version", version});
    }
    void add(const std::string& key, std::vector<std::string> members, const std::string& version) {
        members.insert(members.begin(), {"SADD", key});
        redis_.command(members);
        redis_.command({"SET", key + ":version", version});
    }
    void load() {
        set("blocked", "# by hand\n10.0.0.0/24\n2001:db8::/32\n", "1");
        add("{ips}office", {"198.51.100.0/24", "203.0.113.7"}, "1");
        set("lazy", "", "1");
    }

    RedisServer redis_;
};

HttpResponse ask(const NginxServer& nginx, const char* address, const std::string& path) {
    return send({.url = nginx.url(path), .headers = {{"X-Real-IP", address}}});
}
int status(const NginxServer& nginx, const char* address, const std::string& path = "/guarded") {
    return ask(nginx, address, path).status;
}
bool comes_to(const NginxServer& nginx, const char* address, int wanted,
              const std::string& path = "/guarded") {
    return wait_until([&] { return status(nginx, address, path) == wanted; });
}
bool logged(const NginxServer& nginx, const std::string& piece) {
    return wait_until([&] { return nginx.error_log().find(piece) != std::string::npos; });
}

TEST_F(IpListRedis, StringsAndSetsAreLoadedAndFollowed) {
    load();
    NginxServer nginx(kConf, options(2));
    const std::vector<pid_t> workers = nginx.worker_pids();
    EXPECT_TRUE(comes_to(nginx, "10.0.0.1", 403));
    EXPECT_TRUE(comes_to(nginx, "198.51.100.7", 200, "/office"));
    for (int i = 0; i < 8; ++i) {  // whichever worker answers
        EXPECT_EQ(status(nginx, "10.0.1.1"), 200);
        EXPECT_EQ(status(nginx, "2001:db8::7"), 403);
        EXPECT_EQ(status(nginx, "192.0.2.99"), 403) << "written in the directive";
        EXPECT_EQ(status(nginx, "203.0.113.7", "/office"), 200);
        EXPECT_EQ(status(nginx, "203.0.113.8", "/office"), 403);
    }
    EXPECT_EQ(ask(nginx, "10.0.0.1", "/").body, "1 [blocked]");
    set("blocked", "10.0.1.0/24\n", "2");
    add("{ips}office", {"203.0.113.8"}, "2");
    EXPECT_TRUE(comes_to(nginx, "10.0.1.1", 403));
    EXPECT_TRUE(comes_to(nginx, "203.0.113.8", 200, "/office"));
    EXPECT_EQ(status(nginx, "10.0.0.1"), 200);
    EXPECT_EQ(nginx.worker_pids(), workers) << "no reload";
    // The content changes, the version does not: nothing is read.
    redis_.command({"SET", "blocked", "10.0.2.0/24\n"});
    add("{ips}office", {"203.0.113.9"}, "3");
    EXPECT_TRUE(comes_to(nginx, "203.0.113.9", 200, "/office"));
    EXPECT_EQ(status(nginx, "10.0.2.1"), 200);
}

TEST_F(IpListRedis, LargeListsComeInPieces) {
    std::string text;
    for (int i = 0; i < 20'000; ++i) {
        text += "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/25\n";
    }
    set("blocked", text, "1");
    std::vector<std::string> members;
    for (int i = 0; i < 5'000; ++i) {
        members.push_back("198." + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                          ".0/24");
    }
    add("{ips}office", members, "1");
    set("lazy", "", "1");
    NginxServer nginx(kConf, options());
    EXPECT_TRUE(comes_to(nginx, "10.78.31.1", 403)) << "the last line";
    EXPECT_EQ(status(nginx, "10.78.31.200"), 200);
    EXPECT_TRUE(comes_to(nginx, "198.19.135.9", 200, "/office")) << "the last member";
    EXPECT_TRUE(logged(nginx, "list \"blocked\" has 20001 blocks now"));
    EXPECT_TRUE(logged(nginx, "list \"office\" has 5000 blocks now"));
}

TEST_F(IpListRedis, UntilItWasLoadedItsGatesRefuse) {
    redis_.stop();
    NginxServer nginx(kConf, options());
    const auto refused = ask(nginx, "203.0.113.1", "/guarded");
    EXPECT_EQ(refused.status, 503);
    EXPECT_NE(refused.body.find("ip_list_not_loaded"), std::string::npos) << refused.body;
    EXPECT_TRUE(refused.header("Retry-After").has_value());
    EXPECT_EQ(status(nginx, "192.0.2.1", "/office"), 503);
    EXPECT_EQ(status(nginx, "203.0.113.200", "/office"), 200) << "another entry lets in";
    EXPECT_EQ(status(nginx, "192.0.2.1", "/lazy"), 200);
    EXPECT_EQ(ask(nginx, "192.0.2.1", "/reported").body, "ip_list_not_loaded");
    const auto ready = get(nginx.url("/control/ready"));
    EXPECT_EQ(ready.status, 503);
    EXPECT_NE(ready.body.find("was not loaded from its store yet"), std::string::npos)
        << ready.body;
    redis_.start();
    load();
    EXPECT_TRUE(comes_to(nginx, "203.0.113.1", 200));
    EXPECT_TRUE(comes_to(nginx, "10.0.0.1", 403));
    EXPECT_TRUE(wait_until([&] { return get(nginx.url("/control/ready")).status == 200; }));
}

TEST_F(IpListRedis, ABadVersionIsNotTaken) {
    load();
    std::string many;
    for (int i = 0; i < 300; ++i) {
        many += "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\n";
    }
    set("blocked", many, "1");
    NginxServer nginx(kConf, options());
    EXPECT_TRUE(comes_to(nginx, "10.1.43.1", 403));
    const struct {
        std::string text;
        const char* message;
    } rows[] = {
        {"10.0.0.0/24\nnot an address\n", "redis=main:blocked:2: \"not an address\""},
        {many + "0.0.0.0/1\n128.0.0.0/1\n", "covers 100.0% of all IPv4 addresses"},
        {"10.0.0.0/24\n", "has 2 blocks where there were 301"},
        {"", "has 1 blocks where there were 301"},
    };
    int version = 2;
    for (const auto& row : rows) {
        set("blocked", row.text, std::to_string(version++));
        EXPECT_TRUE(logged(nginx, row.message)) << nginx.error_log();
        EXPECT_EQ(status(nginx, "10.1.43.1"), 403) << row.message;
        EXPECT_EQ(status(nginx, "203.0.113.1"), 200) << row.message;
    }
    redis_.command({"DEL", "blocked:version"});
    EXPECT_TRUE(logged(nginx, "holds no version"));
    redis_.command({"DEL", "blocked"});
    redis_.command({"SET", "blocked:version", "7"});
    EXPECT_TRUE(logged(nginx, "the key \"blocked\" holds none"));
    redis_.command({"HSET", "blocked", "a", "b"});
    EXPECT_TRUE(logged(nginx, "the key \"blocked\" holds hash"));
    EXPECT_EQ(status(nginx, "10.1.43.1"), 403);
    // What is meant is taken by force.
    redis_.command({"DEL", "blocked"});
    set("blocked", "203.0.113.0/24\n", "8");
    EXPECT_TRUE(logged(nginx, "has 2 blocks where there were 301"));
    EXPECT_EQ(send({.url = nginx.url("/control/lists/reload"),
                    .method = "POST",
                    .headers = {{"Content-Type", "application/json"}},
                    .body = R"({"name":"blocked","force":true})"})
                  .status,
              202);
    EXPECT_TRUE(comes_to(nginx, "203.0.113.1", 403));
    EXPECT_EQ(status(nginx, "10.1.43.1"), 200);
}

// The store dies, nginx reloads without it, the store comes back with something else.
TEST_F(IpListRedis, TheLastGoodListOutlivesTheStoreAndReloads) {
    load();
    NginxServer nginx(kConf, options(2));
    EXPECT_TRUE(comes_to(nginx, "10.0.0.1", 403));
    EXPECT_TRUE(comes_to(nginx, "198.51.100.7", 200, "/office"));
    redis_.stop();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(status(nginx, "10.0.0.1"), 403);
        EXPECT_EQ(status(nginx, "10.0.1.1"), 200);
    }
    ASSERT_TRUE(nginx.reload());
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(status(nginx, "10.0.0.1"), 403) << "taken over from the configuration before";
        EXPECT_EQ(status(nginx, "10.0.1.1"), 200);
        EXPECT_EQ(status(nginx, "198.51.100.7", "/office"), 200);
    }
    redis_.start();
    EXPECT_EQ(status(nginx, "10.0.0.1"), 403) << "an empty store is no list";
    set("blocked", "10.0.1.0/24\n", "other");
    EXPECT_TRUE(comes_to(nginx, "10.0.1.1", 403));
    EXPECT_EQ(status(nginx, "10.0.0.1"), 200);
}

// The commands that docs/directives/redis.md names are all that is needed.
TEST_F(IpListRedis, AnAclUserNeedsNoMoreThanIsDocumented) {
    load();
    redis_.command({"ACL", "SETUSER", "gate", "on", ">gatepass", "~sallyport:*", "~blocked*",
                    "~{ips}office*", "~lazy*", "-@all", "+ping", "+set", "+evalsha", "+script|load",
                    "+mget", "+type", "+getrange", "+sscan"});
    NginxOptions user = options();
    user.files = {{"redis.key", "gatepass"}};
    std::string conf(kConf);
    const std::string plain = "redis://%%REDIS%%;";
    conf.replace(conf.find(plain), plain.size(),
                 "redis://%%REDIS%% user=gate password_file=redis.key;");
    NginxServer nginx(conf, user);
    EXPECT_TRUE(comes_to(nginx, "10.0.0.1", 403));
    EXPECT_TRUE(comes_to(nginx, "198.51.100.7", 200, "/office"));
    EXPECT_EQ(nginx.error_log().find("refuses a command"), std::string::npos) << nginx.error_log();
}

TEST_F(IpListRedis, Mistakes) {
    const Mistake rows[] = {
        {"sallyport_ip_list a redis=main;", "sallyport_ip_list", "redis=\"main\"",
         "redis=main:blocked"},
        {"sallyport_ip_list a redis=:b;", "sallyport_ip_list", "redis=\":b\"",
         "redis=main:blocked"},
        {"sallyport_ip_list a redis=main:b;", "sallyport_ip_list", "\"main\"",
         "sallyport_redis main"},
        {"sallyport_ip_list a redis=main:b file=x;", "sallyport_ip_list", "\"a\"", "two lists"},
        {"sallyport_ip_list a redis=main:b refresh=off;", "sallyport_ip_list", "refresh=\"off\"",
         "write a time"},
        {"sallyport_ip_list a redis=main:b unloaded=pass;", "sallyport_ip_list", "\"pass\"",
         "refuse"},
        {"sallyport_ip_list a 10.0.0.0/8 unloaded=empty;", "sallyport_ip_list", "\"empty\"",
         "leave it out"},
        {"sallyport_redis main redis://127.0.0.1; sallyport_ip_list a redis=main:b; sallyport_deny "
         "a; "
         "server { error_page 503 =200 /x; }",
         "ip_list", "error_page 503 =200", "leave out"},
    };
    for (const Mistake& row : rows) {
        expect_mistake(row);
    }
}

}  // namespace
}  // namespace sallyport::test
