// Provider feeds, what a list's directive says, and which new versions of a list are believed.
#include "module/policy/ip_feed.hpp"

#include "module/policy/ip_list_spec.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy {
namespace {

constexpr std::string_view kGithub = R"({
    "verifiable_password_authentication": false,
    "ssh_key_fingerprints": {"SHA256_ECDSA": "p2QAMXNIC1TJYWeIOttrVc98"},
    "ssh_keys": ["ssh-ed25519 AAAAC3Nz"],
    "hooks": ["192.30.252.0/22", "2a0a:a440::/29"],
    "web": ["192.30.252.0/22", "20.201.28.151/32"],
    "domains": {"website": ["*.github.com"]}
})";
constexpr std::string_view kAws = R"({
    "syncToken": "1", "createDate": "2026-01-01-00-00-00",
    "prefixes": [
        {"ip_prefix": "3.5.140.0/22", "region": "ap-northeast-2", "service": "AMAZON"},
        {"ip_prefix": "120.52.22.96/27", "region": "GLOBAL", "service": "CLOUDFRONT"}],
    "ipv6_prefixes": [
        {"ipv6_prefix": "2600:9000::/28", "region": "GLOBAL", "service": "CLOUDFRONT"}]
})";
constexpr std::string_view kGoogle = R"({"syncToken": "1", "prefixes": [
    {"ipv4Prefix": "8.8.4.0/24"}, {"ipv6Prefix": "2001:4860::/32"},
    {"ipv4Prefix": "34.1.208.0/20", "service": "Google Cloud", "scope": "africa-south1"}]})";
constexpr std::string_view kCloudflare = R"({"result": {"ipv4_cidrs": ["103.21.244.0/22"],
    "ipv6_cidrs": ["2400:cb00::/32"], "etag": "x"}, "success": true, "errors": []})";

std::string joined(const Result<std::vector<Cidr>>& blocks) {
    if (!blocks) {
        return "error " + blocks.message();
    }
    std::string out;
    for (const Cidr& block : *blocks) {
        out += (out.empty() ? "" : " ") + block.to_string();
    }
    return out;
}

struct Row {
    std::string_view source;
    std::string_view text;
    std::string_view expected;  // the blocks, or a piece of the error
};

TEST(IpFeed, ReadsWhatProvidersPublish) {
    const Row rows[] = {
        {"text", "# a\n10.0.0.0/8 ; b\n\n", "10.0.0.0/8"},
        {"github.hooks", kGithub, "192.30.252.0/22 2a0a:a440::/29"},
        {"github.hooks+web", kGithub,
         "192.30.252.0/22 2a0a:a440::/29 192.30.252.0/22 20.201.28.151/32"},
        {"aws", kAws, "3.5.140.0/22 120.52.22.96/27 2600:9000::/28"},
        {"aws.CLOUDFRONT", kAws, "120.52.22.96/27 2600:9000::/28"},
        {"aws.ap-northeast-2", kAws, "3.5.140.0/22"},
        {"google", kGoogle, "8.8.4.0/24 2001:4860::/32 34.1.208.0/20"},
        {"google.africa-south1", kGoogle, "34.1.208.0/20"},
        {"cloudflare", "173.245.48.0/20\n103.21.244.0/22\n", "173.245.48.0/20 103.21.244.0/22"},
        {"cloudflare", kCloudflare, "103.21.244.0/22 2400:cb00::/32"},
        {"fastly", R"({"addresses": ["23.235.32.0/20"], "ipv6_addresses": ["2a04:4e40::/32"]})",
         "23.235.32.0/20 2a04:4e40::/32"},
        {"stripe", R"({"WEBHOOKS": ["3.18.12.63", "3.130.192.231"]})",
         "3.18.12.63/32 3.130.192.231/32"},
    };
    for (const Row& row : rows) {
        const auto source = parse_feed_source(row.source);
        ASSERT_TRUE(source.ok()) << row.source;
        EXPECT_EQ(joined(parse_feed(*source, row.text, "f")), row.expected) << row.source;
    }
}

TEST(IpFeed, ErrorsNameTheFileAndTheMember) {
    const Row rows[] = {
        {"text", "10.0.0.0/8\n10.0.0.1/8\n", "f:2: \"10.0.0.1/8\""},
        {"text", kAws, "is JSON; say whose"},
        {"github.hooks", "", "f: "},
        {"github.hooks", "[]", "not an object"},
        {"github.hooks", "{}", "no section \"hooks\""},
        {"github.hoks", kGithub, "no section \"hoks\""},
        {"github.ssh_keys", kGithub, "ssh_keys[0]: \"ssh-ed25519"},
        {"github.domains", kGithub, "domains: is not a list"},
        {"github.hooks", R"({"hooks": []})", "no block at all"},
        {"github.hooks", R"({"hooks": [1]})", "hooks[0]: is not text"},
        {"github.hooks", R"({"hooks": ["10.0.0.0/8", "0.0.0.0/0"]})", "hooks[1]: \"0.0.0.0/0\""},
        {"aws.NOSUCH", kAws, "no section \"NOSUCH\""},
        {"aws", R"({"prefixes": {}})", "prefixes: is not a list"},
        {"aws", R"({"prefixes": [{"region": "x"}], "ipv6_prefixes": []})",
         "prefixes[0]: has no prefix"},
        {"aws", R"({"prefixes": [)", "f: "},
        {"cloudflare", R"({"success": false, "errors": ["x"]})", "success: is not true"},
        {"stripe", R"({"error": "x"})", "no block at all"},
    };
    for (const Row& row : rows) {
        const std::string got = joined(parse_feed(*parse_feed_source(row.source), row.text, "f"));
        EXPECT_TRUE(got.starts_with("error f")) << row.source << ": " << got;
        EXPECT_NE(got.find(row.expected), std::string::npos) << row.source << ": " << got;
    }
}

TEST(IpFeed, SourcesThatCannotBe) {
    for (const char* text :
         {"", "azure", "github", "text.a", "aws.", "aws.a++b", "cloudflare.v4"}) {
        EXPECT_FALSE(parse_feed_source(text).ok()) << text;
    }
}

Result<IpListSpec> spec(std::vector<std::string_view> arguments) {
    return parse_ip_list_spec(arguments);
}

TEST(IpListSpec, ReadsItsOptions) {
    const auto parsed =
        spec({"hooks", "feed=github.hooks:feeds/github.json", "file=a.txt", "file=b",
              "192.0.2.0/24", "refresh=1m", "guard=5", "share=10%", "max=1000"});
    ASSERT_TRUE(parsed.ok()) << parsed.message();
    EXPECT_EQ(parsed->sources.size(), 3u);
    EXPECT_EQ(parsed->sources[0].path, "feeds/github.json");
    EXPECT_EQ(parsed->sources[0].feed.format, FeedFormat::github);
    EXPECT_EQ(parsed->blocks.size(), 1u);
    EXPECT_EQ(parsed->refresh_ms, 60'000);
    EXPECT_EQ(parsed->guard.factor, 5);
    EXPECT_EQ(parsed->guard.share_max, 10u);
    EXPECT_EQ(ip_list_room(*parsed, 10), 1000u);
    EXPECT_EQ(ip_list_room(*parsed, 2000), 2000u);
    const auto plain = spec({"a", "file=x", "refresh=off", "guard=off"});
    EXPECT_EQ(plain->refresh_ms, 0);
    EXPECT_EQ(plain->guard.factor, 0);
    EXPECT_EQ(ip_list_room(*plain, 7), 7u);
    EXPECT_EQ(ip_list_room(*spec({"a", "file=x"}), 1'000'000), 4'000'000u);
    EXPECT_EQ(ip_list_room(*spec({"a", "file=x"}), 3), 16'384u);
}

TEST(IpListSpec, MistakesNameValueAndRemedy) {
    const struct {
        std::vector<std::string_view> arguments;
        const char* piece;
    } rows[] = {
        {{"A", "file=x"}, "lower-case"},
        {{"a", "refresh=1s"}, "no addresses"},
        {{"a", "file="}, "write file=PATH"},
        {{"a", "feed=github.hooks"}, "names no file"},
        {{"a", "feed=github:x"}, "name one, such as"},
        {{"a", "feed=azure:x"}, "is not a feed"},
        {{"a", "file=x", "refresh=0"}, "1s to 24h"},
        {{"a", "file=x", "refresh=2d"}, "1s to 24h"},
        {{"a", "file=x", "guard=1"}, "2 to 1000"},
        {{"a", "file=x", "share=0%"}, "1% to 100%"},
        {{"a", "file=x", "share=101"}, "1% to 100%"},
        {{"a", "file=x", "max=0"}, "1 to 4000000"},
        {{"a", "file=x", "max=1", "max=2"}, "twice"},
        {{"a", "files=x"}, "unknown option"},
    };
    for (const auto& row : rows) {
        const auto parsed = spec(row.arguments);
        ASSERT_FALSE(parsed.ok()) << row.arguments.back();
        EXPECT_NE(parsed.message().find(row.piece), std::string::npos) << parsed.message();
    }
}

TEST(IpListGuard, Size) {
    const IpListGuard guard;
    const struct {
        std::size_t now, next;
        bool ok;
    } rows[] = {{1000, 2000, true}, {1000, 2001, false}, {1000, 500, true}, {1000, 499, false},
                {1000, 0, false},   {5, 0, false},       {0, 0, true},      {0, 1'000'000, true},
                {3, 60, true},      {3, 99, true},       {3, 100, false},   {99, 1, true},
                {100, 1, false}};
    for (const auto& row : rows) {
        EXPECT_EQ(check_size(guard, row.now, row.next).ok(), row.ok) << row.now << " " << row.next;
    }
    EXPECT_TRUE(check_size({.factor = 0, .share_max = 50}, 1000, 0).ok());
    EXPECT_NE(check_size(guard, 1000, 7).message().find("has 7 blocks where there were 1000"),
              std::string::npos);
}

IpCoverage covered(std::initializer_list<const char*> texts) {
    std::vector<Cidr> blocks;
    for (const char* text : texts) {
        blocks.push_back(*Cidr::parse(text));
    }
    return IpSetImage(blocks).coverage();
}

// Halves of the world make the whole of it, whatever they are cut into.
TEST(IpListGuard, Share) {
    const IpListGuard guard;
    EXPECT_TRUE(check_share(guard, covered({"10.0.0.0/8", "2001:db8::/32"})).ok());
    EXPECT_TRUE(check_share(guard, covered({"0.0.0.0/1"})).ok());
    EXPECT_FALSE(check_share(guard, covered({"0.0.0.0/1", "128.0.0.0/1"})).ok());
    EXPECT_FALSE(check_share(guard, covered({"0.0.0.0/1", "128.0.0.0/9"})).ok());
    EXPECT_FALSE(check_share(guard, covered({"2000::/3"})).ok());
    EXPECT_FALSE(check_share(guard, covered({"::/2"})).ok());
    EXPECT_TRUE(check_share({.factor = 2, .share_max = 100}, covered({"::/0"})).ok());
    EXPECT_DOUBLE_EQ(covered({"10.0.0.0/8", "10.1.0.0/16"}).v4, 1.0 / 256);
    EXPECT_NE(check_share(guard, covered({"0.0.0.0/1", "128.0.0.0/1"})).message().find("100.0%"),
              std::string::npos);
}

}  // namespace
}  // namespace sallyport::policy
