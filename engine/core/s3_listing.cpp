#include "engine/core/s3_listing.hpp"

#include "common/bytes.hpp"
#include "engine/core/web_message.hpp"
#include "engine/core/xml_reader.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kFieldBytesMax = 4096;  // a key of 1024 bytes, each of them as %XX

Error no_listing() {
    return Error{"s3: the answer is no listing of a bucket"};
}

// As a form has it.
std::string url_decoded(std::string text) {
    std::replace(text.begin(), text.end(), '+', ' ');
    return percent_decode(text);
}

// The text of one element.
class ListedField {
  public:
    std::string take() { return std::exchange(text_, {}); }
    void clear() { text_.clear(); }
    // False when it has become longer than any is.
    bool add(const std::string& text) {
        text_ += text;
        return text_.size() <= kFieldBytesMax;
    }

  private:
    std::string text_;
};

bool set_field(S3Object& object, std::string_view name, std::string value) {
    if (name == "Key") {
        object.key = std::move(value);
    } else if (name == "LastModified") {
        object.modified = std::move(value);
    } else if (name == "ETag") {
        object.etag = std::move(value);
    } else if (name == "StorageClass") {
        object.storage_class = std::move(value);
    } else if (name == "Size") {
        const auto size = parse_u64(value);
        object.size = static_cast<std::int64_t>(size.value_or(0) & INT64_MAX);
        return size.has_value();
    }
    return true;
}

struct Listing {
    S3Page page;
    bool url_encoded = false;
};

// One element that has ended; `depth` is 2 within the root, 3 within one of its members.
bool take_field(Listing& listing, std::size_t depth, std::string_view parent, std::string_view name,
                std::string value) {
    S3Page& page = listing.page;
    if (depth == 3 && parent == "Contents") {
        return set_field(page.objects.back(), name, std::move(value));
    }
    if (depth == 2 && name == "IsTruncated") {
        page.truncated = value == "true";
    } else if (depth == 2 && name == "NextContinuationToken") {
        page.next = std::move(value);
    } else if (depth == 2 && name == "EncodingType") {
        listing.url_encoded = value == "url";
    }
    return true;
}

std::optional<Listing> read_listing(std::string_view xml) {
    XmlReader reader(xml);
    Listing listing;
    ListedField field;
    std::string parent;
    while (true) {
        switch (reader.next()) {
            case XmlReader::Event::done:
                return listing;
            case XmlReader::Event::error:
                return std::nullopt;
            case XmlReader::Event::text:
                if (!field.add(reader.text())) {
                    return std::nullopt;
                }
                break;
            case XmlReader::Event::begin:
                field.clear();
                if (reader.depth() == 1 && reader.name() != "ListBucketResult") {
                    return std::nullopt;
                }
                if (reader.depth() == 2) {
                    parent = reader.name();
                    if (parent == "Contents") {
                        if (listing.page.objects.size() == kS3PageObjects) {
                            return std::nullopt;
                        }
                        listing.page.objects.emplace_back();
                    }
                }
                break;
            case XmlReader::Event::end:
                if (!take_field(listing, reader.depth(), parent, reader.name(), field.take())) {
                    return std::nullopt;
                }
                break;
        }
    }
}

}  // namespace

Result<S3Page> read_s3_page(std::string_view xml) {
    std::optional<Listing> listing = read_listing(xml);
    if (!listing) {
        return no_listing();
    }
    S3Page& page = listing->page;
    for (S3Object& object : page.objects) {
        if (listing->url_encoded) {
            object.key = url_decoded(std::move(object.key));
        }
    }
    const bool whole = std::all_of(page.objects.begin(), page.objects.end(),
                                   [](const S3Object& object) { return !object.key.empty(); });
    if (!whole || (page.truncated && page.next.empty())) {
        return no_listing();
    }
    return std::move(page);
}

Result<S3Copy> read_s3_copy(std::string_view xml) {
    XmlReader reader(xml);
    S3Copy copy;
    ListedField field;
    while (true) {
        switch (reader.next()) {
            case XmlReader::Event::done:
                return copy;
            case XmlReader::Event::error:
                return Error{"s3: the answer is no result of a copy"};
            case XmlReader::Event::text:
                if (!field.add(reader.text())) {
                    return Error{"s3: the answer is no result of a copy"};
                }
                break;
            case XmlReader::Event::begin:
                field.clear();
                if (reader.depth() == 1 && reader.name() != "CopyObjectResult") {
                    return Error{"s3: the answer is no result of a copy"};
                }
                break;
            case XmlReader::Event::end: {
                std::string value = field.take();
                if (reader.name() == "ETag") {
                    copy.etag = std::move(value);
                } else if (reader.name() == "LastModified") {
                    copy.modified = std::move(value);
                }
                break;
            }
        }
    }
}

}  // namespace sallyport::engine
