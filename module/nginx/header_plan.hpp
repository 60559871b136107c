// The header set of one location, prepared for the header filter: values compiled, and a table that
// says for each name on a response whether it is ours, removed, or nobody's business. One pass over
// the response's fields, one short probe a field.
#pragma once

#include "common/prefetch.hpp"
#include "common/result.hpp"
#include "module/nginx/directive.hpp"
#include "module/nginx/fixed_fields.hpp"
#include "module/nginx/request.hpp"
#include "module/policy/security_headers.hpp"

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

class HeaderPlan {
  public:
    // More would not fit what clients accept as a header block.
    static constexpr std::size_t kFieldsMax = 48;

    // Must be called once, before apply().
    Status build(ngx_conf_t* cf, policy::HeaderProfile profile, const policy::HeaderSet& set);
    // The fields without variables go into `last`, where nobody preserved one.
    [[gnu::hot]] void apply(Request& request, LastFields& last) const;

  private:
    static constexpr std::size_t kSlots =
        256;  // more than twice the names, so that probes are short
    static constexpr std::uint8_t kFree = 0xff;
    static constexpr std::uint8_t kRemoved = 0xfe;

    struct Field {
        std::string name;
        std::string text;                // when constant
        ComplexText value;               // when not
        std::string fallback;            // instead of a value whose variables brought separators
        std::ptrdiff_t separators = -1;  // how many the value has without them; -1: not counted
        std::vector<std::string> around_nonce;  // the value, when its only variable is the nonce
        bool constant = true;
        bool preserve = false;
        bool tls_only = false;
    };
    struct Slot {
        std::string_view name{};  // lower-case or as written: compared without case
        std::uint8_t action = kFree;
    };

    static std::size_t hash(std::string_view name);
    // Of a name's first letter (any case) and length: one of kKinds.
    static std::size_t kind_of(char letter, std::size_t size);
    bool insert(std::string_view name, std::uint8_t action);
    // False for most names, by their kind alone.
    bool may_concern(std::string_view name) const;
    // REQUIRES: may_concern(name).
    [[gnu::hot]] std::uint8_t action_for(std::string_view name) const;
    [[gnu::hot]] std::uint64_t clear_and_find_preserved(Request& request) const;
    [[gnu::hot]] void suppress_server(Request& request) const;
    void prepare();
    void add_fixed_but(Request& request, std::size_t count, std::uint64_t preserved) const;
    // Of a field that is not constant.
    std::string_view value_of(const Field& field, Request& request) const;

    std::vector<Field> fields_;  // grows once: the table looks into the names
    std::vector<Slot> slots_;
    // A bit for each kind of name in the table, which tells most fields of a response apart: one
    // line of the cache.
    static constexpr std::size_t kKinds = 8 * kCacheLine;
    static constexpr std::size_t kLongName = 31;  // from here on the length tells nothing
    std::bitset<kKinds> kinds_;
    // Fields without variables; those for TLS alone at the end.
    FixedFields fixed_;
    std::vector<std::uint8_t> fixed_index_;  // each one's in fields_
    std::size_t fixed_in_clear_ = 0;
    std::vector<std::uint8_t> variable_;  // the others' indices
    bool removes_ = false;                // a profile is in force: what reveals the upstream goes
    bool replaces_cors_ = false;          // some name is one that sallyport_cors writes
};

}  // namespace sallyport::ngx
