// Apps that send the events of all their accounts to one address (engine contract 1.3, app-events):
// which pieces may, what signs their events, and which flows listen to what. Pure.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

inline constexpr const char* kAppListenerKind = "app_listener";
// Events that one flow listens to.
inline constexpr std::size_t kListenersMax = 100;

struct AppSecret {
    std::string piece;  // its name
    Secret secret;      // what its `verify` is given, as JSON: a text or an object
};
// By the last part of the app's address: `slack` of `@activepieces/piece-slack`.
using AppSecrets = std::map<std::string, AppSecret>;

std::string app_address_name(std::string_view piece);

// {"<piece>": {"webhookSecret": …}}, as AP_APP_WEBHOOK_SECRETS has it. Errors hold no value of it.
Result<AppSecrets> parse_app_secrets(std::string_view text);

// What the listeners of one event of one account are found by.
std::string app_listener_key(std::string_view piece, std::string_view event,
                             std::string_view identifier);

// The keys of what a trigger listens to, each once: [{events: […], identifierValue}]. Fails on a
// list that is empty, too long, or names no account.
Result<std::vector<std::string>> app_listener_keys(std::string_view piece, const Json& listeners);

}  // namespace sallyport::engine
