// What a request may look like before anybody asks what it wants: which methods a place has, and
// forms of a request that two servers read differently. Each fault has one word, which the decision
// line shows as the rule.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// The methods of a place. GET brings HEAD along, as RFC 9110 section 9.1 wants.
class MethodList {
  public:
    // A list longer than this is no allow-list.
    static constexpr std::size_t kMethodsMax = 32;

    // Upper-case names, each once. TRACE and CONNECT are errors: nginx never lets them pass.
    static Result<MethodList> parse(std::span<const std::string_view> words);

    // Case-sensitive, as methods are.
    bool allows(std::string_view method) const;
    void add(const MethodList& others);
    // The value of an Allow field.
    const std::string& allow_field() const { return field_; }

  private:
    void add(std::string_view method);

    std::vector<std::string> names_;
    std::string field_;
};

struct StrictRules {
    bool http2 = false;       // fields of a connection and strange schemes over HTTP/2
    bool path = false;        // encodings in the path that hide what is asked for
    bool semicolons = false;  // parameters of path segments

    bool any() const { return http2 || path || semicolons; }
    // `http2`, `path`, `semicolons`, in any order, each once.
    static Result<StrictRules> parse(std::span<const std::string_view> words);
};

// What is wrong with a request target as it was sent, up to its question mark; empty: nothing.
//   path:        encoded_slash, encoded_dot, backslash, control_character, double_encoding,
//                bad_encoding, bad_utf8
//   semicolons:  semicolon
std::string_view path_fault(std::string_view target, const StrictRules& rules);

// RFC 9113 section 8.2.2: what a field says about a connection that HTTP/2 does not have; empty:
// nothing. `name` in lower case.
std::string_view http2_field_fault(std::string_view name, std::string_view value);

// RFC 9113 section 8.3.1: a scheme that no server here serves; empty: nothing.
std::string_view http2_scheme_fault(std::string_view scheme);

}  // namespace sallyport::policy
