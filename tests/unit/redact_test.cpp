#include "module/policy/redact.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy {
namespace {

class RedactText : public testing::Test {
  protected:
    RedactRules rules_;
    HmacKey key_ = redact_key(Secret("0123456789abcdef"));

    // Pseudonyms become <S>, so that expectations can be read.
    static std::string plain(std::string text) {
        for (std::size_t at = 0; (at = text.find('~', at)) != std::string::npos; ++at) {
            std::size_t end = at + 1;
            while (end < text.size() && end - at < 17 &&
                   (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '-' ||
                    text[end] == '_')) {
                ++end;
            }
            text.replace(at, end - at, end - at == 17 ? "<S>" : "<!>");
        }
        return text;
    }
    std::string uri(std::string_view text) { return plain(Redactor(rules_, key_).uri(text)); }
    std::string header(std::string_view name, std::string_view value) {
        return plain(Redactor(rules_, key_).header(name, value));
    }
};

TEST_F(RedactText, Addresses) {
    ASSERT_TRUE(rules_.add("paths=/mcp/*/sse,/a/b/*").ok());
    ASSERT_TRUE(rules_.add("keep=pageToken").ok());
    const struct {
        const char* text;
        const char* shown;
    } rows[] = {
        {"/", "/"},
        {"", ""},
        {"/p?x=1&y=2", "/p?x=1&y=2"},
        {"/p?token=a", "/p?token=<S>"},
        {"/p?TOKEN=a&Api-Key=b&apiKey=c&x_key=d", "/p?TOKEN=<S>&Api-Key=<S>&apiKey=<S>&x_key=<S>"},
        {"/p?%74oken=a", "/p?%74oken=<S>"},
        {"/p?a[token]=x&user[name]=y&b.secret=z", "/p?a[token]=<S>&user[name]=y&b.secret=<S>"},
        {"/p?page_token=a&monkey=b&key=c&hotkey=d", "/p?page_token=a&monkey=b&key=<S>&hotkey=d"},
        {"/p?token=&x", "/p?token=&x"},
        {"/p?x=1;sid=2;y", "/p?x=1;sid=<S>;y"},
        {"/p?next=%2Fq%3Ftoken%3Da", "/p?next=<S>"},
        {"/p?next=/q?token=a", "/p?next=<S>"},
        {"/p?next=%252Fq%253Ftoken%253Da", "/p?next=<S>"},
        {"/p?next=https://u:p@h/", "/p?next=<S>"},
        {"/p?next=https%3A%2F%2Fu%3Ap%40h%2F", "/p?next=<S>"},
        {"/p?next=https://h/@u", "/p?next=https://h/@u"},
        {"/p?mail=u@h", "/p?mail=u@h"},
        {"/p?variables=%7B%22a%22%3A1%2C%22password%22%3A%22x%22%7D", "/p?variables=<S>"},
        {"/p?variables={\"input\":{\"apiKey\":\"x\"}}", "/p?variables=<S>"},
        {"/p?variables={\"page\":\"x\"}", "/p?variables={\"page\":\"x\"}"},
        {"/p?at=10:30,11:00", "/p?at=10:30,11:00"},
        {"/MCP/x/Sse", "/MCP/<S>/Sse"},
        {"/p?next=%2Fq%3Fx%3Da", "/p?next=%2Fq%3Fx%3Da"},
        {"/p?q=eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "/p?q=<S>"},
        {"/p?eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "/p?<S>"},
        {"/eyJhbGciOiJIUzI1NiJ9.e30.c2ln/x", "/<S>/x"},
        {"/p#access_token=a&x=1", "/p#access_token=<S>&x=1"},
        {"/p?x=1#id_token=a", "/p?x=1#id_token=<S>"},
        {"https://u:p@h/x?code=1", "https://<S>@h/x?code=<S>"},
        {"https://h?x=a@b", "https://h?x=a@b"},
        {"/x?u=https://a@b", "/x?u=<S>"},
        {"/x?scope=token:read", "/x?scope=token:read"},
        {"/mcp/abc/sse", "/mcp/<S>/sse"},
        {"/mcp/abc", "/mcp/<S>"},
        {"/v1/mcp/abc/sse?x=1", "/v1/mcp/<S>/sse?x=1"},
        {"//mcp/./abc/sse", "//mcp/./<S>/sse"},
        {"/%6dcp/abc/sse", "/%6dcp/<S>/sse"},
        {"/mcp/x/../abc/sse", "/mcp/<S>/<S>/<S>/<S>"},
        {"/mcps/abc/sse", "/mcps/abc/sse"},
        {"/a/b/c/d", "/a/b/<S>/d"},
        // nginx looks for locations in the decoded path, some upstreams in the raw one.
        {"/mcp%2fabc/sse", "/mcp%2f<S>/sse"},
        {"/x%2Fmcp%2Fabc%2fsse?x=1", "/x%2Fmcp%2F<S>%2fsse?x=1"},
        {"/mcp/abc%2fd/sse", "/mcp/<S>/sse"},
        {"/a%2fb%2fc%2fd", "/a%2fb%2f<S>%2fd"},
        {"/a%2fx%2fc", "/a%2fx%2fc"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(uri(row.text), row.shown) << row.text;
    }
}

TEST_F(RedactText, RequestLines) {
    const auto line = [this](std::string_view text) {
        return plain(Redactor(rules_, key_).request_line(text));
    };
    EXPECT_EQ(line("GET /?token=a HTTP/1.1"), "GET /?token=<S> HTTP/1.1");
    EXPECT_EQ(line("GET /?token=a b HTTP/1.1"), "GET /?token=<S> HTTP/1.1");
    EXPECT_EQ(line("GET /?token=a b"), "GET /?token=<S>");
    EXPECT_EQ(line("?token=a"), "?token=<S>");
    EXPECT_EQ(line("GET"), "GET");
    EXPECT_EQ(line(""), "");
}

TEST_F(RedactText, Headers) {
    ASSERT_TRUE(rules_.add("headers=X-Customer").ok());
    const struct {
        const char* name;
        const char* value;
        const char* shown;
    } rows[] = {
        {"Authorization", "Bearer abc", "Bearer <S>"},
        {"Authorization", "abc", "<S>"},
        {"Proxy-Authorization", "Basic YTpi", "Basic <S>"},
        {"Cookie", "a=1; b=2;c", "a=<S>; b=<S>;<S>"},
        {"Set-Cookie", "id=1; Path=/; HttpOnly", "id=<S>; Path=/; HttpOnly"},
        {"X-Api-Key", "abc", "<S>"},
        {"X-Hub-Signature-256", "sha256=00", "<S>"},
        {"Stripe-Signature", "t=1,v1=00", "<S>"},
        {"X-Shopify-Hmac-Sha256", "AA==", "<S>"},
        {"X-Gitlab-Token", "abc", "<S>"},
        {"x-customer", "7", "<S>"},
        {"User-Agent", "curl/8", "curl/8"},
        {"X-Note", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "<S>"},
        {"Referer", "https://a/?sig=1", "https://a/?sig=<S>"},
        {"Location", "/cb?code=1&state=2", "/cb?code=<S>&state=2"},
        {"Link", "</a?token=1>; rel=next, <https://h/?x=1>; rel=\"prev\"",
         "</a?token=<S>>; rel=next, <https://h/?x=1>; rel=\"prev\""},
        {"Link", "<unfinished?token=1", "<unfinished?token=<S>"},
        {"Authorization", "", ""},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(header(row.name, row.value), row.shown) << row.name << ": " << row.value;
    }
}

// The ProActions Hub guide's list, whatever its spelling.
TEST_F(RedactText, TheGuidesNames) {
    for (const char* name :
         {"password", "token", "apiKey", "authorization", "key", "secret", "sessionId", "cookie"}) {
        EXPECT_TRUE(rules_.is_sensitive_argument(name)) << name;
        EXPECT_TRUE(rules_.is_sensitive_header(name)) << name;
    }
}

TEST_F(RedactText, PseudonymsDependOnKeyAndValueAlone) {
    const HmacKey other = redact_key(Secret("fedcba9876543210"));
    const auto of = [this](const HmacKey& key, std::string_view text) {
        return Redactor(rules_, key).query(text);
    };
    EXPECT_EQ(of(key_, "token=a"), of(key_, "token=a"));
    EXPECT_EQ(of(key_, "token=a").substr(6), of(key_, "secret=a").substr(7));
    EXPECT_NE(of(key_, "token=a"), of(key_, "token=b"));
    EXPECT_NE(of(key_, "token=a"), of(other, "token=a"));
}

TEST_F(RedactText, WorkIsBounded) {
    std::string many;
    for (int i = 0; i < Redactor::kPseudonymsMax + 2; ++i) {
        many += "token=a&";
    }
    const std::string shown = plain(Redactor(rules_, key_).query(many));
    EXPECT_EQ(shown.substr(shown.size() - 20), "token=<!>&token=<!>&");
    EXPECT_FALSE(may_be_sensitive(rules_, "GET /api/v1/flows HTTP/1.1"));
    EXPECT_TRUE(may_be_sensitive(rules_, "/x?y"));
    EXPECT_TRUE(may_be_sensitive(rules_, "/eyJhbGciOiJIUzI1NiJ9.e30.c2ln"));
}

}  // namespace
}  // namespace sallyport::policy
