#include "engine/adapters/api/openapi_types.hpp"

#include "common/bytes.hpp"

#include <string>

namespace sallyport::engine {
namespace {

Json of_type(std::string_view type) {
    return Json::object({{"type", Json::string(type)}});
}

Json list_of(const Json& items) {
    return Json::object({{"type", Json::string("array")}, {"items", items}});
}

Json or_null(const Json& schema) {
    Json either = Json::array();
    either.append(schema);
    either.append(of_type("null"));
    return Json::object({{"anyOf", either}});
}

}  // namespace

Json described_type(std::string_view type) {
    if (type.ends_with("[]")) {
        return list_of(described_type(type.substr(0, type.size() - 2)));
    }
    if (type == "text") {
        return of_type("string");
    }
    if (type == "texts") {
        return list_of(of_type("string"));
    }
    if (type == "objects") {
        return list_of(of_type("object"));
    }
    if (type == "lists") {
        return list_of(of_type("array"));
    }
    if (type == "any") {
        return Json::object();
    }
    if (type == "number" || type == "boolean" || type == "object") {
        return of_type(type);
    }
    if (type.find('|') == std::string_view::npos && type.front() >= 'A' && type.front() <= 'Z' &&
        type.find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string_view::npos) {
        return Json::object({{"$ref", Json::string("#/components/schemas/" + std::string(type))}});
    }
    Json words = Json::array();
    for_each_split(type, '|',
                   [&words](std::string_view word) { words.append(Json::string(word)); });
    Json schema = of_type("string");
    schema.set("enum", words);
    return schema;
}

Json described_object(std::string_view members) {
    Json properties = Json::object();
    Json required = Json::array();
    for_each_split(members, ' ', [&](std::string_view member) {
        const std::size_t colon = member.find(':');
        const std::string_view name = member.substr(0, colon);
        std::string_view type = member.substr(colon + 1);
        const bool may_be_null = type.ends_with('?');
        if (may_be_null || type.ends_with('!')) {
            type.remove_suffix(1);
            required.append(Json::string(name));
        }
        const Json schema = described_type(type);
        properties.set(name, may_be_null ? or_null(schema) : schema);
    });
    return Json::object(
        {{"type", Json::string("object")}, {"properties", properties}, {"required", required}});
}

}  // namespace sallyport::engine
