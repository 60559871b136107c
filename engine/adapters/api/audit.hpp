// The audit log: who changed what, by the contract's names of events (engine contract 1.3). What is
// recorded is read off the answer to a request that was granted, so that no handler can forget it.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// Below the platform.
inline constexpr const char* kAuditKind = "audit_event";

// Has the call's answer recorded when its route is one of those that are: the event is in the store
// before the answer goes out. REQUIRES: call.route.
void listen_for_audit(Api& api, ApiCall& call);

// For what is no route's answer: each of many at once, and what follows from something else.
struct AuditActor {
    std::string platform_id;
    std::string user_id;
    std::string user_email;
    std::string ip;
    std::string project_id;  // empty: none
    std::string project_name;
    std::string source;  // what acted for the user, such as `MCP`; empty: the user himself
};
AuditActor audit_actor(const ApiCall& call);
// Goes on when the event is stored, or is in the engine's log as lost: the change has been made.
void record_event(Api& api, const AuditActor& actor, std::string_view action, const Json& data,
                  const std::function<void()>& then);
void record_run_event(Api& api, const AuditActor& actor, std::string_view action, const RunRow& run,
                      const std::function<void()>& then);

// What the log may say of an entity: never its value.
Json audited_subject(const EntityRow& row);

}  // namespace sallyport::engine
