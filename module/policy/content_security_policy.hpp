// A Content-Security-Policy as directives, checked while it is built: quoted keywords, no
// separators in values, no directive twice (browsers ignore the second, which is never what the
// writer meant).
#pragma once

#include "common/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::policy {

class ContentSecurityPolicy {
  public:
    ContentSecurityPolicy() = default;
    // helmet 8's defaults, in its order.
    static ContentSecurityPolicy helmet();
    // A header value, with the same checks. Values may hold nginx variables: `$` is not judged.
    static Result<ContentSecurityPolicy> parse(std::string_view text);

    // Replaces the directive in place, or appends it. `name` is dashed and lower-case; `sources` is
    // the text behind it, empty for directives that take none.
    Status set(std::string_view name, std::string_view sources);
    void remove(std::string_view name);
    bool has(std::string_view name) const;
    bool empty() const { return directives_.empty(); }
    // `;` between directives, no blanks around it, as helmet writes it.
    std::string text() const;

  private:
    std::vector<std::pair<std::string, std::string>> directives_;
};

}  // namespace sallyport::policy
