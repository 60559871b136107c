// Tags of runs as both stores look for them. They are kept as a JSON array of texts; without its
// brackets and with commas around it, ,"tag", is in it exactly when the tag is: a quote within a
// text has a backslash before it.
#pragma once

#include "common/json.hpp"

#include <string>
#include <vector>

namespace sallyport::engine {

inline std::vector<std::string> tag_texts(const std::vector<std::string>& tags) {
    std::vector<std::string> texts;
    for (const std::string& tag : tags) {
        texts.push_back("," + Json::string(tag).dump() + ",");
    }
    return texts;
}

}  // namespace sallyport::engine
