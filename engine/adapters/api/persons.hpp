// People: their addresses, and the invitations that bring them.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// Lower case and trimmed; empty when it is no address.
std::string email_of(const Json& value);

// The invitations that a sign-up takes up: the one whose token it brings, and what programs vouched
// for. A token that is none of that address answers the call.
using WithInvitations = std::function<void(std::vector<EntityRow> invitations)>;
void sign_up_invitations(Api& api, const CallPtr& call, const std::string& email,
                         const WithInvitations& then);
// The role on the platform that they give; empty: none of them says.
std::string invited_platform_role(const std::vector<EntityRow>& invitations);
// Makes the user a member where they say so, and removes them.
void redeem_invitations(Api& api, const CallPtr& call, const UserRow& user,
                        std::vector<EntityRow> invitations, const std::function<void()>& then);

}  // namespace sallyport::engine
