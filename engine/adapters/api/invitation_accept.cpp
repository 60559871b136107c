// Who takes up an invitation (decision 0028): the holder of its link, whose token is the only proof
// that the address is theirs. One without an account brings it along when signing up.
#include "common/bytes.hpp"
#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/invitations.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/core/cookies.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kInvitationsMax = 200;  // of one address
// A browser that accepted keeps the token for the sign-up that follows: clients of the contract do
// not send it along.
constexpr std::string_view kInvitationCookie = "sallyport_invitation";
constexpr std::int64_t kCookieSeconds = 3600;

// Of who took up the invitation, or of the program that had it taken up.
AuditActor actor_of(const CallPtr& call, const UserRow& user, const Json& invitation) {
    AuditActor actor = audit_actor(*call);
    if (!call->service) {
        actor.platform_id = user.platform_id;
        actor.user_id = user.id;
        actor.user_email = user.email;
    }
    actor.project_id = invitation["projectId"].text();
    actor.project_name = invitation["projectId"].is_string() ? invitation["place"].text() : "";
    return actor;
}

void note_member(Api& api, const CallPtr& call, const UserRow& user, const Json& invitation,
                 const std::function<void()>& then) {
    const Json member = Json::object(
        {{"userId", Json::string(user.id)}, {"projectRoleId", invitation["projectRoleId"]}});
    record_event(api, actor_of(call, user, invitation), "project.member.added",
                 Json::object({{"projectMember", member}}), then);
}

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
        api.ports.entities.delete_entity(kInvitationKind, id,
                                         [&api, call, user, left, then](const Result<Done>& gone) {
                                             if (!api.failed(call, gone)) {
                                                 go_on_redeeming(api, call, user, left, then);
                                             }
                                         });
    };
    if (body["type"].text() != "PROJECT" || row.scope != user.platform_id) {
        return remove();
    }
    const std::string project(body["projectId"].text());
    const std::string role(body["projectRoleId"].text());
    const auto note = [&api, call, user, body, remove](bool changed) {
        changed ? note_member(api, call, user, body, remove) : remove();
    };
    call->service ? put_member(api, call, project, user.id, role, [note] { note(true); })
                  : join_project(api, call, user, project, role, note);
}

void fail_token(const CallPtr& call) {
    call->fail(ApiError::invalid_bearer_token,
               Json::object({{"message", Json::string("invalid invitation")}}));
}

// Goes on with the invitation that the token is of; nothing when it is of none, or of one that was
// sent again since.
void find_invitation(Api& api, const CallPtr& call, const Json& claims,
                     const std::function<void(const std::optional<EntityRow>&)>& then) {
    api.ports.entities.entity(
        kInvitationKind, std::string(claims["id"].text()),
        [&api, call, then, nonce = std::string(claims["nonce"].text())](
            const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            const bool latest = found->has_value() &&
                                constant_time_equal(entity_body(**found)["nonce"].text(), nonce);
            then(latest ? *found : std::nullopt);
        });
}

void set_accepted(Api& api, const CallPtr& call, const EntityRow& row,
                  const std::function<void()>& then) {
    api.ports.entities.change_entity(
        kInvitationKind, row.scope, row.key,
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
            stored->has_value() ? then() : call->fail_not_found("user_invitation", id);
        });
}

void reply_accepted(const CallPtr& call, bool registered) {
    call->reply(200, Json::object({{"registered", Json::boolean(registered)}}));
}

void note_accepted(Api& api, const CallPtr& call, const EntityRow& row, UserRow user,
                   const std::function<void()>& then) {
    const Json body = entity_body(row);
    user.platform_id = row.scope;
    user.email = body["email"].text();
    record_event(api, actor_of(call, user, body), "user.invitation.accepted",
                 Json::object({{"invitation", Json::object({{"id", Json::string(row.id)},
                                                            {"email", body["email"]},
                                                            {"type", body["type"]}})}}),
                 then);
}

// Has an account: whose that is must be clear as well.
void accept_as(Api& api, const CallPtr& call, const EntityRow& row, const UserRow& user) {
    const auto redeem = [&api, call, row, user] {
        redeem_invitations(api, call, user, {row}, [&api, call, row, user] {
            note_accepted(api, call, row, user, [call] { reply_accepted(call, true); });
        });
    };
    if (addresses_are_proven(api)) {
        return redeem();
    }
    const auto check = [call, redeem, id = user.id] {
        call->user.id == id && !call->service
            ? redeem()
            : call->fail_not_allowed("Sign in as the invited to accept");
    };
    call->request.header("authorization").empty() ? check() : api.authenticate(call, check);
}

void accept_found(Api& api, const CallPtr& call, const EntityRow& row) {
    api.ports.accounts.user_by_email(
        std::string(entity_body(row)["email"].text()),
        [&api, call, row](const Result<std::optional<UserRow>>& user) {
            if (api.failed(call, user)) {
                return;
            }
            if (user->has_value()) {
                return accept_as(api, call, row, **user);
            }
            set_accepted(api, call, row, [&api, call, row] {
                call->more_headers.push_back(
                    set_cookie({kInvitationCookie, call->body["invitationToken"].text(), "/",
                                kCookieSeconds, api.options.base_url.starts_with("https://")}));
                note_accepted(api, call, row, UserRow(), [call] { reply_accepted(call, false); });
            });
        });
}

// What a program vouched for, whoever comes by that address.
void vouched_invitations(Api& api, const CallPtr& call, const std::string& email,
                         const WithInvitations& then) {
    EntityQuery query;
    query.kind = kInvitationKind;
    query.every_scope = true;
    query.members = {{"email", {email}}, {"vouched", {"YES"}}};
    query.limit = kInvitationsMax;
    api.ports.entities.list_entities(query, [&api, call, then](Result<Page<EntityRow>> page) {
        if (!api.failed(call, page)) {
            then(std::move(page->rows));
        }
    });
}

}  // namespace

bool addresses_are_proven(const Api& api) {
    return !api.options.open_sign_up;
}

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

void accept_invitation(Api& api, const CallPtr& call) {
    const Result<Json> claims = api.verified_token(call->body["invitationToken"].text());
    if (!claims.ok() || (*claims)["type"].text() != kInvitationToken) {
        return fail_token(call);
    }
    find_invitation(api, call, *claims,
                    [&api, call, id = std::string((*claims)["id"].text())](
                        const std::optional<EntityRow>& row) {
                        row ? accept_found(api, call, *row)
                            : call->fail_not_found("user_invitation", id);
                    });
}

void sign_up_invitations(Api& api, const CallPtr& call, const std::string& email,
                         const WithInvitations& then) {
    const std::string given(call->body["invitationToken"].text());
    const Result<Json> claims =
        api.verified_token(given.empty() ? cookie_of(call->request, kInvitationCookie) : given);
    const bool is_one = claims.ok() && (*claims)["type"].text() == kInvitationToken;
    if (!is_one) {  // an old cookie is nobody's mistake
        return given.empty() ? vouched_invitations(api, call, email, then) : fail_token(call);
    }
    find_invitation(
        api, call, *claims, [&api, call, email, given, then](const std::optional<EntityRow>& row) {
            const bool theirs = row && entity_body(*row)["email"].text() == email;
            if (!theirs && !given.empty()) {
                return fail_token(call);
            }
            vouched_invitations(api, call, email, [row, theirs, then](std::vector<EntityRow> all) {
                const auto same = [&row](const EntityRow& one) { return row && one.id == row->id; };
                if (theirs && std::none_of(all.begin(), all.end(), same)) {
                    all.insert(all.begin(), *row);
                }
                then(std::move(all));
            });
        });
}

std::string invited_platform_role(const std::vector<EntityRow>& invitations) {
    for (const EntityRow& row : invitations) {
        if (const Json role = entity_body(row)["platformRole"]; role.is_string()) {
            return std::string(role.text());
        }
    }
    return {};
}

void redeem_invitations(Api& api, const CallPtr& call, const UserRow& user,
                        std::vector<EntityRow> invitations, const std::function<void()>& then) {
    go_on_redeeming(api, call, user,
                    std::make_shared<std::vector<EntityRow>>(std::move(invitations)), then);
}

}  // namespace sallyport::engine
