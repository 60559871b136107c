#include "module/nginx/fixed_fields.hpp"

#include "module/nginx/str.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::ngx {
namespace {

// A part of nginx's list that lies in memory of the configuration: to be read alone.
void point_at(ngx_list_part_t& part, std::span<const ngx_table_elt_t> fields) {
    part.elts = const_cast<ngx_table_elt_t*>(fields.data());
    part.nelts = fields.size();
}

}  // namespace

void FixedFields::build(std::vector<ngx_table_elt_t> fields) {
    fields_ = std::move(fields);
    std::vector<std::size_t> ends;
    for (const ngx_table_elt_t& field : fields_) {
        text_.append(text_.empty() ? "" : "\r\n").append(view(field.key)).append(": ");
        text_.append(view(field.value));
        ends.push_back(text_.size());
    }
    for (const std::size_t end : ends) {
        const std::size_t value = fields_.front().key.len + 2;
        lines_.push_back(response_field(view(fields_.front().key),
                                        std::string_view(text_).substr(value, end - value)));
    }
}

bool only_writers(std::span<const std::string_view> names) {
    constexpr std::array<std::string_view, 3> kWriters = {
        "ngx_http_chunked_filter_module", "ngx_http_v2_filter_module", "ngx_http_v3_filter_module"};
    return std::all_of(names.begin(), names.end(), [&](std::string_view name) {
        return std::find(kWriters.begin(), kWriters.end(), name) != kWriters.end();
    });
}

void LastFields::move_into_list(ngx_http_request_t* r) {
    for (const Part& part : parts()) {
        add_headers(r, part.all());
    }
    size_ = 0;
}

ngx_int_t send_header(Request& request, LastFields& last, bool shared,
                      ngx_http_output_header_filter_pt next) {
    ngx_http_request_t* r = request.r();
    if (!shared) {
        last.move_into_list(r);
    }
    const std::span<const LastFields::Part> sets = last.parts();
    if (sets.empty()) {
        return next(r);
    }
    // Behind the list's first part, which is a member of the list. The list's end stays where it
    // is: whoever still pushes a field writes to nginx's memory, never to ours.
    ngx_list_part_t* const parts = request.state().last_fields.data();
    ngx_list_part_t*& place = r->headers_out.headers.part.next;
    ngx_list_part_t* const behind = place;
    const bool by_line = r->http_version < NGX_HTTP_VERSION_20;
    for (std::size_t i = 0; i < sets.size(); ++i) {
        point_at(parts[i], by_line ? std::span(&sets[i].line(), 1) : sets[i].all());
        parts[i].next = i + 1 < sets.size() ? &parts[i + 1] : behind;
    }
    place = parts;
    const ngx_int_t rc = next(r);
    // For the log, which may ask for any of them ($sent_http_…).
    for (std::size_t i = 0; i < sets.size(); ++i) {
        point_at(parts[i], sets[i].all());
    }
    if (!r->header_sent && place == parts) {
        place = behind;  // it could not be written, and may be tried again
    }
    return rc;
}

}  // namespace sallyport::ngx
