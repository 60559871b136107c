#include "module/policy/ip_feed.hpp"

#include "common/bytes.hpp"
#include "common/json.hpp"
#include "module/policy/ip_list.hpp"

#include <algorithm>
#include <array>

namespace sallyport::policy {
namespace {

constexpr std::size_t kSectionsMax = 16;

struct Format {
    std::string_view name;
    FeedFormat format;
    bool has_sections;
    bool wants_section;
};
constexpr std::array kFormats = {
    Format{"text", FeedFormat::text, false, false},
    Format{"github", FeedFormat::github, true, true},
    Format{"stripe", FeedFormat::stripe, true, false},
    Format{"fastly", FeedFormat::fastly, true, false},
    Format{"aws", FeedFormat::aws, true, false},
    Format{"google", FeedFormat::google, true, false},
    Format{"cloudflare", FeedFormat::cloudflare, false, false},
};

// Collects blocks out of one document; the first error stays.
class Collector {
  public:
    Collector(const FeedSource& source, std::string_view name)
        : source_(source), name_(name), seen_(source.sections.size(), false) {}

    // Whether a part of that name is asked for.
    bool wants(std::string_view section) {
        if (source_.sections.empty()) {
            return true;
        }
        bool wanted = false;
        for (std::size_t i = 0; i < seen_.size(); ++i) {
            if (source_.sections[i] == section) {
                seen_[i] = true;
                wanted = true;
            }
        }
        return wanted;
    }

    void add(const Json& value, const std::string& where) {
        if (!error_.empty()) {
            return;
        }
        if (!value.is_string()) {
            fail(where, "is not text");
            return;
        }
        auto block = parse_ip_block(value.text());
        if (!block) {
            fail(where, block.message());
        } else if (blocks_.size() == kIpListBlocksMax) {
            fail(where, "more than " + std::to_string(kIpListBlocksMax) + " blocks");
        } else {
            blocks_.push_back(*block);
        }
    }
    void add_array(const Json& array, const std::string& where) {
        if (!array.is_array()) {
            fail(where, "is not a list of blocks");
            return;
        }
        std::size_t i = 0;
        array.each_element(
            [&](const Json& value) { add(value, where + "[" + std::to_string(i++) + "]"); });
    }
    void fail(const std::string& where, const std::string& message) {
        if (error_.empty()) {
            error_ = name_ + ": " + where + ": " + message;
        }
    }

    Result<std::vector<Cidr>> finish() {
        for (std::size_t i = 0; i < seen_.size() && error_.empty(); ++i) {
            if (!seen_[i]) {
                error_ = name_ + ": has no section " + in_quotes(source_.sections[i]) +
                         "; look for its name in the document";
            }
        }
        if (error_.empty() && blocks_.empty()) {
            error_ = name_ + ": has no block at all; is it the right document?";
        }
        if (!error_.empty()) {
            return Error{error_};
        }
        return std::move(blocks_);
    }

  private:
    const FeedSource& source_;
    std::string name_;
    std::vector<bool> seen_;
    std::vector<Cidr> blocks_;
    std::string error_;
};

bool holds_blocks(const Json& value) {
    return value.is_array() && value.size() > 0 && value.at(0).is_string() &&
           Cidr::parse(value.at(0).text()).ok();
}

// Without sections every member that is a list of blocks; with sections those, which must be.
void collect_members(const Json& document, bool all, Collector& out) {
    document.each_member([&](std::string_view key, const Json& value) {
        if (all ? holds_blocks(value) : out.wants(key)) {
            out.add_array(value, std::string(key));
        }
    });
}

// An entry counts when its service or its region (or Google's scope) is asked for.
void collect_entries(const Json& list, const std::string& where, Collector& out) {
    if (!list.is_array()) {
        out.fail(where, "is not a list");
        return;
    }
    std::size_t i = 0;
    list.each_element([&](const Json& entry) {
        const std::string here = where + "[" + std::to_string(i++) + "]";
        const bool by_service = out.wants(entry["service"].text_or(""));
        const bool by_region = out.wants(entry["region"].text_or(entry["scope"].text_or("")));
        if (!by_service && !by_region) {
            return;
        }
        for (const char* key : {"ip_prefix", "ipv6_prefix", "ipv4Prefix", "ipv6Prefix"}) {
            if (const Json block = entry[key]) {
                out.add(block, here + "." + key);
                return;
            }
        }
        out.fail(here, "has no prefix");
    });
}

void collect_cloudflare(const Json& document, Collector& out) {
    const Json result = document["result"];
    if (!document["success"].is_true() || !result.is_object()) {
        out.fail("success", "is not true");
        return;
    }
    out.add_array(result["ipv4_cidrs"], "result.ipv4_cidrs");
    out.add_array(result["ipv6_cidrs"], "result.ipv6_cidrs");
}

void collect(const FeedSource& source, const Json& document, Collector& out) {
    switch (source.format) {
        case FeedFormat::text:
            return;
        case FeedFormat::github:
        case FeedFormat::stripe:
        case FeedFormat::fastly:
            collect_members(document, source.sections.empty(), out);
            return;
        case FeedFormat::aws:
            collect_entries(document["prefixes"], "prefixes", out);
            collect_entries(document["ipv6_prefixes"], "ipv6_prefixes", out);
            return;
        case FeedFormat::google:
            collect_entries(document["prefixes"], "prefixes", out);
            return;
        case FeedFormat::cloudflare:
            collect_cloudflare(document, out);
            return;
    }
}

bool is_json(std::string_view text) {
    const std::size_t at = text.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && text[at] == '{';
}

}  // namespace

std::string_view feed_format_names() {
    return "text, github, stripe, fastly, aws, google or cloudflare";
}

Result<FeedSource> parse_feed_source(std::string_view text) {
    const std::size_t dot = text.find('.');
    const std::string_view name = text.substr(0, dot);
    const auto* format = std::find_if(kFormats.begin(), kFormats.end(),
                                      [&](const Format& one) { return one.name == name; });
    if (format == kFormats.end()) {
        return Error{in_quotes(name) + " is not a feed; write " + std::string(feed_format_names())};
    }
    FeedSource source{format->format, {}};
    if (dot != std::string_view::npos) {
        for_each_split(text.substr(dot + 1), '+',
                       [&](std::string_view section) { source.sections.emplace_back(section); });
    }
    const bool empty = std::any_of(source.sections.begin(), source.sections.end(),
                                   [](const std::string& section) { return section.empty(); });
    if (empty || source.sections.size() > kSectionsMax) {
        return Error{in_quotes(text) + " names no section, or more than " +
                     std::to_string(kSectionsMax) + "; write for example github.hooks+web"};
    }
    if (!source.sections.empty() && !format->has_sections) {
        return Error{in_quotes(text) + ": " + std::string(name) + " has no sections; write " +
                     std::string(name) + " alone"};
    }
    if (source.sections.empty() && format->wants_section) {
        return Error{in_quotes(text) +
                     " holds addresses for many purposes; name one, such as github.hooks"};
    }
    return source;
}

Result<std::vector<Cidr>> parse_feed(const FeedSource& source, std::string_view text,
                                     std::string_view name) {
    const bool may_be_text =
        source.format == FeedFormat::text || source.format == FeedFormat::cloudflare;
    if (may_be_text && !is_json(text)) {
        return parse_ip_list(text, name);
    }
    if (source.format == FeedFormat::text) {
        return Error{std::string(name) + ": is JSON; say whose with feed= (" +
                     std::string(feed_format_names()) + ")"};
    }
    const auto document = Json::parse(text);
    if (!document) {
        return Error{std::string(name) + ": " + document.message()};
    }
    Collector out(source, name);
    if (document->is_object()) {
        collect(source, *document, out);
    } else {
        out.fail("the document", "is not an object");
    }
    return out.finish();
}

}  // namespace sallyport::policy
