// What must not stand in a log: which arguments, headers and path segments are sensitive, and texts
// in which their values are replaced by pseudonyms. A pseudonym is a keyed hash: the same secret
// has the same one everywhere, so that sessions can be followed, and without the key nobody can
// tell which secret it was.
#pragma once

#include "common/crypto.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// The key for pseudonyms, from the operator's secret or from random bytes.
HmacKey redact_key(const Secret& secret);

class RedactRules {
  public:
    // The words of `sallyport_redact` beyond on and off: args=, headers=, keep=, paths=.
    Status add(std::string_view word);

    // Names as they stand in a query: percent-encoded, in any case, with brackets.
    bool is_sensitive_argument(std::string_view name) const;
    bool is_sensitive_header(std::string_view name) const;
    bool has_paths() const { return !paths_.empty(); }
    const std::vector<std::vector<std::string>>& paths() const { return paths_; }

  private:
    std::vector<std::string> args_, headers_, keep_;  // normalized
    std::vector<std::vector<std::string>> paths_;     // as segments; * is the sensitive one
};

// A segment of a path, as it was sent and decoded.
struct PathPart {
    std::string_view raw;
    std::string decoded;
    bool sensitive = false;
};

// Rewrites one text; an object a text, because the work that a text may cause is bounded.
class Redactor {
  public:
    // A text has no more pseudonyms; what follows becomes a bare mark.
    static constexpr int kPseudonymsMax = 16;

    Redactor(const RedactRules& rules, const HmacKey& key) : rules_(rules), key_(key) {}

    // Each returns the text with what is sensitive replaced. `changed()` tells whether anything
    // was.
    std::string query(std::string_view text);
    // A path, `path?query`, or an absolute URL.
    std::string uri(std::string_view text);
    std::string request_line(std::string_view text);
    std::string header(std::string_view name, std::string_view value);
    std::string path(std::string_view text);
    bool changed() const { return changed_; }

  private:
    void pair(std::string_view text, std::string& out);
    bool holds_secret(std::string_view value) const;
    bool has_sensitive_pair(std::string_view text, std::string_view separators,
                            std::string_view joint) const;
    void cookies(std::string_view text, std::string& out);
    void mark(std::vector<PathPart>& parts) const;
    std::string links(std::string_view value);
    void authority(std::string_view& text, std::string& out);
    std::string pseudonym(std::string_view value);

    const RedactRules& rules_;
    const HmacKey& key_;
    int pseudonyms_ = 0;
    bool changed_ = false;
};

// False when nothing in an address (or a request line) could be sensitive: most are short paths.
bool may_be_sensitive(const RedactRules& rules, std::string_view address);

// A value that tells by its form what it is: a JWT or a key of a well-known provider.
bool looks_like_secret(std::string_view value);

}  // namespace sallyport::policy
