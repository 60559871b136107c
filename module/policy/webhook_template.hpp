// The text a sender signs, as a template: `{timestamp}.{body}`.
//
// A template is parsed once, at configuration time, into parts. Here are only the parts; who feeds
// them into a MAC is webhook_verify. Escapes were resolved by the profile's tokenizer before.
#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy::webhook {

struct Part {
    enum class Kind : std::uint8_t {
        literal,
        timestamp,  // exactly as received
        method,
        url,
        url_hubspot,  // with the escapes decoded that HubSpot decodes
        path,         // the raw request target
        header,
        query,
        sig_field,        // a name-value item of the signature header
        secret,           // type=hash only
        body,             // the raw bytes, hashed as they arrive
        body_sha256_hex,  // from here on: known only after the body
        body_crc32,
        json,
        json_or_nothing,  // json, or nothing where it is null or missing
        json_raw,         // a value of any kind exactly as it stands in the body
        json_php,         // the same as PHP's json_encode writes it
        form,
        form_sorted,
    };
    Kind kind = Kind::literal;
    std::string text;      // literal bytes, or the name behind the colon
    std::size_t slot = 0;  // header, sig_field, is_json(): where the profile keeps that name
};

// True for parts that are a value of a JSON body.
bool is_json(Part::Kind kind);
// True for parts whose text depends on the body's content.
bool after_body(Part::Kind kind);

struct Template {
    std::vector<Part> parts;

    bool has(Part::Kind kind) const;
    // A part of `kind` for exactly this name (header names compare without case).
    bool has(Part::Kind kind, std::string_view name) const;
    // A {json_raw:…} or {json_php:…} that holds the value at `path`.
    bool has_around(std::string_view path) const;
    bool covers_body() const;
};

// `params` are the profile's constants; `{param:NAME}` becomes a literal. Errors name the remedy.
// `open`: a constant without a value is no mistake yet.
Result<Template> parse_template(std::string_view text,
                                const std::map<std::string, std::string>& params,
                                bool open = false);

}  // namespace sallyport::policy::webhook
