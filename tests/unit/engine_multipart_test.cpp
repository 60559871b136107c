// multipart/form-data: what senders make, and what nobody should.
#include "engine/core/multipart.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=XX";

std::string shown(std::string_view type, std::string_view body) {
    const auto parts = parse_multipart(type, body);
    if (!parts.ok()) {
        return "!" + parts.message();
    }
    std::string out;
    for (const MultipartPart& part : *parts) {
        out += part.name +
               (part.file_name ? "(" + *part.file_name + "," + part.content_type + ")" : "") + "=" +
               std::string(part.data) + ";";
    }
    return out;
}

TEST(Multipart, ReadsWhatSendersMake) {
    const std::string body =
        "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
        "--XX\r\ncontent-disposition: form-data; filename=\"x \\\"y\\\".txt\"; name=f\r\n"
        "Content-Type: text/plain\r\n\r\nline\r\n--X not it\r\n\r\n"
        "--XX\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--XX--\r\nepilogue";
    EXPECT_EQ(shown(kType, body), "a=one;f(x \"y\".txt,text/plain)=line\r\n--X not it\r\n;empty=;");
    EXPECT_EQ(shown("multipart/form-data; charset=utf-8; boundary=\"X X\"",
                    "--X X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X X--"),
              "a=1;");
    EXPECT_EQ(shown(kType, "--XX--"), "");
    EXPECT_EQ(
        shown(kType,
              "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"C:\\a.txt\"\r\n\r\n"
              "x\r\n--XX--"),
        "f(C:\\a.txt,)=x;");
}

TEST(Multipart, RefusesTheRest) {
    const std::vector<std::pair<std::string_view, std::string>> cases = {
        {"multipart/form-data", "--XX--"},
        {"multipart/form-data; boundary=", "----"},
        {kType, ""},
        {kType, "--XY--"},
        {kType, "--XX"},
        {kType, "--XX\r\n"},
        {kType, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none"},
        {kType, "--XX\r\n\r\none\r\n--XX--"},
        {kType, "--XX\r\nnonsense\r\n\r\none\r\n--XX--"},
        {kType, "--XX\r\nContent-Disposition: form-data\r\n\r\none\r\n--XX--"},
        {kType, "--XX\r\nX: " + std::string(9000, 'a') + "\r\n\r\none\r\n--XX--"},
    };
    for (const auto& [type, body] : cases) {
        EXPECT_TRUE(shown(type, body).starts_with("!")) << body.substr(0, 60);
    }
    std::string many;
    for (int i = 0; i < 1001; ++i) {
        many += "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    }
    EXPECT_EQ(shown(kType, many + "--XX--"), "!more than 1000 parts");
    // Cut anywhere, it is read or refused, and nothing else.
    const std::string whole =
        "--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\none\r\n--XX--";
    for (std::size_t i = 0; i < whole.size(); ++i) {
        shown(kType, std::string_view(whole).substr(0, i));
        shown(std::string_view(kType).substr(0, i % kType.size()), whole);
    }
}

}  // namespace
}  // namespace sallyport::engine
