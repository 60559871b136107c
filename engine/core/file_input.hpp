// A FILE property as a step gives it (engine contract 2.2): `data:` with base64 and perhaps a
// `name`, or what an earlier step made of a file, {filename, base64}. Pure: files behind addresses
// are the caller's to fetch.
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

// That of files whose names end like this one.
std::string_view type_of_name(std::string_view name,
                              std::string_view fallback = "application/octet-stream");

Result<InputFile> file_input(std::string_view property, const Json& value);
// The other way: what steps that come later take as that file, its name too.
std::string file_address(const InputFile& file);

}  // namespace sallyport::engine
