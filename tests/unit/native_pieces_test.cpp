// The native pieces: what each action makes of its input. Expected values come from Node.js's
// crypto, csv-parse, csv-stringify and dayjs, which the published pieces are made of.
#include "common/crypto.hpp"
#include "engine/core/pieces/catalog.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/time_text.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

Json parse(std::string_view text) {
    const Result<Json> json = Json::parse(text);
    EXPECT_TRUE(json.ok()) << text;
    return json.ok() ? *json : Json();
}

// Central European time of 2024, and no other.
class Berlin2024 final : public ZoneRules {
  public:
    ZoneSpan span_at(std::int64_t unix_s) const override {
        constexpr std::int64_t kSummer = 1711846800;  // 2024-03-31T01:00:00Z
        constexpr std::int64_t kWinter = 1729990800;  // 2024-10-27T01:00:00Z
        if (unix_s < kSummer) {
            return {INT64_MIN / 2, kSummer, 3600};
        }
        return unix_s < kWinter ? ZoneSpan{kSummer, kWinter, 7200}
                                : ZoneSpan{kWinter, INT64_MAX / 2, 3600};
    }
};

class Utc final : public ZoneRules {
  public:
    ZoneSpan span_at(std::int64_t) const override { return {INT64_MIN / 2, INT64_MAX / 2, 0}; }
};

PieceWorld world() {
    PieceWorld world;
    world.now_ms = *parse_iso_time("2024-06-15T10:30:45Z");
    world.random = [](std::size_t size) {
        Bytes bytes(size);
        for (std::size_t i = 0; i < size; ++i) {
            bytes[i] = static_cast<std::uint8_t>(i * 37 + 11);
        }
        return bytes;
    };
    world.zone = [](const std::string& name) -> Result<std::unique_ptr<ZoneRules>> {
        if (name == "UTC") {
            return std::unique_ptr<ZoneRules>(std::make_unique<Utc>());
        }
        if (name == "Europe/Berlin") {
            return std::unique_ptr<ZoneRules>(std::make_unique<Berlin2024>());
        }
        return Error{"no zone " + name};
    };
    return world;
}

Result<Json> perform(std::string_view piece, std::string_view action, std::string_view input) {
    const std::string name = "@activepieces/piece-" + std::string(piece);
    const NativeAction* const found = find_native_action(name, action);
    if (found == nullptr || found->run == nullptr) {
        return Error{"no such action"};
    }
    return found->run(parse(input), world());
}

struct Case {
    std::string_view piece;
    std::string_view action;
    std::string_view input;
    std::string_view output;  // empty: refused
    std::string_view problem = {};
};

void expect_all(const std::vector<Case>& cases) {
    for (const Case& test : cases) {
        const Result<Json> output = perform(test.piece, test.action, test.input);
        if (test.output.empty()) {
            ASSERT_FALSE(output.ok()) << test.action << test.input << output->dump();
            EXPECT_NE(output.message().find(test.problem), std::string::npos)
                << output.message() << "\n"
                << test.input;
            EXPECT_NE(output.message(), "no such action") << test.action;
        } else {
            ASSERT_TRUE(output.ok()) << test.action << test.input << output.message();
            EXPECT_EQ(output->dump(), test.output) << test.action << test.input;
        }
    }
}

TEST(NativePieces, DescriptionsAndActionsAgree) {
    ASSERT_EQ(piece_catalog().size(), native_pieces().size());
    std::set<std::string> names;
    std::size_t at = 0;
    for (const NativePiece* piece : native_pieces()) {
        const Json about = piece_catalog().at(at++);
        const std::string name(about["name"].text());
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_TRUE(name.starts_with("@activepieces/piece-")) << piece->about;
        EXPECT_FALSE(about["displayName"].text().empty()) << name;
        EXPECT_EQ(about["actions"].size(), piece->actions.size()) << name;
        for (const NativeAction& action : piece->actions) {
            EXPECT_TRUE(about["actions"].has(action.name)) << name << action.name;
            EXPECT_EQ(find_native_action(name, action.name), &action);
        }
        for (const std::string_view kind : {"actions", "triggers"}) {
            about[kind].each_member([&](std::string_view step, const Json& described) {
                EXPECT_EQ(described["name"].text(), step);
                described["props"].each_member([&](std::string_view prop, const Json& of) {
                    EXPECT_TRUE(of["type"].is_string()) << name << step << prop;
                    EXPECT_TRUE(of["required"].is_boolean()) << name << step << prop;
                    if (of["type"].text() == "STATIC_DROPDOWN") {
                        EXPECT_GT(of["options"]["options"].size(), 0U) << name << step << prop;
                    }
                });
            });
        }
    }
    EXPECT_EQ(find_native_action("@activepieces/piece-http", "nothing"), nullptr);
    EXPECT_EQ(find_native_action("@activepieces/piece-slack", "send_request"), nullptr);
}

TEST(NativePieces, MathHelper) {
    expect_all({
        {"math-helper", "addition_math", R"({"first_number":1,"second_number":"2.5"})", "3.5"},
        {"math-helper", "addition_math", R"({"first_number":0.1,"second_number":0.2})",
         "0.30000000000000004"},
        {"math-helper", "subtraction_math", R"({"first_number":3,"second_number":10})", "7"},
        {"math-helper", "multiplication_math", R"({"first_number":-3,"second_number":7})", "-21"},
        {"math-helper", "division_math", R"({"first_number":7,"second_number":2})", "3.5"},
        {"math-helper", "division_math", R"({"first_number":7,"second_number":0})", "",
         "other than 0"},
        {"math-helper", "modulo_math", R"({"first_number":-7,"second_number":3})", "-1"},
        {"math-helper", "modulo_math", R"({"first_number":7,"second_number":"0"})", "",
         "other than 0"},
        {"math-helper", "addition_math", R"({"first_number":"one","second_number":2})", "",
         "Expected number, received: one"},
        {"math-helper", "addition_math", R"({"first_number":"","second_number":2})", "",
         "first_number"},
        {"math-helper", "addition_math", R"({"second_number":2})", "", "undefined"},
        {"math-helper", "multiplication_math", R"({"first_number":1e308,"second_number":1e308})",
         "", "too large"},
        {"math-helper", "generateRandom_math", R"({"first_number":5,"second_number":5})", "5"},
    });
}

TEST(NativePieces, CryptoDigests) {
    expect_all({
        {"crypto", "hash-text", R"({"method":"md5","text":"grüße"})",
         R"("fee40dc24d0ad6a90c608052aa4e9e66")"},
        {"crypto", "hash-text", R"({"method":"sha1","text":"grüße"})",
         R"("cd56cb0ac45690731afed77ff66655dfdf8576da")"},
        {"crypto", "hash-text", R"({"method":"sha256","text":"grüße"})",
         R"("8285d1ad84c6b6e475d3b50dbf90389c8c7a07a278d9ae46d5698cbe872e3834")"},
        {"crypto", "hash-text", R"({"method":"sha3-512","text":"grüße"})",
         R"("bf5a0eee5a0b2296e8e62acc58cfa55be38fe359ca36050593a286de35add6303e7578d9112f65127455f39dce304027bf8e5b7a776abcbafa1fbbeb5d445f1c")"},
        {"crypto", "hash-text", R"({"method":"crc32","text":"a"})", "", "Expected one of"},
        {"crypto", "hash-text", R"({"method":"md5"})", "", "text"},
        {"crypto", "hmac-signature",
         R"({"auth":{"type":"SECRET_TEXT","secret_text":"6b6579"},"encoding":"hex","method":"sha256","text":"text"})",
         R"("6afa9046a9579cad143a384c1b564b9a250d27d6f6a63f9f20bf3a7594c9e2c6")"},
        {"crypto", "hmac-signature", R"({"auth":"key","method":"sha256","text":"text"})",
         R"("6afa9046a9579cad143a384c1b564b9a250d27d6f6a63f9f20bf3a7594c9e2c6")"},
        {"crypto", "hmac-signature", R"({"method":"sha256","text":"text"})", "", "secretKey"},
        {"crypto", "hmac-signature",
         R"({"method":"sha256","secretKey":"00ff","secretKeyEncoding":"hex","text":"text","outputEncoding":"base64"})",
         R"("PQOWvUpPBb0ziofEgwWB6kyp16YkVXMfC4SX1VR+4+g=")"},
        {"crypto", "hmac-signature",
         R"({"method":"sha512","secretKey":"key","secretKeyEncoding":"utf-8","text":"text"})",
         R"("b585312acdd38ec13f13bb4cba35a75473f32b6ae4a0303926815bd43d7a2631516b2b031f34d89eda853e948d5057de54a880c16697242dbe6a1ad994bc4e5d")"},
        {"crypto", "hmac-signature",
         R"({"method":"sha256","secretKey":"xyz","secretKeyEncoding":"hex","text":"text"})", "",
         "secretKey"},
        {"crypto", "base64-encode", R"({"text":"grüße"})", R"("Z3LDvMOfZQ==")"},
        {"crypto", "base64-decode", R"({"text":" a G V s\nbG8="})", R"("hello")"},
        {"crypto", "base64-decode", R"({"text":"aGVsbG8"})", R"("hello")"},
        {"crypto", "base64-decode", R"({"text":"aGVsbG8=ignored"})", R"("hello")"},
        {"crypto", "base64-decode", R"({"text":"8J-YgA"})", R"("😀")"},
        {"crypto", "base64-decode", R"({"text":"a"})", R"("")"},
        {"crypto", "generate-password", R"({"length":257,"characterSet":"alphanumeric"})", "",
         "1 to 256"},
        {"crypto", "generate-password", R"({"length":1.5,"characterSet":"alphanumeric"})", "",
         "whole"},
    });
    const auto password =
        perform("crypto", "generate-password", R"({"length":"40","characterSet":"alphanumeric"})");
    ASSERT_TRUE(password.ok());
    EXPECT_EQ(password->text().size(), 40U);
    const auto uuid = perform("crypto", "generate-uuid", "{}");
    EXPECT_EQ(uuid->text().size(), 36U);
    EXPECT_EQ(uuid->text()[14], '4');
}

// The sealed text below was made by Node.js.
TEST(NativePieces, CryptoEncryption) {
    const std::string key(64, '0');
    expect_all({
        {"crypto", "aes-gcm-decrypt",
         R"({"key":"0707070707070707070707070707070707070707070707070707070707070707","iv":"AQEBAQEBAQEBAQEB","ciphertext":"BYTqxfXLzHq0rKg=","tag":"XVV47rtO76upMplh0sc8pQ==","associatedData":"flow"})",
         R"("secret text")"},
        {"crypto", "aes-gcm-decrypt",
         R"({"key":"0707070707070707070707070707070707070707070707070707070707070707","iv":"AQEBAQEBAQEBAQEB","ciphertext":"BYTqxfXLzHq0rKg=","tag":"XVV47rtO76upMplh0sc8pQ==","associatedData":"other"})",
         "", "cannot be decrypted"},
        {"crypto", "aes-gcm-decrypt",
         R"({"key":"0707070707070707070707070707070707070707070707070707070707070707","iv":"AQEB","ciphertext":"BYTqxfXLzHq0rKg=","tag":"XVV47rtO76upMplh0sc8pQ=="})",
         "", "12 bytes"},
        {"crypto", "aes-gcm-encrypt", R"({"key":"0707","text":"x"})", "", "32 bytes"},
        {"crypto", "aes-gcm-encrypt", R"({"key":"no hex","text":"x"})", "", "hex"},
    });
    const auto sealed =
        perform("crypto", "aes-gcm-encrypt", R"({"key":")" + key + R"(","text":"grüße"})");
    ASSERT_TRUE(sealed.ok()) << sealed.message();
    Json input = *sealed;
    input.set("key", Json::string(key));
    EXPECT_EQ(perform("crypto", "aes-gcm-decrypt", input.dump())->text(), "grüße");
}

TEST(NativePieces, Json) {
    expect_all({
        {"json", "convertJsonToText", R"({"text_object":{"a":[1,"x",null]}})",
         R"("{\"a\":[1,\"x\",null]}")"},
        {"json", "convertTextToJson", R"({"text_object":"[1,{\"a\":2}]"})", R"([1,{"a":2}])"},
        {"json", "convertTextToJson", R"({"text_object":{"a":1}})", R"({"a":1})"},
        {"json", "convertTextToJson", R"({"text_object":"{"})", "", "not JSON"},
        {"json", "convertTextToJson", R"({})", "", "text_object"},
        {"data-mapper", "advanced_mapping", R"({"mapping":{"a":1}})", R"({"a":1})"},
        {"data-mapper", "advanced_mapping", R"({})", "null"},
    });
}

TEST(NativePieces, Texts) {
    expect_all({
        {"text-helper", "concat", R"({"texts":["a",1,true,null,"b"],"seperator":"-"})",
         R"("a-1-true--b")"},
        {"text-helper", "concat", R"({"texts":["a","b"],"separator":", "})", R"("a, b")"},
        {"text-helper", "concat", R"({"texts":["a","b"],"separator":"","seperator":"-"})",
         R"("ab")"},
        {"text-helper", "concat", R"({"texts":["a","b"]})", R"("ab")"},
        {"text-helper", "concat", R"({"texts":"x"})", "", "Expected array"},
        {"text-helper", "split", R"({"text":"a,,b","delimiter":","})", R"(["a","","b"])"},
        {"text-helper", "split", R"({"text":"","delimiter":","})", R"([""])"},
        {"text-helper", "split", R"({"text":"abc","delimiter":""})", "", "delimiter"},
        {"text-helper", "defaultValue", R"({"value":"","defaultString":"d"})", R"("d")"},
        {"text-helper", "defaultValue", R"({"value":[],"defaultString":"d"})", R"("d")"},
        {"text-helper", "defaultValue", R"({"value":0,"defaultString":"d"})", "0"},
    });
}

TEST(NativePieces, Csv) {
    expect_all({
        {"csv", "convert_csv_to_json",
         R"({"csv_text":"\"a,b,c\";x\n1;2\n","has_headers":false,"delimiter_type":"auto"})",
         R"([["a,b,c","x"],["1","2"]])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a\n1","delimiter_type":"auto"})",
         R"([["a"],["1"]])"},
        {"csv", "convert_json_to_csv",
         R"({"csv_object":[{"a":1,"b":2}],"has_headers":false,"delimiter_type":"auto"})",
         R"("1,2\n")"},
        {"csv", "convert_json_to_csv",
         R"({"csv_object":[{"a":1,"b":2}],"has_headers":true,"delimiter_type":","})",
         R"("a,b\n1,2\n")"},
        {"csv", "convert_csv_to_json",
         R"({"csv_text":"a,b\n1,2\n","has_headers":true,"delimiter_type":","})",
         R"([{"a":"1","b":"2"}])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a,b\r\n1,\"x\"\"y\r\nz\"\r\n"})",
         R"([["a","b"],["1","x\"y\r\nz"]])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"\ufeffa,b\n1,2","has_headers":"true"})",
         R"([{"a":"1","b":"2"}])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a\n\nb"})", R"([["a"],[""],["b"]])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a,b,\n1,2,3\n"})",
         R"([["a","b",""],["1","2","3"]])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a,b\n1,"})", R"([["a","b"],["1",""]])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a,a\n1,2\n","has_headers":true})",
         R"([{"a":"2"}])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":""})", "[]"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"\n"})", R"([[""]])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a\tb\n","delimiter_type":"\t"})",
         R"([["a","b"]])"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a,b\n1\n"})", "",
         "Invalid Record Length: expect 2, got 1 on line 2"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a,\"b\nc"})", "", "opening quote at line 2"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a,b\"c\n"})", "", "Invalid Opening Quote"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"\"a\"b,c\n"})", "",
         "Invalid Closing Quote: got \"b\" at line 1"},
        {"csv", "convert_csv_to_json", R"({"csv_text":5})", "", "should be a string"},
        {"csv", "convert_csv_to_json", R"({"csv_text":"a","delimiter_type":"ab"})", "",
         "Expected one of"},
        {"csv", "convert_json_to_csv",
         R"({"json_array":[{"a":"x","b":"q\"r","c":"l1\nl2","d":"s,t","e":"cr\rx","f":true,"g":false,"h":null,"i":1.5,"j":" sp "}]})",
         R"("a,b,c,d,e,f,g,h,i,j\nx,\"q\"\"r\",\"l1\nl2\",\"s,t\",\"cr\rx\",1,,,1.5, sp \n")"},
        {"csv", "convert_json_to_csv",
         R"({"json_array":[{"n":"J","at":{"city":"LA","z":[1,2]}},{"n":"K","x":1}]})",
         R"("n,at.city,at.z.0,at.z.1,x\nJ,LA,1,2,\nK,,,,1\n")"},
        {"csv", "convert_json_to_csv", R"({"json_array":"[]"})", R"("")"},
        {"csv", "convert_json_to_csv", R"({"json_array":{"a":1}})", "", "JSON array"},
    });
}

TEST(NativePieces, DatesAreWrittenAndRead) {
    expect_all({
        {"date-helper", "get_current_date",
         R"({"timeFormat":"DDD MMM DD YYYY HH:mm:ss","timeZone":"Europe/Berlin"})",
         R"({"result":"Sat Jun 15 2024 12:30:45"})"},
        {"date-helper", "get_current_date", R"({"timeFormat":"X","timeZone":"UTC"})",
         R"({"result":"1718447445"})"},
        {"date-helper", "get_current_date", R"({"timeFormat":"X","timeZone":"Mars/Base"})", "",
         "no zone"},
        {"date-helper", "format_date",
         R"({"inputDate":"2024-06-15 12:00:00","inputFormat":"YYYY-MM-DD HH:mm:ss","inputTimeZone":"Europe/Berlin","outputFormat":"DD/MM/YY HH:mm","outputTimeZone":"UTC"})",
         R"({"result":"15/06/24 10:00"})"},
        {"date-helper", "format_date",
         R"({"inputDate":"September 7 2023 11:23:58","inputFormat":"MMMM DD YYYY HH:mm:ss","outputFormat":"YYYY-MM-DDTHH:mm:ss"})",
         R"({"result":"2023-09-07T11:23:58"})"},
        {"date-helper", "format_date",
         R"({"inputDate":"1694949838","inputFormat":"X","outputFormat":"DDDD, DD MMMM YYYY hh:mm A"})",
         R"({"result":"Sunday, 17 September 2023 11:23 AM"})"},
        {"date-helper", "format_date",
         R"({"inputDate":"2024-02-29T10:00:00+02:00","inputFormat":"DD/MM/YYYY","outputFormat":"YYYY-MM-DD HH:mm"})",
         R"({"result":"2024-02-29 08:00"})"},
        {"date-helper", "format_date",
         R"({"inputDate":"2024-03-31 02:30:00","inputFormat":"YYYY-MM-DD HH:mm:ss","inputTimeZone":"Europe/Berlin","outputFormat":"HH:mm","outputTimeZone":"UTC"})",
         R"({"result":"01:30"})"},
        {"date-helper", "format_date",
         R"({"inputDate":"2024-10-27 02:30:00","inputFormat":"YYYY-MM-DD HH:mm:ss","inputTimeZone":"Europe/Berlin","outputFormat":"HH:mm","outputTimeZone":"UTC"})",
         R"({"result":"01:30"})"},
        {"date-helper", "format_date",
         R"({"inputDate":"2023-02-29","inputFormat":"YYYY-MM-DD","outputFormat":"YYYY"})", "",
         "Failed to parse the date: 2023-02-29"},
        {"date-helper", "format_date", R"({"inputDate":"soon","inputFormat":"YYYY-MM-DD"})", "",
         "Failed to parse"},
    });
}

// As dayjs reads them: by the format, then leniently, then by none. Where that makes up a date (30
// February is 2 March there, and 17 months are a year more), the step fails.
TEST(NativePieces, DatesOfAnotherFormatAreRead) {
    struct Written {
        std::string_view text, format, read;  // empty: refused
    };
    for (const auto& [text, format, read] : std::vector<Written>{
             {"09/17/2023", "YYYY-MM-DD HH:mm:ss", "2023-09-17 00:00:00"},
             {"9/7/2023 8:05", "DDD MMM DD YYYY HH:mm:ss", "2023-09-07 08:05:00"},
             {"Sep 17 2023", "YYYY-MM-DD", "2023-09-17 00:00:00"},
             {"Sep 17, 2023 11:23:58", "X", "2023-09-17 11:23:58"},
             {"Sun Sep 17 11:23:58 2023", "MMMM DD YYYY", "2023-09-17 11:23:58"},
             {"2023-9-7", "MM/DD/YYYY", "2023-09-07 00:00:00"},
             {"09/17/23", "MM/DD/YYYY", "2023-09-17 00:00:00"},
             {"9/7/2023", "MM/DD/YY", "2023-09-07 00:00:00"},
             {"09.17.2023", "MM/DD/YYYY", "2023-09-17 00:00:00"},
             {"2023-09-17T11:23:58+02:00", "YYYY-MM-DDTHH:mm:ss", "2023-09-17 11:23:58"},
             {"2023-09-17T11:23:58.123Z", "YYYY-MM-DD", "2023-09-17 00:00:00"},
             {"2023-09-17T11:23:58+02:00", "DD/MM/YYYY", "2023-09-17 09:23:58"},
             {"Xyz Sep 17 2023 11:23:58", "DDD MMM DD YYYY HH:mm:ss", "2023-09-17 11:23:58"},
             {"2023-02-30", "YYYY-MM-DD", ""},
             {"2023-13-45", "MM/DD/YYYY", ""},
             {"09/17/2023", "DD/MM/YYYY", ""},  // must not become 9 May 2024, nor 17 September
             {"9/7/2023", "DD/MM/YY", ""},
             {"17/09/2023", "X", ""},
             {"1694949838", "YYYY-MM-DD", ""},
             {"", "YYYY-MM-DD", ""}}) {
        const Json input = Json::object({{"inputDate", Json::string(text)},
                                         {"inputFormat", Json::string(format)},
                                         {"outputFormat", Json::string("YYYY-MM-DD HH:mm:ss")}});
        const Result<Json> got = perform("date-helper", "format_date", input.dump());
        EXPECT_EQ(got.ok() ? (*got)["result"].text() : "", read) << text << " by " << format;
    }
}

TEST(NativePieces, DatesAreCalculatedWith) {
    expect_all({
        {"date-helper", "extract_date_parts",
         R"({"inputDate":"2024-06-15 10:20:30","inputFormat":"YYYY-MM-DD HH:mm:ss","unitExtract":["year","month","dayOfWeek","monthName","second"]})",
         R"({"year":2024,"month":6,"dayOfWeek":"Saturday","monthName":"June","second":30})"},
        {"date-helper", "extract_date_parts",
         R"({"inputDate":"2024-06-15","inputFormat":"YYYY-MM-DD","unitExtract":["week"]})", "",
         "Invalid unit"},
        {"date-helper", "date_difference",
         R"({"startDate":"2022-03-15","startDateFormat":"YYYY-MM-DD","endDate":"2024-06-15","endDateFormat":"YYYY-MM-DD","unitDifference":["year","month"]})",
         R"({"year":2,"month":3})"},
        {"date-helper", "date_difference",
         R"({"startDate":"2026-12-31 05:06:07","startDateFormat":"YYYY-MM-DD HH:mm:ss","endDate":"2024-02-29","endDateFormat":"YYYY-MM-DD","unitDifference":["year","month","day","hour","minute","second"]})",
         R"({"year":-2,"month":-10,"day":-2,"hour":-1,"minute":-6,"second":-7})"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-06-15 10:00:00","inputDateFormat":"YYYY-MM-DD HH:mm:ss","outputFormat":"YYYY-MM-DD HH:mm:ss","expression":"+ 1 day + 2 hours 30 minute - 5 seconds"})",
         R"({"result":"2024-06-16 12:29:55"})"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-01-31","inputDateFormat":"YYYY-MM-DD","outputFormat":"YYYY-MM-DD","expression":"+1month"})",
         R"({"result":"2024-02-29"})"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-02-29","inputDateFormat":"YYYY-MM-DD","outputFormat":"YYYY-MM-DD","expression":"+1 year"})",
         R"({"result":"2025-02-28"})"},
        // A day by the clock, over the change to summer time.
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-03-30 11:00:00","inputDateFormat":"YYYY-MM-DD HH:mm:ss","outputFormat":"YYYY-MM-DD HH:mm","expression":"+1 day","timeZone":"Europe/Berlin"})",
         R"({"result":"2024-03-31 12:00"})"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-06-15","inputDateFormat":"YYYY-MM-DD","outputFormat":"YYYY-MM-DD HH:mm","expression":"","timeZone":"UTC","setTime":"07:05"})",
         R"({"result":"2024-06-15 07:05"})"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-06-15","inputDateFormat":"YYYY-MM-DD","outputFormat":"YYYY","expression":"+1 day","timeZone":"UTC","setTime":"25:00"})",
         "", "HH:mm"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-06-15","inputDateFormat":"YYYY-MM-DD","outputFormat":"YYYY","expression":"+ 1 fortnight"})",
         "", "expression"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-06-15","inputDateFormat":"YYYY-MM-DD","outputFormat":"YYYY","expression":"+ 9000 year"})",
         "", "years 1 to 9999"},
        {"date-helper", "add_subtract_date",
         R"({"inputDate":"2024-06-15","inputDateFormat":"YYYY-MM-DD","outputFormat":"YYYY","expression":"+ 99999999999999999999 day"})",
         "", "expression"},
        {"date-helper", "next_day_of_week",
         R"({"weekday":6,"time":"11:00","timeFormat":"YYYY-MM-DD HH:mm","timeZone":"UTC"})",
         R"({"result":"2024-06-15 11:00"})"},
        {"date-helper", "next_day_of_week",
         R"({"weekday":6,"time":"09:00","timeFormat":"YYYY-MM-DD HH:mm","timeZone":"UTC"})",
         R"({"result":"2024-06-22 09:00"})"},
        {"date-helper", "next_day_of_week", R"({"weekday":7,"timeZone":"UTC"})", "", "0 to 6"},
        {"date-helper", "next_day_of_year",
         R"({"month":2,"day":29,"timeFormat":"YYYY-MM-DD","timeZone":"UTC"})",
         R"({"result":"2028-02-29"})"},
        {"date-helper", "next_day_of_year",
         R"({"month":2,"day":30,"timeFormat":"YYYY-MM-DD","timeZone":"UTC"})", "", "day"},
        {"date-helper", "first_day_of_previous_month",
         R"({"timeFormat":"YYYY-MM-DD HH:mm","timeZone":"UTC"})",
         R"({"result":"2024-05-01 00:00"})"},
        {"date-helper", "last_day_of_previous_month",
         R"({"time":"07:05","timeFormat":"YYYY-MM-DDTHH:mm:ss","timeZone":"Europe/Berlin"})",
         R"({"result":"2024-05-31T07:05:00"})"},
        {"date-helper", "last_day_of_previous_month",
         R"({"currentTime":true,"timeFormat":"YYYY-MM-DD HH:mm","timeZone":"UTC"})",
         R"({"result":"2024-05-31 10:30"})"},
        {"date-helper", "first_day_of_previous_month", R"({"time":"7:5","timeZone":"UTC"})", "",
         "HH:mm"},
    });
}

}  // namespace
}  // namespace sallyport::engine
