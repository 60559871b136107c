// Address lists as providers publish them. A script fetches the documents (scripts/refresh-feeds);
// here is only how to read them.
//
//   text                      one block a line (cloudflare's ips-v4 and ips-v6, most block lists)
//   github, stripe, fastly    JSON: members that are arrays of blocks
//   aws, google               JSON: "prefixes" of objects, each with its block, service and region
//   cloudflare                text, or the JSON of its API
//
// A section says which part is meant: a member's name (`github.hooks`), or a service or a region
// (`aws.CLOUDFRONT`). Several are joined by `+`. Where a document has parts for different purposes
// (github), a section is demanded.
#pragma once

#include "common/ip.hpp"
#include "common/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

enum class FeedFormat : std::uint8_t { text, github, stripe, fastly, aws, google, cloudflare };

struct FeedSource {
    FeedFormat format = FeedFormat::text;
    std::vector<std::string> sections;  // empty: all of it
};

// `github.hooks+web`, `aws`, `text`.
Result<FeedSource> parse_feed_source(std::string_view text);
std::string_view feed_format_names();  // for messages and help

// The document's blocks. `name` (the file's) stands in front of an error, with the line or the
// member. A document without a single block, and a section that it does not have, are errors: a
// provider that changed its format must not empty a list.
Result<std::vector<Cidr>> parse_feed(const FeedSource& source, std::string_view text,
                                     std::string_view name);

}  // namespace sallyport::policy
