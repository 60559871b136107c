// Every mistake in a rate limit's configuration is an [emerg] that names the directive, the value
// and the remedy; risks are a [warn].
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sallyport::test {
namespace {

using testing::HasSubstr;

struct Wrong {
    const char* config;     // content of the http block
    const char* directive;  // named by the message
    const char* says;       // value and remedy
};

constexpr Wrong kWrong[] = {
    {"sallyport_limit a/b rate=1r/s;", "sallyport_limit", "limit name \"a/b\" must be 1 to 64"},
    {"sallyport_limit report rate=1r/s;", "sallyport_limit",
     "\"report\" is a mode; choose another"},
    {"sallyport_limit a;", "sallyport_limit", "has no rate; add one such as rate=100r/m"},
    {"sallyport_limit a rate=fast;", "sallyport_limit", "fast"},
    {"sallyport_limit a rate=0r/s;", "sallyport_limit", "0r/s"},
    {"sallyport_limit a rate=2000000r/s;", "sallyport_limit", "faster than 1000000r/s"},
    {"sallyport_limit a window=15m;", "sallyport_limit", "window=15m max=100"},
    {"sallyport_limit a window=15m max=5 rate=1r/s;", "sallyport_limit", "of several kinds"},
    {"sallyport_limit a concurrent=none;", "sallyport_limit", "concurrent=\"none\": write how"},
    {"sallyport_limit a rate=1r/s cost=$no_such_cost;", "", "unknown \"no_such_cost\" variable"},
    {"sallyport_limit a rate=1r/s skip=some;", "sallyport_limit", "failed, successful or 5xx"},
    {"sallyport_limit a rate=1r/s lease_ttl=1s;", "sallyport_limit", "lease_ttl= has no meaning"},
    {"sallyport_limit a concurrent=5 store=r mode=lease;", "sallyport_limit",
     "only rates are leased"},
    {"sallyport_limit a rate=1r/s group=x;", "sallyport_limit", "group= has no meaning; remove it"},
    {"sallyport_limit a rate=1r/s store=r group=a/b;", "sallyport_limit", "group name \"a/b\" must"},
    {"sallyport_limit a rate=1r/s delay=0;", "sallyport_limit", "pass without waiting, at least 1"},
    {"sallyport_limit a rate=1r/s burst=5 delay=5;", "sallyport_limit", "is not below burst=5"},
    {"sallyport_limit a rate=1r/m burst=5 delay=1;", "sallyport_limit", "60 are the most"},
    {"sallyport_limit a window=1h max=5 delay=1;", "sallyport_limit", "needs a rate to wait for"},
    {"sallyport_limit a rate=9r/s delay=1 store=r mode=lease;", "sallyport_limit",
     "has delay=, which only mode=strict"},
    {"sallyport_limit a rate=1r/s priority=;", "sallyport_limit", "priority= is empty"},
    {"sallyport_limit a rate=1r/s priority=$host;", "sallyport_limit",
     "priority= of limit \"a\" belongs to reserve="},
    {"sallyport_limit a rate=1r/s reserve=a:0;", "sallyport_limit", "belongs to priority="},
    {"sallyport_limit a rate=1r/s priority=$host reserve=a:5;", "sallyport_limit",
     "lets no class have the whole limit"},
    {"sallyport_limit a rate=1r/s priority=$nothing_here reserve=a:0;", "",
     "unknown \"nothing_here\" variable"},
    {"sallyport_limit a rate=1r/s charge=$cost;", "sallyport_limit", "is no header's name"},
    {"sallyport_limit a rate=1r/s charge=X-Cost charge_max=0;", "sallyport_limit",
     "charge_max=\"0\": write"},
    {"sallyport_limit a rate=1r/s charge_hidden;", "sallyport_limit", "belongs to charge="},
    {"sallyport_limit a concurrent=1 charge=X-Cost;", "sallyport_limit",
     "charge= has no meaning"},
    {"sallyport_limit a rate=1r/s charge=X-Cost skip=5xx;", "sallyport_limit", "charge 0 instead"},
    {"sallyport_limit a rate=1r/s floor=1r/s;", "sallyport_limit", "is not below its rate"},
    {"sallyport_limit a rate=1000000r/s floor=1r/s;", "sallyport_limit", "less than a thousandth"},
    {"sallyport_limit a rate=1r/s floor=slow;", "sallyport_limit", "floor=: "},
    {"sallyport_limit a window=1h max=5 floor=1r/s;", "sallyport_limit", "the least of a rate"},
    {"sallyport_limit a rate=20r/d burst=1000 floor=1r/d;", "sallyport_limit", "at its floor"},
    {"sallyport_limit a rate=1r/s failures=5%;", "sallyport_limit", "belongs to floor="},
    {"sallyport_limit a rate=5r/s floor=1r/s failures=5;", "sallyport_limit", "1% to 100%"},
    {"sallyport_limit a rate=1r/s table=t;", "sallyport_limit", "belongs to tenant="},
    {"sallyport_limit a rate=1r/s tenant=$host;", "sallyport_limit", "belongs to table="},
    {"sallyport_limit a rate=1r/s table=t tenant=$host;", "sallyport_limit",
     "table \"t\" of limit \"a\" is not declared; add sallyport_limit_table t"},
    {"sallyport_limit_table t file=;", "sallyport_limit_table", "has no source; write file=PATH"},
    {"sallyport_limit_table t file=a redis=b;", "sallyport_limit_table", "has two sources"},
    {"sallyport_limit_table t path=a;", "sallyport_limit_table", "unknown option \"path=a\""},
    {"sallyport_limit_table t file=/nonexistent;", "sallyport_limit_table", "cannot be opened"},
    {"sallyport_limit_table t redis=r;", "sallyport_limit_table",
     "store \"r\" of table \"t\" is not declared"},
    {"sallyport_limit_table t redis=r refresh=1ms;", "sallyport_limit_table", "100ms to 1d"},
    {"sallyport_limit_table t redis=r; sallyport_limit_table t redis=r;", "sallyport_limit_table",
     "\"t\" is declared twice"},
    {"sallyport_limit a rate=1r/s burst=0;", "sallyport_limit", "burst=\"0\": write how many"},
    {"sallyport_limit a rate=1r/d burst=1000;", "sallyport_limit", "lower burst or raise rate"},
    {"sallyport_limit a rate=1r/s key=;", "sallyport_limit", "name at least one variable"},
    {"sallyport_limit a rate=1r/s key=$;", "sallyport_limit", "write $name or ${name}"},
    {"sallyport_limit a rate=1r/s 'key=${host';", "sallyport_limit", "write $name or ${name}"},
    {"sallyport_limit a rate=1r/s key=$1;", "sallyport_limit",
     "uses the capture \"$1\"; name a variable"},
    {"sallyport_limit a rate=1r/s key=$a$b$c$d$e$f$g$h$i$j$k$l$m$n$o$p$q;", "sallyport_limit",
     "more than 16 parts"},
    {"sallyport_limit a rate=1r/s key=$no_such_thing;", "", "unknown \"no_such_thing\" variable"},
    {"sallyport_limit a rate=1r/s store=;", "sallyport_limit", "store= is empty"},
    {"sallyport_limit a rate=1r/s store=nowhere;", "sallyport_limit",
     "store \"nowhere\" of limit \"a\" is not declared; add sallyport_redis nowhere"},
    {"sallyport_limit a rate=1r/s mode=strict;", "sallyport_limit", "mode= has no meaning"},
    {"sallyport_limit a rate=1r/s store=r mode=lose;", "sallyport_limit", "write strict or lease"},
    {"sallyport_limit a rate=1r/s store=r on_store_error=maybe;", "sallyport_limit",
     "write local, allow or deny"},
    {"sallyport_limit a rate=1r/s on_store_error=allow;", "sallyport_limit", "has no meaning"},
    {"sallyport_limit a rate=1r/s ipv6_prefix=200;", "sallyport_limit", "16 to 128"},
    {"sallyport_limit a rate=1r/s zone_size=1k;", "sallyport_limit", "write 64k to 1g"},
    {"sallyport_limit a rate=1r/s zone_size=1x;", "sallyport_limit",
     "zone_size=\"1x\" is not a size"},
    {"sallyport_limit a rate=1r/s rate=2r/s;", "sallyport_limit", "rate= stands there twice"},
    {"sallyport_limit a rate=1r/s nodelay;", "sallyport_limit", "unknown option \"nodelay\""},
    {"sallyport_limit a rate=1r/s; sallyport_limit a rate=2r/s;", "sallyport_limit",
     "\"a\" is declared twice; rename one"},
    {"server { sallyport_limit a rate=1r/s; }", "sallyport_limit", "is not allowed here"},
    {"sallyport_redis r;", "sallyport_redis", "invalid number of arguments"},
    {"sallyport_redis local redis://127.0.0.1;", "sallyport_redis",
     "means shared memory; choose another"},
    {"sallyport_redis r 127.0.0.1:6379;", "sallyport_redis", "write redis://host:port/database"},
    {"sallyport_redis r redis://user:pass@127.0.0.1;", "sallyport_redis", "password_file="},
    {"sallyport_redis r redis://127.0.0.1/x;", "sallyport_redis",
     "database \"x\" must be a number"},
    {"sallyport_redis r redis://127.0.0.1:99999;", "sallyport_redis",
     "127.0.0.1:99999\": invalid port"},
    {"sallyport_redis r redis://no-such-host.invalid;", "sallyport_redis",
     "host not found; write a name that resolves now, or an address"},
    {"sallyport_redis r unix:redis.sock;", "sallyport_redis", "an absolute path"},
    {"sallyport_redis r redis://127.0.0.1 budget=0ms;", "sallyport_redis", "write 1ms to 1000ms"},
    {"sallyport_redis r redis://127.0.0.1 password=x;", "sallyport_redis",
     "name it in password_file="},
    {"sallyport_redis r redis://127.0.0.1 password_file=/nonexistent;", "sallyport_redis",
     "password_file=: "},
    {"sallyport_redis r redis://127.0.0.1 user=gate;", "sallyport_redis", "add password_file="},
    {"sallyport_redis r redis://127.0.0.1 key_file=%%DIR%%/short.key;", "sallyport_redis",
     "less than 16 bytes; make one with: openssl rand -hex 32"},
    {"sallyport_redis r redis://127.0.0.1 failures=none;", "sallyport_redis", "1 to 1000"},
    {"sallyport_redis r redis://127.0.0.1 redis://127.0.0.2;", "sallyport_redis",
     "add sentinel=MASTER or cluster=on"},
    {"sallyport_redis r redis://127.0.0.1 retries=3;", "sallyport_redis",
     "unknown option \"retries=3\""},
    {"sallyport_redis r redis://127.0.0.1; sallyport_redis r redis://127.0.0.2;", "sallyport_redis",
     "\"r\" is declared twice"},
    {"sallyport_rate_limit nobody; server { listen 127.0.0.1:%%PORT%%; }", "sallyport_rate_limit",
     "names limit \"nobody\", which is not declared; add sallyport_limit nobody"},
    {"sallyport_limit a rate=1r/s; sallyport_rate_limit a a;", "sallyport_rate_limit",
     "\"a\" twice; remove one"},
    {"sallyport_limit a rate=1r/s; sallyport_rate_limit a; sallyport_rate_limit a;",
     "sallyport_rate_limit", "stands there twice at this level"},
    {"sallyport_limit a rate=1r/s; sallyport_rate_limit a off;", "sallyport_rate_limit",
     "\"off\" stands alone"},
    {"sallyport_rate_limit report;", "sallyport_rate_limit", "names no limit; write"},
    {"sallyport_rate_limit a b c d e f g h i;", "sallyport_rate_limit", "more than 8 limits"},
    {"sallyport_redis r redis://127.0.0.1; sallyport_redis s redis://127.0.0.2;"
     "sallyport_limit a rate=1r/s store=r; sallyport_limit b rate=1r/s store=s;"
     "server { listen 127.0.0.1:%%PORT%%; sallyport_rate_limit a b; }",
     "sallyport_rate_limit", "of two stores, which cannot be asked as one; use one store"},
    {"sallyport_rate_limit_headers draft-12;", "sallyport_rate_limit_headers",
     "unknown generation \"draft-12\"; write draft-11"},
    {"sallyport_rate_limit_headers draft-11 draft-07;", "sallyport_rate_limit_headers",
     "different grammars; keep one"},
    {"sallyport_rate_limit_headers off legacy;", "sallyport_rate_limit_headers",
     "\"off\" stands alone"},
    {"sallyport_rate_limit_headers legacy legacy;", "sallyport_rate_limit_headers",
     "twice; keep one"},
    {"sallyport_rate_limit_headers off; sallyport_rate_limit_headers legacy;",
     "sallyport_rate_limit_headers", "stands there twice at this level"},
};

TEST(RateLimitConf, EveryMistakeIsNamedWithItsRemedy) {
    for (const Wrong& wrong : kWrong) {
        NginxOptions options;
        options.files = {{"short.key", "tooshort"}};
        const ConfigCheck check = check_config(wrong.config, options);
        EXPECT_FALSE(check.ok()) << wrong.config;
        EXPECT_THAT(check.messages, HasSubstr("[emerg]")) << wrong.config;
        EXPECT_THAT(check.messages, HasSubstr(wrong.says)) << wrong.config;
        if (*wrong.directive != '\0') {
            EXPECT_THAT(check.messages, HasSubstr("\"" + std::string(wrong.directive) + "\""))
                << wrong.config;
        }
    }
}

TEST(RateLimitConf, RisksAreWarnedOf) {
    const std::pair<const char*, const char*> cases[] = {
        {"sallyport_limit a rate=1r/s key=all;", "all requests share one bucket"},
        {"sallyport_limit a rate=1r/s key=$http_x_forwarded_for;",
         "$http_x_forwarded_for, which any client can set; use $sallyport_client_ip"},
    };
    for (const auto& [config, says] : cases) {
        const ConfigCheck check = check_config(config);
        EXPECT_TRUE(check.ok()) << check.messages;
        EXPECT_THAT(check.messages, HasSubstr("[warn]"));
        EXPECT_THAT(check.messages, HasSubstr(says));
    }
}

TEST(RateLimitConf, TheShippedIncludeWorks) {
    NginxServer nginx("include " SALLYPORT_CONF_D
                      "/rate_limit.conf;"
                      R"(
        server {
            listen 127.0.0.1:%%PORT%%;
            sallyport_rate_limit per_client;
            location / { empty_gif; }
            location /login { sallyport_rate_limit per_client login; empty_gif; }
            location /hook { sallyport_rate_limit webhook; empty_gif; }
            location /healthz { sallyport_rate_limit off; empty_gif; }
        })");
    EXPECT_THAT(get(nginx.url("/")).header("RateLimit").value_or(""), HasSubstr("r=99"));
    EXPECT_EQ(get(nginx.url("/hook")).header("X-RateLimit-Remaining"), "100");
    EXPECT_FALSE(get(nginx.url("/healthz")).header("RateLimit").has_value());
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(get(nginx.url("/login")).status, 200);
    }
    EXPECT_EQ(get(nginx.url("/login")).header("Retry-After"), "90");
}

TEST(RateLimitConf, TheOrderOfDeclarationsDoesNotMatter) {
    const ConfigCheck check = check_config(R"(
        server { listen 127.0.0.1:%%PORT%%; sallyport_rate_limit late; }
        sallyport_limit late rate=5r/s store=later;
        sallyport_redis later redis://127.0.0.1:6379/2 budget=10ms;)");
    EXPECT_TRUE(check.ok()) << check.messages;
}

}  // namespace
}  // namespace sallyport::test
