// Session tickets whose keys several nginx share, through a file and through Redis, across
// rotations: old sessions go on, new keys take over, nobody finds the keys in a core file.
#include "common/bytes.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/fixtures/tls_client.hpp"
#include "tests/integration/fixtures/wait.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sallyport::test {
namespace {

constexpr std::string_view kServer = R"(
    ssl_certificate %%CERT%%;
    ssl_certificate_key %%KEY%%;
    sallyport_tls_policy intermediate;
    sallyport_tls_tickets %%TICKETS%%;
    server {
        listen 127.0.0.1:%%PORT%%;
        location / { sallyport_control; }
    }
    server {
        listen 127.0.0.1:%%PORT_TLS%% ssl;
        return 200 "in";
    }
    server {
        listen 127.0.0.1:%%PORT_NONE%% ssl;
        ssl_session_tickets off;
        return 200 "in";
    }
)";

std::string cli_path() {
    return environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT);
}

TlsOutcome come(const NginxServer& nginx, bool tls_1_2, TlsSession session = {}) {
    return visit({.port = nginx.port("PORT_TLS"), .tls_1_2 = tls_1_2, .session = session});
}

// The key that a new session's ticket is sealed with.
std::string sealing_key(const NginxServer& nginx) {
    return ticket_key_name(come(nginx, true).session);
}

class TicketFile {
  public:
    // Workers do not run as root.
    NginxOptions options(const char* more = " refresh=100ms") const {
        return {.variables = {{"TICKETS", "file=" + path() + more}}, .main = "user root;"};
    }
    std::string path() const { return dir_.path("tickets.key"); }
    void rotate(const char* keep = "4") const {
        const auto result = run_command({cli_path(), "tickets", path(), "--keep", keep});
        ASSERT_EQ(result.exit_code, 0) << result.output;
    }
    std::vector<std::string> keys() const {
        std::vector<std::string> out;
        std::istringstream text(read_file(path()));
        for (std::string line; std::getline(text, line);) {
            const auto bytes = base64_decode(line);
            EXPECT_TRUE(bytes && bytes->size() == 80) << line.size();
            out.emplace_back(bytes->begin(), bytes->end());
        }
        return out;
    }
    std::string name(std::size_t index) const { return keys().at(index).substr(0, 16); }

  private:
    TempDir dir_{"tickets"};
};

TEST(TlsTicketsFile, SessionsOutliveRotationsOnEveryNode) {
    const TicketFile file;
    file.rotate();
    ASSERT_EQ(file.keys().size(), 2u);
    struct stat info {};
    ASSERT_EQ(::stat(file.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);

    NginxServer a(kServer, file.options());
    NginxServer late(kServer, file.options(" refresh=1d"));  // hears of no rotation
    for (const bool tls_1_2 : {true, false}) {
        const auto first = come(a, tls_1_2);
        EXPECT_EQ(first.status, 200);
        EXPECT_FALSE(first.resumed);
        EXPECT_EQ(ticket_key_name(first.session), file.name(0));
        EXPECT_TRUE(come(a, tls_1_2, first.session).resumed);
        EXPECT_TRUE(come(late, tls_1_2, first.session).resumed);
    }
    const auto old_1_2 = come(a, true);
    const auto old_1_3 = come(a, false);
    const std::string next = file.name(1);
    file.rotate();
    EXPECT_EQ(file.name(0), next);
    ASSERT_TRUE(wait_until([&] { return sealing_key(a) == next; }));
    // Old sessions go on where the rotation is known, new ones where it is not.
    EXPECT_TRUE(come(a, true, old_1_2.session).resumed);
    EXPECT_TRUE(come(a, false, old_1_3.session).resumed);
    EXPECT_TRUE(come(late, true, come(a, true).session).resumed);
    EXPECT_TRUE(come(late, false, come(a, false).session).resumed);
    // Two rotations later a key that is no longer kept opens nothing.
    file.rotate("2");
    file.rotate("2");
    EXPECT_EQ(file.keys().size(), 2u);
    ASSERT_TRUE(wait_until([&] { return sealing_key(a) == file.name(0); }));
    EXPECT_FALSE(come(a, true, old_1_2.session).resumed);
    const auto refused = come(a, false, old_1_3.session);
    EXPECT_FALSE(refused.resumed);
    EXPECT_EQ(refused.status, 200) << "a full handshake instead";
    // A server may stay without tickets.
    EXPECT_EQ(ticket_key_name(visit({.port = a.port("PORT_NONE"), .tls_1_2 = true}).session), "");
}

TEST(TlsTicketsFile, ABadVersionIsNotTakenAndReadinessSaysSo) {
    const TicketFile file;
    file.rotate();
    NginxServer nginx(kServer, file.options());
    const std::string before = file.name(0);
    EXPECT_EQ(get(nginx.url("/ready")).status, 200);
    std::ofstream(file.path()) << "AAAA\n";
    ASSERT_TRUE(wait_until([&] { return get(nginx.url("/ready")).status == 503; }));
    EXPECT_NE(get(nginx.url("/ready")).body.find("line 1"), std::string::npos);
    EXPECT_NE(nginx.error_log().find("stays in force"), std::string::npos);
    EXPECT_EQ(sealing_key(nginx), before);
    std::filesystem::remove(file.path());
    file.rotate();
    ASSERT_TRUE(wait_until([&] { return get(nginx.url("/ready")).status == 200; }));
    EXPECT_EQ(sealing_key(nginx), file.name(0));
}

TEST(TlsTicketsFile, AReloadKeepsSessions) {
    const TicketFile file;
    file.rotate();
    NginxServer nginx(kServer, file.options());
    const auto session = come(nginx, false).session;
    ASSERT_TRUE(nginx.reload());
    EXPECT_TRUE(come(nginx, false, session).resumed);
}

bool is_sanitized(pid_t pid) {
    return read_file("/proc/" + std::to_string(pid) + "/maps").find("libasan") != std::string::npos;
}

// Which of the process' writable mappings hold `wanted`: true for those that no core file shows.
std::vector<bool> mappings_with(pid_t pid, const std::string& wanted) {
    std::vector<bool> out;
    const std::string folder = "/proc/" + std::to_string(pid);
    std::ifstream maps(folder + "/smaps");
    std::ifstream memory(folder + "/mem", std::ios::binary);
    bool holds = false;
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0;
        unsigned long to = 0;
        char mode[5] = "";
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, mode) == 3) {
            holds = false;
            if (std::string_view(mode).starts_with("rw")) {
                std::string bytes(to - from, '\0');
                memory.clear();
                memory.seekg(static_cast<std::streamoff>(from));
                memory.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
                holds = bytes.find(wanted) != std::string::npos;
            }
        } else if (holds && line.starts_with("VmFlags:")) {
            out.push_back(line.find(" dd") != std::string::npos);
        }
    }
    return out;
}

TEST(TlsTicketsFile, KeysAreInNoCoreFile) {
    const TicketFile file;
    file.rotate();
    NginxServer nginx(kServer, file.options());
    if (is_sanitized(nginx.master_pid())) {
        GTEST_SKIP() << "a sanitizer keeps what was freed, and its shadow cannot be searched";
    }
    const auto session = come(nginx, true).session;
    EXPECT_TRUE(come(nginx, true, session).resumed);
    EXPECT_TRUE(come(nginx, false, come(nginx, false).session).resumed);
    file.rotate();
    ASSERT_TRUE(wait_until([&] { return sealing_key(nginx) == file.name(0); }));
    std::vector<pid_t> pids = nginx.worker_pids();
    pids.push_back(nginx.master_pid());
    for (const pid_t pid : pids) {
        // The master has read the first version of the file, in which the second key is the next.
        const std::string key = file.keys()[0];
        for (const std::size_t at : {std::size_t{16}, std::size_t{48}}) {
            const auto found = mappings_with(pid, key.substr(at, 32));
            ASSERT_EQ(found.size(), 1u) << "AES at 16, HMAC at 48: " << at;
            EXPECT_TRUE(found[0]) << "a core file shows the key";
        }
        EXPECT_TRUE(mappings_with(pid, base64_encode(as_bytes(key), key.size())).empty());
    }
}

class TlsTicketsRedis : public testing::Test {
  protected:
    NginxOptions options(const char* more = "", const char* key = "0123456789abcdef") const {
        return {.variables = {{"TICKETS", "redis=main refresh=100ms " + std::string(more)}},
                .files = {{"store.key", key}},
                .workers = 2};
    }
    std::string http() const {
        return "sallyport_redis main redis://" + redis_.address() +
               " key_file=%%DIR%%/store.key budget=500ms;" + std::string(kServer);
    }
    std::string key_name() {
        std::string found;
        EXPECT_TRUE(wait_until([&] {
            // *1\r\n$N\r\nNAME\r\n
            std::istringstream reply(redis_.command({"KEYS", "sallyport:{tls-tickets:*"}));
            std::string line;
            std::getline(reply, line);
            std::getline(reply, line);
            std::getline(reply, found, '\r');
            return !found.empty();
        }));
        return found;
    }
    // All workers of a node seal with the same key; connections go to any of them.
    static bool settled_on(const NginxServer& nginx, const std::string& name) {
        for (int i = 0; i < 12; ++i) {
            if (sealing_key(nginx) != name) {
                return false;
            }
        }
        return true;
    }
    // True when both nodes seal with one new key, which goes to `sealed_by`.
    bool twelve_hours_pass(const std::string& name, const NginxServer& a, const NginxServer& b,
                           std::string& sealed_by) {
        const std::string before = sealed_by;
        redis_.command({"HSET", name, "at", "1"});
        return wait_until([&] {
            sealed_by = sealing_key(a);
            return sealed_by != before && settled_on(a, sealed_by) && settled_on(b, sealed_by);
        });
    }
    // At any worker; a ticket of TLS 1.2 may be used more than once.
    static bool resumes(const NginxServer& nginx, const TlsSession& session) {
        for (int i = 0; i < 8; ++i) {
            if (!come(nginx, true, session).resumed) {
                return false;
            }
        }
        return true;
    }

    RedisServer redis_;
};

TEST_F(TlsTicketsRedis, NodesShareKeysAndRotateThem) {
    NginxServer a(http(), options());
    const std::string name = key_name();
    NginxServer b(http(), options());
    std::string sealed_by;
    ASSERT_TRUE(wait_until([&] {
        sealed_by = sealing_key(a);
        return settled_on(a, sealed_by) && settled_on(b, sealed_by);
    }));
    const auto old_1_2 = come(a, true);
    const auto old_1_3 = come(b, false);
    EXPECT_TRUE(resumes(b, old_1_2.session));
    EXPECT_TRUE(come(a, false, old_1_3.session).resumed);
    EXPECT_EQ(get(a.url("/ready")).status, 200) << get(a.url("/ready")).body;

    // What lies in Redis is sealed: not even the keys' names can be read.
    EXPECT_EQ(redis_.command({"HGET", name, "keys"}).find(sealed_by), std::string::npos);

    for (int rotation = 0; rotation < 2; ++rotation) {
        ASSERT_TRUE(twelve_hours_pass(name, a, b, sealed_by)) << rotation;
        EXPECT_TRUE(resumes(a, old_1_2.session)) << rotation;
        EXPECT_TRUE(resumes(b, old_1_2.session)) << rotation;
        EXPECT_TRUE(come(a, false, old_1_3.session).resumed);
        EXPECT_TRUE(resumes(b, come(a, true).session));
    }
    // Four keys are kept: the first is gone two rotations later.
    for (int rotation = 0; rotation < 2; ++rotation) {
        ASSERT_TRUE(twelve_hours_pass(name, a, b, sealed_by)) << rotation;
    }
    EXPECT_FALSE(come(a, true, old_1_2.session).resumed);
    EXPECT_EQ(come(b, false, old_1_3.session).status, 200);
}

TEST_F(TlsTicketsRedis, AnOutageAndLostDataCostNoSession) {
    NginxServer a(http(), options());
    NginxServer b(http(), options());
    const std::string name = key_name();
    std::string sealed_by;
    ASSERT_TRUE(wait_until([&] {
        sealed_by = sealing_key(a);
        return settled_on(a, sealed_by) && settled_on(b, sealed_by);
    }));
    const auto session = come(a, true).session;
    redis_.command({"FLUSHALL"});
    EXPECT_EQ(key_name(), name) << "the nodes bring their keys back";
    EXPECT_TRUE(settled_on(a, sealed_by));
    EXPECT_TRUE(settled_on(b, sealed_by));

    redis_.stop();
    ASSERT_TRUE(wait_until([&] {
        const auto answer = get(a.url("/ready"));
        return answer.status == 503 && answer.body.find("ticket keys") != std::string::npos;
    }));
    EXPECT_TRUE(resumes(a, session));
    EXPECT_TRUE(resumes(b, session));
    redis_.start();
    ASSERT_TRUE(wait_until([&] { return get(a.url("/ready")).status == 200; }));
    EXPECT_TRUE(resumes(b, come(a, true).session));
}

TEST_F(TlsTicketsRedis, AReloadKeepsSessions) {
    NginxServer nginx(http(), options());
    ASSERT_TRUE(wait_until([&] { return get(nginx.url("/ready")).status == 200; }));
    ASSERT_TRUE(wait_until([&] { return settled_on(nginx, sealing_key(nginx)); }));
    const auto session = come(nginx, true).session;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(nginx.reload());
        ASSERT_TRUE(wait_until([&] { return resumes(nginx, session); })) << i;
    }
}

TEST_F(TlsTicketsRedis, WhatAStrangerPutsThereIsNotTaken) {
    NginxServer a(http(), options());
    const std::string name = key_name();
    ASSERT_TRUE(wait_until([&] { return settled_on(a, sealing_key(a)); }));
    redis_.command({"HSET", name, "keys", std::string(200, 'x')});
    ASSERT_TRUE(wait_until(
        [&] { return a.error_log().find("is not ours; delete it") != std::string::npos; }));
    EXPECT_EQ(come(a, true).status, 200);
    EXPECT_NE(sealing_key(a), "");
    redis_.command({"DEL", name});
    ASSERT_TRUE(wait_until([&] { return get(a.url("/ready")).status == 200; }));
    // Nodes with another key_file are another fleet.
    NginxServer other(http(), options("", "fedcba9876543210"));
    ASSERT_TRUE(wait_until([&] { return get(other.url("/ready")).status == 200; }));
    EXPECT_FALSE(come(other, true, come(a, true).session).resumed);
    EXPECT_EQ(redis_.command({"DBSIZE"}), ":2\r\n");
}

class TlsTicketsMistake : public testing::TestWithParam<Mistake> {};
TEST_P(TlsTicketsMistake, NamesDirectiveValueAndRemedy) {
    const std::string key(80, 'k');
    const std::string line = base64_encode(as_bytes(key), key.size()) + "\n";
    expect_mistake(GetParam(), {{"good.key", line},
                                {"open.txt", line},
                                {"twice.key", line + line},
                                {"empty.key", "# nothing\n"},
                                {"short.key", "AAAA\n"},
                                {"own.key", key},
                                {"store.key", "0123456789abcdef"}});
}

INSTANTIATE_TEST_SUITE_P(
    Table, TlsTicketsMistake,
    testing::Values(
        Mistake{"sallyport_tls_tickets off;", "sallyport_tls_tickets", "\"off\"", "file=PATH"},
        Mistake{"sallyport_tls_tickets refresh=1s;", "sallyport_tls_tickets", "one place",
                "redis=STORE"},
        Mistake{"sallyport_tls_tickets file=good.key redis=x;", "sallyport_tls_tickets",
                "one place", "file=PATH"},
        Mistake{"sallyport_tls_tickets file=good.key; sallyport_tls_tickets file=good.key;",
                "sallyport_tls_tickets", "twice", "keep one"},
        Mistake{"sallyport_tls_tickets file=none.key;", "sallyport_tls_tickets", "none.key",
                "mend the path"},
        Mistake{"sallyport_tls_tickets file=open.txt;", "sallyport_tls_tickets", "open.txt",
                "chmod 0600"},
        Mistake{"sallyport_tls_tickets file=twice.key;", "sallyport_tls_tickets", "line 2",
                "sallyport tickets FILE"},
        Mistake{"sallyport_tls_tickets file=empty.key;", "sallyport_tls_tickets", "no key",
                "sallyport tickets FILE"},
        Mistake{"sallyport_tls_tickets file=short.key;", "sallyport_tls_tickets", "80 bytes",
                "sallyport tickets FILE"},
        Mistake{"sallyport_tls_tickets file=good.key rotate=1h;", "sallyport_tls_tickets",
                "rotate=", "sallyport tickets"},
        Mistake{"sallyport_tls_tickets file=good.key refresh=1ms;", "sallyport_tls_tickets",
                "refresh=1ms", "100ms to 1d"},
        Mistake{"sallyport_tls_tickets redis=x rotate=1s;", "sallyport_tls_tickets", "rotate=1s",
                "1m to 7d"},
        Mistake{"sallyport_tls_tickets redis=x;", "sallyport_tls_tickets", "\"x\"", "declare it"},
        Mistake{"sallyport_redis x redis://127.0.0.1:1; sallyport_tls_tickets redis=x;",
                "sallyport_tls_tickets", "key_file=", "add one"},
        Mistake{"sallyport_tls_tickets file=good.key; server { listen 127.0.0.1:%%PORT_TLS%% ssl; "
                "ssl_certificate %%CERT%%; ssl_certificate_key %%KEY%%; "
                "ssl_session_ticket_key own.key; }",
                "sallyport_tls_tickets", "ssl_session_ticket_key", "remove one"}));

}  // namespace
}  // namespace sallyport::test
