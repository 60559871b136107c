// Configuration mistakes as data: each is refused by `nginx -t` with an [emerg] that names the
// directive, the value and the remedy.
#pragma once

#include "tests/integration/fixtures/nginx_server.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace sallyport::test {

struct Mistake {
    const char* http;       // inside the http block; a server with a listener is added
    const char* directive;  // pieces of the message
    const char* value;
    const char* remedy;
};

inline void PrintTo(const Mistake& mistake, std::ostream* out) {
    *out << mistake.http;
}

inline void expect_mistake(const Mistake& mistake, std::map<std::string, std::string> files = {}) {
    NginxOptions options;
    options.files = std::move(files);
    const auto check = check_config(
        std::string(mistake.http) + " server { listen 127.0.0.1:%%PORT_SPARE%%; }", options);
    EXPECT_FALSE(check.ok()) << mistake.http;
    EXPECT_NE(check.messages.find("[emerg]"), std::string::npos) << check.messages;
    for (const char* piece : {mistake.directive, mistake.value, mistake.remedy}) {
        EXPECT_NE(check.messages.find(piece), std::string::npos) << piece << "\n" << check.messages;
    }
}

}  // namespace sallyport::test
