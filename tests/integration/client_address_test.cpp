// The client's address behind proxies, in real nginx: every row of the vectors, the PROXY protocol,
// and the configurations that are refused. What the upstream sees: forwarded_fields_test.cpp.
//
// The rows' peers (10.0.0.1, 2001:db8::1 …) do not exist on loopback. A listener with
// proxy_protocol and nginx's realip module makes them: our module stands behind realip and takes
// its result for the peer.
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/mistakes.hpp"

#include <gtest/gtest.h>

#include <map>

namespace sallyport::test {
namespace {

Json vectors() {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/trusted-proxy.json", 1 << 20);
    auto parsed = text ? Json::parse(*text) : Result<Json>(text.error());
    EXPECT_TRUE(parsed.ok());
    return parsed ? *parsed : Json();
}

// How a setting of Express is written as our directive's arguments.
std::string arguments_of(const Json& setting) {
    if (setting.is_boolean()) {
        return setting.is_true() ? "true" : "off";
    }
    if (setting.is_integer()) {
        return std::to_string(setting.integer_or(0));
    }
    if (setting.is_string()) {
        return setting.text() == "(unset)" ? "" : "\"" + std::string(setting.text()) + "\"";
    }
    std::string out;
    setting.each_element([&](const Json& word) { out.append(word.text()).append(" "); });
    return out;
}

// One listener; a server for each different directive, found by its name.
class Servers {
  public:
    std::string name_for(const std::string& directives) {
        const auto [at, fresh] =
            names_.try_emplace(directives, "s" + std::to_string(names_.size()) + ".test");
        return at->second;
    }
    std::string configuration() const {
        std::string out = "set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;\n";
        for (const auto& [directives, name] : names_) {
            out += "server { listen 127.0.0.1:%%PORT%% proxy_protocol; server_name " + name + "; " +
                   directives +
                   " return 200 \"$sallyport_client_ip|$sallyport_client_ip_flag\"; }\n";
        }
        return out;
    }

  private:
    std::map<std::string, std::string> names_;
};

std::string proxy_line(std::string_view peer) {
    const bool v6 = peer.find(':') != std::string_view::npos;
    return std::string("PROXY ") + (v6 ? "TCP6 " : "TCP4 ") + std::string(peer) +
           (v6 ? " ::1" : " 127.0.0.1") + " 4242 80\r\n";
}

std::string body_of(const std::string& response) {
    const std::size_t at = response.find("\r\n\r\n");
    return at == std::string::npos ? response : response.substr(at + 4);
}

struct Exchange {
    std::string id;
    std::string host;
    std::string peer;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string expected;
};

void expect_exchanges(const NginxServer& nginx, const std::vector<Exchange>& exchanges) {
    for (const Exchange& exchange : exchanges) {
        std::string request = proxy_line(exchange.peer);
        request += "GET / HTTP/1.1\r\nHost: " + exchange.host + "\r\nConnection: close\r\n";
        for (const auto& [name, value] : exchange.headers) {
            request += name + ": " + value + "\r\n";
        }
        const std::string response = raw_exchange(nginx.port(), request + "\r\n");
        EXPECT_EQ(body_of(response), exchange.expected) << exchange.id;
    }
}

std::string expected_of(const Json& gateway) {
    const std::string_view flag = gateway["flag"].text_or("");
    return std::string(gateway["ip"].text()) + "|" + std::string(flag.substr(0, flag.find(' ')));
}

void expect_refused(const std::string& id, const std::string& directive) {
    const auto check = check_config(directive + " server { listen 127.0.0.1:%%PORT_SPARE%%; }");
    EXPECT_FALSE(check.ok()) << id;
    EXPECT_NE(check.messages.find("[emerg]"), std::string::npos) << id;
    EXPECT_NE(check.messages.find("sallyport_trust_proxy"), std::string::npos) << check.messages;
}

TEST(ClientAddress, EveryVector) {
    Servers servers;
    std::vector<Exchange> exchanges;
    vectors()["vectors"].each_element([&](const Json& row) {
        const Json gateway = row["gateway"];
        if (!gateway || !row["remote"].is_string()) {
            return;  // rows about scheme and host, and the unix socket: tests of their own
        }
        const std::string id(row["id"].text());
        const std::string arguments = arguments_of(row["setting"]);
        std::string directive =
            arguments.empty() ? arguments : "sallyport_trust_proxy " + arguments + ";";
        if (gateway["config_error"].boolean_or(false)) {
            expect_refused(id, directive);
            if (!gateway["ip"].is_string()) {
                return;
            }
            directive.insert(directive.size() - 1, " unsafe_trust_all=on");
        }
        // A zone is no part of the address on the wire.
        std::string peer(row["remote"].text());
        peer = peer.substr(0, peer.find('%'));
        Exchange exchange{id, servers.name_for(directive), peer, {}, expected_of(gateway)};
        row["headers"].each_member([&](std::string_view name, const Json& value) {
            exchange.headers.emplace_back(name, value.text());
        });
        exchanges.push_back(exchange);
    });
    ASSERT_GE(exchanges.size(), 35u);
    NginxServer nginx(servers.configuration());
    expect_exchanges(nginx, exchanges);
}

TEST(ClientAddress, RowsWhereExpressAndRealipDisagree) {
    const Json all = vectors()["nginx_differential"];
    Servers servers;
    const std::string name =
        servers.name_for("sallyport_trust_proxy " + arguments_of(all["trusted"]) + ";");
    std::vector<Exchange> exchanges;
    all["rows"].each_element([&](const Json& row) {
        Exchange exchange{
            "", name, std::string(all["peer"].text()), {}, expected_of(row["gateway"])};
        row["xff_lines"].each_element([&](const Json& line) {
            exchange.id = line.text();
            exchange.headers.emplace_back("X-Forwarded-For", line.text());
        });
        exchanges.push_back(exchange);
    });
    NginxServer nginx(servers.configuration());
    expect_exchanges(nginx, exchanges);
}

TEST(ClientAddress, Forwarded) {
    const Json all = vectors()["forwarded_rfc7239"];
    Servers servers;
    const std::string name = servers.name_for(
        "sallyport_forwarded_header Forwarded; "
        "sallyport_trust_proxy " +
        arguments_of(all["trusted"]) + ";");
    std::vector<Exchange> exchanges;
    all["rows"].each_element([&](const Json& row) {
        const std::string line(row["header"].text());
        exchanges.push_back({line,
                             name,
                             std::string(all["peer"].text()),
                             {{"Forwarded", line}},
                             expected_of(row["gateway"])});
    });
    NginxServer nginx(servers.configuration());
    expect_exchanges(nginx, exchanges);
}

constexpr std::string_view kProxyProtocol = R"(
    sallyport_ip_list office 127.0.0.0/8;
    server {
        listen 127.0.0.1:%%PORT%% proxy_protocol;
        listen 127.0.0.1:%%PORT_TLS%% ssl http2 proxy_protocol;
        listen 127.0.0.1:%%PORT_PLAIN%%;
        ssl_certificate %%CERT%%;
        ssl_certificate_key %%KEY%%;
        sallyport_trust_proxy proxy_protocol 127.0.0.1;
        location / {
            return 200 "$sallyport_client_ip|$sallyport_client_ip_flag|$http_x_forwarded_for";
        }
        location /office { sallyport_allow office; return 200 in; }
    }
)";

std::string from_hex(std::string_view hex) {
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return out;
}

constexpr std::string_view kGet =
    "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n";

TEST(ProxyProtocol, EveryVector) {
    NginxServer nginx(kProxyProtocol);
    int answered = 0;
    vectors()["proxy_protocol"]["rows"].each_element([&](const Json& row) {
        if (!row["bytes_hex"].is_string()) {
            return;
        }
        const std::string name(row["name"].text());
        std::string bytes = from_hex(row["bytes_hex"].text());
        if (name == "v2 AF_UNIX") {
            bytes.resize(16 + 216);  // the row shows the header's first bytes only
        }
        const std::string observed(row["nginx_vars_realip"].text());
        const std::string response = raw_exchange(nginx.port(), bytes + std::string(kGet));
        if (!observed.starts_with("200")) {
            EXPECT_EQ(response.find("HTTP/1.1 200"), std::string::npos) << name;
            return;
        }
        ++answered;
        const std::size_t bar = observed.find('|');
        std::string client = observed.substr(4, bar - 4);
        const std::string body = body_of(response);
        // Of a header without an address nothing is believed, least of all by allowlists.
        EXPECT_EQ(body, client.empty() ? "127.0.0.1|proxy-local|127.0.0.1" : client + "||" + client)
            << name;
    });
    EXPECT_GE(answered, 6);
}

TEST(ProxyProtocol, OnlyFromItsSources) {
    NginxServer nginx(kProxyProtocol);
    const auto ask = [&](const char* from, const std::string& head, std::string_view path) {
        RawSocket socket(nginx.port(), from);
        socket.send(head + "GET " + std::string(path) +
                    " HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        return socket.receive_all();
    };
    const std::string header = "PROXY TCP4 127.0.0.5 127.0.0.1 4242 80\r\n";
    EXPECT_EQ(body_of(ask("127.0.0.1", header, "/")), "127.0.0.5||127.0.0.5");
    EXPECT_EQ(body_of(ask("127.0.0.2", "PROXY TCP4 203.0.113.9 127.0.0.1 4242 80\r\n", "/")),
              "127.0.0.2||127.0.0.2");
    EXPECT_EQ(body_of(ask("127.0.0.1", header, "/office")), "in");
    // A health check of the load balancer is no client of the office.
    EXPECT_NE(ask("127.0.0.1", "PROXY UNKNOWN\r\n", "/office").find("403"), std::string::npos);
    EXPECT_EQ(get(nginx.url("/", "PORT_PLAIN")).body, "127.0.0.1||127.0.0.1");
}

TEST(ClientAddress, Mistakes) {
    const Mistake mistakes[] = {
        {"sallyport_trust_proxy true;", "sallyport_trust_proxy", "\"true\"", "number of proxies"},
        {"sallyport_trust_proxy '1';", "sallyport_trust_proxy", "\"1\"", "without quotes"},
        {"sallyport_trust_proxy \"2\" ;", "sallyport_trust_proxy", "\"2\"", "without quotes"},
        {"sallyport_trust_proxy -1;", "sallyport_trust_proxy", "\"-1\"", "whole number"},
        {"sallyport_trust_proxy 1 10.0.0.0/8;", "sallyport_trust_proxy", "\"1\"", "stands alone"},
        {"sallyport_trust_proxy 0.0.0.0/0;", "sallyport_trust_proxy", "\"0.0.0.0/0\"",
         "at least /8"},
        {"sallyport_trust_proxy ::/0;", "sallyport_trust_proxy", "\"::/0\"", "at least /16"},
        {"sallyport_trust_proxy proxy.local;", "sallyport_trust_proxy", "proxy.local",
         "not resolved"},
        {"sallyport_trust_proxy proxy_protocol;", "sallyport_trust_proxy", "proxy_protocol",
         "load balancers"},
        {"sallyport_trust_proxy proxy_protocol 10.0.0.0/8;", "sallyport_trust_proxy",
         "proxy_protocol", "add it there"},
        {"sallyport_trust_proxy 1; sallyport_trust_proxy 2;", "sallyport_trust_proxy", "twice",
         "keep one"},
        {"sallyport_forwarded_header X-Real-IP;", "sallyport_forwarded_header", "X-Real-IP",
         "Forwarded"},
        {"sallyport_forwarded_header Forwarded; sallyport_forwarded_header Forwarded;",
         "sallyport_forwarded_header", "twice", "keep one"},
        {"sallyport_trust_proxy_mode maybe;", "sallyport_trust_proxy_mode", "maybe", "report"},
    };
    for (const Mistake& mistake : mistakes) {
        expect_mistake(mistake);
    }
}

struct Risk {
    const char* http;
    const char* warning;
};

TEST(ClientAddress, RisksAreNamed) {
    const Risk risks[] = {
        {"sallyport_trust_proxy true unsafe_trust_all=on;", "every client chooses"},
        {"sallyport_trust_proxy 0.0.0.0/1 unsafe_trust_all=on;", "far too many"},
        {"sallyport_trust_proxy ::ffff:0:0/96;", "write them as such"},
        {"sallyport_trust_proxy off; server { listen 127.0.0.1:%%PORT_PP%% proxy_protocol; }",
         "does not name who may speak it"},
        {"sallyport_limit a rate=1r/s key=$http_x_forwarded_for;", "any client can set"},
        {"sallyport_limit a rate=1r/s key=$proxy_protocol_addr;", "any client can set"},
    };
    for (const Risk& risk : risks) {
        const auto check =
            check_config(std::string(risk.http) + " server { listen 127.0.0.1:%%PORT_SPARE%%; }");
        EXPECT_TRUE(check.ok()) << check.messages;
        EXPECT_NE(check.messages.find("[warn]"), std::string::npos) << risk.http;
        EXPECT_NE(check.messages.find(risk.warning), std::string::npos) << risk.http << "\n"
                                                                        << check.messages;
    }
}

}  // namespace
}  // namespace sallyport::test
