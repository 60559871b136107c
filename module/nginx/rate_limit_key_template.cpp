#include "module/nginx/rate_limit_key_template.hpp"

#include "module/nginx/str.hpp"

#include <algorithm>

namespace sallyport::ngx {
namespace {

using namespace std::string_view_literals;

// The connection's address, after nginx's realip module.
constexpr std::string_view kClientVariables[] = {"sallyport_client_ip", "remote_addr",
                                                 "binary_remote_addr"};
// Addresses in text form.
constexpr std::string_view kAddressVariables[] = {"realip_remote_addr", "proxy_protocol_addr"};
// Fields that name a client but come from it, unless a proxy in front is known to overwrite them.
constexpr std::string_view kForgeable[] = {
    "http_x_forwarded_for",  "proxy_add_x_forwarded_for", "http_x_real_ip",
    "http_forwarded",        "http_x_client_ip",          "http_true_client_ip",
    "http_cf_connecting_ip", "http_fastly_client_ip",     "http_x_cluster_client_ip",
    "proxy_protocol_addr",
};

bool is_one_of(std::span<const std::string_view> list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct Name {
    std::string_view name;
    std::size_t size = 0;  // characters of the template it takes, the dollar sign included
};

// `text` starts with the dollar sign.
Result<Name> variable_name(std::string_view text) {
    const bool braces = text.size() > 1 && text[1] == '{';
    const std::size_t start = braces ? 2 : 1;
    std::size_t end = start;
    while (end < text.size() && is_name_character(text[end])) {
        ++end;
    }
    const bool closed = !braces || (end < text.size() && text[end] == '}');
    if (end == start || !closed) {
        return Error{
            "key= has a \"$\" without a variable's name behind it; write $name or ${name}"};
    }
    const std::string_view name = text.substr(start, end - start);
    if (name.find_first_not_of("0123456789") == std::string_view::npos) {
        return Error{"key= uses the capture \"$" + std::string(name) +
                     "\"; name a variable instead (a map or a named capture can hold it)"};
    }
    return Name{name, end + (braces ? 1 : 0)};
}

}  // namespace

void KeyTemplate::add_text(std::string_view text) {
    parts_.push_back({Kind::text, std::string(text)});
}

Status KeyTemplate::add_variable(ngx_conf_t* cf, std::string_view name) {
    if (is_one_of(kForgeable, name) && forgeable_.empty()) {
        forgeable_ = name;
    }
    if (is_one_of(kClientVariables, name)) {
        parts_.push_back({Kind::client, {}});
        return Done{};
    }
    ngx_str_t copied = copy(cf->pool, name);
    const ngx_int_t index = ngx_http_get_variable_index(cf, &copied);
    if (index == NGX_ERROR) {
        return Error{"key= names the variable \"$" + std::string(name) +
                     "\", which cannot be used; see the message above"};
    }
    const Kind kind = is_one_of(kAddressVariables, name) ? Kind::address : Kind::variable;
    parts_.push_back({kind, {}, index});
    return Done{};
}

Result<KeyTemplate> KeyTemplate::compile(ngx_conf_t* cf, std::string_view text,
                                         unsigned ipv6_prefix) {
    KeyTemplate out;
    out.ipv6_prefix_ = ipv6_prefix;
    while (!text.empty()) {
        const std::size_t dollar = text.find('$');
        if (dollar != 0) {
            out.add_text(text.substr(0, dollar));
            text.remove_prefix(std::min(dollar, text.size()));
            continue;
        }
        const auto name = variable_name(text);
        if (!name) {
            return name.error();
        }
        if (const Status added = out.add_variable(cf, name->name); !added) {
            return added.error();
        }
        text.remove_prefix(name->size);
    }
    if (out.parts_.size() > policy::kKeyPartsMax) {
        return Error{"key= has more than " + std::to_string(policy::kKeyPartsMax) +
                     " parts; join some of them in a map"};
    }
    return out;
}

bool KeyTemplate::has_variables() const {
    return std::any_of(parts_.begin(), parts_.end(),
                       [](const Part& part) { return part.kind != Kind::text; });
}

[[gnu::hot]] std::string_view KeyTemplate::value(Request& request, const Part& part,
                                                 std::array<std::uint8_t, 16>& scratch) const {
    if (part.kind == Kind::client) {
        const IpAddress* address = request.client_address();
        return address == nullptr ? "unix:"sv
                                  : policy::address_part(*address, ipv6_prefix_, scratch);
    }
    const ngx_http_variable_value_t* value =
        ngx_http_get_flushed_variable(request.r(), static_cast<ngx_uint_t>(part.index));
    if (value == nullptr || value->not_found != 0) {
        return {};
    }
    const std::string_view text = view(*value);
    if (part.kind == Kind::address) {
        if (const auto address = IpAddress::parse(text)) {
            return policy::address_part(*address, ipv6_prefix_, scratch);
        }
    }
    return text;
}

[[gnu::hot]] bool KeyTemplate::collect(Request& request, KeyScratch& scratch,
                                       policy::KeyParts& out) const {
    bool counted = false;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = parts_[i];
        out.add(part.kind == Kind::text ? std::string_view(part.text)
                                        : value(request, part, scratch[i]));
        counted = counted || !out.parts[i].empty();
    }
    return counted;
}

bool KeyTemplate::collect_named(std::span<const std::string_view> values, KeyScratch& scratch,
                                policy::KeyParts& out) const {
    std::size_t next = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        if (parts_[i].kind == Kind::text) {
            out.add(parts_[i].text);
            continue;
        }
        if (next == values.size()) {
            return false;
        }
        const std::string_view value = values[next++];
        const auto address =
            parts_[i].kind == Kind::variable ? std::nullopt : IpAddress::parse(value);
        out.add(address ? policy::address_part(*address, ipv6_prefix_, scratch[i]) : value);
    }
    return next == values.size();
}

}  // namespace sallyport::ngx
