// A Content-Security-Policy as directives, checked while it is built: quoted keywords, no
// separators in values, no directive twice (browsers ignore the second, which is never what the
// writer meant).
#pragma once

#include "common/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::policy {

// What the word `nonce` becomes; the variable is the security_headers glue's.
inline constexpr std::string_view kNonceSource = "'nonce-$sallyport_csp_nonce'";

class ContentSecurityPolicy {
  public:
    ContentSecurityPolicy() = default;
    // helmet 8's defaults, in its order.
    static ContentSecurityPolicy helmet();
    // A header value, with the same checks. Values may hold nginx variables: `$` is not judged.
    static Result<ContentSecurityPolicy> parse(std::string_view text);

    // One `sallyport_csp` after another; `defaults` is what they begin with.
    struct Change {
        std::string directive;
        std::optional<std::string> sources;  // absent: the directive is left out
        bool dangerous = false;              // default-src may be left out
    };
    // Later changes win over earlier ones, by directive. Errors: a policy without default-src that
    // nobody asked for, and what check() finds.
    static Result<ContentSecurityPolicy> changed(ContentSecurityPolicy defaults,
                                                 const std::vector<Change>& changes);
    // The sources as written in `sallyport_csp`: the word `nonce` stands for the request's nonce,
    // and keywords get their quotes back, which nginx takes for its own.
    static std::string sources_of(const std::vector<std::string_view>& words);
    // What browsers would ignore, though each directive is well-formed.
    static Status check(std::string_view name, std::string_view sources);
    static bool is_known(std::string_view name);
    static bool may_be_empty(std::string_view name);

    // Replaces the directive in place, or appends it. `name` is dashed and lower-case; `sources` is
    // the text behind it, empty for directives that take none.
    Status set(std::string_view name, std::string_view sources);
    Status remove(std::string_view name);
    bool has(std::string_view name) const;
    bool empty() const { return directives_.empty(); }
    // The same policy for a request whose variables brought separators: sources with a variable are
    // left out, and a directive that has no others allows nothing.
    ContentSecurityPolicy without_variables() const;
    // `;` between directives, no blanks around it, as helmet writes it.
    std::string text() const;

  private:
    std::vector<std::pair<std::string, std::string>> directives_;
};

}  // namespace sallyport::policy
