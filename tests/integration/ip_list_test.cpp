// IP lists against real nginx: both gates, every kind of entry, both modes, both address families.
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/log_reader.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::test {
namespace {

constexpr std::string_view kConf = R"(
    sallyport_decision_log %%DIR%%/decisions.log refused;
    sallyport_ip_list office 127.0.0.10 127.0.1.0/24;
    sallyport_ip_list blocked file=lists/blocked.txt 127.0.9.9;
    sallyport_deny blocked;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen [::1]:%%PORT%%;
        listen unix:%%DIR%%/nginx.sock;
        location / { return 200 "member=$sallyport_ip_list_office"; }
        location /office/ {
            sallyport_allow office;
            return 200 "in";
            location /office/open/ { sallyport_allow all; return 200 "in"; }
            location /office/less/ { sallyport_deny 127.0.1.7; return 200 "in"; }
            location /office/same/ { return 200 "in"; }
        }
        location /habit/ { sallyport_allow 127.0.0.10; sallyport_deny all; return 200 "in"; }
        location /closed/ { sallyport_deny all; return 200 "in"; }
        location /deny/ { sallyport_deny office 127.0.0.11; return 200 "in"; }
        location /report/ { sallyport_ip_mode report; sallyport_allow office; return 200 "in $sallyport_reason"; }
        location /off/ { sallyport_ip_mode off; sallyport_allow office; return 200 "in $sallyport_reason"; }
        location /unix/ { sallyport_allow unix:; return 200 "in $sallyport_client_ip"; }
    }
    server {
        listen 127.0.0.1:%%PORT_GATE%%;
        sallyport_allow office;
        return 200 "in";
    }
    server {
        listen 127.0.0.1:%%PORT_REPORT%%;
        sallyport_mode report;
        sallyport_allow office;
        return 200 "in $sallyport_reason $sallyport_feature $sallyport_rule $sallyport_mode $sallyport_verdict";
    }
)";

NginxOptions lists() {
    NginxOptions options;
    options.files = {
        {"lists/blocked.txt", "# never served\n127.0.0.66\n127.6.0.0/16 # a network\n"}};
    return options;
}

struct Row {
    const char* port;
    const char* from;
    const char* path;
    int status;
    const char* body;  // a piece of it
};

TEST(IpList, Table) {
    NginxServer nginx(kConf, lists());
    const Row rows[] = {
        {"PORT", "127.0.0.10", "/", 200, "member=1"},
        {"PORT", "127.0.1.255", "/", 200, "member=1"},
        {"PORT", "127.0.2.0", "/", 200, "member=0"},
        {"PORT", "127.0.0.66", "/", 403, "ip_denied"},
        {"PORT", "127.6.200.1", "/", 403, "ip_denied"},
        {"PORT", "127.0.9.9", "/", 403, "ip_denied"},
        {"PORT", "127.0.0.10", "/office/", 200, "in"},
        {"PORT", "127.0.0.11", "/office/", 403, "ip_not_allowed"},
        {"PORT", "127.0.0.11", "/office/same/", 403, "ip_not_allowed"},
        {"PORT", "127.0.0.11", "/office/open/", 200, "in"},
        {"PORT", "127.0.0.66", "/office/open/", 403, "ip_denied"},
        {"PORT", "127.0.1.6", "/office/less/", 200, "in"},
        {"PORT", "127.0.1.7", "/office/less/", 403, "ip_denied"},
        {"PORT", "127.0.0.11", "/office/less/", 403, "ip_not_allowed"},
        {"PORT", "127.0.0.10", "/habit/", 200, "in"},
        {"PORT", "127.0.0.11", "/habit/", 403, "ip_not_allowed"},
        {"PORT", "127.0.0.10", "/closed/", 403, "ip_denied"},
        {"PORT", "127.0.0.10", "/deny/", 403, "ip_denied"},
        {"PORT", "127.0.0.11", "/deny/", 403, "ip_denied"},
        {"PORT", "127.0.0.12", "/deny/", 200, "in"},
        {"PORT", "127.0.0.11", "/report/", 200, "in ip_not_allowed"},
        {"PORT", "127.0.0.10", "/report/", 200, "in none"},
        {"PORT", "127.0.0.11", "/off/", 200, "in none"},
        {"PORT", "127.0.0.10", "/unix/", 403, "ip_not_allowed"},
        {"PORT_GATE", "127.0.0.10", "/", 200, "in"},
        {"PORT_GATE", "127.0.0.11", "/", 403, "ip_not_allowed"},
        {"PORT_GATE", "127.0.0.66", "/", 403, "ip_denied"},
        {"PORT_REPORT", "127.0.0.11", "/", 200,
         "in ip_not_allowed ip_list sallyport_allow report allow"},
        {"PORT_REPORT", "127.0.0.66", "/", 200, "in ip_denied ip_list blocked report allow"},
    };
    HttpClient client;
    for (const Row& row : rows) {
        const auto response =
            client.send({.url = nginx.url(row.path, row.port), .local_address = row.from});
        EXPECT_EQ(response.status, row.status) << row.from << " " << row.path << response.error;
        EXPECT_NE(response.body.find(row.body), std::string::npos)
            << row.from << " " << row.path << ": " << response.body;
        if (row.status == 403) {
            EXPECT_EQ(response.header("Content-Type"), "application/problem+json");
        }
    }
}

TEST(IpList, OtherKindsOfClients) {
    NginxServer nginx(kConf, lists());
    const auto over_unix = [&](const char* url) {
        return send({.url = url, .unix_socket = nginx.dir().path("nginx.sock")});
    };
    const auto allowed = over_unix("http://h/unix/");
    EXPECT_EQ(allowed.body, "in unix:") << allowed.error;
    EXPECT_EQ(over_unix("http://h/office/").status, 403);
}

TEST(IpList, DecisionLineNamesTheList) {
    NginxServer nginx(kConf, lists());
    send({.url = nginx.url("/x"), .local_address = "127.0.0.66"});
    const Json line = LogReader(nginx.dir().path("decisions.log")).wait_for_lines(1).at(0);
    EXPECT_EQ(line["reason"].text(), "ip_denied");
    EXPECT_EQ(line["feature"].text(), "ip_list");
    EXPECT_EQ(line["rule"].text(), "blocked");
    EXPECT_EQ(line["mode"].text(), "enforce");
    EXPECT_EQ(line["client"].text(), "127.0.0.66");
    EXPECT_EQ(line["status"].integer_or(0), 403);
}

TEST(IpList, JudgesTheAddressThatRealipFound) {
    NginxServer nginx(R"(
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;
        sallyport_ip_list office 192.0.2.0/24 2001:db8::/32;
        server { listen 127.0.0.1:%%PORT%%; sallyport_allow office; return 200 $sallyport_client_ip; }
    )");
    const struct {
        const char* forwarded;
        int status;
    } rows[] = {{"192.0.2.9", 200},
                {"198.51.100.1", 403},
                {"2001:db8::5", 200},
                {"2001:db9::5", 403},
                {"::ffff:192.0.2.1", 200}};
    for (const auto& row : rows) {
        EXPECT_EQ(
            send({.url = nginx.url("/"), .headers = {{"X-Forwarded-For", row.forwarded}}}).status,
            row.status)
            << row.forwarded;
    }
}

TEST(IpList, ReloadTakesTheNewFileAndKeepsTheOldOneWhenItIsBad) {
    NginxServer nginx(kConf, lists());
    const auto status = [&] {
        return send({.url = nginx.url("/"), .local_address = "127.0.0.77"}).status;
    };
    EXPECT_EQ(status(), 200);
    nginx.dir().write("lists/blocked.txt", "127.0.0.77\n");
    ASSERT_TRUE(nginx.reload());
    EXPECT_EQ(status(), 403);
    nginx.dir().write("lists/blocked.txt", "127.0.0.77\nnot an address\n");
    nginx.expect_log_line("lists/blocked.txt:2: \"not an address\"");
    EXPECT_FALSE(nginx.reload());
    EXPECT_EQ(status(), 403);
}

TEST(IpList, HundredThousandBlocks) {
    std::string file;
    for (int a = 0; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
            const std::string net = "10." + std::to_string(a) + "." + std::to_string(b) + ".";
            file += net + "0/26\n" + net + "128/26\n";
        }
    }
    NginxOptions options;
    options.files = {{"big.txt", file}};
    NginxServer nginx(R"(
        set_real_ip_from 127.0.0.1;
        sallyport_ip_list big file=big.txt;
        server { listen 127.0.0.1:%%PORT%%; sallyport_deny big; return 200 ok; }
    )",
                      options);
    const auto status = [&](const char* address) {
        return send({.url = nginx.url("/"), .headers = {{"X-Real-IP", address}}}).status;
    };
    EXPECT_EQ(status("10.7.9.63"), 403);
    EXPECT_EQ(status("10.7.9.64"), 200);
    EXPECT_EQ(status("10.255.255.191"), 403);
    EXPECT_EQ(status("11.0.0.1"), 200);
}

TEST(IpList, APipeIsNoList) {
    const std::string pipe = testing::TempDir() + "list." + std::to_string(::getpid());
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const std::string http = "sallyport_ip_list a file=" + pipe + ";";
    expect_mistake({http.c_str(), "sallyport_ip_list", "is a pipe", "write the list to a file"});
    ::unlink(pipe.c_str());
}

class IpListMistake : public testing::TestWithParam<Mistake> {};

TEST_P(IpListMistake, NamesDirectiveValueAndRemedy) {
    expect_mistake(GetParam(),
                   {{"bad.txt", "10.0.0.0/8\n10.0.0.1/8\n"}, {"zero.txt", "0.0.0.0/0\n"}});
}

INSTANTIATE_TEST_SUITE_P(
    Table, IpListMistake,
    testing::Values(
        Mistake{"sallyport_ip_list office;", "sallyport_ip_list", "invalid number of arguments",
                ""},
        Mistake{"sallyport_ip_list Office 10.0.0.0/8;", "sallyport_ip_list", "\"Office\"",
                "lower-case"},
        Mistake{"sallyport_ip_list all 10.0.0.0/8;", "sallyport_ip_list", "\"all\"", "are taken"},
        Mistake{"sallyport_ip_list a 10.0.0.1/8;", "sallyport_ip_list", "10.0.0.1/8",
                "write 10.0.0.0/8"},
        Mistake{"sallyport_ip_list a 10.0.0.0/40;", "sallyport_ip_list", "10.0.0.0/40", "0 to 32"},
        Mistake{"sallyport_ip_list a 0.0.0.0/0;", "sallyport_ip_list", "0.0.0.0/0", "write all"},
        Mistake{"sallyport_ip_list a 010.0.0.1;", "sallyport_ip_list", "010.0.0.1", "file=PATH"},
        Mistake{"sallyport_ip_list a rediss=x;", "sallyport_ip_list", "rediss=x", "file=PATH"},
        Mistake{"sallyport_ip_list a 0.0.0.0/1 128.0.0.0/2;", "sallyport_ip_list", "75.0%",
                "share=100%"},
        Mistake{"sallyport_ip_list a feed=github:x;", "sallyport_ip_list", "\"github\"",
                "such as github.hooks"},
        Mistake{"sallyport_ip_list a feed=azure:x;", "sallyport_ip_list", "\"azure\"",
                "text, github"},
        Mistake{"sallyport_ip_list a file=x refresh=0;", "sallyport_ip_list", "\"0\"", "1s to 24h"},
        Mistake{"sallyport_ip_list a file=x guard=1;", "sallyport_ip_list", "\"1\"", "2 to 1000"},
        Mistake{"sallyport_ip_list a file=x max=5000000;", "sallyport_ip_list", "\"5000000\"",
                "1 to 4000000"},
        Mistake{"sallyport_ip_list a file=none.txt;", "sallyport_ip_list", "none.txt",
                "cannot be opened"},
        Mistake{"sallyport_ip_list a file=bad.txt;", "sallyport_ip_list", "bad.txt:2",
                "write 10.0.0.0/8"},
        Mistake{"sallyport_ip_list a file=zero.txt;", "sallyport_ip_list", "zero.txt:1",
                "write all"},
        Mistake{"sallyport_ip_list a ::1; sallyport_ip_list a ::2;", "sallyport_ip_list", "\"a\"",
                "another name"},
        Mistake{"server { sallyport_ip_list a ::1; }", "sallyport_ip_list", "not allowed here", ""},
        Mistake{"sallyport_allow;", "sallyport_allow", "invalid number of arguments", ""},
        Mistake{"sallyport_allow office;", "sallyport_allow", "\"office\"", "define it above"},
        Mistake{"sallyport_deny 1.2.3;", "sallyport_deny", "1.2.3", "write a list, an address"},
        Mistake{"sallyport_deny ::/0;", "sallyport_deny", "::/0", "write all"},
        Mistake{"sallyport_allow all; sallyport_deny all;", "sallyport_deny", "\"all\"",
                "keep one"},
        Mistake{"server { location / { if ($arg_x) { sallyport_deny all; } } }", "sallyport_deny",
                "not allowed here", ""},
        Mistake{"sallyport_ip_mode maybe;", "sallyport_ip_mode", "maybe", "off, report or enforce"},
        Mistake{"sallyport_ip_mode off; sallyport_ip_mode off;", "sallyport_ip_mode", "twice",
                "keep one"},
        Mistake{"server { sallyport_deny ::2; error_page 403 =200 /x; }", "ip_list",
                "error_page 403 =200", "leave out"}));

TEST(IpListErrorPage, OneThatBringsItsOwnStatusIsAWarning) {
    const auto messages = [](const std::string& pages) {
        const auto check = check_config("server { listen 127.0.0.1:%%PORT_SPARE%%; " + pages +
                                        " sallyport_deny ::2; sallyport_ban b; location /a { } }");
        EXPECT_TRUE(check.ok()) << check.messages;
        return check.messages;
    };
    const std::string warned = messages("error_page 403 = /page;");
    const std::size_t at = warned.find("\"error_page 403 = ");
    EXPECT_NE(at, std::string::npos) << warned;
    EXPECT_EQ(warned.find("error_page 403 = ", at + 2), std::string::npos) << "once: " << warned;
    for (const char* good : {"error_page 403 /page;", "error_page 404 = /page;"}) {
        EXPECT_EQ(messages(good).find("[warn]"), std::string::npos) << messages(good);
    }
}

}  // namespace
}  // namespace sallyport::test
