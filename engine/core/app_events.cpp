#include "engine/core/app_events.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"

#include <set>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kPrefix = "piece-";
constexpr std::size_t kNameBytesMax = 1000;

bool is_name(const Json& value) {
    return value.is_string() && !value.text().empty() && value.text().size() <= kNameBytesMax;
}

}  // namespace

std::string app_address_name(std::string_view piece) {
    const std::size_t slash = piece.rfind('/');
    if (slash != std::string_view::npos) {
        piece.remove_prefix(slash + 1);
    }
    if (piece.starts_with(kPrefix)) {
        piece.remove_prefix(kPrefix.size());
    }
    return std::string(piece);
}

Result<AppSecrets> parse_app_secrets(std::string_view text) {
    const Result<Json> given = Json::parse(text);
    if (!given.ok() || !given->is_object()) {
        return Error{R"(must be JSON: {"@activepieces/piece-slack":{"webhookSecret":"…"}})"};
    }
    AppSecrets secrets;
    std::string problem;
    given->each_member([&](std::string_view piece, const Json& about) {
        const Json secret = about["webhookSecret"];
        const bool some = (secret.is_string() && !secret.text().empty()) ||
                          (secret.is_object() && secret.size() > 0);
        const std::string name = app_address_name(piece);
        if (!some || name.empty()) {
            problem = "has no webhookSecret for '" + std::string(piece) + "'";
        } else if (!secrets.try_emplace(name, AppSecret{std::string(piece), Secret(secret.dump())})
                        .second) {
            problem = "has two pieces for the address app-events/" + name;
        }
    });
    return problem.empty() ? Result<AppSecrets>(std::move(secrets)) : Error{problem};
}

std::string app_listener_key(std::string_view piece, std::string_view event,
                             std::string_view identifier) {
    Json parts = Json::array();
    for (const std::string_view part : {piece, event, identifier}) {
        parts.append(Json::string(part));
    }
    const Bytes whole = digest(DigestAlgorithm::sha256, parts.dump());
    return base64url_encode(whole.data(), whole.size());
}

Result<std::vector<std::string>> app_listener_keys(std::string_view piece, const Json& listeners) {
    std::set<std::string> keys;
    bool named = listeners.is_array();
    listeners.each_element([&](const Json& listener) {
        const Json identifier = listener["identifierValue"];
        named = named && is_name(identifier) && listener["events"].is_array();
        listener["events"].each_element([&](const Json& event) {
            named = named && is_name(event);
            if (keys.size() <= kListenersMax) {
                keys.insert(app_listener_key(piece, event.text(), identifier.text()));
            }
        });
    });
    if (!named || keys.empty()) {
        return Error{"the trigger does not say which events of which account it listens to"};
    }
    if (keys.size() > kListenersMax) {
        return Error{"the trigger listens to more than " + std::to_string(kListenersMax) +
                     " events"};
    }
    return std::vector<std::string>(keys.begin(), keys.end());
}

}  // namespace sallyport::engine
