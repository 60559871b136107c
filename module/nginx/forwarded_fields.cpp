#include "module/nginx/forwarded_fields.hpp"

#include <array>

namespace sallyport::ngx {
namespace {

// A field that we write, as nginx keeps it: with its name in lower case and the hash of that.
struct OwnField {
    std::string_view name;
    std::string_view lower;
    ngx_uint_t hash;
};
constexpr OwnField own_field(std::string_view name, std::string_view lower) {
    ngx_uint_t hash = 0;
    for (const char c : lower) {
        hash = ngx_hash(hash, static_cast<u_char>(c));
    }
    return {name, lower, hash};
}
constexpr std::array kOwn = {own_field("X-Forwarded-For", "x-forwarded-for"),
                             own_field("X-Forwarded-Proto", "x-forwarded-proto"),
                             own_field("X-Forwarded-Host", "x-forwarded-host"),
                             own_field("X-Real-IP", "x-real-ip")};
constexpr std::string_view kForwarded = "forwarded";

// From a peer that is not believed: names that engines and frameworks take for the client's
// address, for the address it asked for, or for who it is.
constexpr std::string_view kClaims[] = {
    "cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip",
    "true-client-ip",   "x-client-ip",        "x-cluster-client-ip",
    "x-original-url",   "x-original-host",    "x-original-forwarded-for",
    "x-rewrite-url",
};
constexpr std::string_view kClaimPrefixes[] = {"x-forwarded-", "x-ssl-", "x-user-"};
// Sent by browsers' gRPC clients; names a program, nobody's identity.
constexpr std::string_view kHarmless = "x-user-agent";

// Engines behind CGI-like interfaces see `X_Real_IP` as X-Real-IP.
char folded(u_char c) {
    return c == '_' ? '-' : static_cast<char>(c);
}

bool starts_with(const ngx_table_elt_t& header, std::string_view prefix) {
    if (header.key.len < prefix.size()) {
        return false;
    }
    for (std::size_t i = 0; i < prefix.size(); ++i) {
        if (folded(header.lowcase_key[i]) != prefix[i]) {
            return false;
        }
    }
    return true;
}

std::string_view lower_name(const ngx_table_elt_t& header) {
    return {reinterpret_cast<const char*>(header.lowcase_key), header.key.len};
}

[[gnu::hot]] bool is(const ngx_table_elt_t& header, std::string_view name) {
    return header.key.len == name.size() &&
           (lower_name(header) == name || starts_with(header, name));
}

bool may_be_ours(const ngx_table_elt_t& header) {
    return header.key.len != 0 && (header.lowcase_key[0] == 'x' || header.lowcase_key[0] == 'f');
}

bool is_claim(const ngx_table_elt_t& header) {
    // The first letter tells most fields of a request apart from all of these.
    constexpr std::string_view kFirstLetters = "cftx";
    if (header.key.len == 0 ||
        kFirstLetters.find(static_cast<char>(header.lowcase_key[0])) == std::string_view::npos) {
        return false;
    }
    for (const std::string_view name : kClaims) {
        if (is(header, name)) {
            return true;
        }
    }
    for (const std::string_view prefix : kClaimPrefixes) {
        if (starts_with(header, prefix)) {
            return !is(header, kHarmless);
        }
    }
    return false;
}

void write_own(ngx_table_elt_t& field, const OwnField& own, std::string_view value) {
    write_field(field, own.name, value);
    field.hash = own.hash;
    field.lowcase_key = borrow(own.lower).data;
}

template <typename Visit>
void each_request_header(ngx_http_request_t* r, Visit&& visit) {
    for (ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            visit(headers[i]);
        }
    }
}

// $http_x_forwarded_for and $proxy_add_x_forwarded_for do not look into the list.
void point_forwarded_for(ngx_http_request_t* r, ngx_table_elt_t* field) {
#if (NGX_HTTP_X_FORWARDED_FOR)
#if (nginx_version >= 1023000)
    r->headers_in.x_forwarded_for = field;
    if (field != nullptr) {
        field->next = nullptr;
    }
#else
    ngx_array_t& known = r->headers_in.x_forwarded_for;
    if (field == nullptr) {
        known.nelts = 0;
        return;
    }
    if (known.elts == nullptr &&
        ngx_array_init(&known, r->pool, 1, sizeof(ngx_table_elt_t*)) != NGX_OK) {
        throw std::bad_alloc();
    }
    *static_cast<ngx_table_elt_t**>(known.elts) = field;
    known.nelts = 1;
#endif
#else
    (void)r;
    (void)field;
#endif
}

void point_real_ip(ngx_http_request_t* r, ngx_table_elt_t* field) {
#if (NGX_HTTP_REALIP)
    r->headers_in.x_real_ip = field;
#else
    (void)r;
    (void)field;
#endif
}

}  // namespace

ForwardedFields::ForwardedFields(ngx_http_request_t* r, policy::ForwardedField walked)
    : r_(r), walks_forwarded_(walked == policy::ForwardedField::forwarded) {
    each_request_header(r, [this](ngx_table_elt_t& header) {
        if (may_be_ours(header)) {
            note(header);
        }
    });
}

ForwardedFields::Kind ForwardedFields::kind_of(const ngx_table_elt_t& header) {
    for (std::size_t i = 0; i < kOwnCount; ++i) {
        if (is(header, kOwn[i].lower)) {
            return static_cast<Kind>(i);
        }
    }
    return is(header, kForwarded) ? Kind::forwarded : Kind::others;
}

void ForwardedFields::note(ngx_table_elt_t& header) {
    const Kind kind = kind_of(header);
    if (kind == Kind::others) {
        return;
    }
    const auto own = static_cast<std::size_t>(kind);
    if (own >= kOwnCount) {
        surplus_ = true;
        if (walks_forwarded_ && lower_name(header) == kForwarded) {
            note_line(header);
        }
        return;
    }
    if (lower_name(header) != kOwn[own].lower) {
        surplus_ = true;
        return;
    }
    surplus_ = surplus_ || first_[own] != nullptr;
    first_[own] = first_[own] == nullptr ? &header : first_[own];
    last_[own] = &header;
    if (kind == Kind::client && !walks_forwarded_) {
        note_line(header);
    }
}

void ForwardedFields::note_line(const ngx_table_elt_t& header) {
    if (lines_.full()) {
        too_many_lines_ = true;
    } else {
        lines_.push(view(header.value));
    }
}

// The first field of the right spelling becomes ours where it stands; the others go.
void ForwardedFields::write(const ForwardedValues& values, bool trusted) {
    const std::array<std::string_view, kOwnCount> texts = {values.client, values.proto, values.host,
                                                           values.client};
    for (std::size_t i = 0; i < kOwnCount; ++i) {
        if (first_[i] == nullptr) {
            continue;
        }
        if (texts[i].empty()) {
            first_[i] = nullptr;
            surplus_ = true;
        } else {
            first_[i]->value = borrow(texts[i]);
        }
    }
    if (surplus_ || !trusted) {
        drop_surplus(trusted);
    }
    ngx_list_t& fields = request_fields(r_);
    for (std::size_t i = 0; i < kOwnCount; ++i) {
        if (first_[i] == nullptr && !texts[i].empty()) {
            first_[i] = push_field(fields);
            write_own(*first_[i], kOwn[i], texts[i]);
        }
    }
    point_forwarded_for(r_, first_[static_cast<std::size_t>(Kind::client)]);
    point_real_ip(r_, first_[static_cast<std::size_t>(Kind::real_ip)]);
}

void ForwardedFields::drop_surplus(bool trusted) {
    each_request_header(r_, [this, trusted](ngx_table_elt_t& header) {
        const Kind kind = may_be_ours(header) ? kind_of(header) : Kind::others;
        const auto own = static_cast<std::size_t>(kind);
        const bool stays = kind == Kind::others ? trusted || !is_claim(header)
                                                : own < kOwnCount && first_[own] == &header;
        header.hash = stays ? header.hash : 0;
    });
    drop_marked_request_headers(r_);
}

}  // namespace sallyport::ngx
