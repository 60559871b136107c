// Cross-origin resource sharing as the npm package `cors` 2 answers it, where that is safe: which
// origins are allowed, and what a response says about them. Regular expressions are matched by the
// caller; here they are only judged.
#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::policy {

// Longer origins are no origins; more in one rule are a list for a map.
inline constexpr std::size_t kCorsOriginBytesMax = 512;
inline constexpr std::size_t kCorsOriginsMax = 256;
// What a browser asks for in Access-Control-Request-Headers; longer requests are not reflected.
inline constexpr std::size_t kCorsRequestHeadersBytesMax = 4096;

enum class CorsOrigin : std::uint8_t {
    any,      // origin=*
    fixed,    // origin=https://a: always that one, whoever asks
    list,     // origins=…: the one that asks, when it is in the list
    reflect,  // origin=reflect: the one that asks, whoever it is
    dynamic,  // origin=$variable: what the variable says for this request
};

struct CorsSpec {
    CorsOrigin origin = CorsOrigin::any;
    std::string fixed;                  // also the text of `dynamic`
    std::vector<std::string> exact;     // of `list`
    std::vector<std::string> patterns;  // of `list`: with * for one label or any port
    std::vector<std::string> regexes;   // of `list`: without the tilde
    std::string methods = "GET,HEAD,PUT,PATCH,POST,DELETE";
    std::optional<std::string> headers;  // absent: what the preflight asks for; empty: none
    std::string exposed;
    std::string max_age;  // seconds as text, empty: not sent
    bool credentials = false;
    bool forwards_preflight = false;  // preflight=continue
    bool refuses_others = false;      // unmatched=deny
    std::uint16_t preflight_status = 204;

    bool varies_by_origin() const { return origin != CorsOrigin::any; }
    // Every response names the same origin.
    bool fields_stand_ready() const {
        return origin == CorsOrigin::any || origin == CorsOrigin::fixed;
    }
    bool reflects_headers() const { return !headers.has_value(); }
};

// The words of `sallyport_cors`. Refuses what is unsafe: credentials for any, reflected, null or
// plaintext origins, expressions that are not anchored.
Result<CorsSpec> parse_cors(std::span<const std::string_view> words);

// An origin as browsers write it (RFC 6454 section 6.2): scheme, host and a port that is not the
// scheme's own, in lower case; nothing else.
Status check_cors_origin(std::string_view origin);
// The same with * for the host's first label or for the port.
Status check_cors_pattern(std::string_view pattern);
// An expression that can only match whole origins.
Status check_cors_regex(std::string_view regex);
// True for https and the loopback host: other origins can be forged by whoever is on the way.
bool is_trustworthy_origin(std::string_view origin);

// Which of `exact` it is.
std::optional<std::size_t> find_exact_origin(const CorsSpec& spec, std::string_view origin);
// Exact members and patterns of a list; expressions are the caller's.
bool cors_list_contains(const CorsSpec& spec, std::string_view origin);
// What may be reflected: bounded, a field value, without a list.
bool is_reflectable_origin(std::string_view origin);
// A list of header names as a browser sends it.
bool is_reflectable_header_list(std::string_view names);
// True when `origin` names the host that the request was sent to.
bool is_same_host(std::string_view origin, std::string_view host);

// A response field of this protocol, in any case.
bool is_cors_response_field(std::string_view name);

bool vary_names_all(std::string_view vary, std::span<const std::string_view> names);
// `vary` (the upstream's, maybe empty) with the names of `added` that it lacks.
std::string merge_vary(std::string_view vary, std::span<const std::string_view> added);

}  // namespace sallyport::policy
