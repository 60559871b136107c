// An example site of conf.d/sites with test addresses, certificates and secrets in it, and nothing
// else changed. The office is 127.0.0.1.
#pragma once

#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/webhook_signing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sallyport::test {

inline constexpr const char* kSiteSecrets[] = {"github",
                                               "stripe",
                                               "slack",
                                               "shopify",
                                               "typeform",
                                               "twilio",
                                               "shelly",
                                               "n8n-webhooks",
                                               "activepieces-webhooks",
                                               "automatisch-webhooks",
                                               "node-red-hooks"};
// What senders without a signature show.
inline const std::string kSharedSecret = "a secret of the operator's own, long";

inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
    ASSERT_NE(text.find(from), std::string::npos) << from;
    for (std::size_t at = text.find(from); at != std::string::npos;
         at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

// `upstream`: as shipped.
inline std::string site_conf(const std::string& name, const std::string& host,
                             std::string_view upstream) {
    std::string text = read_file(std::string(SALLYPORT_CONF_D) + "/sites/" + name + ".conf");
    replace_all(text, "listen 443 ssl;", "listen 127.0.0.1:%%PORT_TLS%% ssl;");
    replace_all(text, "/etc/sallyport/tls/" + host + ".pem", "%%CERT%%");
    replace_all(text, "/etc/sallyport/tls/" + host + ".key", "%%KEY%%");
    replace_all(text, upstream, "%%UPSTREAM%%");
    for (const char* secret : kSiteSecrets) {
        const std::string path = std::string("/etc/sallyport/secrets/") + secret + ";";
        if (text.find(path) != std::string::npos) {
            replace_all(text, path, std::string("%%DIR%%/") + secret + ".key;");
        }
    }
    return "include webhook.conf;\nsallyport_ip_list office 127.0.0.1;\n" + text;
}

inline NginxOptions site_options(const std::string& upstream_address) {
    NginxOptions out;
    out.variables = {{"UPSTREAM", upstream_address}};
    out.files["webhook.conf"] = read_file(std::string(SALLYPORT_CONF_D) + "/webhook.conf");
    for (const char* secret : kSiteSecrets) {
        const bool shared = std::string_view(secret).find('-') != std::string_view::npos;
        out.files[std::string(secret) + ".key"] = shared ? kSharedSecret
                                                  : secret == std::string_view("shelly")
                                                      ? "shelly:" + kSharedSecret
                                                      : std::string(kWebhookSecret);
    }
    return out;
}

}  // namespace sallyport::test
