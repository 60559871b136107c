// People: their addresses, and invitations that were accepted before there was an account.
#pragma once

#include "engine/adapters/api.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// Lower case and trimmed; empty when it is no address.
std::string email_of(const Json& value);

// What is known of the address's invitations that were accepted.
using WithInvitations = std::function<void(std::vector<EntityRow> accepted)>;
void accepted_invitations(Api& api, const CallPtr& call, const std::string& email,
                          const WithInvitations& then);
// The role on the platform that they give; empty: none of them says.
std::string invited_platform_role(const std::vector<EntityRow>& accepted);
// Makes the user a member where they say so, and removes them.
void redeem_invitations(Api& api, const CallPtr& call, const UserRow& user,
                        std::vector<EntityRow> accepted, std::function<void()> then);

}  // namespace sallyport::engine
