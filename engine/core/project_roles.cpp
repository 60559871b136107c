#include "engine/core/project_roles.hpp"

#include <algorithm>
#include <array>

namespace sallyport::engine {
namespace {

// In the contract's order.
constexpr std::array<std::string_view, 27> kAll = {"READ_APP_CONNECTION",
                                                   "WRITE_APP_CONNECTION",
                                                   "READ_FLOW",
                                                   "WRITE_FLOW",
                                                   "UPDATE_FLOW_STATUS",
                                                   "READ_PROJECT_MEMBER",
                                                   "WRITE_PROJECT_MEMBER",
                                                   "WRITE_INVITATION",
                                                   "READ_INVITATION",
                                                   "WRITE_PROJECT_RELEASE",
                                                   "READ_PROJECT_RELEASE",
                                                   "READ_RUN",
                                                   "WRITE_RUN",
                                                   "WRITE_ALERT",
                                                   "READ_ALERT",
                                                   "WRITE_PROJECT",
                                                   "READ_PROJECT",
                                                   "WRITE_FOLDER",
                                                   "READ_FOLDER",
                                                   "READ_TABLE",
                                                   "WRITE_TABLE",
                                                   "READ_MCP",
                                                   "WRITE_MCP",
                                                   "READ_KNOWLEDGE_BASE",
                                                   "WRITE_KNOWLEDGE_BASE",
                                                   "READ_VARIABLE",
                                                   "WRITE_VARIABLE"};
constexpr std::array<std::string_view, 22> kEditor = {"READ_APP_CONNECTION",
                                                      "WRITE_APP_CONNECTION",
                                                      "READ_FLOW",
                                                      "WRITE_FLOW",
                                                      "UPDATE_FLOW_STATUS",
                                                      "READ_PROJECT_MEMBER",
                                                      "READ_INVITATION",
                                                      "WRITE_PROJECT_RELEASE",
                                                      "READ_PROJECT_RELEASE",
                                                      "READ_RUN",
                                                      "WRITE_RUN",
                                                      "READ_PROJECT",
                                                      "WRITE_FOLDER",
                                                      "READ_FOLDER",
                                                      "READ_TABLE",
                                                      "WRITE_TABLE",
                                                      "READ_MCP",
                                                      "WRITE_MCP",
                                                      "READ_KNOWLEDGE_BASE",
                                                      "WRITE_KNOWLEDGE_BASE",
                                                      "READ_VARIABLE",
                                                      "WRITE_VARIABLE"};
constexpr std::array<std::string_view, 11> kViewer = {
    "READ_APP_CONNECTION", "READ_FLOW",    "READ_PROJECT_MEMBER",
    "READ_INVITATION",     "READ_PROJECT", "READ_RUN",
    "READ_FOLDER",         "READ_TABLE",   "READ_MCP",
    "READ_KNOWLEDGE_BASE", "READ_VARIABLE"};

constexpr std::array kRoles = {DefaultRole{"projectRoleAdmin00001", "Admin", kAll},
                               DefaultRole{"projectRoleEditor0001", "Editor", kEditor},
                               DefaultRole{"projectRoleViewer0001", "Viewer", kViewer}};

struct Family {
    std::string_view name;  // the route's first part
    std::string_view read;
    std::string_view write;
};

constexpr std::array kFamilies = {
    Family{"flows", "READ_FLOW", "WRITE_FLOW"},
    Family{"sample-data", "READ_FLOW", "WRITE_FLOW"},
    Family{"trigger-events", "READ_FLOW", "WRITE_FLOW"},
    Family{"test-trigger", "READ_FLOW", "WRITE_FLOW"},
    Family{"pieces", "WRITE_FLOW", "WRITE_FLOW"},  // choices that a connection's owner has
    Family{"flow-runs", "READ_RUN", "WRITE_RUN"},
    Family{"app-connections", "READ_APP_CONNECTION", "WRITE_APP_CONNECTION"},
    Family{"variables", "READ_VARIABLE", "WRITE_VARIABLE"},
    Family{"folders", "READ_FOLDER", "WRITE_FOLDER"},
    Family{"tables", "READ_TABLE", "WRITE_TABLE"},
    Family{"fields", "READ_TABLE", "WRITE_TABLE"},
    Family{"records", "READ_TABLE", "WRITE_TABLE"},
    Family{"mcp-servers", "READ_MCP", "WRITE_MCP"},
    Family{"projects", "READ_PROJECT", "WRITE_PROJECT"},
    Family{"project-members", "READ_PROJECT_MEMBER", "WRITE_PROJECT_MEMBER"},
    Family{"user-invitations", "READ_INVITATION", "WRITE_INVITATION"},
    Family{"alerts", "READ_ALERT", "WRITE_ALERT"},
};

}  // namespace

std::span<const DefaultRole> default_roles() {
    return kRoles;
}

const DefaultRole* find_default_role(std::string_view id_or_name) {
    const auto* const found =
        std::find_if(kRoles.begin(), kRoles.end(), [id_or_name](const DefaultRole& role) {
            return role.id == id_or_name || role.name == id_or_name;
        });
    return found == kRoles.end() ? nullptr : found;
}

bool is_permission(std::string_view name) {
    return std::find(kAll.begin(), kAll.end(), name) != kAll.end();
}

std::span<const std::string_view> all_permissions() {
    return kAll;
}

std::string_view first_lacking(std::span<const std::string_view> own,
                               std::span<const std::string_view> other) {
    const auto lacking =
        std::find_if(other.begin(), other.end(), [own](std::string_view permission) {
            return std::find(own.begin(), own.end(), permission) == own.end();
        });
    return lacking == other.end() ? std::string_view() : *lacking;
}

std::string_view needed_permission(std::string_view method, std::string_view route,
                                   std::string_view operation) {
    const bool reads = method == "GET" || method == "HEAD";
    if (route.starts_with("projects/:projectId/mcp-server")) {
        return reads ? "READ_MCP" : "WRITE_MCP";
    }
    if (route == "flows/:id" && (operation == "CHANGE_STATUS" || operation == "LOCK_AND_PUBLISH")) {
        return "UPDATE_FLOW_STATUS";
    }
    if (route == "jobs" || route == "jobs/:id") {
        return reads ? "READ_RUN" : operation == "IMPORT_FLOWS" ? "WRITE_FLOW" : "WRITE_RUN";
    }
    if (route == "flows/:id/run") {
        return "WRITE_RUN";
    }
    const std::string_view family = route.substr(0, route.find('/'));
    for (const Family& one : kFamilies) {
        if (one.name == family) {
            return reads ? one.read : one.write;
        }
    }
    return {};
}

}  // namespace sallyport::engine
