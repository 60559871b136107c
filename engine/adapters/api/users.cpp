// The users of a platform, for its administrators (engine contract 1.3).
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/flow_parts.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace sallyport::engine {
namespace {

void list_users(Api& api, const CallPtr& call) {
    std::optional<PageCursor> cursor;
    if (!read_cursor(call, cursor)) {
        return;
    }
    api.ports.accounts.list_users(call->user.platform_id, call->query_text("externalId"), cursor,
                                  call->limit(10), [&api, call](const Result<Page<UserRow>>& page) {
                                      if (!api.failed(call, page)) {
                                          call->reply(200, page_json(*page, user_summary));
                                      }
                                  });
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool check_change(const CallPtr& call) {
    const Json status = call->body["status"];
    const Json role = call->body["platformRole"];
    if (status.exists() && !is_one_of(status.text(), {"ACTIVE", "INACTIVE"})) {
        call->fail_validation("body/status must be ACTIVE or INACTIVE");
        return false;
    }
    if (role.exists() && !is_one_of(role.text(), {"ADMIN", "MEMBER", "OPERATOR"})) {
        call->fail_validation("body/platformRole must be ADMIN, MEMBER or OPERATOR");
        return false;
    }
    const Json external = call->body["externalId"];
    if (external.exists() && (!external.is_string() || external.text().size() > kLabelBytesMax)) {
        call->fail_validation("body/externalId must be a text of at most 1000 bytes");
        return false;
    }
    // A platform keeps an administrator who can let others in again.
    if (call->params[0] == call->user.id && (status.exists() || role.exists())) {
        call->fail(ApiError::validation,
                   Json::object({{"message", Json::string("Administrators do not change their own "
                                                          "status and role")}}));
        return false;
    }
    return true;
}

// Goes on when the user is of the caller's platform.
void with_user(Api& api, const CallPtr& call, const std::function<void(const UserRow&)>& then) {
    api.ports.accounts.user_by_id(
        call->params[0], [&api, call, then](const Result<std::optional<UserRow>>& user) {
            if (api.failed(call, user)) {
                return;
            }
            if (!user->has_value() || (*user)->platform_id != call->user.platform_id) {
                return call->fail_not_found("user", call->params[0]);
            }
            call->subject = user_summary(**user);
            then(**user);
        });
}

// One who is shut out, or may do less, is signed out everywhere; a name elsewhere changes nothing.
void apply_change(UserRow& user, const Json& given, const std::string& session) {
    user.external_id = given["externalId"].text_or(user.external_id);
    if (given["status"].exists() || given["platformRole"].exists()) {
        user.status = given["status"].text_or(user.status);
        user.platform_role = given["platformRole"].text_or(user.platform_role);
        user.token_version = session;
    }
}

void store_user(Api& api, const CallPtr& call) {
    api.ports.accounts.change_user(
        call->params[0],
        [given = call->body.deep_copy(), session = api.ports.entropy.id(),
         now = api.now_ms()](UserRow& stored) {
            apply_change(stored, given, session);
            stored.updated_ms = now;
            return true;
        },
        [&api, call](const Result<std::optional<UserRow>>& changed) {
            if (api.failed(call, changed)) {
                return;
            }
            if (!changed->has_value()) {
                return call->fail_not_found("user", call->params[0]);
            }
            const std::string_view external = call->body["externalId"].text();
            if (!external.empty() && (*changed)->external_id != external) {
                return call->fail(ApiError::validation,
                                  Json::object({{"message", Json::string("Another user has that "
                                                                         "externalId")}}));
            }
            call->reply(200, user_summary(**changed));
        });
}

void update_user(Api& api, const CallPtr& call) {
    if (check_change(call)) {
        with_user(api, call, [&api, call](const UserRow&) { store_user(api, call); });
    }
}

void fail_delete(const CallPtr& call, std::string_view message) {
    call->fail(ApiError::validation, Json::object({{"message", Json::string(message)}}));
}

void remove_user(Api& api, const CallPtr& call, const std::string& id,
                 const std::string& own_project) {
    using Gone = AccountStore::UserGone;
    api.ports.accounts.delete_user(id, own_project, [&api, call](const Result<Gone>& gone) {
        if (api.failed(call, gone)) {
            return;
        }
        switch (*gone) {
            case Gone::gone:
                api.ports.catalog.forget_all();
                return call->reply(204, Json());
            case Gone::busy:
                return fail_delete(call, "The user's project has runs that have not ended");
            case Gone::owner:
                return fail_delete(call, "The user owns projects of a team, or the platform");
        }
    });
}

// Their own project goes with them; what they made for others has to be deleted first.
void delete_user(Api& api, const CallPtr& call) {
    if (call->params[0] == call->user.id) {
        return fail_delete(call, "Administrators do not delete themselves");
    }
    with_user(api, call, [&api, call](const UserRow& user) {
        api.ports.accounts.projects_of(
            user.id, [&api, call, id = user.id](const Result<std::vector<ProjectRow>>& projects) {
                if (api.failed(call, projects)) {
                    return;
                }
                std::string own;
                for (const ProjectRow& project : *projects) {
                    own = project.type == "PERSONAL" ? project.id : own;
                }
                remove_user(api, call, id, own);
            });
    });
}

}  // namespace

const std::vector<ApiRoute> kUserRoutes = {
    {"GET", "users", ApiRoute::Access::platform, list_users},
    {"POST", "users/:id", ApiRoute::Access::platform, update_user},
    {"DELETE", "users/:id", ApiRoute::Access::platform, delete_user},
};

}  // namespace sallyport::engine
