// What S3 answers, and what of it is believed.
#include "engine/core/pieces/s3_files.hpp"
#include "engine/core/s3/document.hpp"
#include "engine/core/s3/listing.hpp"
#include "engine/core/time_text.hpp"
#include "engine/core/xml_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

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

TEST(S3Listing, FoldersAreReadToo) {
    const auto page =
        read_s3_page(listing("<EncodingType>url</EncodingType><CommonPrefixes><Prefix>a+b/</Prefix>"
                             "</CommonPrefixes><Contents><Key>c</Key></Contents><Prefix/>"
                             "<CommonPrefixes><Prefix></Prefix></CommonPrefixes>"));
    ASSERT_TRUE(page.ok()) << page.message();
    EXPECT_EQ(page->folders, std::vector<std::string>{"a b/"});
    EXPECT_EQ(page->objects.size(), 1u);
    std::string many;
    for (std::size_t i = 0; i < kS3PageObjects; ++i) {
        many += "<CommonPrefixes><Prefix>p</Prefix></CommonPrefixes>";
    }
    EXPECT_TRUE(read_s3_page(listing(many)).ok());
    EXPECT_FALSE(read_s3_page(listing(many + "<Contents><Key>k</Key></Contents>")).ok());
}

TEST(S3Listing, VersionsTagsAndDeletionsAreRead) {
    const auto versions = read_s3_versions(
        "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextKeyMarker>a%2B</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker>"
        "<Version><Key>a+b</Key><VersionId>1</VersionId><IsLatest>false</IsLatest><Size>3</Size>"
        "<Owner><ID>o</ID></Owner></Version><DeleteMarker><Key>c</Key><VersionId>2</VersionId>"
        "<IsLatest>true</IsLatest></DeleteMarker></ListVersionsResult>");
    ASSERT_TRUE(versions.ok()) << versions.message();
    ASSERT_EQ(versions->versions.size(), 2u);
    EXPECT_EQ(versions->versions[0].object.key, "a b");
    EXPECT_EQ(versions->versions[0].object.size, 3);
    EXPECT_FALSE(versions->versions[0].latest);
    EXPECT_TRUE(versions->versions[1].deleted && versions->versions[1].latest);
    EXPECT_EQ(versions->next_key, "a+");
    const auto tags = read_s3_tags(
        "<Tagging><TagSet><Tag><Key>a</Key><Value>1&amp;2</Value></Tag><Tag><Key>b</Key><Value/>"
        "</Tag></TagSet></Tagging>");
    ASSERT_TRUE(tags.ok());
    EXPECT_EQ(*tags, (S3Tags{{"a", "1&2"}, {"b", ""}}));
    EXPECT_TRUE(read_s3_tags("<Tagging><TagSet/></Tagging>")->empty());
    const auto gone = read_s3_deletions(
        "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code>"
        "<Message>no</Message></Error></DeleteResult>");
    ASSERT_TRUE(gone.ok() && gone->size() == 2);
    EXPECT_FALSE(gone->front().failed);
    EXPECT_TRUE(gone->back().failed);
    EXPECT_EQ(gone->back().code, "AccessDenied");
    for (const char* xml :
         {"", "<a/>", "<ListVersionsResult><Version/></ListVersionsResult>",
          "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>"}) {
        EXPECT_FALSE(read_s3_versions(xml).ok()) << xml;
        EXPECT_FALSE(read_s3_tags(xml).ok()) << xml;
        EXPECT_FALSE(read_s3_deletions(xml).ok()) << xml;
    }
}

TEST(S3Listing, WhatWasRefusedIsSaidInWords) {
    EXPECT_EQ(s3_problem(403, "<Error><Code>A</Code><Message>b &amp; c</Message></Error>"),
              "s3: status 403, A: b & c");
    EXPECT_EQ(s3_problem(502, "<html><Code>A</Code></html>"), "s3: status 502");
    EXPECT_EQ(read_s3_fault("<Error><Code>A</Code><Message>" + std::string(400, 'x') +
                            "</Message></Error>")
                  .message.size(),
              300u);
}

TEST(S3Listing, TextsAreWrittenAsXmlReadsThem) {
    const std::string text = "<a b=\"1\">&\r\n\tä";
    const auto escaped = xml_escaped(text);
    ASSERT_TRUE(escaped);
    EXPECT_EQ(
        read_s3_tags("<Tagging><TagSet><Tag><Key>" + *escaped + "</Key></Tag></TagSet></Tagging>")
            ->front()
            .first,
        text);
    EXPECT_FALSE(xml_escaped(std::string(1, '\x01')));
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

S3Ask sent(const Result<S3Step>& made) {
    const S3Call& call = made->calls.at(0);
    return {call.method, call.url.substr(call.url.find(".com/") + 5), {}, call.headers, call.body};
}

TEST(S3FileSteps, AskForWhatTheyName) {
    const auto target = [](std::string_view action, const std::string& more) {
        const auto made = step(action, more);
        return made.ok() ? sent(made).method + " " + sent(made).key : made.message();
    };
    EXPECT_EQ(target("amazon_s3_list_files",
                     R"("prefix":"a/","listFoldersSeparately":true,"continuationToken":"t=",)"
                     R"("startAfter":"a/b c")"),
              "GET ?continuation-token=t%3D&delimiter=%2F&encoding-type=url&list-type=2"
              "&max-keys=100&prefix=a%2F&start-after=a%2Fb%20c");
    EXPECT_EQ(target("amazon_s3_list_file_versions",
                     R"("maxResults":5000,"keyMarker":"k","versionIdMarker":"v")"),
              "GET ?encoding-type=url&key-marker=k&max-keys=1000&version-id-marker=v&versions=");
    EXPECT_EQ(target("amazon_s3_get_file_metadata", R"("key":"a b","versionId":"v/1")"),
              "HEAD a%20b?versionId=v%2F1");
    EXPECT_EQ(target("amazon_s3_read_file", R"("key":"a")"), "GET a");
    EXPECT_EQ(target("amazon_s3_get_file_tags", R"("key":"a","versionId":"v")"),
              "GET a?tagging=&versionId=v");
    EXPECT_EQ(target("amazon_s3_delete_file_tags", R"("key":"a")"), "DELETE a?tagging=");
    const auto tags = step("amazon_s3_set_file_tags", R"("key":"a","tags":{"b":"<1>","1":2})");
    EXPECT_EQ(
        sent(tags).body,
        R"(<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>1</Key>)"
        R"(<Value>2</Value></Tag><Tag><Key>b</Key><Value>&lt;1&gt;</Value></Tag></TagSet>)"
        R"(</Tagging>)");
    const auto upload = step("amazon_s3_upload_file",
                             R"("key":"a.csv","textContent":"1,2","metadata":{"By":"x","n":1},)"
                             R"("doNotOverwrite":true)");
    EXPECT_EQ(sent(upload).body, "1,2");
    const auto headers = sent(upload).headers;
    EXPECT_EQ(std::vector(headers.begin(), headers.begin() + 4),
              (decltype(headers){{"content-type", "text/csv"},
                                 {"x-amz-meta-by", "x"},
                                 {"x-amz-meta-n", "1"},
                                 {"if-none-match", "*"}}));
    EXPECT_EQ(sent(step("amazon_s3_copy_file", R"("sourceKey":"a b","destinationKey":"c",)"
                                               R"("sourceVersionId":"v 1")"))
                  .headers.front()
                  .second,
              "/b/a%20b?versionId=v%201");
}

TEST(S3FileSteps, SayWhatIsWrongWithTheirInput) {
    const auto many = [](std::size_t count) {
        std::string keys;
        for (std::size_t i = 0; i < count; ++i) {
            keys += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
        }
        return R"("keys":[)" + keys + "]";
    };
    EXPECT_TRUE(step("amazon_s3_delete_files", many(1000)).ok());
    const std::vector<std::tuple<const char*, std::string, const char*>> cases = {
        {"delete_files", many(1001), "At most 1000 keys can be deleted in one call; got 1001."},
        {"delete_files", R"("keys":[])", "Provide at least one file key to delete."},
        {"delete_files", R"("keys":["a",""])",
         "File Keys must be non-empty strings; 1 entry is not. Nothing was deleted."},
        {"delete_files", R"("keys":[1,""])",
         "File Keys must be non-empty strings; 2 entries are not. Nothing was deleted."},
        {"delete_files", R"("keys":["\u0001"])", "Expected no control characters"},
        {"move_file", R"("sourceKey":"a","destinationKey":"a")",
         "Source and destination keys are the same."},
        {"copy_file", R"("sourceKey":"a","destinationKey":"../b")", "destinationKey"},
        {"list_file_versions", R"("versionIdMarker":"v")",
         "Version ID Marker needs Key Marker as well."},
        {"set_file_tags", R"("key":"a","tags":{})",
         "Provide at least one tag, or use Delete File Tags to remove all tags."},
        {"set_file_tags",
         R"("key":"a","tags":{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1})",
         "A file can have at most 10 tags; got 11."},
        {"set_file_tags", R"("key":"a")", "Expected object, received: undefined"},
        {"upload_file", R"("key":"a")", "Provide File or Text Content to upload."},
        {"upload_file", R"("key":"a","file":"data:text/plain;base64,aGk=","textContent":"b")",
         "Provide either File or Text Content, not both."},
        {"upload_file", R"("key":"a","textContent":"b","metadata":{"a b":"c"})", "metadata"},
        {"upload_file", R"("key":"a","textContent":"b","metadata":{"a":"1\n2"})", "metadata"},
        {"upload_file", R"("key":"a","textContent":"b","metadata":{"A":"1","a":"2"})",
         "received twice: a"},
        {"upload_file", R"("key":"a","textContent":"b","metadata":[1])", "Expected object"},
        {"upload_file", R"("key":"a","textContent":"b","contentType":"a\nb")", "contentType"},
        {"get_file_tags", R"("versionId":"v")", "key"},
        {"list_files", R"("maxResults":"many")", "maxResults"}};
    for (const auto& [action, more, problem] : cases) {
        const auto made = step(std::string(kS3FileActions) + action, more);
        ASSERT_FALSE(made.ok()) << action << more;
        EXPECT_NE(made.message().find(problem), std::string::npos) << made.message();
    }
}

Json text_of(std::string_view type, std::string_view body) {
    S3Step known;
    known.output = Json::object({{"key", Json::string("k")}});
    S3Call call;
    call.key = "k";
    const S3Answer answer{200, {{"Content-Type", std::string(type)}}, body};
    const auto output = s3_outcome("amazon_s3_read_file", known, call, answer);
    EXPECT_TRUE(output.ok());
    Json both = Json::array();
    both.append((*output)["content"]);
    both.append((*output)["truncated"]);
    return both;
}

TEST(S3FileSteps, TextIsGivenAtOnce) {
    EXPECT_EQ(text_of("text/plain", "\xef\xbb\xbfä").dump(), R"(["ä",false])");
    EXPECT_EQ(text_of("text/plain; charset=ISO-8859-1", "\xe4\x80").dump(), R"(["ä€",false])");
    EXPECT_EQ(text_of("application/vnd.x+json; charset=\"UTF-8\"", "{}").dump(), R"(["{}",false])");
    EXPECT_EQ(text_of("text/plain; charset=utf-16le", "a").dump(), "[null,false]");
    EXPECT_EQ(text_of("image/png", "a").dump(), "[null,false]");
    EXPECT_EQ(text_of("", "a").dump(), "[null,false]");
    EXPECT_EQ(text_of("text/csv", std::string((10u << 20) + 1, 'a')).dump(), "[null,true]");
    const Json cut = text_of("text/csv", std::string(99'999, 'a') + "😀");
    EXPECT_EQ(cut.at(0).text().size(), 99'999u) << "no half of a character";
    EXPECT_TRUE(cut.at(1).is_true());
    EXPECT_FALSE(text_of("text/csv", std::string(100'000, 'a')).at(1).is_true());
}

TEST(S3FileSteps, RefusalsAreSaidAsPublished) {
    const auto said = [](int status, const char* method, std::string_view body) {
        S3Step known;
        known.output = Json::object({{"key", Json::string("a/b")}});
        S3Call call;
        call.method = method;
        return s3_outcome("amazon_s3_upload_file", known, call, {status, {}, body}).message();
    };
    constexpr std::string_view kNo = "<Error><Code>Some</Code><Message>thing</Message></Error>";
    EXPECT_EQ(said(404, "GET", kNo), "File \"a/b\" was not found in the bucket (Some).");
    EXPECT_EQ(said(404, "HEAD", ""), "File \"a/b\" was not found in the bucket (NotFound).");
    EXPECT_EQ(said(403, "GET", kNo),
              "Access denied for \"a/b\": the connection's IAM policy does not allow this S3 "
              "operation (thing).");
    EXPECT_EQ(said(412, "PUT", kNo),
              "A file already exists at \"a/b\" and overwriting was not allowed.");
    EXPECT_EQ(said(503, "PUT", kNo), "Some: thing");
    EXPECT_EQ(said(403, "HEAD", ""),
              "Access denied for \"a/b\": the connection's IAM policy does not allow this S3 "
              "operation (UnknownError).");
}

TEST(S3FileSteps, HttpTimesAreRead) {
    EXPECT_EQ(iso_time(*parse_http_time("Fri, 24 May 2013 01:02:03 GMT")),
              "2013-05-24T01:02:03.000Z");
    for (const char* text : {"", "Fri, 24 May 2013 01:02:03", "Fri, 24 anM 2013 01:02:03 GMT",
                             "Fri, 32 May 2013 01:02:03 GMT", "Friday, 24-May-13 01:02:03 GMT",
                             "2013-05-24T01:02:03.00000000Z"}) {
        EXPECT_FALSE(parse_http_time(text)) << text;
    }
}

}  // namespace
}  // namespace sallyport::engine
