// Provider feeds and set images from any bytes: no crash, errors name the file, a feed that was
// accepted is not empty and is found again by its set, and an image that was opened can be asked
// anything.
#include "module/policy/ip_feed.hpp"
#include "module/policy/ip_set.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

using namespace sallyport;  // a fuzz target is one function
using namespace sallyport::policy;

namespace {

constexpr const char* kSources[] = {"text", "github.hooks",   "stripe", "fastly.addresses",
                                    "aws",  "aws.CLOUDFRONT", "google", "cloudflare"};

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void fuzz_image(const std::uint8_t* data, std::size_t size) {
    std::vector<std::uint64_t> words(size / 8 + 1);
    std::memcpy(words.data(), data, size);
    const auto view = IpSetView::open(std::as_bytes(std::span(words)).first(size));
    if (view) {
        for (const char* text :
             {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "2001:db8::1", "ffff::ffff"}) {
            view->contains(*IpAddress::parse(text));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    if (data[0] == 0xff) {
        fuzz_image(data + 1, size - 1);
        return 0;
    }
    if (data[0] == 0xfe) {
        const auto source = parse_feed_source(text);
        require(source.ok() || !source.message().empty());
        return 0;
    }
    const auto source = parse_feed_source(kSources[data[0] % 8]);
    require(source.ok());
    const auto blocks = parse_feed(*source, text, "feed");
    if (!blocks) {
        require(blocks.message().starts_with("feed:"));
        return 0;
    }
    const IpSet set(*blocks);
    for (const Cidr& block : *blocks) {
        require(set.contains(block.base) && set.contains(block.last()));
    }
    return 0;
}
