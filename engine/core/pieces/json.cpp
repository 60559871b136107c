// The JSON piece: text to JSON and back, queries, and many objects as one.
#include "engine/core/expressions/js_text.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"
#include "engine/core/step_scripts.hpp"

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

// Values are compared as JavaScript compares them, which is why this runs there.
constexpr std::string_view kMerge = R"js(
const is_object = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const sorted = (v) => Array.isArray(v) ? v.map(sorted)
    : is_object(v) ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])])) : v;
const as_text = (v) => typeof v === 'string' ? v : JSON.stringify(sorted(v));
const less = (a, b) => typeof a === 'number' && typeof b === 'number' ? a < b : as_text(a) < as_text(b);
const most_frequent = (values) => {
    const counts = new Map();
    for (const value of values) {
        const key = JSON.stringify(sorted(value));
        const known = counts.get(key) ?? { value, count: 0 };
        counts.set(key, { value: known.value, count: known.count + 1 });
    }
    return [...counts.values()].reduce((best, one) => one.count > best.count ? one : best).value;
};
const strategies = {
    first: (values) => values[0],
    last: (values) => values[values.length - 1],
    most_frequent,
    min: (values) => values.reduce((least, value) => less(value, least) ? value : least),
    max: (values) => values.reduce((most, value) => less(most, value) ? value : most),
    concat: (values) => values.flat(),
};
const objects_of = (given) => {
    let list = given;
    if (typeof given === 'string') {
        try { list = JSON.parse(given); } catch { throw new Error('"Objects to Merge" is not valid JSON.'); }
    }
    if (!Array.isArray(list)) throw new Error('"Objects to Merge" must be an array of JSON objects.');
    const objects = list.filter((one) => one !== null && one !== undefined);
    if (!objects.every(is_object)) throw new Error('Every item in "Objects to Merge" must be a JSON object.');
    return objects;
};
export const code = async (i) => {
    const fallback = Object.hasOwn(strategies, i.defaultStrategy) ? i.defaultStrategy : 'last';
    const wanted = new Map();
    for (const row of Array.isArray(i.fieldStrategies) ? i.fieldStrategies : []) {
        if (is_object(row) && Object.hasOwn(strategies, row.strategy)) wanted.set(row.field, row.strategy);
    }
    const fields = new Map();
    for (const object of objects_of(i.jsonArray)) {
        for (const [field, value] of Object.entries(object)) {
            if (!fields.has(field)) fields.set(field, []);
            fields.get(field).push(value);
        }
    }
    const merged = {};
    for (const [field, values] of fields) {
        const value = strategies[wanted.get(field) ?? fallback](values);
        Object.defineProperty(merged, field, { value, enumerable: true, writable: true, configurable: true });
    }
    return merged;
};
)js";

}  // namespace

const NativePiece kJsonNative = {
    R"json({
 "name":"@activepieces/piece-json","version":"0.1.4","displayName":"JSON",
 "description":"Convert JSON to text and back","categories":["CORE"],
 "actions":{
  "convertJsonToText":{"displayName":"Convert JSON to Text","description":"Writes a value as JSON","props":{"text_object":["JSON","JSON",true,{"defaultValue":{}}]}},
  "convertTextToJson":{"displayName":"Convert Text to JSON","description":"Reads JSON","props":{"text_object":["LONG_TEXT","Text",true,{"defaultValue":""}]}},
  "run_jsonata_query":{"displayName":"Run JSONata Query","description":"What an expression of JSONata makes of it","props":{
   "json":["JSON","JSON Data",true,{"defaultValue":{}}],"query":["SHORT_TEXT","JSONata Query",true]}},
  "run_jq_query":{"displayName":"Run JQ Query","description":"What a program of jq makes of it","props":{
   "json":["JSON","JSON Data",true,{"defaultValue":{}}],"query":["SHORT_TEXT","JQ Query",true]}},
  "merge_json":{"displayName":"Merge JSON Objects","description":"One object of many, field by field","props":{
   "jsonArray":["JSON","Objects to Merge",true],
   "defaultStrategy":["STATIC_DROPDOWN","Default Strategy",true,{"options":[["First found","first"],["Last found","last"],["Most frequent","most_frequent"],["Minimum","min"],["Maximum","max"],["Concatenate into array","concat"]],"defaultValue":"last"}],
   "fieldStrategies":["ARRAY","Field Strategies",false,{"properties":{
    "field":["SHORT_TEXT","Field Name",true],"strategy":["STATIC_DROPDOWN","Strategy",true,{"options":[["First found","first"],["Last found","last"],["Most frequent","most_frequent"],["Minimum","min"],["Maximum","max"],["Concatenate into array","concat"]]}]}}]}}},
 "triggers":{}
})json",
    {{"convertJsonToText", to_text},
     {"convertTextToJson", from_text},
     {"run_jsonata_query", nullptr, kJsonataScript},
     {"run_jq_query", nullptr, kJqScript},
     {"merge_json", nullptr, kMerge}}};

}  // namespace sallyport::engine
