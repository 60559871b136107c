#include "engine/core/pieces/catalog.hpp"

#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

namespace sallyport::engine {
namespace {

// Lists that many properties offer, by the name in their place.
constexpr std::string_view kSharedOptions = R"json({
"CSV_DELIMITERS":[["Auto-detect","auto"],["Comma (,)",","],["Semicolon (;)",";"],["Tab","\\t"],["Pipe (|)","|"]],
"DATE_FORMATS":[["Sun Sep 17 2023 11:23:58","DDD MMM DD YYYY HH:mm:ss"],["Sun Sep 17 11:23:58 2023","DDD MMM DD HH:mm:ss YYYY"],
 ["September 17 2023 11:23:58","MMMM DD YYYY HH:mm:ss"],["September 17 2023","MMMM DD YYYY"],["Sep 17 2023","MMM DD YYYY"],
 ["2023-09-17T11:23:58","YYYY-MM-DDTHH:mm:ss"],["2023-09-17 11:23:58","YYYY-MM-DD HH:mm:ss"],["2023-09-17","YYYY-MM-DD"],
 ["09-17-2023","MM-DD-YYYY"],["09/17/2023","MM/DD/YYYY"],["09/17/23","MM/DD/YY"],["17-09-2023","DD-MM-YYYY"],
 ["17/09/2023","DD/MM/YYYY"],["17/09/23","DD/MM/YY"],["1694949838","X"]],
"TIME_ZONES":["UTC","Europe/London","Europe/Berlin","Europe/Paris","Europe/Helsinki","Europe/Istanbul","Africa/Cairo",
 "Asia/Dubai","Asia/Kolkata","Asia/Bangkok","Asia/Shanghai","Asia/Tokyo","Australia/Sydney","Pacific/Auckland",
 "America/Sao_Paulo","America/New_York","America/Chicago","America/Denver","America/Los_Angeles","America/Anchorage",
 "Pacific/Honolulu"]
})json";

Json shared_options(std::string_view name) {
    static const Result<Json> kShared = Json::parse(kSharedOptions);
    return kShared.ok() ? (*kShared)[name] : Json();
}

// {disabled, options: [{label, value}]} of a list of pairs; values name themselves, and
// {from, to} are the numbers between.
Json options_json(const Json& given) {
    const Json pairs = given.is_string() ? shared_options(given.text()) : given;
    Json options = Json::array();
    for (std::int64_t n = pairs["from"].integer_or(1); n <= pairs["to"].integer_or(0); ++n) {
        options.append(Json::object(
            {{"label", Json::string(std::to_string(n))}, {"value", Json::integer(n)}}));
    }
    pairs.each_element([&options](const Json& pair) {
        const bool named = pair.is_array();
        options.append(Json::object(
            {{"label", named ? pair.at(0) : pair}, {"value", named ? pair.at(1) : pair}}));
    });
    return Json::object({{"disabled", Json::boolean(false)}, {"options", options}});
}

Json props_json(const Json& props);

Json prop_json(const Json& short_form) {
    Json prop = Json::object({{"type", short_form.at(0)},
                              {"displayName", short_form.at(1)},
                              {"required", short_form.at(2)}});
    short_form.at(3).each_member([&prop](std::string_view name, const Json& value) {
        const bool nested = name == "properties" || name == "props";
        if (name == "cases") {
            return;  // for dynamic_props alone
        }
        prop.set(name, name == "options" ? options_json(value)
                       : nested          ? props_json(value)
                                         : value);
    });
    return prop;
}

Json props_json(const Json& props) {
    Json out = Json::object();
    props.each_member([&out](std::string_view name, const Json& short_form) {
        out.set(name, prop_json(short_form));
    });
    return out;
}

Json steps_json(const Json& steps, bool triggers, bool with_auth) {
    Json out = Json::object();
    steps.each_member([&](std::string_view name, const Json& step) {
        Json whole = Json::object({{"name", Json::string(name)},
                                   {"displayName", step["displayName"]},
                                   {"description", step["description"]},
                                   {"props", props_json(step["props"])},
                                   {"requireAuth", Json::boolean(with_auth)}});
        for (const std::string_view said : {"audience", "classification"}) {
            if (step.has(said)) {
                whole.set(said, step[said]);
            }
        }
        if (triggers) {
            const Json sample = step["sampleData"];
            whole.set("type", step["type"]);
            whole.set("sampleData", sample.exists() ? sample : Json::object());
            const Json strategy = step["testStrategy"];
            whole.set("testStrategy", strategy.exists() ? strategy
                                      : step["type"].text() == "WEBHOOK"
                                          ? Json::string("SIMULATION")
                                          : Json::string("TEST_FUNCTION"));
        } else {
            const Json handling = step["errorHandlingOptions"];
            whole.set("errorHandlingOptions", handling.exists() ? handling : Json::object());
        }
        out.set(name, whole);
    });
    return out;
}

Json whole_piece(const Json& about) {
    Json whole = about.deep_copy();
    const bool with_auth = about["auth"].exists();
    whole.set("actions", steps_json(about["actions"], false, with_auth));
    whole.set("triggers", steps_json(about["triggers"], true, with_auth));
    if (with_auth) {
        whole.set("auth", prop_json(about["auth"]));
    }
    whole.set("logoUrl", Json::string(""));
    whole.set("authors", Json::array());
    whole.set("minimumSupportedRelease", Json::string("0.0.0"));
    whole.set("maximumSupportedRelease", Json::string("9999.9999.9999"));
    whole.set("pieceType", Json::string("OFFICIAL"));
    whole.set("packageType", Json::string("REGISTRY"));
    return whole;
}

Json read_catalog() {
    Json catalog = Json::array();
    for (const NativePiece* piece : native_pieces()) {
        const Result<Json> about = Json::parse(piece->about);
        // A mistake in a description leaves a hole, so that the table's order stays; a test finds
        // it.
        catalog.append(about.ok() ? whole_piece(*about) : Json::object());
    }
    return catalog;
}

}  // namespace

const Json& piece_catalog() {
    static const Json kPieces = read_catalog();
    return kPieces;
}

Json find_piece(std::string_view name) {
    static const std::unordered_map<std::string_view, Json> kByName = [] {
        std::unordered_map<std::string_view, Json> by_name;
        piece_catalog().each_element(
            [&by_name](const Json& piece) { by_name.emplace(piece["name"].text(), piece); });
        return by_name;
    }();
    const auto found = kByName.find(name);
    return found == kByName.end() ? Json() : found->second;
}

Json dynamic_props(std::string_view piece, std::string_view step, std::string_view prop,
                   const Json& input) {
    for (const NativePiece* native : native_pieces()) {
        const Result<Json> about = Json::parse(native->about);
        if (!about.ok() || (*about)["name"].text() != piece) {
            continue;
        }
        for (const std::string_view kind : {"actions", "triggers"}) {
            const Json more = (*about)[kind][step]["props"][prop].at(3);
            const std::string_view refresher = more["refreshers"].at(0).text();
            const Json props = more["cases"][value_text(input[refresher])];
            if (props.exists()) {
                return props_json(props);
            }
        }
    }
    return Json::object();
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
