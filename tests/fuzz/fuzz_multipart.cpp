// Forms from a stranger: a line with the content type, then the body. The parts lie in the body, in
// order, and none holds the boundary. What we write of them is read back the same.
#include "engine/core/multipart.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

// Names are quoted, which makes them up to three times as long.
constexpr std::size_t kNamesBytesMax = 2000;

void check_writing(const std::vector<sallyport::engine::MultipartPart>& parts) {
    for (const auto& part : parts) {
        if (part.name.size() + part.file_name.value_or("").size() + part.content_type.size() >
            kNamesBytesMax) {
            return;
        }
    }
    const auto text = sallyport::engine::write_multipart(parts);
    const auto read = sallyport::engine::parse_multipart(text.content_type, text.body);
    require(read.ok() && read->size() == parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        require((*read)[i].data == parts[i].data);
        require((*read)[i].file_name.has_value() == parts[i].file_name.has_value());
        require((*read)[i].content_type == parts[i].content_type);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t line = text.find('\n');
    const std::string_view body = line == text.npos ? std::string_view() : text.substr(line + 1);
    const auto parts = sallyport::engine::parse_multipart(text.substr(0, line), body);
    if (!parts.ok()) {
        require(!parts.message().empty());
        return 0;
    }
    require(parts->size() <= 1000);
    std::size_t at = 0;
    for (const auto& part : *parts) {
        if (part.data.empty()) {
            continue;
        }
        require(part.data.data() >= body.data() + at);
        at = static_cast<std::size_t>(part.data.data() - body.data()) + part.data.size();
        require(at < body.size());
        require(body.substr(at).starts_with("\r\n--"));
    }
    check_writing(*parts);
    return 0;
}
