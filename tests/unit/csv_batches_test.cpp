#include "engine/core/csv_batches.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

// All batches as one text, or what was wrong.
std::string batches_of(const std::string& text, std::size_t rows = 2, char delimiter = ',') {
    CsvBatches batches(text, {rows, delimiter});
    std::string out;
    while (true) {
        const Result<Json> batch = batches.next();
        if (!batch.ok()) {
            return out + batch.message();
        }
        if (batch->size() == 0) {
            return out;
        }
        out += batch->dump() + "\n";
    }
}

TEST(CsvBatches, GiveRowsInTheirOrder) {
    EXPECT_EQ(
        batches_of("a,b\n1,2\n3,4\n5,6\n"),
        "[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"3\",\"b\":\"4\"}]\n[{\"a\":\"5\",\"b\":\"6\"}]\n");
    EXPECT_EQ(batches_of("a\tb\r\n1\t\"x\ty\"\r\n", 5, '\t'), "[{\"a\":\"1\",\"b\":\"x\\ty\"}]\n");
    EXPECT_EQ(batches_of(""), "");
    EXPECT_EQ(batches_of("a,b"), "");
    CsvBatches batches("\xef\xbb\xbfn,m\n1,2\n", {100, ','});
    EXPECT_EQ(batches.next()->size(), 1U);
    EXPECT_EQ(batches.columns(), (std::vector<std::string>{"n", "m"}));
    EXPECT_EQ(batches.rows(), 1U);
}

TEST(CsvBatches, TakeWhatThePublishedPieceTakes) {
    struct Case {
        std::string_view text, rows;
    };
    for (const auto& [text, rows] :
         std::vector<Case>{{"a,b\n1\n", R"([{"a":"1"}])"},                      // short
                           {"a\n1,2\n", R"([{"a":"1"}])"},                      // long
                           {"a,a,b\n1,2,3\n", R"([{"a":["1","2"],"b":"3"}])"},  // one name twice
                           {"a,a,a\n1,2,3\n", R"([{"a":["1","2","3"]}])"},      // and thrice
                           {" a , b \n 1 , \" x \" \n", R"([{"a":"1","b":" x "}])"},  // blanks
                           {"a,b\n\n  \n1,2\n\n", R"([{"a":"1","b":"2"}])"},          // empty lines
                           {"a,b\n,\n", R"([{"a":"","b":""}])"},            // but not empty fields
                           {"a\n\"x\"\"y\nz\"\n", R"([{"a":"x\"y\nz"}])"},  // quotes, line ends
                           {"a\r1\r", R"([{"a":"1"}])"},
                           {"a,__proto__\n1,2\n", R"([{"a":"1","__proto__":"2"}])"}}) {
        EXPECT_EQ(batches_of(std::string(text), 10), std::string(rows) + "\n") << text;
    }
}

TEST(CsvBatches, SayWhereTheyAreWrong) {
    EXPECT_EQ(batches_of("a,b\n1,2\n3,x\"y\n", 1),
              "[{\"a\":\"1\",\"b\":\"2\"}]\n"
              "Invalid Opening Quote: a quote is found inside a field at line 3");
    EXPECT_EQ(batches_of("a\n\"x\"y\n"),
              "Invalid Closing Quote: got \"y\" at line 2 instead of a delimiter or the end of the "
              "record");
    EXPECT_EQ(batches_of("a\n\"x\n"),
              "Quote Not Closed: the parsing is finished with an opening quote at line 2");
    // Names that would make gigabytes of a batch.
    const std::string name(1 << 20U, 'n');
    std::string text = name + "\n";
    for (int i = 0; i < 40; ++i) {
        text += "1\n";
    }
    EXPECT_EQ(batches_of(text, 100), "The rows of a batch are larger than 25 MB at line 27");
}

TEST(CsvBatches, HaveSettingsWithinBounds) {
    const auto settings = [](std::string_view input) {
        return csv_batch_settings(*Json::parse(input));
    };
    EXPECT_EQ(settings(R"({"batchSize":"10000"})")->rows, 10'000U);
    EXPECT_EQ(settings(R"({"batchSize":1,"delimiter":"\t"})")->delimiter, '\t');
    for (const std::string_view wrong :
         {R"({"batchSize":0})", R"({"batchSize":10001})", R"({"batchSize":1.5})", "{}"}) {
        EXPECT_EQ(settings(wrong).message(),
                  R"({"message":"Rows per batch must be an integer between 1 and 10000."})")
            << wrong;
    }
    EXPECT_FALSE(settings(R"({"batchSize":1,"delimiter":";"})").ok());
}

}  // namespace
}  // namespace sallyport::engine
