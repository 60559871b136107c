// Response fields that the configuration fixed, handed to nginx's writer as one.
//
// nginx writes a response's fields one by one, and a list of a dozen costs as much to copy into the
// response as to write. These are never copied: for the moment in which nginx writes the header the
// list holds one field whose value has the others in it, and before and after that nobody sees it.
#pragma once

#include "module/nginx/ngx.hpp"
#include "module/nginx/request.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

class FixedFields {
  public:
    // Fields that hold no CR or LF and outlive this. Called once, before all else.
    void build(std::vector<ngx_table_elt_t> fields);
    std::size_t size() const { return fields_.size(); }
    std::span<const ngx_table_elt_t> first(std::size_t count) const {
        return std::span(fields_).first(count);
    }
    // The first `count` as one field, good for HTTP/1 alone. REQUIRES: 0 < count <= size().
    const ngx_table_elt_t& line(std::size_t count) const { return lines_[count - 1]; }

  private:
    std::vector<ngx_table_elt_t> fields_;
    std::string text_;                    // all of them, as they go out
    std::vector<ngx_table_elt_t> lines_;  // each ends behind one more field
};

// What a response gets when every header filter has spoken: nobody may look for these in its list.
class LastFields {
  public:
    struct Part {
        const FixedFields* fields;
        std::size_t count;  // of the first; not 0

        std::span<const ngx_table_elt_t> all() const { return fields->first(count); }
        const ngx_table_elt_t& line() const { return fields->line(count); }
    };

    // The first `count` of them. REQUIRES: called for at most kLastPartsMax sets.
    void add(const FixedFields& fields, std::size_t count) {
        if (count != 0) {
            parts_[size_++] = {&fields, count};
        }
    }
    std::span<const Part> parts() const { return std::span(parts_).first(size_); }
    // Into the response's list after all, one by one. Throws std::bad_alloc.
    void move_into_list(ngx_http_request_t* r);

  private:
    std::array<Part, kLastPartsMax> parts_;
    std::size_t size_ = 0;
};

// Whether nothing but nginx's own writers of a header stands between these modules and the wire:
// another's filter might change what it is shown. `names` are the modules behind the writer of
// HTTP/1, up to our filter.
bool only_writers(std::span<const std::string_view> names);

// Sends the header by `next`, with the last fields in it; `shared` when only_writers() follow.
// Throws std::bad_alloc before anything was sent.
[[gnu::hot]] ngx_int_t send_header(Request& request, LastFields& last, bool shared,
                                   ngx_http_output_header_filter_pt next);

}  // namespace sallyport::ngx
