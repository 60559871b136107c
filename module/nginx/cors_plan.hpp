// What a `sallyport_cors` means for responses, made ready when the configuration is read.
#pragma once

#include "module/nginx/directive.hpp"
#include "module/nginx/fixed_fields.hpp"
#include "module/nginx/request.hpp"
#include "module/policy/cors.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

class CorsPlan {
  public:
    // Must be called once, before anything else.
    Status build(ngx_conf_t* cf, policy::CorsSpec spec);

    const policy::CorsSpec& spec() const { return spec_; }
    // True when `unmatched=deny` refuses this request: it names an origin that is neither allowed
    // nor its own host.
    bool refuses(Request& request) const;
    // The Access-Control-Allow-Origin of a response to this request; empty when there is none.
    std::string_view allowed_origin(Request& request) const;
    // The upstream's own CORS fields go, ours come; Vary is merged. What stands ready goes into
    // `last`.
    [[gnu::hot]] void apply(Request& request, LastFields& last) const;

  private:
    enum class Match : std::uint8_t { none, origin, any };
    struct Allowed {
        Match match = Match::none;
        std::string_view origin{};
    };

    [[gnu::hot]] Allowed allowed(Request& request, std::string_view origin) const;
    [[gnu::hot]] bool in_list(Request& request, std::string_view origin) const;
    bool matches_regex(Request& request, std::string_view origin) const;
    void make_usual();
    // Access-Control-Allow-Origin, where it depends on the request.
    [[gnu::noinline]] void add_origin(Request& request, std::string_view origin) const;
    // The upstream's own fields go; its Vary, if there is one.
    [[gnu::hot]] static ngx_table_elt_t* clear_and_find_vary(ngx_http_request_t* r);
    // Where Vary must be merged, on OPTIONS, and beside a refusal's own fields.
    [[gnu::noinline]] void apply_by_field(Request& request, std::string_view origin,
                                          ngx_table_elt_t* upstream) const;
    void vary(Request& request, ngx_table_elt_t* upstream, bool preflight) const;
    void add_preflight(Request& request) const;

    policy::CorsSpec spec_;
    ComplexText dynamic_;
    std::vector<ngx_regex_t*> regexes_;
    std::vector<ngx_table_elt_t> always_;     // what does not depend on the request
    std::vector<ngx_table_elt_t> preflight_;  // on OPTIONS, beside the others
    // Behind an upstream that says no Vary: what does not depend on the request, and the same with
    // each origin that the directive names.
    FixedFields usual_;
    std::vector<FixedFields> usual_of_origin_;
    std::vector<std::string_view> vary_names_;
    std::vector<std::string_view> vary_names_preflight_;
    std::string vary_;
    std::string vary_preflight_;
    std::string vary_usual_;  // the same behind an upstream's Accept-Encoding
    std::string vary_usual_preflight_;
};

}  // namespace sallyport::ngx
