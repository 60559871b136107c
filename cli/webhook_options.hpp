// What `sign` and `verify` have in common: a sender, a secret, a body and where it goes.
#pragma once

#include "cli/command.hpp"
#include "module/policy/webhook_sign.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::cli {

struct WebhookOptions {
    std::string preset;
    std::string profile;
    std::vector<std::string> keys;  // KEY=VALUE in the profile language
    std::string secret;             // file:PATH, env:NAME or literal
    std::string secret_file;
    std::string body_file;
    std::string url = "https://localhost/";
    std::string method = "POST";
    std::vector<std::string> headers;  // NAME: VALUE
    std::int64_t time_s = 0;

    void add_to(const Command& command);
    // Each of these ends the program with a message when it cannot be done.
    policy::webhook::Profile read_profile() const;
    Secret read_secret() const;
    std::string read_body() const;
    policy::webhook::HeaderFields read_headers() const;
    // scheme://host/target, which is all that signing a URL needs; views of `url` and `method`.
    policy::webhook::RequestHead head() const;
    std::int64_t now_ms() const;
};

}  // namespace sallyport::cli
