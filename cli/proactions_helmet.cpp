// hub.security.helmet as fields: helmet 8's options under both of their names.
#include "cli/proactions_section.hpp"
#include "module/policy/helmet_options.hpp"
#include "module/policy/security_header_values.hpp"

namespace sallyport::cli {
namespace {

using policy::HelmetOptions;

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    }
    return out + "\"";
}

class HelmetReader {
  public:
    explicit HelmetReader(ProactionsSection& section) : section_(section) {}

    HelmetOptions options;
    bool hides_powered_by = true;

    // False when helmet itself would have thrown, or a value means nothing to it.
    bool read() {
        content_security_policy();
        closed("crossOriginEmbedderPolicy", "", "policy", options.embedder_policy, "require-corp");
        closed("crossOriginOpenerPolicy", "", "policy", options.opener_policy, "same-origin");
        closed("crossOriginResourcePolicy", "", "policy", options.resource_policy, "same-origin");
        closed("xFrameOptions", "frameguard", "action", options.frame_action, "sameorigin");
        closed("xPermittedCrossDomainPolicies", "permittedCrossDomainPolicies", "permittedPolicies",
               options.permitted_policies, "none");
        on_or_off("originAgentCluster", "", options.origin_agent_cluster);
        on_or_off("xContentTypeOptions", "noSniff", options.content_type_options);
        on_or_off("xDownloadOptions", "ieNoOpen", options.download_options);
        on_or_off("xXssProtection", "xssFilter", options.xss_protection);
        on_or_off("xPoweredBy", "hidePoweredBy", hides_powered_by);
        dns_prefetch();
        referrer_policy();
        transport_security();
        return good_;
    }

  private:
    // What one of the two names says; `chosen_` is the name.
    YAML::Node take(const std::string& name, const std::string& other) {
        if (!other.empty() && section_.has(name) && section_.has(other)) {
            bad(other, "stands beside " + name + ", which is the same option");
        }
        chosen_ = !other.empty() && section_.has(other) ? other : name;
        section_.take(name);
        return section_.take(chosen_);
    }
    void bad(const std::string& name, const std::string& why) {
        section_.leave(name, why);
        good_ = false;
    }
    // True, and `map` as it is, when the option has settings of its own; otherwise `value` is kept,
    // set to its standard or taken away.
    template <typename T>
    bool has_settings(const YAML::Node& node, std::optional<T>& value, const T& standard) {
        if (!node.IsDefined()) {
            return false;
        }
        if (node.IsMap()) {
            return true;
        }
        const auto on = yaml_flag(node);
        if (!on) {
            bad(chosen_, "is neither true, false nor a map of settings");
        } else if (!*on) {
            value.reset();
        } else if (!value) {
            value = standard;
        }
        return false;
    }
    void closed(const std::string& name, const std::string& other, const std::string& member,
                std::optional<std::string>& value, const std::string& standard) {
        const YAML::Node node = take(name, other);
        if (has_settings(node, value, standard)) {
            ProactionsSection inner = section_.section(chosen_);
            value = inner.text(member, standard);
            finish(inner, value.has_value());
        }
    }
    void on_or_off(const std::string& name, const std::string& other, bool& value) {
        const YAML::Node node = take(name, other);
        if (!node.IsDefined()) {
            return;
        }
        // Settings that the option does not have are a warning to helmet, and no more.
        const auto on = node.IsMap() ? std::optional<bool>(true) : yaml_flag(node);
        if (!on) {
            bad(chosen_, "is neither true nor false");
        }
        value = on.value_or(value);
    }
    void finish(ProactionsSection& inner, bool understood) {
        inner.finish();
        good_ = good_ && understood;
    }

    void dns_prefetch() {
        const YAML::Node node = take("xDnsPrefetchControl", "dnsPrefetchControl");
        if (has_settings(node, options.dns_prefetch_allow, false)) {
            ProactionsSection inner = section_.section(chosen_);
            options.dns_prefetch_allow = inner.flag("allow", false);
            finish(inner, options.dns_prefetch_allow.has_value());
        }
    }
    void referrer_policy() {
        const YAML::Node node = take("referrerPolicy", "");
        if (has_settings(node, options.referrer_policy, {"no-referrer"})) {
            ProactionsSection inner = section_.section(chosen_);
            if (inner.has("policy")) {
                options.referrer_policy = yaml_words(inner.take("policy"));
            }
            finish(inner, true);
        }
    }
    void transport_security() {
        const YAML::Node node = take("strictTransportSecurity", "hsts");
        if (!has_settings(node, options.hsts, policy::HstsOptions{})) {
            return;
        }
        ProactionsSection inner = section_.section(chosen_);
        const auto age = inner.number("maxAge", options.hsts->max_age_s);
        const auto subdomains = inner.flag("includeSubDomains", true);
        const auto preload = inner.flag("preload", false);
        const bool understood = age && subdomains && preload;
        if (understood) {
            options.hsts = policy::HstsOptions{*age, *subdomains, *preload};
        }
        finish(inner, understood);
    }

    void content_security_policy() {
        const YAML::Node node = take("contentSecurityPolicy", "");
        if (!has_settings(node, options.csp, HelmetOptions::Csp{})) {
            return;
        }
        ProactionsSection inner = section_.section(chosen_);
        const auto use_defaults = inner.flag("useDefaults", true);
        const auto report_only = inner.flag("reportOnly", false);
        options.csp->use_defaults = use_defaults.value_or(true);
        options.csp->report_only = report_only.value_or(false);
        const YAML::Node directives = inner.take("directives");
        if (directives.IsMap()) {
            for (const auto& member : directives) {
                directive(member.first.Scalar(), member.second);
            }
        }
        finish(inner, use_defaults && report_only);
    }
    void directive(const std::string& name, const YAML::Node& value) {
        HelmetOptions::CspChange change{name, std::nullopt};
        if (!value.IsNull()) {
            std::string sources = value.IsScalar() ? value.Scalar() : std::string();
            for (const std::string& source :
                 value.IsSequence() ? yaml_words(value) : std::vector<std::string>{}) {
                sources += (sources.empty() ? "" : " ") + source;
            }
            if (sources.find('$') != std::string::npos) {
                bad("contentSecurityPolicy.directives." + name, "has a $, which begins a variable");
            }
            change.sources = sources;
        }
        options.csp->changes.push_back(change);
    }

    ProactionsSection& section_;
    std::string chosen_;
    bool good_ = true;
};

}  // namespace

void proactions_helmet(ProactionsSection helmet) {
    if (!helmet.is_on()) {
        return;
    }
    HelmetReader reader(helmet);
    const bool understood = reader.read();
    helmet.finish();
    if (!understood) {
        helmet.leave("the fields depend on what is named above");
        return;
    }
    const auto set = policy::helmet_headers(reader.options);
    if (!set) {
        helmet.leave(set.message());
        return;
    }
    for (const policy::HeaderField& field : *set) {
        // What helmet sends and nginx does not start with; an empty field says nothing to browsers.
        const Status good = policy::check_header(field.name, field.value, true);
        if (!field.value.empty() && !good) {
            helmet.leave(good.message());
        } else if (!field.value.empty()) {
            // A bare off would leave the field out.
            const char* as_value = field.value == "off" ? " replace;" : ";";
            helmet.line("sallyport_header " + field.name + " " + quoted(field.value) + as_value);
        }
    }
    if (reader.hides_powered_by) {
        helmet.line("sallyport_header X-Powered-By off;\nproxy_hide_header X-Powered-By;");
    }
}

}  // namespace sallyport::cli
