// The JSON piece: text to JSON and back.
#include "engine/core/js_text.hpp"
#include "engine/core/piece_input.hpp"
#include "engine/core/piece_table.hpp"

namespace sallyport::engine {
namespace {

Result<Json> to_text(const Json& input, const PieceWorld&) {
    const Json value = input_json(input, "text_object");
    const auto text = js_stringify(value.exists() ? value : Json::null(), SIZE_MAX);
    return text ? Result<Json>(Json::string(*text)) : Error{"The value cannot be written as text"};
}

Result<Json> from_text(const Json& input, const PieceWorld&) {
    const Json value = input["text_object"];
    // Mapped from a step whose output is JSON already.
    if (value.is_object() || value.is_array()) {
        return value;
    }
    const Result<std::string> text = input_text(input, "text_object");
    if (!text.ok()) {
        return text.error();
    }
    Result<Json> parsed = Json::parse(*text);
    return parsed.ok() ? parsed : Error{"The text is not JSON: " + parsed.message()};
}

}  // namespace

const NativePiece kJsonNative = {
    R"json({
 "name":"@activepieces/piece-json","version":"0.0.8","displayName":"JSON",
 "description":"Convert JSON to text and back","categories":["CORE"],
 "actions":{
  "convertJsonToText":{"displayName":"Convert JSON to Text","description":"Writes a value as JSON","props":{"text_object":["JSON","JSON",true,{"defaultValue":{}}]}},
  "convertTextToJson":{"displayName":"Convert Text to JSON","description":"Reads JSON","props":{"text_object":["LONG_TEXT","Text",true,{"defaultValue":""}]}}},
 "triggers":{}
})json",
    {{"convertJsonToText", to_text}, {"convertTextToJson", from_text}}};

}  // namespace sallyport::engine
