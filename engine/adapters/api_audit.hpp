// The audit log: who changed what, by the contract's names of events (engine contract 1.3). What is
// recorded is read off the answer to a request that was granted, so that no handler can forget it.
#pragma once

#include "engine/adapters/api.hpp"

namespace sallyport::engine {

// Below the platform.
inline constexpr const char* kAuditKind = "audit_event";

// Has the call's answer recorded when its route is one of those that are. REQUIRES: call.route.
void listen_for_audit(Api& api, ApiCall& call);

// What the log may say of an entity: never its value.
Json audited_subject(const EntityRow& row);

}  // namespace sallyport::engine
