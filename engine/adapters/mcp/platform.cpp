#include "engine/adapters/mcp/platform.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/mcp_messages.hpp"
#include "engine/adapters/api/members.hpp"
#include "engine/adapters/mcp/management.hpp"
#include "engine/adapters/mcp/oauth.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr std::string_view kListProjects = "ap_list_projects";
// A model chooses among no more; a user of more projects gets those that come first.
constexpr std::size_t kProjectsMax = 100;
constexpr std::size_t kFlowToolsMax = 500;

struct PlatformPlace {
    ProjectRow project;
    McpServerPlace server;
};

// `then` gets the project's server when the user may use it and it is on.
void find_platform_place(Api& api, const CallPtr& call, const std::string& project_id,
                         std::function<void(const std::optional<McpServerPlace>&)> then) {
    may_use_mcp(api, call, call->user.id, project_id,
                [=, &api, then = std::move(then)](const std::optional<UserRow>& user) {
                    if (!user) {
                        return then(std::nullopt);
                    }
                    find_project_mcp(
                        api, call, project_id, [=](const std::optional<EntityRow>& server) {
                            then(server ? std::optional(mcp_place(*server, call)) : std::nullopt);
                        });
                });
}

// One walk over the user's projects; lives until `done` is called, once.
class PlatformPlaces : public std::enable_shared_from_this<PlatformPlaces> {
  public:
    using Done = std::function<void(std::vector<PlatformPlace>)>;

    PlatformPlaces(Api& api, CallPtr call, Done done)
        : api_(api), call_(std::move(call)), done_(std::move(done)) {}

    void begin() {
        api_.ports.accounts.projects_of(call_->user.id, [self = shared_from_this()](
                                                            Result<std::vector<ProjectRow>> own) {
            if (self->api_.failed(self->call_, own)) {
                return;
            }
            self->left_ = *std::move(own);
            member_projects(self->api_, self->call_, self->call_->user.id,
                            [self](const std::vector<ProjectRow>& others) {
                                self->left_.insert(self->left_.end(), others.begin(), others.end());
                                std::reverse(self->left_.begin(), self->left_.end());
                                self->next();
                            });
        });
    }

  private:
    bool has(const std::string& id) const {
        return std::any_of(found_.begin(), found_.end(),
                           [&id](const PlatformPlace& place) { return place.project.id == id; });
    }

    void next() {
        while (!left_.empty() && has(left_.back().id)) {
            left_.pop_back();
        }
        if (left_.empty() || found_.size() >= kProjectsMax) {
            return done_(std::move(found_));
        }
        const ProjectRow project = left_.back();
        left_.pop_back();
        find_platform_place(
            api_, call_, project.id,
            [self = shared_from_this(), project](const std::optional<McpServerPlace>& place) {
                if (place) {
                    self->found_.push_back({project, *place});
                }
                self->next();
            });
    }

    Api& api_;
    CallPtr call_;
    Done done_;
    std::vector<ProjectRow> left_;  // the next is the last
    std::vector<PlatformPlace> found_;
};

void find_platform_places(Api& api, const CallPtr& call, PlatformPlaces::Done done) {
    std::make_shared<PlatformPlaces>(api, call, std::move(done))->begin();
}

Json projects_tool() {
    return Json::object({{"name", Json::string(kListProjects)},
                         {"description", Json::string("Lists the projects that you may use")},
                         {"inputSchema", Json::object({{"type", Json::string("object")},
                                                       {"properties", Json::object()}})}});
}

Json projects_json(const std::vector<PlatformPlace>& places) {
    Json list = Json::array();
    for (const PlatformPlace& place : places) {
        list.append(Json::object({{"id", Json::string(place.project.id)},
                                  {"displayName", Json::string(place.project.display_name)}}));
    }
    return Json::object({{"projects", list}});
}

bool has_tool(const Json& list, std::string_view name) {
    bool found = false;
    list.each_element([&](const Json& tool) { found = found || tool["name"].text() == name; });
    return found;
}

using PlacesPtr = std::shared_ptr<const std::vector<PlatformPlace>>;

McpServerPlace flows_alone(const PlatformPlace& place) {
    McpServerPlace server = place.server;
    server.manages = false;
    return server;
}

// Adds each project's tools to the list. Of two that have one name, the first is offered.
void append_flow_tools(Api& api, const PlacesPtr& places, std::size_t at, Json list,
                       std::function<void(Json)> done) {
    if (at >= places->size() || list.size() >= kFlowToolsMax) {
        return done(std::move(list));
    }
    list_mcp_tools(
        api, flows_alone((*places)[at]),
        [&api, places, at, list, done = std::move(done)](const Json& tools) mutable {
            if (!tools.exists()) {
                return done(Json());
            }
            tools.each_element([&list](const Json& tool) {
                if (list.size() < kFlowToolsMax && !has_tool(list, tool["name"].text())) {
                    list.append(tool);
                }
            });
            append_flow_tools(api, places, at + 1, std::move(list), std::move(done));
        });
}

void call_flow_tool(Api& api, const PlacesPtr& places, std::size_t at, const std::string& name,
                    const Json& arguments, std::function<void(Json)> done) {
    if (at >= places->size()) {
        return done(Json());
    }
    call_mcp_tool(api, flows_alone((*places)[at]), name, arguments,
                  [=, &api, done = std::move(done)](const Json& result) {
                      result.exists() ? done(result)
                                      : call_flow_tool(api, places, at + 1, name, arguments, done);
                  });
}

void call_on_project(Api& api, const CallPtr& call, const std::string& name, const Json& arguments,
                     std::function<void(Json)> done) {
    const Json project = arguments["projectId"];
    if (!project.is_string()) {
        return done(mcp_tool_failure("The argument 'projectId' must be of type string"));
    }
    find_platform_place(
        api, call, std::string(project.text()),
        [=, &api, done = std::move(done)](const std::optional<McpServerPlace>& place) {
            place ? call_mcp_tool(api, *place, name, arguments, done)
                  : done(mcp_tool_failure("You may use no such project"));
        });
}

}  // namespace

McpToolset platform_toolset(Api& api, const CallPtr& call) {
    McpToolset tools;
    tools.list = [&api, call](std::function<void(Json)> done) {
        find_platform_places(
            api, call, [&api, done = std::move(done)](std::vector<PlatformPlace> places) {
                Json list = Json::array();
                list.append(projects_tool());
                append_management_tools({}, true, list);
                append_flow_tools(
                    api, std::make_shared<const std::vector<PlatformPlace>>(std::move(places)), 0,
                    std::move(list), done);
            });
    };
    tools.call = [&api, call](const std::string& name, const Json& arguments,
                              std::function<void(Json)> done) {
        if (is_management_tool(name)) {
            return call_on_project(api, call, name, arguments, std::move(done));
        }
        find_platform_places(
            api, call,
            [&api, name, arguments, done = std::move(done)](std::vector<PlatformPlace> places) {
                if (name == kListProjects) {
                    return done(mcp_tool_result(projects_json(places)));
                }
                call_flow_tool(
                    api, std::make_shared<const std::vector<PlatformPlace>>(std::move(places)), 0,
                    name, arguments, done);
            });
    };
    return tools;
}

}  // namespace sallyport::engine
