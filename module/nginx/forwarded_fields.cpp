#include "module/nginx/forwarded_fields.hpp"

#include "module/nginx/str.hpp"

#include <array>

namespace sallyport::ngx {
namespace {

using namespace std::string_view_literals;

constexpr std::array kOwnNames = {"X-Forwarded-For"sv, "X-Forwarded-Proto"sv, "X-Forwarded-Host"sv,
                                  "X-Real-IP"sv};
// The same, lower-case: what nginx keeps beside each name.
constexpr std::array kOwnLowerNames = {"x-forwarded-for"sv, "x-forwarded-proto"sv,
                                       "x-forwarded-host"sv, "x-real-ip"sv};

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

bool is(const ngx_table_elt_t& header, std::string_view name) {
    return header.key.len == name.size() && starts_with(header, name);
}

// Most fields of a request are none of ours: their first letter says so.
bool may_be_a_claim(const ngx_table_elt_t& header) {
    if (header.key.len == 0) {
        return false;
    }
    const u_char first = header.lowcase_key[0];
    return first == 'x' || first == 'f' || first == 'c' || first == 't';
}

bool is_claim(const ngx_table_elt_t& header) {
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

class Fields {
  public:
    Fields(ngx_http_request_t* r, const ForwardedValues& values)
        : r_(r),
          trusted_(values.trusted),
          values_{values.client, values.proto, values.host, values.client} {}

    void write() {
        for (ngx_list_part_t* part = &r_->headers_in.headers.part; part != nullptr;
             part = part->next) {
            auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
            for (ngx_uint_t i = 0; i < part->nelts; ++i) {
                if (may_be_a_claim(headers[i])) {
                    visit(headers[i]);
                }
            }
        }
        if (surplus_) {
            drop_marked_request_headers(r_);
        }
        for (std::size_t i = 0; i < values_.size(); ++i) {
            if (fields_[i] == nullptr && !values_[i].empty()) {
                fields_[i] = push(i);
            }
        }
        point_forwarded_for(fields_[0]);
        point_real_ip(fields_[3]);
    }

  private:
    void visit(ngx_table_elt_t& header) {
        for (std::size_t i = 0; i < kOwnLowerNames.size(); ++i) {
            if (is(header, kOwnLowerNames[i])) {
                take_over(header, i);
                return;
            }
        }
        if (is(header, "forwarded") || (!trusted_ && is_claim(header))) {
            header.hash = 0;
            surplus_ = true;
        }
    }

    // The first field of the right spelling becomes ours where it stands; the others go.
    void take_over(ngx_table_elt_t& header, std::size_t i) {
        const bool spelled_right =
            std::string_view(reinterpret_cast<const char*>(header.lowcase_key), header.key.len) ==
            kOwnLowerNames[i];
        if (fields_[i] != nullptr || values_[i].empty() || !spelled_right) {
            header.hash = 0;
            surplus_ = true;
            return;
        }
        header.value = borrow(values_[i]);
        fields_[i] = &header;
    }

    ngx_table_elt_t* push(std::size_t i) {
        ngx_table_elt_t* header = new_request_header(r_);
        header->key = borrow(kOwnNames[i]);
        header->value = borrow(values_[i]);
        header->lowcase_key = borrow(kOwnLowerNames[i]).data;
        header->hash = hash_of(i);
        return header;
    }

    static ngx_uint_t hash_of(std::size_t i) {
        static const std::array<ngx_uint_t, kOwnLowerNames.size()> kHashes = [] {
            std::array<ngx_uint_t, kOwnLowerNames.size()> out{};
            for (std::size_t k = 0; k < out.size(); ++k) {
                const ngx_str_t name = borrow(kOwnLowerNames[k]);
                out[k] = ngx_hash_key(name.data, name.len);
            }
            return out;
        }();
        return kHashes[i];
    }

    // $http_x_forwarded_for and $proxy_add_x_forwarded_for do not look into the list.
    void point_forwarded_for(ngx_table_elt_t* field) {
#if (NGX_HTTP_X_FORWARDED_FOR)
#if (nginx_version >= 1023000)
        r_->headers_in.x_forwarded_for = field;
        if (field != nullptr) {
            field->next = nullptr;
        }
#else
        ngx_array_t& known = r_->headers_in.x_forwarded_for;
        if (field == nullptr) {
            known.nelts = 0;
            return;
        }
        if (known.elts == nullptr &&
            ngx_array_init(&known, r_->pool, 1, sizeof(ngx_table_elt_t*)) != NGX_OK) {
            throw std::bad_alloc();
        }
        known.nelts = 0;
        *static_cast<ngx_table_elt_t**>(ngx_array_push(&known)) = field;
#endif
#else
        (void)field;
#endif
    }

    void point_real_ip(ngx_table_elt_t* field) {
#if (NGX_HTTP_REALIP)
        r_->headers_in.x_real_ip = field;
#else
        (void)field;
#endif
    }

    ngx_http_request_t* r_;
    bool trusted_;
    bool surplus_ = false;
    std::array<std::string_view, kOwnNames.size()> values_;
    std::array<ngx_table_elt_t*, kOwnNames.size()> fields_{};
};

}  // namespace

void write_forwarded_fields(ngx_http_request_t* r, const ForwardedValues& values) {
    Fields(r, values).write();
}

}  // namespace sallyport::ngx
