// What S3 answers: the reader of XML keeps its bounds and its elements in order whatever comes, and
// a listing that is written as S3 writes it is read back.
#include "engine/core/s3/listing.hpp"
#include "engine/core/xml_reader.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sallyport::engine;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_events(std::string_view xml) {
    XmlReader reader(xml);
    std::vector<std::string> open;
    std::size_t events = 0;
    while (true) {
        require(++events <= 2 * xml.size() + 2);
        switch (reader.next()) {
            case XmlReader::Event::begin:
                open.emplace_back(reader.name());
                require(reader.depth() == open.size() && open.size() <= XmlReader::kDepthMax);
                break;
            case XmlReader::Event::end:
                require(!open.empty() && open.back() == reader.name());
                require(reader.depth() == open.size());
                open.pop_back();
                break;
            case XmlReader::Event::text:
                require(!open.empty() && reader.text().size() <= xml.size());
                break;
            case XmlReader::Event::done:
                require(open.empty());
                return;
            case XmlReader::Event::error:
                require(reader.next() == XmlReader::Event::error);
                return;
        }
    }
}

std::string escaped(std::string_view key) {
    std::string out;
    for (const char c : key) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '&':
                out += "&#38;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

void check_keys(std::string_view text) {
    constexpr std::size_t kKeyBytesMax = 1024;
    std::vector<std::string> keys;
    std::string xml = "<ListBucketResult>";
    while (!text.empty() && keys.size() < kS3PageObjects) {
        const std::string_view key = text.substr(0, std::min(text.find('\n'), kKeyBytesMax));
        text.remove_prefix(std::min(text.size(), key.size() + 1));
        if (!key.empty()) {
            keys.emplace_back(key);
            xml += "<Contents><Key>" + escaped(key) + "</Key></Contents>";
        }
    }
    const auto page = read_s3_page(xml + "</ListBucketResult>");
    require(page.ok() && page->objects.size() == keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        require(page->objects[i].key == keys[i]);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_events(text);
    check_keys(text);
    const auto page = read_s3_page(text);
    require(page.ok() ? page->objects.size() <= kS3PageObjects &&
                            (!page->truncated || !page->next.empty())
                      : !page.message().empty());
    const auto copy = read_s3_copy(text);
    require(copy.ok() || !copy.message().empty());
    const auto versions = read_s3_versions(text);
    require(!versions.ok() || versions->versions.size() <= kS3PageObjects);
    require(read_s3_deletions(text).ok() || !read_s3_deletions(text).message().empty());
    require(read_s3_tags(text).ok() || !read_s3_tags(text).message().empty());
    return 0;
}
