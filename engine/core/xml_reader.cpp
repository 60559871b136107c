#include "engine/core/xml_reader.hpp"

#include "engine/core/utf8_text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
// Of a reference, with & and ;: more is none.
constexpr std::size_t kReferenceBytesMax = 12;

bool is_blank(std::string_view text) {
    return text.find_first_not_of(kBlanks) == std::string_view::npos;
}

std::string_view name_in(std::string_view tag) {
    return tag.substr(0, std::min(tag.find_first_of(kBlanks), tag.size()));
}

bool is_name(std::string_view name) {
    return !name.empty() && name.find_first_of("<>&\"'=/") == std::string_view::npos;
}

// &#65; &#x41;
bool append_character(std::string_view number, std::string& out) {
    const int base = number.starts_with('x') ? 16 : 10;
    number.remove_prefix(base == 16 ? 1 : 0);
    std::uint32_t code = 0;
    const char* const end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, code, base);
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (number.empty() || error != std::errc() || stop != end || code == 0 || code > 0x10ffff ||
        surrogate) {
        return false;
    }
    append_utf8(out, code);
    return true;
}

bool append_reference(std::string_view name, std::string& out) {
    constexpr std::pair<std::string_view, char> kNamed[] = {
        {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, character] : kNamed) {
        if (name == known) {
            out += character;
            return true;
        }
    }
    return name.starts_with('#') && append_character(name.substr(1), out);
}

std::optional<std::string> decoded(std::string_view raw) {
    std::string out;
    while (!raw.empty()) {
        const std::size_t at = std::min(raw.find('&'), raw.size());
        out += raw.substr(0, at);
        raw.remove_prefix(at);
        if (raw.empty()) {
            break;
        }
        const std::size_t end = raw.substr(0, kReferenceBytesMax).find(';');
        if (end == std::string_view::npos || !append_reference(raw.substr(1, end - 1), out)) {
            return std::nullopt;
        }
        raw.remove_prefix(end + 1);
    }
    return out;
}

}  // namespace

XmlReader::Event XmlReader::fail() {
    failed_ = true;
    return Event::error;
}

XmlReader::Event XmlReader::next() {
    if (failed_) {
        return Event::error;
    }
    if (std::exchange(ends_at_once_, false)) {
        return end_tag(open_.back());
    }
    depth_ = open_.size();
    while (!rest_.empty()) {
        if (rest_.starts_with('<')) {
            const Event event = markup();
            if (event != Event::done) {
                return event;
            }
            continue;  // a comment or an instruction
        }
        const std::string_view raw = rest_.substr(0, std::min(rest_.find('<'), rest_.size()));
        rest_.remove_prefix(raw.size());
        if (open_.empty()) {
            if (!is_blank(raw)) {
                return fail();
            }
            continue;
        }
        std::optional<std::string> text = decoded(raw);
        if (!text) {
            return fail();
        }
        text_ = *std::move(text);
        return Event::text;
    }
    return open_.empty() && rooted_ ? Event::done : fail();
}

// Done: nothing to tell.
XmlReader::Event XmlReader::markup() {
    if (rest_.starts_with("<!--")) {
        return skip_past("-->") ? Event::done : fail();
    }
    if (rest_.starts_with("<?")) {
        return skip_past("?>") ? Event::done : fail();
    }
    if (rest_.starts_with("<!")) {
        return fail();
    }
    const std::optional<std::string_view> tag = take_tag();
    if (!tag) {
        return fail();
    }
    return tag->starts_with('/') ? end_tag(name_in(tag->substr(1))) : begin_tag(*tag);
}

XmlReader::Event XmlReader::begin_tag(std::string_view tag) {
    ends_at_once_ = tag.ends_with('/');
    tag.remove_suffix(ends_at_once_ ? 1 : 0);
    const std::string_view whole = name_in(tag);
    if (!is_name(whole) || open_.size() == kDepthMax || (open_.empty() && rooted_)) {
        return fail();
    }
    rooted_ = true;
    open_.push_back(whole);
    depth_ = open_.size();
    name_ = whole.substr(whole.rfind(':') + 1);
    return Event::begin;
}

XmlReader::Event XmlReader::end_tag(std::string_view tag) {
    if (open_.empty() || open_.back() != tag) {
        return fail();
    }
    depth_ = open_.size();
    name_ = tag.substr(tag.rfind(':') + 1);
    open_.pop_back();
    return Event::end;
}

bool XmlReader::skip_past(std::string_view end) {
    // `<!-->` is no comment that has ended.
    const std::size_t at = rest_.find(end, end.size() + 1);
    if (at == std::string_view::npos) {
        return false;
    }
    rest_.remove_prefix(at + end.size());
    return true;
}

// What stands between < and >; a > within quotes is part of an attribute.
std::optional<std::string_view> XmlReader::take_tag() {
    char quote = '\0';
    for (std::size_t at = 1; at < rest_.size(); ++at) {
        const char c = rest_[at];
        if (c == '<') {
            return std::nullopt;
        }
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            const std::string_view tag = rest_.substr(1, at - 1);
            rest_.remove_prefix(at + 1);
            return tag;
        }
    }
    return std::nullopt;
}

}  // namespace sallyport::engine
