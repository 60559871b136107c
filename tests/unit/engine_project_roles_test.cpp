// Which permission a route needs, and that what is not known needs one that nobody has.
#include "engine/core/project_roles.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

namespace sallyport::engine {
namespace {

TEST(ProjectRoles, RoutesNeedTheirPermission) {
    struct Case {
        std::string_view method;
        std::string_view route;
        std::string_view operation;
        std::string_view needed;
    };
    constexpr Case kCases[] = {
        {"GET", "flows/:id", "", "READ_FLOW"},
        {"HEAD", "flows/:id", "", "READ_FLOW"},
        {"POST", "flows/:id", "CHANGE_NAME", "WRITE_FLOW"},
        {"POST", "flows/:id", "CHANGE_STATUS", "UPDATE_FLOW_STATUS"},
        {"POST", "flows/:id", "LOCK_AND_PUBLISH", "UPDATE_FLOW_STATUS"},
        {"POST", "flows", "CHANGE_STATUS", "WRITE_FLOW"},
        {"POST", "flows/:id/run", "", "WRITE_RUN"},
        {"GET", "flow-runs", "", "READ_RUN"},
        {"POST", "flow-runs/retry", "", "WRITE_RUN"},
        {"GET", "app-connections", "", "READ_APP_CONNECTION"},
        {"POST", "variables/:id/reveal", "", "WRITE_VARIABLE"},
        {"DELETE", "records", "", "WRITE_TABLE"},
        {"GET", "projects/:id", "", "READ_PROJECT"},
        {"GET", "projects/:projectId/mcp-server", "", "READ_MCP"},
        {"POST", "projects/:projectId/mcp-server/rotate", "", "WRITE_MCP"},
        {"POST", "pieces/options", "", "WRITE_FLOW"},
        {"POST", "jobs", "RETRY_RUNS", "WRITE_RUN"},
        {"POST", "jobs", "IMPORT_FLOWS", "WRITE_FLOW"},
        {"DELETE", "alerts/:id", "", "WRITE_ALERT"},
        // Nobody's.
        {"GET", "users", "", ""},
        {"GET", "flowsome", "", ""},
        {"GET", "", "", ""},
        {"POST", "api-keys", "", ""},
    };
    for (const Case& test : kCases) {
        EXPECT_EQ(needed_permission(test.method, test.route, test.operation), test.needed)
            << test.method << " " << test.route;
    }
}

TEST(ProjectRoles, TheDefaultOnesAreTheContracts) {
    const DefaultRole* const admin = find_default_role("Admin");
    const DefaultRole* const editor = find_default_role("Editor");
    const DefaultRole* const viewer = find_default_role("Viewer");
    ASSERT_TRUE(admin && editor && viewer);
    EXPECT_EQ(admin->permissions.size(), 27U);
    for (const std::string_view lacked : {"WRITE_PROJECT_MEMBER", "WRITE_INVITATION", "READ_ALERT",
                                          "WRITE_ALERT", "WRITE_PROJECT"}) {
        EXPECT_EQ(std::count(editor->permissions.begin(), editor->permissions.end(), lacked), 0)
            << lacked;
    }
    for (const std::string_view permission : viewer->permissions) {
        EXPECT_TRUE(permission.starts_with("READ_")) << permission;
    }
    for (const DefaultRole& role : default_roles()) {
        EXPECT_EQ(role.id.size(), 21U);
        EXPECT_EQ(find_default_role(role.id), &role);
        EXPECT_TRUE(std::all_of(role.permissions.begin(), role.permissions.end(), is_permission));
    }
    EXPECT_EQ(find_default_role("Boss"), nullptr);
}

TEST(ProjectRoles, NobodyGivesWhatHeLacks) {
    const auto of = [](std::string_view name) { return find_default_role(name)->permissions; };
    EXPECT_EQ(first_lacking(of("Admin"), of("Admin")), "");
    EXPECT_EQ(first_lacking(of("Admin"), of("Viewer")), "");
    EXPECT_EQ(first_lacking(of("Editor"), of("Viewer")), "");
    EXPECT_EQ(first_lacking(of("Editor"), of("Admin")), "WRITE_PROJECT_MEMBER");
    EXPECT_EQ(first_lacking(of("Viewer"), of("Editor")), "WRITE_APP_CONNECTION");
    // More of them is not all of them.
    constexpr std::string_view kFew[] = {"WRITE_ALERT"};
    EXPECT_EQ(first_lacking(of("Editor"), kFew), "WRITE_ALERT");
    EXPECT_EQ(first_lacking(kFew, kFew), "");
    EXPECT_EQ(first_lacking(kFew, {}), "");
    EXPECT_EQ(first_lacking({}, kFew), "WRITE_ALERT");
    EXPECT_EQ(first_lacking({}, {}), "");
}

}  // namespace
}  // namespace sallyport::engine
