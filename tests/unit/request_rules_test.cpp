#include "module/policy/request_rules.hpp"

#include <gtest/gtest.h>

namespace sallyport::policy {
namespace {

Result<MethodList> methods(std::vector<std::string_view> words) {
    return MethodList::parse(words);
}

TEST(Methods, AllowWhatTheyName) {
    const auto list = methods({"GET", "POST", "PROPFIND", "M-SEARCH"});
    ASSERT_TRUE(list.ok()) << list.message();
    for (const char* method : {"GET", "HEAD", "POST", "PROPFIND", "M-SEARCH"}) {
        EXPECT_TRUE(list->allows(method)) << method;
    }
    for (const char* method : {"", "PUT", "get", "GETS", "GE", "FOO", "OPTIONS", "GET "}) {
        EXPECT_FALSE(list->allows(method)) << method;
    }
    EXPECT_EQ(list->allow_field(), "GET, HEAD, POST, PROPFIND, M-SEARCH");
    EXPECT_EQ(methods({"HEAD", "GET"})->allow_field(), "HEAD, GET");
    EXPECT_EQ(methods({"GET", "HEAD"})->allow_field(), "GET, HEAD");
    EXPECT_EQ(methods({"POST"})->allow_field(), "POST");
}

TEST(Methods, AreJoined) {
    MethodList all = *methods({"GET"});
    all.add(*methods({"POST", "HEAD"}));
    EXPECT_EQ(all.allow_field(), "GET, HEAD, POST");
    EXPECT_TRUE(all.allows("POST"));
}

TEST(Methods, RefuseMistakes) {
    const std::string long_name(33, 'A');
    for (const std::vector<std::string_view>& words : {std::vector<std::string_view>{"get"},
                                                       {"GET", "GET"},
                                                       {"POST", "POST"},
                                                       {"TRACE"},
                                                       {"GET", "CONNECT"},
                                                       {"GET,POST"},
                                                       {""},
                                                       {"GET", "off"},
                                                       {"P0ST"},
                                                       {long_name},
                                                       std::vector<std::string_view>(33, "A")}) {
        EXPECT_FALSE(methods(words).ok()) << words[0];
    }
}

TEST(StrictRequests, Parse) {
    const auto parse = [](std::vector<std::string_view> words) {
        return StrictRules::parse(words);
    };
    const auto two = parse({"path", "http2"});
    ASSERT_TRUE(two.ok());
    EXPECT_TRUE(two->path && two->http2 && !two->semicolons && two->any());
    EXPECT_TRUE(parse({"semicolons"})->semicolons);
    for (const std::vector<std::string_view>& words :
         {std::vector<std::string_view>{"on"}, {"path", "path"}, {"off", "path"}, {""}}) {
        EXPECT_FALSE(parse(words).ok()) << words[0];
    }
}

TEST(StrictRequests, NameWhatAPathHides) {
    const StrictRules path{.path = true};
    const struct {
        const char* target;
        const char* fault;
    } rows[] = {
        {"/", ""},
        {"/a/b.txt?x=%2f\\;%zz%ff", ""},
        {"/caf%C3%A9", ""},
        {"/caf\xc3\xa9", ""},
        {"/a%20b%3Fc%23d", ""},
        {"/a;b=1", ""},
        {"/100%25", ""},
        {"/100%25x", ""},
        {"/100%25zz/", ""},
        {"/%F0%9F%98%80", ""},
        {"*", ""},
        {"", ""},
        {"/a%2fb", "encoded_slash"},
        {"/a%2Fb", "encoded_slash"},
        {"/%2e%2e/etc", "encoded_dot"},
        {"/a%5Cb", "backslash"},
        {"/a\\b", "backslash"},
        {"/a%00", "control_character"},
        {"/a%0d%0aX:1", "control_character"},
        {"/a%7f", "control_character"},
        {"/a%252fb", "double_encoding"},
        {"/a%2561", "double_encoding"},
        {"/a%25ff", "double_encoding"},
        {"/a%", "bad_encoding"},
        {"/a%2", "bad_encoding"},
        {"/a%zz", "bad_encoding"},
        {"/a%-1", "bad_encoding"},
        {"/%c0%ae%c0%ae/", "bad_utf8"},
        {"/%e0%80%af", "bad_utf8"},
        {"/%ed%a0%80", "bad_utf8"},
        {"/%f4%90%80%80", "bad_utf8"},
        {"/%f8", "bad_utf8"},
        {"/caf%e9", "bad_utf8"},
        {"/%c3", "bad_utf8"},
        {"/%c3/", "bad_utf8"},
        {"/%80", "bad_utf8"},
        {"/\xff", "bad_utf8"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(path_fault(row.target, path), row.fault) << row.target;
    }
    EXPECT_EQ(path_fault("/a%2fb\\%00", {}), "");
}

TEST(StrictRequests, Semicolons) {
    const StrictRules semicolons{.semicolons = true};
    for (const char* target : {"/a;b", "/a/;jsessionid=1", "/a%3bb", "/a%3Bb"}) {
        EXPECT_EQ(path_fault(target, semicolons), "semicolon") << target;
    }
    for (const char* target : {"/a?x=;", "/a%2fb", "/a"}) {
        EXPECT_EQ(path_fault(target, semicolons), "") << target;
    }
}

TEST(StrictRequests, FieldsOfAConnectionThatIsNotThere) {
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"connection", "close"},
             {"keep-alive", "timeout=5"},
             {"proxy-connection", ""},
             {"transfer-encoding", "chunked"},
             {"upgrade", "h2c"},
             {"te", "gzip"},
             {"te", "trailers, gzip"},
             {"te", ""}}) {
        EXPECT_EQ(http2_field_fault(name, value), "connection_field") << name << value;
    }
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"te", "trailers"}, {"te", " Trailers "}, {"x-connection", "1"}, {"cookie", "te=1"}}) {
        EXPECT_EQ(http2_field_fault(name, value), "") << name << value;
    }
    EXPECT_EQ(http2_scheme_fault("https"), "");
    EXPECT_EQ(http2_scheme_fault("http"), "");
    EXPECT_EQ(http2_scheme_fault("javascript"), "scheme");
    EXPECT_EQ(http2_scheme_fault(""), "scheme");
}

}  // namespace
}  // namespace sallyport::policy
