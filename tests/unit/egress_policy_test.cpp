#include "engine/core/egress_policy.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {
namespace {

EgressPolicy policy_of(std::string_view list) {
    auto policy = EgressPolicy::parse(list);
    EXPECT_TRUE(policy.ok()) << list;
    return policy.ok() ? *policy : EgressPolicy();
}

bool address_allowed(const EgressPolicy& policy, const char* address,
                     const char* url = "http://name.example:8080/") {
    return policy.check_address(*parse_egress_url(url), *IpAddress::parse(address)).ok();
}

TEST(EgressPolicy, RefusesEverythingThatIsNotPublicUnicast) {
    const EgressPolicy policy;
    for (const char* address : {"0.0.0.0",
                                "0.1.2.3",
                                "10.0.0.1",
                                "10.255.255.255",
                                "100.64.0.1",
                                "100.127.255.255",
                                "127.0.0.1",
                                "127.255.255.254",
                                "168.63.129.16",
                                "169.254.0.1",
                                "169.254.169.254",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.0.0.1",
                                "192.0.0.192",
                                "192.0.2.7",
                                "192.88.99.1",
                                "192.168.0.1",
                                "198.18.0.1",
                                "198.19.255.255",
                                "198.51.100.1",
                                "203.0.113.9",
                                "224.0.0.1",
                                "239.255.255.255",
                                "240.0.0.1",
                                "255.255.255.255",
                                "100.100.100.200",
                                "::",
                                "::1",
                                "::7f00:1",
                                "::ffff:127.0.0.1",
                                "::ffff:10.0.0.1",
                                "::ffff:169.254.169.254",
                                "::ffff:0:127.0.0.1",
                                "64:ff9b::7f00:1",
                                "64:ff9b::a9fe:a9fe",
                                "64:ff9b::808:808",
                                "64:ff9b:1::1",
                                "64:ff9b:1:ffff::1",
                                "100::1",
                                "2001::1",
                                "2001:0:53aa:64c::1",
                                "2001:2::1",
                                "2001:10::1",
                                "2001:db8::1",
                                "2002:7f00:1::",
                                "2002:808:808::1",
                                "3fff::1",
                                "5f00::1",
                                "fc00::1",
                                "fd00:ec2::254",
                                "fd20:ce::254",
                                "fe80::1",
                                "febf::1",
                                "fec0::1",
                                "ff02::1",
                                "4000::1",
                                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
        EXPECT_FALSE(address_allowed(policy, address)) << address;
    }
}

TEST(EgressPolicy, LetsPublicAddressesPass) {
    const EgressPolicy policy;
    for (const char* address : {"1.1.1.1",         "8.8.8.8",        "9.255.255.255",
                                "11.0.0.0",        "100.63.255.255", "100.128.0.0",
                                "126.255.255.255", "128.0.0.1",      "168.63.129.15",
                                "169.253.255.255", "169.255.0.0",    "172.15.255.255",
                                "172.32.0.0",      "192.0.1.1",      "192.167.255.255",
                                "192.169.0.0",     "198.17.255.255", "198.20.0.0",
                                "223.255.255.255", "2001:200::1",    "2001:4860:4860::8888",
                                "2003::1",         "2600::1",        "2a00:1450:4001::1",
                                "3ffe::1"}) {
        EXPECT_TRUE(address_allowed(policy, address)) << address;
    }
}

struct ListedCase {
    const char* list;
    const char* address;
    bool allowed;
};

TEST(EgressPolicy, AllowlistOpensWhatItNames) {
    const ListedCase cases[] = {
        {"127.0.0.0/8", "127.0.0.1", true},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},  // the same address
        {"127.0.0.0/8", "10.0.0.1", false},
        {"127.0.0.0/8", "::1", false},
        {"127.0.0.0/8", "64:ff9b::7f00:1", false},
        {"127.0.0.0/8, ::1", "::1", true},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"fd00::/8 10.0.0.0/8\n172.16.0.0/12", "172.20.0.1", true},
        // A metadata service opens only to its own address.
        {"0.0.0.0/0", "169.254.169.254", false},
        {"169.254.0.0/16", "169.254.169.254", false},
        {"169.254.0.0/16", "169.254.1.1", true},
        {"169.254.169.254", "169.254.169.254", true},
        {"fd00::/8", "fd00:ec2::254", false},
        // NAT64 reaches an IPv4 address, which must be allowed as well.
        {"64:ff9b::/96", "64:ff9b::808:808", true},
        {"64:ff9b::/96", "64:ff9b::7f00:1", false},
        {"64:ff9b::/96,127.0.0.0/8", "64:ff9b::7f00:1", true},
        {"64:ff9b::/96,0.0.0.0/0", "64:ff9b::a9fe:a9fe", false},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(address_allowed(policy_of(c.list), c.address), c.allowed)
            << c.list << " | " << c.address;
    }
}

TEST(EgressPolicy, HostExceptionHoldsForOnePort) {
    const EgressPolicy policy =
        policy_of("Internal-API:8081,127.0.0.1:9000,[::1]:9001,old.test:25");
    EXPECT_TRUE(address_allowed(policy, "10.0.0.1", "http://internal-api:8081/"));
    EXPECT_TRUE(address_allowed(policy, "10.0.0.1", "http://internal-api.:8081/"));
    EXPECT_FALSE(address_allowed(policy, "10.0.0.1", "http://internal-api:8082/"));
    EXPECT_FALSE(address_allowed(policy, "10.0.0.1", "http://other:8081/"));
    EXPECT_TRUE(address_allowed(policy, "127.0.0.1", "http://127.0.0.1:9000/"));
    EXPECT_FALSE(address_allowed(policy, "127.0.0.1", "http://127.0.0.1:9001/"));
    EXPECT_TRUE(address_allowed(policy, "::1", "http://[::1]:9001/"));
    EXPECT_TRUE(policy.check_url(*parse_egress_url("http://old.test:25/")).ok());
}

TEST(EgressPolicy, ListMistakesAreNamed) {
    for (const char* list : {"10.0.0.1/8", "name", "name:0", "name:65536", "name:", "10.0.0.0/33",
                             "a b:80", "*:80", "user@host:80", "0x7f.1:80", "[::1]"}) {
        const auto policy = EgressPolicy::parse(list);
        EXPECT_FALSE(policy.ok()) << list;
    }
    EXPECT_TRUE(EgressPolicy::parse("").ok());
    EXPECT_NE(EgressPolicy::parse("10.0.0.1/8").message().find("10.0.0.1/8"), std::string::npos);
}

TEST(EgressPolicy, PortRules) {
    const EgressPolicy policy;
    for (const char* url : {"http://a.test/", "https://a.test/", "http://a.test:443/",
                            "http://a.test:8080/", "http://a.test:3000/", "http://a.test:65535/"}) {
        EXPECT_TRUE(policy.check_url(*parse_egress_url(url)).ok()) << url;
    }
    for (const char* url : {"http://a.test:22/", "http://a.test:25/", "http://a.test:1/",
                            "https://a.test:1023/", "http://a.test:6667/", "http://a.test:5060/",
                            "http://a.test:2049/", "http://a.test:10080/"}) {
        EXPECT_FALSE(policy.check_url(*parse_egress_url(url)).ok()) << url;
    }
}

struct UrlCase {
    const char* text;
    const char* canonical;  // empty: refused
};

TEST(EgressUrl, ParsesStrictly) {
    const UrlCase cases[] = {
        {"http://Example.COM", "http://example.com/"},
        {"HTTPS://example.com:443/a?b=c#d", "https://example.com/a?b=c"},
        {"http://example.com:8080?x", "http://example.com:8080/?x"},
        {"http://example.com./", "http://example.com/"},
        {"http://a_b.example/", "http://a_b.example/"},
        {"http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"},
        {"http://[::ffff:127.0.0.1]/", "http://127.0.0.1/"},
        {"http://1.2.3.4/", "http://1.2.3.4/"},
        {"http://a.test/sp ace/\xc3\xa9\"<>`{}|^\\%41",
         "http://a.test/sp%20ace/%C3%A9%22%3C%3E%60%7B%7D%7C%5E%5C%41"},
        {"http://a.test/?q=http://b@c", "http://a.test/?q=http://b@c"},
        {"", ""},
        {"//a.test/", ""},
        {"a.test", ""},
        {"ftp://a.test/", ""},
        {"file:///etc/passwd", ""},
        {"gopher://a.test/", ""},
        {"javascript://a.test/%0a", ""},
        {"http:///path", ""},
        {"http://:80/", ""},
        {"http://user@a.test/", ""},
        {"http://user:pw@a.test/", ""},
        {"http://a.test@127.0.0.1/", ""},
        {"http://a.test\\@127.0.0.1/", ""},
        {"http://a.test\\.evil/", ""},
        {"http://a test/", ""},
        {"http://a.test:0/", ""},
        {"http://a.test:65536/", ""},
        {"http://a.test:/", ""},
        {"http://a.test:8x/", ""},
        {"http://a.test:80:80/", ""},
        {"http://2130706433/", ""},
        {"http://0x7f000001/", ""},
        {"http://0x7f.1/", ""},
        {"http://0X7F.1/", ""},
        {"http://127.1/", ""},
        {"http://0177.0.0.1/", ""},
        {"http://127.0.0.1.1/", ""},
        {"http://127.0.0.0x1/", ""},
        {"http://[::1/", ""},
        {"http://::1/", ""},
        {"http://[::1]x/", ""},
        {"http://[127.0.0.1]/", ""},
        {"http://[fe80::1%25eth0]/", ""},
        {"http://a..test/", ""},
        {"http://-a.test/", ""},
        {"http://\xe2\x93\x9bocalhost/", ""},
        {"http://a%2etest/", ""},
        {"http://a.test/\r\nHost: b", ""},
        {"http://a.test/\tb", ""},
        {"http://a\n.test/", ""},
    };
    for (const auto& c : cases) {
        const auto url = parse_egress_url(c.text);
        EXPECT_EQ(url.ok() ? url->text() : std::string(), c.canonical) << c.text;
    }
    EXPECT_FALSE(parse_egress_url(std::string_view("http://a.test/\0", 15)).ok());
    EXPECT_FALSE(parse_egress_url("http://a.test/" + std::string(kUrlBytesMax, 'a')).ok());
    EXPECT_FALSE(parse_egress_url("http://a.test/" + std::string(kUrlBytesMax / 2, ' ')).ok());
}

// What some parser or resolver takes for another place than it looks like.
TEST(EgressUrl, HasOneReading) {
    const UrlCase cases[] = {
        {"http://[fe80::1%lo]/", ""},
        {"http://[::1%251]/", ""},
        {"http://[::1]%25lo/", ""},
        {"http://0/", ""},
        {"http://00/", ""},
        {"http://0x0/", ""},
        {"http://0./", ""},
        {"http://0300.0250.0.1/", ""},
        {"http://127.0.0.1./", "http://127.0.0.1/"},
        {"http://127.0.0.1../", ""},
        {"http://127.0.0.01/", ""},
        {"http://1.2.3.4.0x7f/", ""},
        {"http://a.test:80@127.0.0.1/", ""},
        {"http://127.0.0.1#@a.test/", "http://127.0.0.1/"},
        {"http://127.0.0.1?@a.test/", "http://127.0.0.1/?@a.test/"},
        {"http://%31%32%37.0.0.1/", ""},
        {"http://[::ffff:0x7f000001]/", ""},
        {"http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", ""},
    };
    for (const auto& c : cases) {
        const auto url = parse_egress_url(c.text);
        EXPECT_EQ(url.ok() ? url->text() : std::string(), c.canonical) << c.text;
    }
}

TEST(EgressUrl, OriginIsSchemeHostAndPort) {
    EXPECT_EQ(parse_egress_url("https://A.test/x")->origin(), "https://a.test:443");
    EXPECT_EQ(parse_egress_url("http://[::1]:8/x")->origin(), "http://[::1]:8");
}

struct HeaderCase {
    const char* name;
    std::string_view value;
    bool allowed;
};

TEST(EgressHeaders, RefusesFramingAndControlCharacters) {
    const HeaderCase cases[] = {
        {"Authorization", "Bearer x", true},
        {"X-Api-Key", "", true},
        {"Accept", "a\tb", true},
        {"X-Utf8", "\xc3\xa9", true},
        {"Cookie", "a=b", true},
        {"Host", "a.test", false},
        {"hOST", "a.test", false},
        {"Content-Length", "0", false},
        {"Transfer-Encoding", "chunked", false},
        {"Connection", "close", false},
        {"Keep-Alive", "x", false},
        {"Proxy-Authorization", "x", false},
        {"Proxy-Connection", "x", false},
        {"TE", "trailers", false},
        {"Trailer", "x", false},
        {"Upgrade", "websocket", false},
        {"Expect", "100-continue", false},
        {"HTTP2-Settings", "x", false},
        {"X-A", "a\r\nHost: b", false},
        {"X-A", "a\nb", false},
        {"X-A", std::string_view("a\0b", 3), false},
        {"X-A\r\nHost", "b", false},
        {"X A", "b", false},
        {"X-A:", "b", false},
        {"", "b", false},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(check_header(c.name, c.value).ok(), c.allowed) << c.name << ": " << c.value;
    }
}

TEST(EgressHeaders, MethodsAreAClosedList) {
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        EXPECT_TRUE(check_method(method).ok()) << method;
    }
    for (const char* method : {"", "get", "CONNECT", "TRACE", "GET /", "GET\r\n", "BREW"}) {
        EXPECT_FALSE(check_method(method).ok()) << method;
    }
}

TEST(EgressHeaders, OnlyHarmlessFieldsChangeOrigin) {
    for (const char* name : {"Accept", "content-type", "User-Agent"}) {
        EXPECT_TRUE(survives_origin_change(name)) << name;
    }
    for (const char* name : {"Authorization", "Cookie", "X-Api-Key", "apikey", "X-Anything"}) {
        EXPECT_FALSE(survives_origin_change(name)) << name;
    }
}

}  // namespace
}  // namespace sallyport::engine
