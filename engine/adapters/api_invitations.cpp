// Invitations to the platform and to projects (engine contract 1.3). The link that invites is
// signed; who has it may accept. Accepted, it lets its address sign up, and makes its user a
// member.
#include "common/bytes.hpp"
#include "engine/adapters/api_flow_parts.hpp"
#include "engine/adapters/api_members.hpp"
#include "engine/adapters/api_persons.hpp"
#include "engine/adapters/mailer.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kKind = "user_invitation";
constexpr std::string_view kTokenType = "INVITATION";
constexpr std::int64_t kLinkSeconds = 7 * 24 * 3600;
constexpr std::size_t kInvitationsMax = 200;  // of one address

Json or_null(const Json& value) {
    return value.exists() ? value : Json::null();
}

Json invitation_json(const EntityRow& row) {
    const Json body = entity_body(row);
    Json json = entity_json(row);
    json.set("platformId", Json::string(row.scope));
    for (const std::string_view name : {"email", "type", "status"}) {
        json.set(name, body[name]);
    }
    for (const std::string_view name :
         {"platformRole", "projectId", "projectRoleId", "projectRole"}) {
        json.set(name, or_null(body[name]));
    }
    return json;
}

// ---- accepting

void go_on_redeeming(Api& api, const CallPtr& call, const UserRow& user,
                     const std::shared_ptr<std::vector<EntityRow>>& left,
                     const std::function<void()>& then) {
    if (left->empty()) {
        return then();
    }
    const EntityRow row = std::move(left->back());
    left->pop_back();
    const Json body = entity_body(row);
    const auto remove = [&api, call, user, left, then, id = row.id] {
        api.ports.entities.delete_entity(kKind, id,
                                         [&api, call, user, left, then](const Result<Done>& gone) {
                                             if (!api.failed(call, gone)) {
                                                 go_on_redeeming(api, call, user, left, then);
                                             }
                                         });
    };
    if (body["type"].text() != "PROJECT" || row.scope != user.platform_id) {
        return remove();
    }
    put_member(api, call, std::string(body["projectId"].text()), user.id,
               std::string(body["projectRoleId"].text()), remove);
}

// One who has an account already becomes a member now.
void redeem_if_known(Api& api, const CallPtr& call, const EntityRow& row,
                     const std::function<void(bool known)>& then) {
    const std::string email(entity_body(row)["email"].text());
    api.ports.accounts.user_by_email(
        email, [&api, call, row, then](const Result<std::optional<UserRow>>& user) {
            if (api.failed(call, user)) {
                return;
            }
            if (!user->has_value()) {
                return then(false);
            }
            redeem_invitations(api, call, **user, {row}, [then] { then(true); });
        });
}

void set_accepted(Api& api, const CallPtr& call, const EntityRow& row,
                  const std::function<void(const EntityRow&)>& then) {
    api.ports.entities.change_entity(
        kKind, row.scope, row.key,
        [id = row.id, now = api.now_ms()](std::optional<EntityRow>& stored) {
            if (!stored || stored->id != id) {
                stored.reset();
                return false;
            }
            Json body = entity_body(*stored);
            body.set("status", Json::string("ACCEPTED"));
            stored->body = body.dump();
            stored->updated_ms = now;
            return true;
        },
        [&api, call, then, id = row.id](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            if (!stored->has_value()) {
                return call->fail_not_found("user_invitation", id);
            }
            then(**stored);
        });
}

void accept(Api& api, const CallPtr& call) {
    const Result<Json> claims = api.verified_token(call->body["invitationToken"].text());
    if (!claims.ok() || (*claims)["type"].text() != kTokenType) {
        return call->fail(ApiError::invalid_bearer_token,
                          Json::object({{"message", Json::string("invalid invitation")}}));
    }
    const std::string id((*claims)["id"].text());
    const std::string nonce((*claims)["nonce"].text());
    api.ports.entities.entity(
        kKind, id, [&api, call, id, nonce](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value() || entity_body(**found)["nonce"].text() != nonce) {
                return call->fail_not_found("user_invitation", id);
            }
            set_accepted(api, call, **found, [&api, call](const EntityRow& row) {
                redeem_if_known(api, call, row, [call](bool known) {
                    call->reply(200, Json::object({{"registered", Json::boolean(known)}}));
                });
            });
        });
}

// ---- inviting

std::string link_of(const Api& api, const EntityRow& row) {
    const Json claims = Json::object({{"type", Json::string(kTokenType)},
                                      {"id", Json::string(row.id)},
                                      {"nonce", entity_body(row)["nonce"]}});
    return api.options.base_url + "/invitation?token=" + api.signed_token(claims, kLinkSeconds) +
           "&email=" + percent_encode(entity_body(row)["email"].text());
}

void announce(Api& api, const CallPtr& call, const EntityRow& row) {
    Json json = invitation_json(row);
    const std::string link = link_of(api, row);
    if (api.ports.mail == nullptr) {
        json.set("link", Json::string(link));  // somebody else has to bring it
    } else {
        api.ports.mail->send(
            std::string(entity_body(row)["email"].text()),
            "You are invited to " + std::string(entity_body(row)["place"].text_or("a platform")),
            call->user.first_name + " " + call->user.last_name +
                " invites you. To accept, open:\r\n\r\n" + link +
                "\r\n\r\nThe link is good for seven days.\r\n");
    }
    call->reply(201, json);
}

// What a program asks for needs nobody's consent.
void store_invitation(Api& api, const CallPtr& call, const Json& given) {
    Json body = given;
    body.set("nonce", Json::string(api.ports.entropy.id()));
    const std::string email(body["email"].text());
    const EntityRow row =
        new_entity(api, kKind, call->user.platform_id,
                   email + "/" + std::string(body["projectId"].text_or("")), email, body);
    api.ports.entities.change_entity(
        kKind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            EntityRow next = row;  // with another nonce: an earlier link is void
            next.id = stored ? stored->id : row.id;
            stored = std::move(next);
            return true;
        },
        [&api, call](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            if (!call->service) {
                return announce(api, call, **stored);
            }
            redeem_if_known(api, call, **stored, [call, row = **stored](bool) {
                call->reply(201, invitation_json(row));
            });
        });
}

void invite_to_project(Api& api, const CallPtr& call, const std::string& email) {
    const std::string project_id(call->body["projectId"].text());
    const std::string role_name(call->body["projectRole"].text());
    api.with_project(call, project_id, [&api, call, email, role_name](const ProjectRow& project) {
        find_role(
            api, call, project.platform_id, role_name,
            [&api, call, email, role_name, project](const Json& role) {
                if (!role.exists()) {
                    return call->fail_not_found("project_role", role_name);
                }
                store_invitation(
                    api, call,
                    Json::object({{"email", Json::string(email)},
                                  {"type", Json::string("PROJECT")},
                                  {"status", Json::string(call->service ? "ACCEPTED" : "PENDING")},
                                  {"projectId", Json::string(project.id)},
                                  {"place", Json::string(project.display_name)},
                                  {"projectRoleId", role["id"]},
                                  {"projectRole", role}}));
            });
    });
}

void invite(Api& api, const CallPtr& call) {
    const std::string email = email_of(call->body["email"]);
    const std::string_view type = call->body["type"].text();
    const std::string_view role = call->body["platformRole"].text();
    if (email.empty() || (type != "PROJECT" && type != "PLATFORM")) {
        return call->fail_validation("body must have email and type, PROJECT or PLATFORM");
    }
    if (type == "PROJECT") {
        return is_label(call, "projectRole") ? invite_to_project(api, call, email) : void();
    }
    if (role != "ADMIN" && role != "MEMBER" && role != "OPERATOR") {
        return call->fail_validation("body/platformRole must be ADMIN, MEMBER or OPERATOR");
    }
    if (!call->is_admin()) {
        return call->fail_not_allowed();
    }
    store_invitation(api, call,
                     Json::object({{"email", Json::string(email)},
                                   {"type", Json::string(type)},
                                   {"status", Json::string(call->service ? "ACCEPTED" : "PENDING")},
                                   {"platformRole", Json::string(role)}}));
}

// ---- the others

void list_invitations(Api& api, const CallPtr& call) {
    const std::string type = call->query_text("type");
    const std::string project = call->query_text("projectId");
    EntityQuery wanted;
    wanted.kind = kKind;
    wanted.scope = call->user.platform_id;
    wanted.oldest_first = true;
    wanted.members = {{"type", {type}}};
    if (const std::string status = call->query_text("status"); !status.empty()) {
        wanted.members.emplace_back("status", std::vector{status});
    }
    if (type == "PLATFORM") {
        return call->is_admin() ? reply_with_page(api, call, wanted, invitation_json)
                                : call->fail_not_allowed();
    }
    if (type != "PROJECT") {
        return call->fail_validation("querystring/type must be PROJECT or PLATFORM");
    }
    wanted.members.emplace_back("projectId", std::vector{project});
    api.with_project(call, project, [&api, call, wanted](const ProjectRow&) {
        reply_with_page(api, call, wanted, invitation_json);
    });
}

void delete_invitation(Api& api, const CallPtr& call) {
    with_platform_entity(api, call, kKind, "user_invitation", [&api, call](const EntityRow& row) {
        const Json body = entity_body(row);
        if (body["type"].text() == "PROJECT") {
            return api.with_project(
                call, std::string(body["projectId"].text()),
                [&api, call, row](const ProjectRow&) { delete_and_reply(api, call, row); });
        }
        call->is_admin() ? delete_and_reply(api, call, row) : call->fail_not_allowed();
    });
}

}  // namespace

void accepted_invitations(Api& api, const CallPtr& call, const std::string& email,
                          const WithInvitations& then) {
    EntityQuery query;
    query.kind = kKind;
    query.every_scope = true;
    query.members = {{"email", {email}}, {"status", {"ACCEPTED"}}};
    query.limit = kInvitationsMax;
    api.ports.entities.list_entities(query, [&api, call, then](Result<Page<EntityRow>> page) {
        if (!api.failed(call, page)) {
            then(std::move(page->rows));
        }
    });
}

std::string invited_platform_role(const std::vector<EntityRow>& accepted) {
    for (const EntityRow& row : accepted) {
        if (const Json role = entity_body(row)["platformRole"]; role.is_string()) {
            return std::string(role.text());
        }
    }
    return {};
}

void redeem_invitations(Api& api, const CallPtr& call, const UserRow& user,
                        std::vector<EntityRow> accepted, std::function<void()> then) {
    go_on_redeeming(api, call, user, std::make_shared<std::vector<EntityRow>>(std::move(accepted)),
                    then);
}

const std::vector<ApiRoute> kInvitationRoutes = {
    {"POST", "user-invitations", ApiRoute::Access::user, invite},
    {"GET", "user-invitations", ApiRoute::Access::user, list_invitations},
    {"POST", "user-invitations/accept", ApiRoute::Access::open, accept},
    {"DELETE", "user-invitations/:id", ApiRoute::Access::user, delete_invitation},
};

}  // namespace sallyport::engine
