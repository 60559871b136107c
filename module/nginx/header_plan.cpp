#include "module/nginx/header_plan.hpp"

#include "common/bytes.hpp"
#include "module/nginx/security_headers_conf.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/cors.hpp"

#include <algorithm>
#include <span>

namespace sallyport::ngx {
namespace {

// What begins another directive, or another policy.
std::ptrdiff_t count_separators(std::string_view csp) {
    return std::count(csp.begin(), csp.end(), ';') + std::count(csp.begin(), csp.end(), ',');
}

// The texts between nonces; empty when the value has other variables too.
std::vector<std::string> split_at_nonces(std::string_view value) {
    constexpr std::string_view kNonce = "$sallyport_csp_nonce'";
    std::vector<std::string> out;
    for (std::size_t at = value.find(kNonce); at != std::string_view::npos;
         at = value.find(kNonce)) {
        out.emplace_back(value.substr(0, at));
        value.remove_prefix(at + kNonce.size() - 1);  // the quote stays
    }
    out.emplace_back(value);
    const bool others = std::any_of(out.begin(), out.end(), [](const std::string& text) {
        return text.find('$') != std::string::npos;
    });
    return others ? std::vector<std::string>() : out;
}

std::string_view with_nonce(Request& request, const std::vector<std::string>& around) {
    const std::string_view nonce = get_csp_nonce(request);
    std::size_t size = (around.size() - 1) * nonce.size();
    for (const std::string& text : around) {
        size += text.size();
    }
    auto* out = static_cast<u_char*>(ngx_pnalloc(request.pool(), size));
    if (out == nullptr) {
        throw std::bad_alloc();
    }
    u_char* end = out;
    for (std::size_t i = 0; i < around.size(); ++i) {
        if (i > 0) {
            end = ngx_cpymem(end, nonce.data(), nonce.size());
        }
        end = ngx_cpymem(end, around[i].data(), around[i].size());
    }
    return {reinterpret_cast<const char*>(out), size};
}

}  // namespace

std::size_t HeaderPlan::hash(std::string_view name) {
    // Length, ends and middle tell header names apart well enough for a table a quarter full.
    const auto at = [name](std::size_t i) {
        return static_cast<std::size_t>(static_cast<unsigned char>(name[i]) | 0x20u);
    };
    const std::size_t size = name.size();
    return size == 0 ? 0 : (size * 31 + at(0) * 7 + at(size - 1) * 17 + at(size / 2) * 5) % kSlots;
}

std::size_t HeaderPlan::kind_of(char letter, std::size_t size) {
    return ((static_cast<unsigned char>(letter) & 31u) * 16 + std::min(size, kLongName)) % kKinds;
}

bool HeaderPlan::insert(std::string_view name, std::uint8_t action) {
    kinds_[kind_of(name[0], name.size())] = true;
    replaces_cors_ = replaces_cors_ || policy::is_cors_response_field(name);
    std::size_t at = hash(name);
    for (std::size_t probes = 0; probes < kSlots / 2; ++probes, at = (at + 1) % kSlots) {
        if (slots_[at].action == kFree || ascii_iequals(slots_[at].name, name)) {
            slots_[at] = {name, action};
            return true;
        }
    }
    return false;
}

bool HeaderPlan::may_concern(std::string_view name) const {
    return !name.empty() && kinds_[kind_of(name[0], name.size())];
}

std::uint8_t HeaderPlan::action_for(std::string_view name) const {
    for (std::size_t at = hash(name); slots_[at].action != kFree; at = (at + 1) % kSlots) {
        if (ascii_iequals(slots_[at].name, name)) {
            return slots_[at].action;
        }
    }
    return removes_ && policy::has_revealing_prefix(name) ? kRemoved : kFree;
}

Status HeaderPlan::build(ngx_conf_t* cf, policy::HeaderProfile profile,
                         const policy::HeaderSet& set) {
    if (set.size() > kFieldsMax) {
        return Error{std::to_string(set.size()) + " headers are set here; " +
                     std::to_string(kFieldsMax) + " are the limit"};
    }
    slots_.resize(kSlots);
    fields_.reserve(set.size());
    removes_ = profile != policy::HeaderProfile::off;
    if (removes_) {
        for (std::size_t size = 1; size <= kLongName; ++size) {
            kinds_[kind_of('x', size)] = true;  // any may have a revealing prefix
        }
    }
    bool fits = true;
    for (const std::string_view name : policy::removed_headers(profile)) {
        fits = insert(name, kRemoved) && fits;
    }
    for (const policy::HeaderField& field : set) {
        Field& own = fields_.emplace_back();
        own.name = field.name;
        own.preserve = field.preserve;
        own.tls_only = ascii_iequals(field.name, policy::kHstsHeader);
        own.constant = field.value.find('$') == std::string::npos;
        if (own.constant) {
            own.text = field.value;
        } else {
            auto compiled = ComplexText::compile(cf, field.value);
            if (!compiled) {
                return compiled.error();
            }
            own.value = *compiled;
            own.fallback = field.fallback;
            own.around_nonce = split_at_nonces(field.value);
            own.separators = field.fallback.empty() ? -1 : count_separators(field.value);
        }
        fits = insert(own.name, static_cast<std::uint8_t>(fields_.size() - 1)) && fits;
    }
    prepare();
    return fits ? Status(Done{}) : Status(Error{"too many header names"});
}

void HeaderPlan::prepare() {
    std::vector<ngx_table_elt_t> fixed;
    for (const bool tls_only : {false, true}) {
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            const Field& field = fields_[i];
            const bool says_something = !field.preserve || !field.text.empty();
            if (field.constant && says_something && field.tls_only == tls_only) {
                fixed.push_back(response_field(field.name, field.text));
                fixed_index_.push_back(static_cast<std::uint8_t>(i));
            }
        }
        fixed_in_clear_ = tls_only ? fixed_in_clear_ : fixed.size();
    }
    fixed_.build(std::move(fixed));
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        if (!fields_[i].constant) {
            variable_.push_back(static_cast<std::uint8_t>(i));
        }
    }
}

std::uint64_t HeaderPlan::clear_and_find_preserved(Request& request) const {
    std::uint64_t preserved = 0;
    for (ngx_list_part_t* part = &request.r()->headers_out.headers.part; part != nullptr;
         part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            const std::string_view name = view(headers[i].key);
            if (headers[i].hash == 0 || !may_concern(name)) {
                continue;
            }
            const std::uint8_t action = action_for(name);
            if (action == kFree) {
                continue;
            }
            if (action != kRemoved && fields_[action].preserve && headers[i].value.len != 0) {
                preserved |= std::uint64_t{1} << action;
                continue;
            }
            headers[i].hash = 0;
        }
    }
    return preserved;
}

// nginx writes its own Server field unless it finds one here; one without a hash is not written.
void HeaderPlan::suppress_server(Request& request) const {
    ngx_http_request_t* r = request.r();
    if (r->headers_out.server == nullptr) {
        r->headers_out.server = new (request.room(sizeof(ngx_table_elt_t))) ngx_table_elt_t{};
    }
    r->headers_out.server->hash = 0;
}

void HeaderPlan::apply(Request& request, LastFields& last) const {
    ngx_http_request_t* r = request.r();
    // A switched protocol has no document to protect, and its fields are the handshake's.
    if (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS) {
        return;
    }
    if (replaces_cors_) {
        last.move_into_list(r);
    }
    const std::uint64_t preserved = clear_and_find_preserved(request);
    if (removes_) {
        suppress_server(request);
    }
    for (const std::size_t index : variable_) {
        const Field& field = fields_[index];
        if ((preserved >> index & 1) != 0 || (field.tls_only && !request.is_https())) {
            continue;
        }
        const std::string_view value = value_of(field, request);
        if (!value.empty()) {
            add_header(r, field.name, value);
        }
    }
    const std::size_t count = request.is_https() ? fixed_.size() : fixed_in_clear_;
    // What a refusal says of itself replaces ours, and is said after this.
    if (preserved == 0 && request.enforced() == nullptr) {
        last.add(fixed_, count);
    } else {
        add_fixed_but(request, count, preserved);
    }
}

void HeaderPlan::add_fixed_but(Request& request, std::size_t count, std::uint64_t preserved) const {
    const std::span<const ngx_table_elt_t> fields = fixed_.first(count);
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if ((preserved >> fixed_index_[i] & 1) == 0) {
            *push_field(request.r()->headers_out.headers) = fields[i];
        }
    }
}

std::string_view HeaderPlan::value_of(const Field& field, Request& request) const {
    if (!field.around_nonce.empty()) {
        return with_nonce(request, field.around_nonce);
    }
    const std::string_view value = trim_ows(field.value.evaluate(request.r()));
    if (field.separators >= 0 &&
        (!is_field_value(value) || count_separators(value) != field.separators)) {
        ngx_log_error(NGX_LOG_ERR, request.log(), 0,
                      "sallyport: a variable in \"%s\" holds a separator or a control character; "
                      "sources with variables are left out",
                      field.name.c_str());
        return field.fallback;
    }
    if (!is_field_value(value)) {
        ngx_log_error(NGX_LOG_ERR, request.log(), 0,
                      "sallyport: the value of header \"%s\" holds control characters; it is not "
                      "sent",
                      field.name.c_str());
        return {};
    }
    return value;
}

}  // namespace sallyport::ngx
