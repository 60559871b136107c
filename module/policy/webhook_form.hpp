// Query strings, form bodies and request URLs as webhook senders sign them.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::policy::webhook {

// More fields than any sender posts; sorting stays cheap whatever a body holds.
inline constexpr std::size_t kFormFieldsMax = 512;

// `%XX` and, where `plus` says so, `+`. Nothing when an escape is cut short or not hexadecimal.
std::optional<std::pmr::string> percent_decode(std::string_view text, bool plus,
                                               std::pmr::memory_resource* memory);

// RFC 3986: everything but unreserved characters is escaped, with upper case digits.
std::string percent_encode(std::string_view text);

enum class FormFind { absent, found, conflict };
struct FormValue {
    FormFind state = FormFind::absent;  // conflict: the name occurs twice or is not decodable
    std::pmr::string text;
};
// The decoded value of `name` in `name=value&…`. `plus`: `+` means a space (form bodies).
FormValue form_value(std::string_view text, std::string_view name, bool plus,
                     std::pmr::memory_resource* memory);

// Twilio's rule: every field decoded, sorted by name and value, equal pairs once, written one after
// another as name and value. Nothing for more than kFormFieldsMax fields or a bad escape.
std::optional<std::pmr::string> form_sorted(std::string_view body,
                                            std::pmr::memory_resource* memory);

// The part of a request target behind the first question mark.
std::string_view query_of(std::string_view target);

// HubSpot decodes %3A %2F %3F %40 %21 %24 %27 %28 %29 %2A %2C %3B and nothing else before it signs.
std::pmr::string hubspot_url(std::string_view url, std::pmr::memory_resource* memory);

// Twilio signs with or without the port. The other spelling of `url`: its port removed, or the
// scheme's default port added.
std::pmr::string other_port_spelling(std::string_view url, std::pmr::memory_resource* memory);

}  // namespace sallyport::policy::webhook
