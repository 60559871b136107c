// Sign-up, sign-in and the signed-in user (engine contract 1.3, 1.4).
#include "common/bytes.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/persons.hpp"
#include "engine/core/shape.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

constexpr std::size_t kPasswordCharsMin = 8;
constexpr std::size_t kPasswordCharsMax = 64;
// Longer than any mailbox (RFC 5321 section 4.5.3.1) or name.
constexpr std::size_t kEmailBytesMax = 320;
constexpr std::size_t kPersonNameBytesMax = 200;

std::size_t character_count(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

bool is_label_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

// The shape the contract demands: a plain local part, a domain with at least one dot.
bool is_email(std::string_view email) {
    const std::size_t at = email.find('@');
    if (email.size() > kEmailBytesMax || at == 0 || at == std::string_view::npos) {
        return false;
    }
    const std::string_view local = email.substr(0, at);
    const bool local_ok =
        std::all_of(local.begin(), local.end(),
                    [](char c) {
                        return is_label_char(c) ||
                               std::string_view("_'+.").find(c) != std::string_view::npos;
                    }) &&
        local.front() != '.' && local.back() != '.' && local.find("..") == std::string_view::npos;
    int labels = 0;
    bool domain_ok = true;
    std::string_view last;
    for_each_split(email.substr(at + 1), '.', [&](std::string_view label) {
        ++labels;
        last = label;
        domain_ok = domain_ok && !label.empty() && label.front() != '-' &&
                    std::all_of(label.begin(), label.end(), is_label_char);
    });
    return local_ok && domain_ok && labels >= 2 && last.size() >= 2 &&
           last.find_first_of("0123456789-") == std::string_view::npos;
}

bool is_person_name(std::string_view name) {
    return !name.empty() && name.size() <= kPersonNameBytesMax &&
           name.find_first_of("./") == std::string_view::npos;
}

Status check_credentials(const Json& body) {
    if (!is_email(ascii_lower(trim_ows(body["email"].text())))) {
        return Error{"body/email Invalid email"};
    }
    const std::size_t characters = character_count(body["password"].text());
    if (characters < kPasswordCharsMin || characters > kPasswordCharsMax) {
        return Error{"body/password must have 8 to 64 characters"};
    }
    return Done{};
}

Status check_sign_up(const Json& body) {
    constexpr std::array kFields = {Field{"email", Kind::text},
                                    Field{"password", Kind::text},
                                    Field{"firstName", Kind::text},
                                    Field{"lastName", Kind::text},
                                    Field{"trackEvents", Kind::boolean},
                                    Field{"newsLetter", Kind::boolean},
                                    Field{"invitationToken", Kind::text, Need::optional}};
    Status status = check_shape(body, kFields, "body");
    status = status.ok() ? check_credentials(body) : status;
    if (!status.ok()) {
        return status;
    }
    for (const std::string_view name : {"firstName", "lastName"}) {
        if (!is_person_name(body[name].text())) {
            return Error{"body/" + std::string(name) + " must match ^[^./]+$"};
        }
    }
    return Done{};
}

Json user_json(const UserRow& user) {
    return Json::object({{"id", Json::string(user.id)},
                         {"created", Json::string(iso_time(user.created_ms))},
                         {"updated", Json::string(iso_time(user.updated_ms))},
                         {"platformRole", Json::string(user.platform_role)},
                         {"status", Json::string(user.status)},
                         {"externalId", text_or_null(user.external_id)},
                         {"platformId", Json::string(user.platform_id)},
                         {"verified", Json::boolean(true)},
                         {"firstName", Json::string(user.first_name)},
                         {"lastName", Json::string(user.last_name)},
                         {"email", Json::string(user.email)},
                         {"trackEvents", Json::boolean(user.track_events)},
                         {"newsLetter", Json::boolean(user.news_letter)}});
}

Json session_json(const Api& api, const UserRow& user, const std::string& project_id) {
    Json json = user_json(user);
    json.erase("created");
    json.erase("updated");
    json.set("token", Json::string(api.session_token(user)));
    json.set("projectId", project_id.empty() ? Json::null() : Json::string(project_id));
    return json;
}

bool admit(Api& api, const CallPtr& call) {
    if (api.admit_attempt(call->client_address)) {
        return true;
    }
    WebResponse response = json_response(
        429, Json::object({{"statusCode", Json::integer(429)},
                           {"error", Json::string("Too Many Requests")},
                           {"message", Json::string("Rate limit exceeded, retry later")}}));
    response.headers.push_back(
        {"retry-after", std::to_string((api.options.auth_limit_window_ms + 999) / 1000)});
    call->reply(std::move(response));
    return false;
}

// What the invitations say of the new user, then the session.
void welcome(Api& api, const CallPtr& call, const UserRow& user,
             const std::vector<EntityRow>& accepted, const std::string& project_id) {
    const auto redeem = [&api, call, accepted, project_id](const UserRow& joined) {
        redeem_invitations(api, call, joined, accepted, [&api, call, joined, project_id] {
            call->reply(200, session_json(api, joined, project_id));
        });
    };
    const std::string role = invited_platform_role(accepted);
    if (role.empty() || role == user.platform_role) {
        return redeem(user);
    }
    api.ports.accounts.change_user(
        user.id,
        [role](UserRow& stored) {
            stored.platform_role = role;
            return true;
        },
        [&api, call, user, redeem](const Result<std::optional<UserRow>>& changed) {
            if (!api.failed(call, changed)) {
                redeem(changed->value_or(user));
            }
        });
}

// One who is invited may join where nobody else may.
void store_sign_up(Api& api, const CallPtr& call, const std::string& password_hash,
                   const std::vector<EntityRow>& accepted) {
    const std::int64_t now = api.now_ms();
    UserRow user;
    user.id = api.ports.entropy.id();
    user.platform_id = api.ports.entropy.id();
    user.email = ascii_lower(trim_ows(call->body["email"].text()));
    user.first_name = call->body["firstName"].text();
    user.last_name = call->body["lastName"].text();
    user.password_hash = password_hash;
    user.token_version = api.ports.entropy.id();
    user.track_events = call->body["trackEvents"].is_true();
    user.news_letter = call->body["newsLetter"].is_true();
    user.created_ms = user.updated_ms = now;
    ProjectRow project;
    project.id = api.ports.entropy.id();
    project.owner_id = user.id;
    project.display_name = user.first_name + "'s Project";
    project.created_ms = project.updated_ms = now;
    api.ports.accounts.sign_up(
        std::move(user), project, api.options.open_sign_up || !accepted.empty(),
        [&api, call, accepted, project_id = project.id](Result<AccountStore::SignUp> stored) {
            if (api.failed(call, stored)) {
                return;
            }
            switch (stored->outcome) {
                case SignUpOutcome::created:
                    return welcome(api, call, stored->user, accepted, project_id);
                case SignUpOutcome::existing_user:
                    return call->fail(ApiError::existing_user,
                                      Json::object({{"email", call->body["email"]},
                                                    {"platformId", Json::null()}}));
                case SignUpOutcome::invitation_only:
                    return call->fail(
                        ApiError::invitation_only_sign_up,
                        Json::object({{"message",
                                       Json::string("sign-up needs the token of an invitation")}}));
            }
        });
}

void sign_up(Api& api, const CallPtr& call) {
    const Status shape = check_sign_up(call->body);
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (!admit(api, call)) {
        return;
    }
    api.ports.passwords.hash(
        Secret(call->body["password"].text()), [&api, call](Result<std::string> hashed) {
            if (api.failed(call, hashed)) {
                return;
            }
            sign_up_invitations(api, call, email_of(call->body["email"]),
                                [&api, call, hash = *hashed](const auto& accepted) {
                                    store_sign_up(api, call, hash, accepted);
                                });
        });
}

void open_session(Api& api, const CallPtr& call, const UserRow& user) {
    if (user.status != "ACTIVE") {
        return call->fail(ApiError::invalid_credentials);
    }
    api.ports.accounts.projects_of(
        user.id, [&api, call, user](Result<std::vector<ProjectRow>> projects) {
            if (!api.failed(call, projects)) {
                call->reply(200,
                            session_json(api, user, projects->empty() ? "" : projects->front().id));
            }
        });
}

void sign_in(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"email", Kind::text}, Field{"password", Kind::text}};
    Status shape = check_shape(call->body, kFields, "body");
    shape = shape.ok() ? check_credentials(call->body) : shape;
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (!admit(api, call)) {
        return;
    }
    api.ports.accounts.user_by_email(
        ascii_lower(trim_ows(call->body["email"].text())),
        [&api, call](Result<std::optional<UserRow>> user) {
            if (api.failed(call, user)) {
                return;
            }
            const std::string hash = user->has_value() ? (*user)->password_hash : std::string();
            api.ports.passwords.verify(Secret(call->body["password"].text()), hash,
                                       [&api, call, found = *user](Result<bool> right) {
                                           if (api.failed(call, right)) {
                                               return;
                                           }
                                           if (!*right || !found) {
                                               return call->fail(ApiError::invalid_credentials);
                                           }
                                           open_session(api, call, *found);
                                       });
        });
}

// A platform is one's own or not: with the one there is the session begins anew, for as long as a
// new sign-in's. A program has no session.
void switch_platform(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"platformId", Kind::text}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (call->service) {
        return call->fail_not_allowed();
    }
    if (!admit(api, call)) {
        return;
    }
    if (call->body["platformId"].text() != call->user.platform_id) {
        return call->fail_not_allowed("The user is not a member of the platform");
    }
    open_session(api, call, call->user);
}

// Names and consents; the password and the address stay.
void update_me(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"firstName", Kind::text, Need::optional},
                                    Field{"lastName", Kind::text, Need::optional},
                                    Field{"trackEvents", Kind::boolean, Need::optional},
                                    Field{"newsLetter", Kind::boolean, Need::optional}};
    const Json& body = call->body;
    const Status shape = check_shape(body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    for (const std::string_view name : {"firstName", "lastName"}) {
        if (body[name].is_string() && !is_person_name(body[name].text())) {
            return call->fail_validation("body/" + std::string(name) + " must match ^[^./]+$");
        }
    }
    api.ports.accounts.change_user(
        call->user.id,
        [given = body.deep_copy(), now = api.now_ms()](UserRow& stored) {
            stored.first_name = given["firstName"].text_or(stored.first_name);
            stored.last_name = given["lastName"].text_or(stored.last_name);
            for (const auto& [name, consent] : {std::pair("trackEvents", &stored.track_events),
                                                std::pair("newsLetter", &stored.news_letter)}) {
                *consent = given[name].exists() ? given[name].is_true() : *consent;
            }
            stored.updated_ms = now;
            return true;
        },
        [&api, call](const Result<std::optional<UserRow>>& changed) {
            if (api.failed(call, changed)) {
                return;
            }
            const UserRow& user = changed->has_value() ? **changed : call->user;
            Json json = user_json(user);
            json.set("imageUrl", Json::null());
            call->reply(200, json);
        });
}

void get_me(Api& api, const CallPtr& call) {
    api.ports.accounts.projects_of(
        call->user.id, [&api, call](Result<std::vector<ProjectRow>> projects) {
            if (api.failed(call, projects)) {
                return;
            }
            Json json = user_json(call->user);
            json.set("identityId", Json::string(call->user.id));
            json.set("projectId",
                     projects->empty() ? Json::null() : Json::string(projects->front().id));
            call->reply(200, json);
        });
}

}  // namespace

std::string email_of(const Json& value) {
    const std::string email = ascii_lower(trim_ows(value.text()));
    return is_email(email) ? email : std::string();
}

const std::vector<ApiRoute> kAccountRoutes = {
    {"POST", "authentication/sign-up", ApiRoute::Access::open, sign_up},
    {"POST", "authentication/sign-in", ApiRoute::Access::open, sign_in},
    {"POST", "authentication/switch-platform", ApiRoute::Access::user, switch_platform},
    {"GET", "users/me", ApiRoute::Access::user, get_me},
    {"POST", "users/me", ApiRoute::Access::user, update_me},
};

}  // namespace sallyport::engine
