// Directives and variables that belong to no feature.
#include "module/nginx/decision_log.hpp"
#include "module/nginx/module.hpp"

namespace sallyport::ngx {
namespace {

constexpr Directive kDirectives[] = {
    {"sallyport_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<LocationConf>},
    {"sallyport_decision_log", kEverywhere | NGX_CONF_TAKE123, set_decision_log},
};

// The finding that variables show: the enforced one, else the last that was only reported.
const Finding* shown(const Request& request) {
    if (const Finding* enforced = request.enforced()) {
        return enforced;
    }
    const std::span<const Finding> all = request.state().findings.all();
    return all.empty() ? nullptr : &all.back();
}

std::string_view get_client_ip(Request& request) {
    return request.client_text();
}

std::string_view get_client_ip_verified(Request& request) {
    return request.client_verified() ? "1" : "0";
}

std::string_view get_client_ip_flag(Request& request) {
    return word(request.state().client_flag);
}

std::string_view get_scheme(Request& request) {
    return request.is_https() ? "https" : "http";
}

std::string_view get_verdict(Request& request) {
    const Finding* finding = request.enforced();
    return finding == nullptr ? word(policy::Verdict::allow) : word(finding->decision.verdict);
}

std::string_view get_reason(Request& request) {
    const Finding* finding = shown(request);
    return word(finding == nullptr ? policy::Reason::none : finding->decision.reason);
}

std::string_view get_feature(Request& request) {
    const Finding* finding = shown(request);
    return finding == nullptr ? std::string_view()
                              : features()[static_cast<std::size_t>(finding->feature)]->name;
}

std::string_view get_rule(Request& request) {
    const Finding* finding = shown(request);
    return finding == nullptr ? std::string_view() : finding->rule;
}

std::string_view get_mode(Request& request) {
    const Finding* finding = shown(request);
    return finding == nullptr ? std::string_view() : word(finding->mode);
}

constexpr Variable kVariables[] = {
    {"sallyport_client_ip", get_client_ip},
    {"sallyport_client_ip_verified", get_client_ip_verified},
    {"sallyport_client_ip_flag", get_client_ip_flag},
    {"sallyport_scheme", get_scheme},
    {"sallyport_verdict", get_verdict},
    {"sallyport_reason", get_reason},
    {"sallyport_feature", get_feature},
    {"sallyport_rule", get_rule},
    {"sallyport_mode", get_mode},
};

}  // namespace

std::span<const Directive> common_directives() {
    return kDirectives;
}
std::span<const Variable> common_variables() {
    return kVariables;
}

}  // namespace sallyport::ngx
