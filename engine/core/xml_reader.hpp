// Reads XML as services answer with it: elements and text, one after the other. Not a validator and
// no entities but XML's own: a document type, which could define others, is an error, and so is
// whatever is nested too deeply. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

class XmlReader {
  public:
    enum class Event { begin, end, text, done, error };
    static constexpr std::size_t kDepthMax = 32;

    // `xml` outlives this.
    explicit XmlReader(std::string_view xml) : rest_(xml) {}

    // After `done` and `error` the same again. Text is what stands between two tags, never empty;
    // an element without content begins and ends.
    Event next();

    // Of an element that begins or ends, without its prefix.
    std::string_view name() const { return name_; }
    // Decoded.
    const std::string& text() const { return text_; }
    // Elements that are open; one that begins or ends counts.
    std::size_t depth() const { return depth_; }

  private:
    Event fail();
    Event markup();
    Event begin_tag(std::string_view tag);
    Event end_tag(std::string_view tag);
    bool skip_past(std::string_view end);
    std::optional<std::string_view> take_tag();

    std::string_view rest_;
    std::vector<std::string_view> open_;  // whole names
    std::string_view name_;
    std::string text_;
    std::size_t depth_ = 0;
    bool ends_at_once_ = false;  // <a/> has begun and is to end
    bool rooted_ = false;
    bool failed_ = false;
};

}  // namespace sallyport::engine
