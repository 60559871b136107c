// Invitations to the platform and to projects (engine contract 1.3). The link that invites is
// signed; who has it may accept.
#include "engine/adapters/api/invitations.hpp"

#include "common/bytes.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/adapters/steps/mailer.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kLinkSeconds = 7 * 24 * 3600;

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

// ---- inviting

std::string link_of(const Api& api, const EntityRow& row) {
    const Json claims = Json::object({{"type", Json::string(kInvitationToken)},
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

// One that is there already is sent again, unless that takes from somebody what the caller may not
// give.
void put_invitation(Api& api, const CallPtr& call, const Json& body,
                    const std::function<void(const EntityRow&)>& then) {
    const std::string email(body["email"].text());
    const EntityRow row =
        new_entity(api, kInvitationKind, call->user.platform_id,
                   email + "/" + std::string(body["projectId"].text_or("")), email, body);
    const auto kept = std::make_shared<bool>(false);
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row, kept, giver = RoleGiver(*call)](std::optional<EntityRow>& stored) {
            *kept = stored && !giver.lacks(entity_body(*stored)["projectRole"]).empty();
            if (*kept) {
                return false;
            }
            EntityRow next = row;  // with another nonce: an earlier link is void
            next.id = stored ? stored->id : row.id;
            stored = std::move(next);
            return true;
        },
        [&api, call, kept, then](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            if (!*kept || may_give(call, entity_body(**stored)["projectRole"])) {
                then(**stored);
            }
        });
}

// An account that is there takes up a program's invitation at once, unless it may be anybody's. For
// more than that the program has to vouch.
void store_invitation(Api& api, const CallPtr& call, const Json& given) {
    const std::string email(given["email"].text());
    api.ports.accounts.user_by_email(
        email, [&api, call, body = given](const Result<std::optional<UserRow>>& user) mutable {
            if (api.failed(call, user)) {
                return;
            }
            const bool vouched = call->body["accepted"].is_true();
            const bool accepted =
                vouched || (call->service && user->has_value() && addresses_are_proven(api));
            body.set("status", Json::string(accepted ? "ACCEPTED" : "PENDING"));
            body.set("vouched", Json::string(vouched ? "YES" : "NO"));
            body.set("nonce", Json::string(api.ports.entropy.id()));
            put_invitation(api, call, body, [&api, call, accepted](const EntityRow& row) {
                if (!accepted) {
                    return announce(api, call, row);
                }
                redeem_if_known(api, call, row,
                                [call, row](bool) { call->reply(201, invitation_json(row)); });
            });
        });
}

void invite_to_project(Api& api, const CallPtr& call, const std::string& email) {
    const std::string project_id(call->body["projectId"].text());
    const std::string role_name(call->body["projectRole"].text());
    api.with_project(call, project_id, [&api, call, email, role_name](const ProjectRow& project) {
        find_role(api, call, project.platform_id, role_name,
                  [&api, call, email, role_name, project](const Json& role) {
                      if (!role.exists()) {
                          return call->fail_not_found("project_role", role_name);
                      }
                      if (may_give(call, role)) {
                          store_invitation(
                              api, call,
                              Json::object({{"email", Json::string(email)},
                                            {"type", Json::string("PROJECT")},
                                            {"projectId", Json::string(project.id)},
                                            {"place", Json::string(project.display_name)},
                                            {"projectRoleId", role["id"]},
                                            {"projectRole", role}}));
                      }
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
    if (call->body["accepted"].is_true() && !call->service) {
        return call->fail_not_allowed("Only API keys accept for others");
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
                                   {"platformRole", Json::string(role)}}));
}

// ---- the others

void list_invitations(Api& api, const CallPtr& call) {
    const std::string type = call->query_text("type");
    const std::string project = call->query_text("projectId");
    EntityQuery wanted;
    wanted.kind = kInvitationKind;
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
    with_platform_entity(
        api, call, kInvitationKind, "user_invitation", [&api, call](const EntityRow& row) {
            const Json body = entity_body(row);
            if (body["type"].text() == "PROJECT") {
                return api.with_project(
                    call, std::string(body["projectId"].text()),
                    [&api, call, row, role = body["projectRole"]](const ProjectRow&) {
                        may_give(call, role) ? delete_and_reply(api, call, row) : void();
                    });
            }
            call->is_admin() ? delete_and_reply(api, call, row) : call->fail_not_allowed();
        });
}

}  // namespace

const std::vector<ApiRoute> kInvitationRoutes = {
    {"POST", "user-invitations", ApiRoute::Access::user, invite},
    {"GET", "user-invitations", ApiRoute::Access::user, list_invitations},
    {"POST", "user-invitations/accept", ApiRoute::Access::open, accept_invitation},
    {"DELETE", "user-invitations/:id", ApiRoute::Access::user, delete_invitation},
};

}  // namespace sallyport::engine
