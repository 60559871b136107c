// What security_headers_glue.cpp and security_headers_csp.cpp share.
#pragma once

#include "module/nginx/feature.hpp"
#include "module/nginx/header_plan.hpp"

#include <array>
#include <optional>
#include <vector>

namespace sallyport::ngx {

struct HeadersMain {
    bool any = false;     // used anywhere: then all locations take part (the first one may decide)
    bool silent = false;  // some level says nothing: only then is the first location remembered
};

struct HeadersLocation {
    std::optional<policy::HeaderProfile> profile;
    // This level's own; after merging, the outer levels' first.
    std::vector<policy::HeaderChange> changes;
    policy::CspSettings csp;
    std::optional<policy::Mode> mode;
    policy::Mode acting{};  // after merging: the mode that holds here

    bool decided = false;  // a level up to this one said something
    const HeaderPlan* plan = nullptr;
    const HeadersMain* main = nullptr;

    bool speaks() const { return profile || !changes.empty() || csp.speaks() || csp.mode; }
};

struct HeadersState {
    static constexpr std::size_t kNonceChars = 24;  // base64 of 18 bytes: no padding
    const HeadersLocation* first = nullptr;
    bool has_nonce = false;
    std::array<char, kNonceChars> nonce{};
};

Status set_csp(DirectiveCall& call);
Status set_csp_mode(DirectiveCall& call);
std::string_view get_csp_nonce(Request& request);

// The profile's fields, changed by what the merged levels say.
Result<policy::HeaderSet> effective_headers(const HeadersLocation& location);

}  // namespace sallyport::ngx
