// Stands in for the gateway verdict in the module that integration_wall_test loads: each hook
// throws when the request's X-Throw header names it, by turns a std::exception and something else.
#include "module/nginx/feature.hpp"
#include "module/nginx/str.hpp"

#include <stdexcept>

namespace sallyport::ngx {
namespace {

void throw_when_asked(const Request& request, std::string_view hook) {
    std::string_view wanted;
    if (request_headers(request.r(), "X-Throw", &wanted, 1) == 0) {
        return;
    }
    if (wanted == hook) {
        throw std::runtime_error("as the test wanted");
    }
    if (wanted.starts_with(hook) && wanted.ends_with("-int")) {
        throw 42;
    }
}

Status set(DirectiveCall& call) {
    if (call.arg(0) == "throw") {
        throw std::runtime_error("while reading the configuration");
    }
    return Done{};
}

constexpr Directive kDirectives[] = {{"sallyport_verdict", kEverywhere | NGX_CONF_TAKE1, set}};

constexpr Variable kVariables[] = {{"sallyport_throw", [](Request& request) -> std::string_view {
                                        throw_when_asked(request, "variable");
                                        return "calm";
                                    }}};

}  // namespace

const Feature kGatewayVerdict = {
    .id = FeatureId::gateway_verdict,
    .name = "gateway_verdict",
    .directives = kDirectives,
    .variables = kVariables,
    .active = [](const void*) { return true; },
    .post_read =
        [](Request& request, const void*) {
            throw_when_asked(request, "post_read");
            return HookResult::pass();
        },
    .rewrite =
        [](Request& request, const void*) {
            throw_when_asked(request, "rewrite");
            return HookResult::pass();
        },
    .preaccess =
        [](Request& request, const void*) {
            throw_when_asked(request, "preaccess");
            return HookResult::pass();
        },
    .header_filter = [](Request& request, const void*,
                        LastFields&) { throw_when_asked(request, "header_filter"); },
    .request_body_filter = [](Request& request, const void*, ngx_chain_t*) -> int {
        throw_when_asked(request, "body_filter");
        return 0;
    },
    .failure = [](Request& request, const void*) { throw_when_asked(request, "failure"); },
};

}  // namespace sallyport::ngx
