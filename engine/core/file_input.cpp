#include "engine/core/file_input.hpp"

#include "common/bytes.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/web_message.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kAnyType = "application/octet-stream";
constexpr std::string_view kNameParameter = ";name=";

constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kTypes = {
    {{"txt", "text/plain"},
     {"md", "text/markdown"},
     {"csv", "text/csv"},
     {"html", "text/html"},
     {"json", "application/json"},
     {"xml", "application/xml"},
     {"pdf", "application/pdf"},
     {"zip", "application/zip"},
     {"png", "image/png"},
     {"jpeg", "image/jpeg"},
     {"jpg", "image/jpeg"},
     {"gif", "image/gif"},
     {"svg", "image/svg+xml"},
     {"mp3", "audio/mpeg"},
     {"mp4", "video/mp4"},
     {"gz", "application/gzip"},
     {"doc", "application/msword"},
     {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
     {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
     {"bin", kAnyType}}};

Error not_a_file(std::string_view property, const Json& value) {
    std::string shown = value.exists() ? value_text(value) : "undefined";
    shown.resize(std::min<std::size_t>(shown.size(), 100));
    return input_error(property, "Expected file url or base64 with mimeType, received: " + shown);
}

// data:<type>[;name=<name>];base64,<text>
Result<InputFile> from_data_url(std::string_view property, const Json& value) {
    std::string_view rest = value.text();
    rest.remove_prefix(5);
    const std::size_t comma = rest.find(',');
    const std::string_view head = rest.substr(0, comma);
    constexpr std::string_view kBase64 = ";base64";
    if (comma == std::string_view::npos || !head.ends_with(kBase64)) {
        return not_a_file(property, value);
    }
    const auto data = base64_decode(rest.substr(comma + 1));
    std::string_view type = head.substr(0, head.size() - kBase64.size());
    std::string name;
    if (const std::size_t at = type.find(kNameParameter); at != std::string_view::npos) {
        const std::string_view named = type.substr(at + kNameParameter.size());
        name = member_name(percent_decode(named.substr(0, named.find(';'))));
        type = type.substr(0, at);
    }
    if (!data || !is_field_value(type)) {
        return not_a_file(property, value);
    }
    if (name.empty()) {
        name = "unknown." + std::string(ending_of_type(type, "bin"));
    }
    return InputFile{std::move(name), std::string(type.empty() ? kAnyType : type),
                     std::string(as_text(*data))};
}

}  // namespace

std::string_view ending_of_type(std::string_view wanted, std::string_view fallback) {
    for (const auto& [ending, type] : kTypes) {
        if (type == wanted) {
            return ending;
        }
    }
    return fallback;
}

std::string_view type_of_name(std::string_view name, std::string_view fallback) {
    const std::size_t dot = name.rfind('.');
    const std::string ending =
        dot == std::string_view::npos ? "" : ascii_lower(name.substr(dot + 1));
    for (const auto& [known, type] : kTypes) {
        if (ending == known) {
            return type;
        }
    }
    return fallback;
}

Result<InputFile> file_input(std::string_view property, const Json& value) {
    if (value.is_string() && value.text().starts_with("data:")) {
        return from_data_url(property, value);
    }
    const Json base64 = value["base64"].is_string() ? value["base64"] : value["data"];
    const auto data = base64.is_string() ? base64_decode(base64.text()) : std::nullopt;
    if (!data) {
        return not_a_file(property, value);
    }
    const std::string name = *input_text_or(value, "filename", "unknown");
    return InputFile{name, std::string(type_of_name(name)), std::string(as_text(*data))};
}

std::string file_address(const InputFile& file) {
    return "data:" + file.type + std::string(kNameParameter) + percent_encode(file.name) +
           ";base64," + base64_encode(as_bytes(file.data), file.data.size());
}

}  // namespace sallyport::engine
