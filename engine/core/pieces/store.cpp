#include "engine/core/pieces/store.hpp"

#include "engine/core/pieces/table.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

constexpr std::array<std::string_view, 6> kActions = {
    "get", "put", "append", "remove_value", "add_to_list", "remove_from_list"};

StoreOutcome put(const Json& value) {
    return {StoreOutcome::Kind::put, value, value};
}

// `\n`, as a person types it into a form, is the end of a line.
std::string separator_of(const Json& input) {
    std::string text(input["separator"].text());
    for (std::size_t at = text.find("\\n"); at != std::string::npos;
         at = text.find("\\n", at + 1)) {
        text.replace(at, 2, "\n");
    }
    return text;
}

Result<StoreOutcome> append(const Json& input, const Json& stored) {
    const std::string key(input["key"].text());
    if (stored.exists() && !stored.is_null() && !stored.is_string()) {
        return Error{"Key " + key + " is not a string"};
    }
    const std::string before(stored.text());
    const Json value = input["value"];
    if (!value.exists() || value.is_null() || (value.is_string() && value.text().empty())) {
        return StoreOutcome{StoreOutcome::Kind::keep, {}, Json::string(before)};
    }
    const std::string added = value.is_string() ? std::string(value.text()) : value.dump();
    return put(Json::string(before + (before.empty() ? "" : separator_of(input)) + added));
}

// A list, or the text of one; nothing is an empty list.
Json list_from(const Json& value) {
    if (!value.exists() || value.is_null()) {
        return Json::array();
    }
    if (value.is_string()) {
        const Result<Json> parsed = Json::parse(value.text());
        return parsed.ok() && parsed->is_array() ? *parsed : Json();
    }
    return value.is_array() ? value.deep_copy() : Json();
}

bool has_item(const Json& list, const Json& item) {
    bool has = false;
    list.each_element([&](const Json& one) { has = has || one.equals(item); });
    return has;
}

Result<StoreOutcome> add_to_list(const Json& input, const Json& stored) {
    const Json added = list_from(input["value"]);
    if (!added.exists()) {
        return Error{"An unexpected error occurred: Provided value is not a list."};
    }
    Json list = list_from(stored);
    if (!list.exists()) {
        return Error{"An unexpected error occurred: Key " + std::string(input["key"].text()) +
                     " is not a list."};
    }
    const bool once = input["ignore_if_exists"].is_true();
    added.each_element([&](const Json& item) {
        if (!once || !has_item(list, item)) {
            list.append(item);
        }
    });
    return put(list);
}

Result<StoreOutcome> remove_from_list(const Json& input, const Json& stored) {
    if (stored.exists() && !stored.is_null() && !stored.is_array()) {
        return Error{"Key " + std::string(input["key"].text()) + " is not an array"};
    }
    Json kept = Json::array();
    bool removed = false;
    stored.each_element([&](const Json& item) {
        if (!removed && item.equals(input["value"])) {
            removed = true;
        } else {
            kept.append(item);
        }
    });
    return put(kept);
}

}  // namespace

bool is_store_action(std::string_view action) {
    return std::find(kActions.begin(), kActions.end(), action) != kActions.end();
}

Result<std::string> store_key(const Json& input, std::string_view flow_id,
                              std::string_view run_id) {
    const std::string key(input["key"].text());
    if (key.empty() || key.size() > kStoreKeyBytesMax) {
        return Error{"The key must have 1 to 128 characters"};
    }
    const std::string_view scope = input["store_scope"].text_or("COLLECTION");
    if (scope == "COLLECTION") {
        return key;
    }
    if (scope == "FLOW") {
        return "flow_" + std::string(flow_id) + "/" + key;
    }
    if (scope == "RUN") {
        return "run_" + std::string(run_id) + "/" + key;
    }
    return Error{"The store scope must be one of COLLECTION, FLOW, RUN"};
}

Result<StoreOutcome> store_outcome(std::string_view action, const Json& input, const Json& stored,
                                   std::size_t value_bytes_max) {
    if (action == "get") {
        const Json fallback = input["defaultValue"];
        const bool there = stored.exists() && !stored.is_null();
        return StoreOutcome{StoreOutcome::Kind::keep,
                            {},
                            there               ? stored
                            : fallback.exists() ? fallback
                                                : Json::null()};
    }
    if (action == "remove_value") {
        return StoreOutcome{
            StoreOutcome::Kind::remove, {}, Json::object({{"success", Json::boolean(true)}})};
    }
    Result<StoreOutcome> outcome =
        action == "append"        ? append(input, stored)
        : action == "add_to_list" ? add_to_list(input, stored)
        : action == "remove_from_list"
            ? remove_from_list(input, stored)
            : put(input["value"].exists() ? input["value"] : Json::null());
    if (outcome.ok() && outcome->value.exists() && outcome->value.dump().size() > value_bytes_max) {
        return Error{"The value must have at most " + std::to_string(value_bytes_max / 1024) +
                     " KB"};
    }
    return outcome;
}

const NativePiece kStoreNative = {
    R"json({
 "name":"@activepieces/piece-store","version":"0.6.20","displayName":"Storage",
 "description":"Keep values between runs","categories":["CORE"],
 "actions":{
  "get":{"displayName":"Get","description":"Gives a value","props":{"key":["SHORT_TEXT","Key",true],"defaultValue":["SHORT_TEXT","Default Value",false],"store_scope":["STATIC_DROPDOWN","Store Scope",true,{"defaultValue":"COLLECTION","options":[["Project","COLLECTION"],["Flow","FLOW"],["Run","RUN"]]}]}},
  "put":{"displayName":"Put","description":"Keeps a value","props":{"key":["SHORT_TEXT","Key",true],"value":["SHORT_TEXT","Value",true],"store_scope":["STATIC_DROPDOWN","Store Scope",true,{"defaultValue":"COLLECTION","options":[["Project","COLLECTION"],["Flow","FLOW"],["Run","RUN"]]}]}},
  "append":{"displayName":"Append","description":"Adds to the end of a text","props":{"key":["SHORT_TEXT","Key",true],"value":["SHORT_TEXT","Value",true],"separator":["SHORT_TEXT","Separator",false],"store_scope":["STATIC_DROPDOWN","Store Scope",true,{"defaultValue":"COLLECTION","options":[["Project","COLLECTION"],["Flow","FLOW"],["Run","RUN"]]}]}},
  "remove_value":{"displayName":"Remove","description":"Forgets a value","props":{"key":["SHORT_TEXT","Key",true],"store_scope":["STATIC_DROPDOWN","Store Scope",true,{"defaultValue":"COLLECTION","options":[["Project","COLLECTION"],["Flow","FLOW"],["Run","RUN"]]}]}},
  "add_to_list":{"displayName":"Add To List","description":"Adds items to a list","props":{"key":["SHORT_TEXT","Key",true],"value":["ARRAY","Value",true],"ignore_if_exists":["CHECKBOX","Ignore if value exists",false],"store_scope":["STATIC_DROPDOWN","Store Scope",true,{"defaultValue":"COLLECTION","options":[["Project","COLLECTION"],["Flow","FLOW"],["Run","RUN"]]}]}},
  "remove_from_list":{"displayName":"Remove from List","description":"Takes an item out of a list","props":{"key":["SHORT_TEXT","Key",true],"value":["SHORT_TEXT","Value",true],"store_scope":["STATIC_DROPDOWN","Store Scope",true,{"defaultValue":"COLLECTION","options":[["Project","COLLECTION"],["Flow","FLOW"],["Run","RUN"]]}]}}},
 "triggers":{}
})json",
    {{"get"}, {"put"}, {"append"}, {"remove_value"}, {"add_to_list"}, {"remove_from_list"}}};

}  // namespace sallyport::engine
