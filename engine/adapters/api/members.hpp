// Members of projects and their roles, as they lie in the store: what the routes about them, the
// routes of projects and the check of every other route share.
#pragma once

#include "engine/adapters/api/entities.hpp"
#include "engine/core/project_roles.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// Below the project, by the user's id; the body names the role by its id.
inline constexpr const char* kProjectMemberKind = "project_member";
// Below the platform, by the role's name: those that were made there.
inline constexpr const char* kProjectRoleKind = "project_role";

Json role_json(const EntityRow& row, const std::string& platform_id);
Json role_json(const DefaultRole& role);

// Goes on with the role of that id or name as the contract has it; with nothing when there is none.
using WithRole = std::function<void(const Json& role)>;
void find_role(Api& api, const CallPtr& call, const std::string& platform_id,
               const std::string& id_or_name, const WithRole& then);

using WithMember = std::function<void(const std::optional<EntityRow>& member)>;
void find_member(Api& api, const CallPtr& call, const std::string& project_id,
                 const std::string& user_id, const WithMember& then);
// Makes the user a member, or gives the member that role.
void put_member(Api& api, const CallPtr& call, const std::string& project_id,
                const std::string& user_id, const std::string& role_id, std::function<void()> then);

// What the caller may hand on and take away in `call.project`: roles within his own. Administrators
// of the platform, who owns the project and programs may all. A copy that any thread may ask.
class RoleGiver {
  public:
    explicit RoleGiver(const ApiCall& call);
    std::string lacks(const Json& role) const;  // the first permission he lacks; empty: he may

  private:
    bool all_;
    std::vector<std::string> own_;
};
// False, with the call answered by what he lacks, when the caller may not give or take that role.
bool may_give(const CallPtr& call, const Json& role);
// By an invitation: one who is a member already keeps his role unless the new one has all of it.
void join_project(Api& api, const CallPtr& call, const UserRow& user, const std::string& project_id,
                  const std::string& role_id, const std::function<void(bool changed)>& then);

// Goes on when the user is a member whose role has the permission that the call's route needs;
// answers the call otherwise.
void admit_member(Api& api, const CallPtr& call, const ProjectRow& project,
                  const std::function<void(ProjectRow)>& then);

// Whether the user is a member whose role has it. `permission` has to stay.
void has_permission(Api& api, const CallPtr& call, const ProjectRow& project,
                    const std::string& user_id, std::string_view permission,
                    std::function<void(bool)> then);

// Projects that the user is a member of.
void member_projects(Api& api, const CallPtr& call, const std::string& user_id,
                     const std::function<void(std::vector<ProjectRow>)>& then);

}  // namespace sallyport::engine
