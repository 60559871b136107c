// `key=` of a limit: text and nginx variables, compiled once. Addresses are taken as addresses, so
// that IPv6 clients can be grouped by prefix and one address has one spelling.
#pragma once

#include "common/result.hpp"
#include "module/nginx/request.hpp"
#include "module/policy/rate_limit_key.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

// Where masked addresses stand while a key is hashed.
using KeyScratch = std::array<std::array<std::uint8_t, 16>, policy::kKeyPartsMax>;

class KeyTemplate {
  public:
    static Result<KeyTemplate> compile(ngx_conf_t* cf, std::string_view text, unsigned ipv6_prefix);

    // False when the whole key is empty (no text, no variable set): such a request is not counted.
    bool collect(Request& request, KeyScratch& scratch, policy::KeyParts& out) const;

    // The same from values that an operator names, one a variable in the template's order. False
    // when there are more or fewer.
    bool collect_named(std::span<const std::string_view> values, KeyScratch& scratch,
                       policy::KeyParts& out) const;

    bool has_variables() const;
    // The first variable that any client can set to what it likes; empty when there is none.
    std::string_view forgeable() const { return forgeable_; }

  private:
    enum class Kind : std::uint8_t { text, variable, address, client };
    struct Part {
        Kind kind;
        std::string text;     // text
        ngx_int_t index = 0;  // variable, address
    };

    Status add_variable(ngx_conf_t* cf, std::string_view name);
    void add_text(std::string_view text);
    std::string_view value(Request& request, const Part& part,
                           std::array<std::uint8_t, 16>& scratch) const;

    std::vector<Part> parts_;
    unsigned ipv6_prefix_ = 64;
    std::string forgeable_;
};

}  // namespace sallyport::ngx
