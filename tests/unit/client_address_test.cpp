#include "module/policy/client_address.hpp"

#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "common/json.hpp"
#include "module/policy/forwarded_header.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::policy {
namespace {

Json vectors() {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/trusted-proxy.json", 1 << 20);
    auto parsed = text ? Json::parse(*text) : Result<Json>(text.error());
    EXPECT_TRUE(parsed.ok());
    return parsed ? *parsed : Json();
}

struct Setting {
    std::vector<std::string> words;
    bool quoted = false;
};

// How a setting of Express is written as arguments of sallyport_trust_proxy.
Setting setting_of(const Json& json) {
    if (json.is_boolean()) {
        return {{json.is_true() ? "true" : "off"}};
    }
    if (json.is_integer()) {
        return {{std::to_string(json.integer_or(0))}};
    }
    if (json.is_string()) {
        return json.text() == "(unset)" ? Setting{{"off"}}
                                        : Setting{{std::string(json.text())}, true};
    }
    Setting out;
    json.each_element([&](const Json& word) { out.words.emplace_back(word.text()); });
    return out;
}

Result<ParsedTrust> parse(const Setting& setting, bool unsafe = false) {
    std::vector<std::string_view> words(setting.words.begin(), setting.words.end());
    if (unsafe) {
        words.push_back("unsafe_trust_all=on");
    }
    return parse_trust(words, setting.quoted);
}

std::optional<IpAddress> peer_of(const Json& remote) {
    const std::string_view text = remote.text_or("");
    return IpAddress::parse(text.substr(0, text.find('%')));
}

void expect_claim(const ClientClaim& claim, const Json& gateway, const std::string& id) {
    if (!gateway["ip"].is_string()) {
        EXPECT_FALSE(claim.address.has_value()) << id;
        return;
    }
    ASSERT_TRUE(claim.address.has_value()) << id;
    EXPECT_EQ(claim.address->to_string(), gateway["ip"].text()) << id;
    const std::string_view flag = gateway["flag"].text_or("");
    EXPECT_EQ(word(claim.flag), flag.substr(0, flag.find(' '))) << id;
}

TEST(ClientAddress, EveryVector) {
    int rows = 0;
    vectors()["vectors"].each_element([&](const Json& row) {
        const Json gateway = row["gateway"];
        if (!gateway) {
            return;  // rows about the scheme and the host
        }
        ++rows;
        const std::string id(row["id"].text());
        const Setting setting = setting_of(row["setting"]);
        auto trust = parse(setting);
        EXPECT_EQ(!trust.ok(), gateway["config_error"].boolean_or(false)) << id;
        if (!trust && gateway["ip"].is_string()) {
            trust = parse(setting, true);
            ASSERT_TRUE(trust.ok()) << id << trust.message();
            EXPECT_FALSE(trust->warnings.empty()) << id;
        }
        if (!trust) {
            EXPECT_NE(trust.message().find('"'), std::string::npos) << id;
            return;
        }
        std::vector<std::string_view> lines;
        const Json value = row["headers"]["x-forwarded-for"];
        if (value.is_string()) {
            lines.push_back(value.text());
        }
        value.each_element([&](const Json& line) { lines.push_back(line.text()); });
        expect_claim(find_client(trust->rule, peer_of(row["remote"]),
                                 ForwardedField::x_forwarded_for, lines),
                     gateway, id);
    });
    EXPECT_GE(rows, 45);
}

TrustRule rule_of(const Json& trusted) {
    const auto parsed = parse(setting_of(trusted));
    EXPECT_TRUE(parsed.ok());
    return parsed->rule;
}

TEST(ClientAddress, RowsWhereExpressAndRealipDisagree) {
    const Json all = vectors()["nginx_differential"];
    const TrustRule rule = rule_of(all["trusted"]);
    all["rows"].each_element([&](const Json& row) {
        std::vector<std::string_view> lines;
        row["xff_lines"].each_element([&](const Json& line) { lines.push_back(line.text()); });
        expect_claim(
            find_client(rule, peer_of(all["peer"]), ForwardedField::x_forwarded_for, lines),
            row["gateway"], std::string(lines.back()));
    });
}

TEST(ClientAddress, Forwarded) {
    const Json all = vectors()["forwarded_rfc7239"];
    const TrustRule rule = rule_of(all["trusted"]);
    all["rows"].each_element([&](const Json& row) {
        const std::string_view line = row["header"].text();
        expect_claim(find_client(rule, peer_of(all["peer"]), ForwardedField::forwarded, {&line, 1}),
                     row["gateway"], std::string(line));
    });
}

TEST(ClientAddress, ForwardedNamesSchemeAndHostOfTheClientsHop) {
    const TrustRule rule = parse_trust(std::vector<std::string_view>{"10.0.0.0/8"})->rule;
    const std::string_view lines[] = {
        "for=192.0.2.1;proto=http;host=evil.test, "
        "for=198.51.100.7;proto=https;host=\"a.test:8443\"",
        "for=10.0.0.9;proto=http;host=inner.test"};
    const auto claim =
        find_client(rule, IpAddress::parse("10.0.0.1"), ForwardedField::forwarded, lines);
    EXPECT_EQ(claim.address->to_string(), "198.51.100.7");
    EXPECT_EQ(claim.proto, "https");
    EXPECT_EQ(claim.host, "a.test:8443");
}

struct WalkCase {
    const char* trust;
    const char* peer;
    const char* header;
    const char* client;
    ClientFlag flag;
};

TEST(ClientAddress, Edges) {
    const std::string long_chain = [] {
        std::string out = "1.1.1.1";
        for (std::size_t i = 0; i < kForwardedHopsMax; ++i) {
            out += ",10.0.0.1";
        }
        return out;
    }();
    const std::string huge(kForwardedBytesMax + 1, ' ');
    const WalkCase cases[] = {
        {"10.0.0.0/8", "10.0.0.1", "", "10.0.0.1", ClientFlag::none},
        {"10.0.0.0/8", "10.0.0.1", ",,,", "10.0.0.1", ClientFlag::none},
        {"10.0.0.0/8", "10.0.0.1", "1.1.1.1:65536", "10.0.0.1", ClientFlag::invalid_entry},
        {"10.0.0.0/8", "10.0.0.1", "1.1.1.1:", "10.0.0.1", ClientFlag::invalid_entry},
        {"10.0.0.0/8", "10.0.0.1", "[1.1.1.1]", "10.0.0.1", ClientFlag::invalid_entry},
        {"10.0.0.0/8", "10.0.0.1", "[::1]x", "10.0.0.1", ClientFlag::invalid_entry},
        {"10.0.0.0/8", "10.0.0.1", "[::ffff:9.9.9.9]:1", "9.9.9.9", ClientFlag::none},
        {"10.0.0.0/8", "10.0.0.1", long_chain.c_str(), "10.0.0.1", ClientFlag::invalid_entry},
        {"10.0.0.0/8", "10.0.0.1", huge.c_str(), "10.0.0.1", ClientFlag::invalid_header},
        {"unix:", "", "1.1.1.1", "1.1.1.1", ClientFlag::none},
        {"1", "", "1.1.1.1, 2.2.2.2", "2.2.2.2", ClientFlag::none},
        {"10.0.0.0/255.0.0.0", "10.9.9.9", "1.1.1.1", "1.1.1.1", ClientFlag::none},
        {"10.1.2.3/8", "10.9.9.9", "1.1.1.1", "1.1.1.1", ClientFlag::none},
        {"::ffff:10.0.0.0/104", "10.9.9.9", "1.1.1.1", "1.1.1.1", ClientFlag::none},
        // All of IPv4 in the clothes of a long prefix: nobody is believed for it.
        {"::ffff:0:0/96", "10.9.9.9", "1.1.1.1", "10.9.9.9", ClientFlag::none},
        {"::/16", "10.9.9.9", "1.1.1.1", "10.9.9.9", ClientFlag::none},
        {"loopback", "127.0.0.1", "1.1.1.1, 127.9.9.9", "1.1.1.1", ClientFlag::none},
        {"0", "10.0.0.1", "1.1.1.1", "10.0.0.1", ClientFlag::none},
    };
    for (const WalkCase& c : cases) {
        const std::string_view word = c.trust;
        const auto trust = parse_trust({&word, 1});
        ASSERT_TRUE(trust.ok()) << c.trust << trust.message();
        const std::string_view line = c.header;
        const auto claim = find_client(trust->rule, IpAddress::parse(c.peer),
                                       ForwardedField::x_forwarded_for, {&line, 1});
        ASSERT_TRUE(claim.address.has_value()) << c.trust << c.header;
        EXPECT_EQ(claim.address->to_string(), c.client) << c.trust << " " << c.header;
        EXPECT_EQ(claim.flag, c.flag) << c.trust << " " << c.header;
    }
}

TEST(ClientAddress, ProxyProtocol) {
    const auto trust =
        parse_trust(std::vector<std::string_view>{"proxy_protocol", "127.0.0.0/8"})->rule;
    const auto ask = [&](std::string_view peer, std::string_view source) {
        return find_proxy_client(trust, IpAddress::parse(peer), source);
    };
    EXPECT_EQ(ask("127.0.0.1", "203.0.113.9").address->to_string(), "203.0.113.9");
    EXPECT_EQ(ask("127.0.0.1", "2001:DB8::9").address->to_string(), "2001:db8::9");
    EXPECT_EQ(ask("192.0.2.1", "203.0.113.9").address->to_string(), "192.0.2.1");
    EXPECT_FALSE(ask("192.0.2.1", "203.0.113.9").peer_trusted);
    EXPECT_EQ(ask("127.0.0.1", "").flag, ClientFlag::proxy_local);
    EXPECT_EQ(ask("127.0.0.1", "").address->to_string(), "127.0.0.1");
}

struct RefusedTrust {
    std::vector<std::string_view> words;
    const char* remedy;
};

TEST(ClientAddress, RefusedSettings) {
    const RefusedTrust cases[] = {
        {{"true"}, "number of proxies"},
        {{"*"}, "number of proxies"},
        {{"-1"}, "from 0 to"},
        {{"1.5"}, "from 0 to"},
        {{"01"}, "from 0 to"},
        {{"65"}, "from 0 to"},
        {{"1", "10.0.0.0/8"}, "stands alone"},
        {{"0.0.0.0/0"}, "at least /8"},
        {{"128.0.0.0/1"}, "at least /8"},
        {{"::/0"}, "at least /16"},
        {{"10.0.0.0/33"}, "1 to 32"},
        {{"10.0.0.0/255.0.255.0"}, "1 to 32"},
        {{"2001:db8::/129"}, "1 to 128"},
        {{"10.0.0.0/08"}, "1 to 32"},
        {{"proxy.local"}, "not resolved"},
        {{"Loopback"}, "not resolved"},
        {{"10.0.0.0/8,"}, "empty entry"},
        {{"proxy_protocol"}, "names no sources"},
        {{"proxy_protocol", "0.0.0.0/0"}, "at least /8"},
        {{"10.0.0.1%eth0"}, "not resolved"},
    };
    for (const RefusedTrust& c : cases) {
        const auto trust = parse_trust(c.words);
        ASSERT_FALSE(trust.ok()) << c.words.front();
        EXPECT_NE(trust.message().find(c.remedy), std::string::npos) << trust.message();
    }
}

TEST(ClientAddress, TrustListsOverlap) {
    TrustList list;
    list.add(*Cidr::parse("10.0.0.0/8"));
    list.add(*Cidr::parse("2001:db8::/32"));
    for (const char* block : {"10.1.0.0/16", "8.0.0.0/5", "2001:db8:1::/48", "2001::/16"}) {
        EXPECT_TRUE(list.overlaps(*Cidr::parse(block))) << block;
    }
    for (const char* block : {"11.0.0.0/8", "2001:db9::/32", "::/64"}) {
        EXPECT_FALSE(list.overlaps(*Cidr::parse(block))) << block;
    }
}

TEST(ForwardedHeader, Grammar) {
    const char* good[] = {
        "for=1.1.1.1",
        "FOR=1.1.1.1;By=_x;ext=\"a b\\\" c\"",
        " for=1.1.1.1 ,\tfor=\"[::1]:80\" ",
        "proto=https",
    };
    const char* bad[] = {
        "for=1.1.1.1;",
        ";for=1.1.1.1",
        "for=\"1.1.1.1\"x",
        "\"for\"=1.1.1.1",
        "for=1.1.1.1 for=",
        "for=a; proto=b",
        "for=\"\x01\"",
        "for",
        ",for=1.1.1.1",
        "for=1.1.1.1,",
        "a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1",
    };
    ForwardedElements elements;
    for (const std::string_view line : good) {
        EXPECT_TRUE(elements.parse({&line, 1})) << line;
    }
    for (const std::string_view line : bad) {
        EXPECT_FALSE(elements.parse({&line, 1})) << line;
        EXPECT_EQ(elements.size(), 0u) << line;
    }
    std::string many = "for=1.1.1.1";
    for (std::size_t i = 0; i < kForwardedHopsMax; ++i) {
        many += ",for=1.1.1.1";
    }
    const std::string_view line = many;
    EXPECT_FALSE(elements.parse({&line, 1}));
}

TEST(ForwardedHeader, PortsMayBeObfuscated) {
    for (const char* node : {"192.0.2.43:_port", "[2001:db8::1]:_a.b-C_9"}) {
        EXPECT_TRUE(parse_node(node, true).has_value()) << node;
        EXPECT_FALSE(parse_node(node).has_value()) << node << " in X-Forwarded-For";
    }
    for (const char* node :
         {"192.0.2.43:_", "192.0.2.43:_a b", "192.0.2.43:a", "192.0.2.43:_a:1"}) {
        EXPECT_FALSE(parse_node(node, true).has_value()) << node;
    }
    EXPECT_FALSE(is_host_and_port("[::1]:_port"));
}

TEST(ForwardedHeader, Hosts) {
    for (const char* host : {"a.test", "a.test:8443", "A-1.b_c.test", "[2001:db8::1]", "[::1]:443",
                             "127.0.0.1:80", "localhost", "a.", "a:0", "a:65535"}) {
        EXPECT_TRUE(is_host_and_port(host)) << host;
    }
    for (const char* host : {"",          "a.test:", "a.test:x", "a.test:65536",   "a b",
                             "a/b",       "a@b",     ".a",       "a..b",           "..",
                             ".",         ":80",     "a:1:2",    "a:000080",       "a:-1",
                             "a\xc3\xa9", "[::1",    "::1",      "a.test\r\nX: y", "a%00"}) {
        EXPECT_FALSE(is_host_and_port(host)) << host;
    }
    EXPECT_EQ(last_member("a.test, b.test "), "b.test");
    EXPECT_EQ(last_member("a.test"), "a.test");
    EXPECT_EQ(last_member("a,"), "");
}

}  // namespace
}  // namespace sallyport::policy
