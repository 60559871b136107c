#include "engine/core/piece_catalog.hpp"

namespace sallyport::engine {
namespace {

// Properties: {name: [type, displayName, required]}; the rest is written out below.
constexpr std::string_view kCatalog = R"json([
{"name":"@activepieces/piece-webhook","version":"0.1.29","displayName":"Webhook","description":"Receive HTTP requests and answer them","categories":["CORE"],
 "actions":{"return_response":{"displayName":"Return Response","description":"Answers the caller of the webhook","props":{"responseType":["STATIC_DROPDOWN","Response Type",true],"respond":["STATIC_DROPDOWN","Respond",false],"fields":["DYNAMIC","Response",true]}}},
 "triggers":{"catch_webhook":{"displayName":"Catch Webhook","description":"Receives an HTTP request","type":"WEBHOOK","props":{"authType":["STATIC_DROPDOWN","Authentication",true],"authFields":["DYNAMIC","Authentication Fields",false]}}}},
{"name":"@activepieces/piece-http","version":"0.11.0","displayName":"HTTP","description":"Send HTTP requests","categories":["CORE"],
 "actions":{"send_request":{"displayName":"Send HTTP request","description":"Sends a request and gives the response","props":{"method":["STATIC_DROPDOWN","Method",true],"url":["SHORT_TEXT","URL",true],"headers":["OBJECT","Headers",false],"queryParams":["OBJECT","Query params",false],"authType":["STATIC_DROPDOWN","Authentication",false],"authFields":["DYNAMIC","Authentication Fields",false],"body_type":["STATIC_DROPDOWN","Body Type",false],"body":["DYNAMIC","Body",false],"timeout":["NUMBER","Timeout (s)",false],"followRedirects":["CHECKBOX","Follow redirects",false],"failsafe":["CHECKBOX","No Error on Failure",false],"failureMode":["STATIC_DROPDOWN","On Failure",false]}}},
 "triggers":{}},
{"name":"@activepieces/piece-delay","version":"0.3.26","displayName":"Delay","description":"Let a run wait","categories":["CORE","FLOW_CONTROL"],
 "actions":{"delayFor":{"displayName":"Delay For","description":"Goes on after a time","props":{"unit":["STATIC_DROPDOWN","Unit",true],"delayFor":["NUMBER","Amount",true]}},
            "delayUntil":{"displayName":"Delay Until","description":"Goes on at a date","props":{"delayUntilTimestamp":["DATE_TIME","Date and Time",true]}}},
 "triggers":{}},
{"name":"@activepieces/piece-store","version":"0.6.20","displayName":"Storage","description":"Keep values between runs","categories":["CORE"],
 "actions":{"get":{"displayName":"Get","description":"Gives a value","props":{"key":["SHORT_TEXT","Key",true],"defaultValue":["SHORT_TEXT","Default Value",false],"store_scope":["STATIC_DROPDOWN","Store Scope",true]}},
            "put":{"displayName":"Put","description":"Keeps a value","props":{"key":["SHORT_TEXT","Key",true],"value":["SHORT_TEXT","Value",true],"store_scope":["STATIC_DROPDOWN","Store Scope",true]}},
            "append":{"displayName":"Append","description":"Adds to the end of a text","props":{"key":["SHORT_TEXT","Key",true],"value":["SHORT_TEXT","Value",true],"separator":["SHORT_TEXT","Separator",false],"store_scope":["STATIC_DROPDOWN","Store Scope",true]}},
            "remove_value":{"displayName":"Remove","description":"Forgets a value","props":{"key":["SHORT_TEXT","Key",true],"store_scope":["STATIC_DROPDOWN","Store Scope",true]}},
            "add_to_list":{"displayName":"Add To List","description":"Adds items to a list","props":{"key":["SHORT_TEXT","Key",true],"value":["ARRAY","Values",true],"ignore_if_exists":["CHECKBOX","Ignore if value exists",false],"store_scope":["STATIC_DROPDOWN","Store Scope",true]}},
            "remove_from_list":{"displayName":"Remove from List","description":"Takes an item out of a list","props":{"key":["SHORT_TEXT","Key",true],"value":["SHORT_TEXT","Value",true],"store_scope":["STATIC_DROPDOWN","Store Scope",true]}}},
 "triggers":{}},
{"name":"@activepieces/piece-data-mapper","version":"0.3.15","displayName":"Data Mapper","description":"Build an object from others","categories":["CORE"],
 "actions":{"advanced_mapping":{"displayName":"Advanced Mapping","description":"Gives the object that is written","props":{"mapping":["JSON","Mapping",true]}}},
 "triggers":{}}
])json";

Json props_json(const Json& props) {
    Json out = Json::object();
    props.each_member([&out](std::string_view name, const Json& short_form) {
        out.set(name, Json::object({{"type", short_form.at(0)},
                                    {"displayName", short_form.at(1)},
                                    {"required", short_form.at(2)}}));
    });
    return out;
}

Json steps_json(const Json& steps, bool triggers) {
    Json out = Json::object();
    steps.each_member([&out, triggers](std::string_view name, const Json& step) {
        Json whole = Json::object({{"name", Json::string(name)},
                                   {"displayName", step["displayName"]},
                                   {"description", step["description"]},
                                   {"props", props_json(step["props"])},
                                   {"requireAuth", Json::boolean(false)}});
        if (triggers) {
            whole.set("type", step["type"]);
            whole.set("sampleData", Json::object());
            whole.set("testStrategy", Json::string("SIMULATION"));
        } else {
            whole.set("errorHandlingOptions", Json::object());
        }
        out.set(name, whole);
    });
    return out;
}

Json read_catalog() {
    const Result<Json> parsed = Json::parse(kCatalog);
    Json catalog = Json::array();
    if (!parsed.ok()) {
        return catalog;
    }
    parsed->each_element([&catalog](const Json& piece) {
        Json whole = piece.deep_copy();
        whole.set("actions", steps_json(piece["actions"], false));
        whole.set("triggers", steps_json(piece["triggers"], true));
        whole.set("logoUrl", Json::string(""));
        whole.set("authors", Json::array());
        whole.set("minimumSupportedRelease", Json::string("0.0.0"));
        whole.set("maximumSupportedRelease", Json::string("9999.9999.9999"));
        whole.set("pieceType", Json::string("OFFICIAL"));
        whole.set("packageType", Json::string("REGISTRY"));
        catalog.append(whole);
    });
    return catalog;
}

}  // namespace

const Json& piece_catalog() {
    static const Json kPieces = read_catalog();
    return kPieces;
}

Json find_piece(std::string_view name) {
    Json found;
    piece_catalog().each_element([&](const Json& piece) {
        if (piece["name"].text() == name) {
            found = piece;
        }
    });
    return found;
}

Json piece_summary(const Json& piece) {
    Json summary = Json::object();
    piece.each_member(
        [&summary](std::string_view name, const Json& value) { summary.set(name, value); });
    for (const std::string_view name : {"actions", "triggers"}) {
        summary.set(name, Json::integer(static_cast<std::int64_t>(piece[name].size())));
    }
    return summary;
}

}  // namespace sallyport::engine
