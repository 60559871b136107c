// Who may do what in a project that is not his own: roles, their permissions, and the permission
// that a route needs (engine contract 1.2). Pure. A route that is not in the table needs what no
// role has.
#pragma once

#include <span>
#include <string_view>

namespace sallyport::engine {

struct DefaultRole {
    std::string_view id;  // 21 characters, the same on every platform
    std::string_view name;
    std::span<const std::string_view> permissions;
};
std::span<const DefaultRole> default_roles();
const DefaultRole* find_default_role(std::string_view id_or_name);  // null: there is none

bool is_permission(std::string_view name);
std::span<const std::string_view> all_permissions();

// The first of `other` that `own` lacks; empty: none. Whoever has `own` may give, change and take
// only roles of which he lacks nothing: nobody hands on, or takes from others, more than he has.
std::string_view first_lacking(std::span<const std::string_view> own,
                               std::span<const std::string_view> other);

// `route` as the table of routes has it, such as `flows/:id`; `operation` is the type of the
// operation on a flow, where it is one. Empty: no permission is enough.
std::string_view needed_permission(std::string_view method, std::string_view route,
                                   std::string_view operation);

}  // namespace sallyport::engine
