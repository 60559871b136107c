// The request fields that speak of the client: what proxies wrote, read in one pass; and what the
// upstream will see in their place: one canonical X-Forwarded-For, -Proto, -Host and X-Real-IP,
// written by us; nothing that a client could have written about itself.
#pragma once

#include "module/nginx/fixed_list.hpp"
#include "module/nginx/request.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/client_address.hpp"
#include "module/policy/forwarded_header.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sallyport::ngx {

struct ForwardedValues {
    std::string_view client;  // empty: no address, and no field
    std::string_view proto;
    std::string_view host;  // empty: no field
};

class ForwardedFields {
  public:
    // More lines of one field than any chain of proxies writes.
    static constexpr std::size_t kLinesMax = 16;

    // `walked`: the field that is walked for the client's address.
    [[gnu::hot]] ForwardedFields(ngx_http_request_t* r, policy::ForwardedField walked);

    // Of the field that is walked, in the order received; none when there are more than kLinesMax.
    std::span<const std::string_view> lines() const {
        return too_many_lines_ ? std::span<const std::string_view>() : lines_.all();
    }
    bool too_many_lines() const { return too_many_lines_; }
    // What the nearest proxy wrote; empty without a word.
    std::string_view proto() const { return last_word(Kind::proto); }
    std::string_view host() const { return last_word(Kind::host); }

    // `trusted`: the peer's word counts, and only what we write ourselves is replaced. Throws
    // std::bad_alloc.
    [[gnu::hot]] void write(const ForwardedValues& values, bool trusted);

  private:
    // What a field is to us. The first four are ours to write.
    enum class Kind : std::uint8_t { client, proto, host, real_ip, forwarded, others };
    static constexpr std::size_t kOwnCount = 4;

    // REQUIRES of the first two: the name's first letter is that of a field of ours.
    [[gnu::hot]] static Kind kind_of(const ngx_table_elt_t& header);
    [[gnu::hot]] void note(ngx_table_elt_t& header);
    void note_line(const ngx_table_elt_t& header);
    void drop_surplus(bool trusted);
    std::string_view last_word(Kind kind) const {
        const ngx_table_elt_t* header = last_[static_cast<std::size_t>(kind)];
        return header == nullptr ? std::string_view() : policy::last_member(view(header->value));
    }

    ngx_http_request_t* r_;
    bool walks_forwarded_;
    bool surplus_ = false;  // some field must not reach the upstream, whoever wrote it
    bool too_many_lines_ = false;
    FixedList<std::string_view, kLinesMax> lines_;
    // In the right spelling; null: not there.
    std::array<ngx_table_elt_t*, kOwnCount> first_{};
    std::array<ngx_table_elt_t*, kOwnCount> last_{};
};

}  // namespace sallyport::ngx
