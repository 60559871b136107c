// The directives of authentication and what they make of a location. Included by its files only.
#pragma once

#include "module/nginx/directive.hpp"
#include "module/nginx/watched_file.hpp"
#include "module/policy/auth_password.hpp"
#include "module/policy/auth_token.hpp"
#include "module/policy/jwt.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

enum class AuthKind : std::uint8_t { token, jwt, basic };
constexpr std::string_view word(AuthKind kind) {
    return kind == AuthKind::token ? "token" : kind == AuthKind::jwt ? "jwt" : "basic";
}

// One file, shared by all that name it. Its content changes while workers run; requests keep copies
// of what they need.
struct AuthSource {
    AuthKind kind{};
    std::unique_ptr<WatchedFile> file;
    policy::TokenTable tokens;
    policy::PasswordTable passwords;
    policy::jwt::KeySet keys;
    std::uint64_t state = 0;  // changes with the content, and differs from any other source's
};

struct AuthMethod {
    AuthKind kind{};
    AuthSource* source = nullptr;
    std::string header;  // lower case; empty: Authorization with its scheme
    bool pass_on = false;
    policy::jwt::Rules rules;
    std::string challenge;        // WWW-Authenticate where nothing came
    std::string challenge_again;  // where something came that does not do
};

// Any of the methods will do.
struct AuthLevel {
    std::vector<AuthMethod> methods;
};

struct AuthMain {
    std::vector<std::unique_ptr<AuthSource>> sources;
    std::uint64_t states = 0;
    // A worker's own.
    std::optional<policy::VerifiedCredentials> verified;
    std::optional<policy::PasswordBudget> budget;
};

struct AuthLocation {
    std::optional<AuthLevel*> own;  // null: off
    std::optional<policy::Mode> mode;

    // Made by merge.
    const AuthLevel* level = nullptr;
    AuthMain* main = nullptr;
    AuthLocation* server = nullptr;
    bool server_level = false;
    policy::Mode server_mode = policy::Mode::enforce;  // of a server
    // Of a server: some location has a rule of its own, so that POST_READ cannot judge for all.
    bool overridden = false;
};

inline constexpr std::size_t kAuthDirectiveCount = 2;
extern const Directive kAuthDirectives[kAuthDirectiveCount];

}  // namespace sallyport::ngx
