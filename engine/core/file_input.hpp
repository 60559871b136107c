// A FILE property as a step gives it (engine contract 2.2): `data:` with base64, or what an earlier
// step made of a file, {filename, base64}. Pure: files behind addresses are the caller's to fetch.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

struct InputFile {
    std::string name;
    std::string type;  // media type
    std::string data;
};

// How the names of a media type's files usually end, without the dot.
std::string_view ending_of_type(std::string_view type, std::string_view fallback);

Result<InputFile> file_input(std::string_view property, const Json& value);

}  // namespace sallyport::engine
