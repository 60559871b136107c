#include "engine/core/s3/document.hpp"

#include "engine/core/xml_reader.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kTextBytesMax = 4096;  // a key of 1024 bytes, each of them as %XX
constexpr std::size_t kTextsMax = 32;        // of one record; Amazon's have a dozen
constexpr std::size_t kRecordsMax = 2048;    // a page has 1000
constexpr std::size_t kShownBytesMax = 300;

class DocumentReader {
  public:
    DocumentReader(std::string_view xml, std::string_view root, std::size_t depth)
        : reader_(xml), root_(root), depth_(depth) {}

    std::optional<S3Document> read() {
        while (true) {
            switch (reader_.next()) {
                case XmlReader::Event::done:
                    return std::move(document_);
                case XmlReader::Event::error:
                    return std::nullopt;
                case XmlReader::Event::text:
                    text_ += reader_.text();
                    if (text_.size() > kTextBytesMax) {
                        return std::nullopt;
                    }
                    break;
                case XmlReader::Event::begin:
                    if (!begin()) {
                        return std::nullopt;
                    }
                    break;
                case XmlReader::Event::end:
                    if (!end()) {
                        return std::nullopt;
                    }
                    break;
            }
        }
    }

  private:
    bool begin() {
        text_.clear();
        const std::size_t depth = reader_.depth();
        leaf_ = true;
        if (depth == 1 && reader_.name() != root_) {
            return false;
        }
        if (depth == depth_) {
            // It may turn out to be a text.
            document_.records.push_back({std::string(reader_.name()), {}});
        }
        return document_.records.size() <= kRecordsMax;
    }

    bool end() {
        const std::size_t depth = reader_.depth();
        const bool leaf = std::exchange(leaf_, false);
        std::string text = std::exchange(text_, {});
        if (depth == depth_ + 1 && leaf) {
            auto& texts = document_.records.back().texts;
            texts.emplace_back(reader_.name(), std::move(text));
            return texts.size() <= kTextsMax;
        }
        if (depth == 2 && leaf) {
            if (depth_ == 2 && !text.empty()) {
                document_.records.pop_back();
            }
            document_.root.texts.emplace_back(reader_.name(), std::move(text));
            return document_.root.texts.size() <= kTextsMax;
        }
        return true;
    }

    XmlReader reader_;
    std::string_view root_;
    std::size_t depth_;
    S3Document document_;
    std::string text_;
    bool leaf_ = false;  // nothing has begun within what is to end next
};

}  // namespace

std::string_view S3Record::text(std::string_view wanted) const {
    std::string_view found;
    for (const auto& [known, text] : texts) {
        found = known == wanted ? std::string_view(text) : found;
    }
    return found;
}

bool S3Record::has(std::string_view wanted) const {
    return std::any_of(texts.begin(), texts.end(),
                       [wanted](const auto& text) { return text.first == wanted; });
}

std::optional<S3Document> read_s3_document(std::string_view xml, std::string_view root,
                                           std::size_t depth) {
    return DocumentReader(xml, root, depth).read();
}

S3Fault read_s3_fault(std::string_view xml) {
    const auto document = read_s3_document(xml, "Error");
    if (!document) {
        return {};
    }
    return {std::string(document->root.text("Code").substr(0, kShownBytesMax)),
            std::string(document->root.text("Message").substr(0, kShownBytesMax))};
}

std::optional<std::string> xml_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\t':
            case '\n':
            case '\r':  // as they stand, readers take them for one blank or line end
                out += "&#" + std::to_string(static_cast<int>(c)) + ";";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    return std::nullopt;
                }
                out += c;
        }
    }
    return out;
}

}  // namespace sallyport::engine
