// Invitations as they lie in the store: what inviting and accepting share.
#pragma once

#include "engine/adapters/api/persons.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// Below the platform, by address and project. The body has `email`, `type`, `status`, the role, and
// a `nonce` that the latest link alone knows.
inline constexpr const char* kInvitationKind = "user_invitation";
// `type` of the claims of the link's token.
inline constexpr std::string_view kInvitationToken = "INVITATION";

// Whether whoever has an account can only have come by its address: where all may sign up, an
// account says nothing of that.
bool addresses_are_proven(const Api& api);

// Goes on with whether the address has an account; then what is invited to is its.
void redeem_if_known(Api& api, const CallPtr& call, const EntityRow& row,
                     const std::function<void(bool known)>& then);

// POST user-invitations/accept
void accept_invitation(Api& api, const CallPtr& call);

}  // namespace sallyport::engine
