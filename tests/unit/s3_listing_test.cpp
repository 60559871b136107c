// What S3 answers, and what of it is believed.
#include "engine/core/s3_listing.hpp"

#include "engine/core/piece_s3.hpp"
#include "engine/core/time_text.hpp"
#include "engine/core/xml_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sallyport::engine {
namespace {

// The events, one after the other: <name text name>.
std::string events(std::string_view xml) {
    XmlReader reader(xml);
    std::string all;
    while (true) {
        switch (reader.next()) {
            case XmlReader::Event::begin:
                all += "<" + std::string(reader.name());
                break;
            case XmlReader::Event::end:
                all += std::string(reader.name()) + ">";
                break;
            case XmlReader::Event::text:
                all += "'" + reader.text() + "'";
                break;
            case XmlReader::Event::done:
                return all;
            case XmlReader::Event::error:
                EXPECT_EQ(reader.next(), XmlReader::Event::error);
                return "error";
        }
    }
}

TEST(XmlReader, ReadsWhatServicesWrite) {
    for (const auto& [xml, expected] : std::initializer_list<std::pair<const char*, const char*>>{
             {"<a/>", "<aa>"},
             {"<?xml version='1.0'?>\n<!-- c > --><a b='1>2' c=\"<\"/>\n", "error"},
             {"<?xml version='1.0'?>\n<!-- c > --><a b='1>2'><n:b/></a>\n", "<a<bb>a>"},
             {"<a>&lt;&#65;&#x42;&amp;&quot;&apos;&gt;</a>", "<a'<AB&\"'>'a>"},
             {"<a>x<!-- y -->z</a>", "<a'x''z'a>"},
             {"<a>&#x20AC;&#128512;</a>", "<a'€😀'a>"},
             {"<a >1</a >", "<a'1'a>"}}) {
        EXPECT_EQ(events(xml), expected) << xml;
    }
}

TEST(XmlReader, RefusesWhatIsNoneOrWouldDoMore) {
    for (const char* xml : {"",
                            " ",
                            "text",
                            "<a>",
                            "</a>",
                            "<a></b>",
                            "<a/><b/>",
                            "<a/>text",
                            "<a",
                            "<a b='",
                            "<>",
                            "< a/>",
                            "<a>&nbsp;</a>",
                            "<a>&#0;</a>",
                            "<a>&#xD800;</a>",
                            "<a>&#x110000;</a>",
                            "<a>&#99999999999;</a>",
                            "<a>&amp</a>",
                            "<a>&;</a>",
                            "<a>&#;</a>",
                            "<a>&#-1;</a>",
                            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                            "<a><![CDATA[x]]></a>",
                            "<a><!-- </a>",
                            "<!-->",
                            "<a><b></a></b>",
                            "<a<b/>"}) {
        EXPECT_EQ(events(xml), "error") << xml;
    }
    const auto nested = [](std::size_t depth) {
        std::string xml;
        for (std::size_t i = 0; i < depth; ++i) {
            xml.insert(0, "<a>").append("</a>");
        }
        return events(xml);
    };
    EXPECT_NE(nested(XmlReader::kDepthMax), "error");
    EXPECT_EQ(nested(XmlReader::kDepthMax + 1), "error");
}

std::string listing(const std::string& inside) {
    return "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://x/\">" + inside +
           "</ListBucketResult>";
}

TEST(S3Listing, IsRead) {
    const auto page = read_s3_page(listing(
        "<Name>b</Name><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>t&amp;1</NextContinuationToken>\n <Contents>\n  <Key>a+b%2B%C3%A4"
        "</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
        "<Size>17</Size><Owner><ID>o</ID><Key>none</Key></Owner><StorageClass>STANDARD"
        "</StorageClass></Contents><Contents><Key>%00</Key></Contents>"
        "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"));
    ASSERT_TRUE(page.ok()) << page.message();
    ASSERT_EQ(page->objects.size(), 2u);
    const S3Object& object = page->objects.front();
    EXPECT_EQ(object.key, "a b+ä");
    EXPECT_EQ(object.modified, "2026-01-01T00:00:00.000Z");
    EXPECT_EQ(object.etag, "\"e\"");
    EXPECT_EQ(object.size, 17);
    EXPECT_EQ(object.storage_class, "STANDARD");
    EXPECT_EQ(page->objects.back().key, std::string(1, '\0'));
    EXPECT_TRUE(page->truncated);
    EXPECT_EQ(page->next, "t&1");
    const auto plain = read_s3_page(listing("<Contents><Key>a+b%2B</Key></Contents>"));
    EXPECT_EQ(plain->objects.front().key, "a+b%2B") << "encoded only where it is said";
    EXPECT_TRUE(read_s3_page(listing("")).ok());
}

TEST(S3Listing, IsNotBelievedWhenItIsNone) {
    const auto objects = [](std::size_t count) {
        std::string all;
        for (std::size_t i = 0; i < count; ++i) {
            all += "<Contents><Key>k</Key></Contents>";
        }
        return read_s3_page(listing(all)).ok();
    };
    EXPECT_TRUE(objects(kS3PageObjects));
    EXPECT_FALSE(objects(kS3PageObjects + 1));
    for (const std::string& xml :
         {std::string(), std::string("{}"), std::string("<Error><Code>x</Code></Error>"),
          std::string("<Other/>"), listing("<Contents></Contents>"),
          listing("<Contents><Key></Key></Contents>"),
          listing("<Contents><Key>k</Key><Size>x</Size></Contents>"),
          listing("<Contents><Key>k</Key><Size>-1</Size></Contents>"),
          listing("<IsTruncated>true</IsTruncated>"),
          listing("<Contents><Key>" + std::string(5000, 'k') + "</Key></Contents>")}) {
        const auto page = read_s3_page(xml);
        ASSERT_FALSE(page.ok()) << xml;
        EXPECT_EQ(page.message(), "s3: the answer is no listing of a bucket");
    }
}

TEST(S3Listing, ACopyMayFailAfterAll) {
    const auto copy = read_s3_copy(
        "<CopyObjectResult><LastModified>2026</LastModified><ETag>&quot;e&quot;</ETag>"
        "</CopyObjectResult>");
    ASSERT_TRUE(copy.ok());
    EXPECT_EQ(copy->etag, "\"e\"");
    EXPECT_FALSE(read_s3_copy("<Error><Code>InternalError</Code></Error>").ok());
    EXPECT_FALSE(read_s3_copy("").ok());
}

// The example of Amazon's own description ("Authenticating Requests: Using Query Parameters").
TEST(S3Listing, AddressesAreSignedAsAmazonShowsIt) {
    const AwsCredentials credentials{
        "AKIAIOSFODNN7EXAMPLE", Secret(std::string("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
        "us-east-1"};
    EXPECT_EQ(aws_signed_query(credentials,
                               {"GET", "examplebucket.s3.amazonaws.com", "/test.txt", "", {}, ""},
                               "s3", 86400, *parse_iso_time("2013-05-24T00:00:00Z")),
              "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
              "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
              "&X-Amz-SignedHeaders=host&X-Amz-Signature="
              "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

Result<S3Step> step(std::string_view action, const std::string& more) {
    const Result<Json> input = Json::parse(
        R"({"auth":{"accessKeyId":"id","secretAccessKey":"s","bucket":"b","region":"eu-west-1"},)" +
        more + "}");
    EXPECT_TRUE(input.ok()) << more;
    return s3_step(action, *input, 0);
}

TEST(S3Steps, AskForWhatTheyName) {
    const auto list = step("list-files", R"("prefix":"a b/","maxKeys":"5")");
    ASSERT_TRUE(list.ok()) << list.message();
    EXPECT_EQ(list->calls.at(0).url,
              "https://b.s3.eu-west-1.amazonaws.com/"
              "?encoding-type=url&list-type=2&max-keys=5&prefix=a%20b%2F");
    EXPECT_NE(step("list-files", R"("maxKeys":5000)")->calls.at(0).url.find("max-keys=1000"),
              std::string::npos);
    const auto move = step("moveFile", R"("fileKey":"x/ä.txt","folderKey":"old/")");
    ASSERT_EQ(move->calls.size(), 2u);
    EXPECT_TRUE(move->calls[0].url.ends_with("/old/%C3%A4.txt"));
    EXPECT_EQ(move->calls[0].headers.front().second, "/b/x/%C3%A4.txt");
    EXPECT_EQ(move->calls[1].method, "DELETE");
    EXPECT_TRUE(move->calls[1].url.ends_with("/x/%C3%A4.txt"));
    EXPECT_TRUE(step("moveFile", R"("fileKey":"x/a","folderKey":"/")")
                    ->calls[0]
                    .url.ends_with("amazonaws.com/a"));
    const auto upload = step("generate-signed-upload-url", R"("key":"k","expiresIn":1)");
    EXPECT_TRUE(upload->calls.empty());
    EXPECT_NE(upload->output["url"].text().find("X-Amz-Expires=60&"), std::string_view::npos);
    EXPECT_NE(step("generate-signed-url", R"("key":"k")")->output.text().find("X-Amz-Expires=600&"),
              std::string_view::npos);
    for (const auto& [action, more] : std::initializer_list<std::pair<const char*, const char*>>{
             {"list-files", R"("maxKeys":"many")"},
             {"list-files", R"("prefix":7.5,"maxKeys":{})"},
             {"moveFile", R"("fileKey":"a/b","folderKey":"a")"},
             {"moveFile", R"("fileKey":"b","folderKey":"/")"},
             {"moveFile", R"("fileKey":"a/..","folderKey":"c")"},
             {"moveFile", R"("fileKey":"a","folderKey":"../c")"},
             {"moveFile", R"("fileKey":"a/","folderKey":"")"},
             {"moveFile", R"("fileKey":"a")"},
             {"deleteFile", R"("key":"")"},
             {"generate-signed-url", R"("key":"k","expiresIn":0)"},
             {"generate-signed-url", R"("key":"k","expiresIn":10081)"}}) {
        EXPECT_FALSE(step(action, more).ok()) << action << more;
    }
}

TEST(S3Steps, NamesOfUploadsEndAsTheirTypeSays) {
    const auto key = [](const std::string& type, const std::string& name) {
        const auto made = step("upload-file", R"("file":"data:text/plain;base64,aGk=","type":")" +
                                                  type + R"(","fileName":")" + name + "\"");
        return made.ok() ? made->calls.at(0).key : made.message();
    };
    EXPECT_EQ(key("text/plain", "a"), "a.txt");
    EXPECT_EQ(key("text/plain; charset=utf-8", "a.txt"), "a.txt");
    EXPECT_EQ(key("image/png", "a.b"), "a.b.png");
    EXPECT_EQ(key("application/x-own", "a"), "a.x-own");
}

}  // namespace
}  // namespace sallyport::engine
