#include "engine/adapters/mcp/tools.hpp"

#include "engine/adapters/mcp/management.hpp"
#include "engine/core/mcp_message.hpp"
#include "engine/core/pieces/triggers.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

// Flows looked through: a model does not choose among more tools than there can be of them.
constexpr std::size_t kFlowsMax = 500;
constexpr std::size_t kPage = 100;

struct FlowTool {
    std::string name;
    Json trigger_input;
    RunnableFlow flow;
};

// One walk over the project's enabled flows; lives until `done` is called, once.
class FlowSearch : public std::enable_shared_from_this<FlowSearch> {
  public:
    using Done = std::function<void(bool ok, std::vector<FlowTool>)>;

    FlowSearch(Api& api, const McpServerPlace& place, Done done)
        : api_(api), wanted_(place.flow_ids), done_(std::move(done)) {
        query_.project_id = place.project_id;
        query_.statuses = {"ENABLED"};
        query_.limit = kPage;
    }

    void next_page() {
        api_.ports.flows.list_flows(
            query_, [self = shared_from_this()](const Result<Page<StoredFlow>>& page) {
                if (!page.ok()) {
                    return self->done_(false, {});
                }
                for (const StoredFlow& stored : page->rows) {
                    if (self->wanted_.empty() || self->wanted_.contains(stored.flow.id)) {
                        self->ids_.push_back(stored.flow.id);
                    }
                }
                self->seen_ += page->rows.size();
                self->query_.cursor = page->next;
                if (page->next && self->seen_ < kFlowsMax) {
                    self->next_page();
                } else {
                    self->look_at_flows();
                }
            });
    }

  private:
    // Lists give the latest version; what is offered is the published one.
    void look_at_flows() {
        found_.resize(ids_.size());
        left_ = ids_.size();
        if (ids_.empty()) {
            return finish();
        }
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            api_.ports.catalog.published(
                ids_[i],
                [self = shared_from_this(), i](const Result<std::optional<RunnableFlow>>& flow) {
                    self->failed_ = self->failed_ || !flow.ok();
                    if (flow.ok() && flow->has_value()) {
                        self->found_[i] = **flow;
                    }
                    if (--self->left_ == 0) {
                        self->finish();
                    }
                });
        }
    }

    void finish() {
        std::vector<FlowTool> tools;
        for (std::size_t i = 0; i < found_.size(); ++i) {
            const RunnableFlow& flow = found_[i];
            if (flow.program == nullptr || !flow.enabled ||
                flow.program->trigger().piece != kMcpPiece ||
                flow.program->trigger().action != kMcpTool) {
                continue;
            }
            const Json input = flow.program->trigger().settings["input"];
            tools.push_back({mcp_tool_name(input, ids_[i]), input, flow});
        }
        done_(!failed_, std::move(tools));
    }

    Api& api_;
    std::set<std::string> wanted_;
    Done done_;
    FlowQuery query_;
    std::size_t seen_ = 0;
    std::vector<std::string> ids_;
    std::vector<RunnableFlow> found_;
    std::size_t left_ = 0;
    bool failed_ = false;
};

void find_flow_tools(Api& api, const McpServerPlace& place, FlowSearch::Done done) {
    std::make_shared<FlowSearch>(api, place, std::move(done))->next_page();
}

Json tool_json(const FlowTool& tool) {
    return Json::object({{"name", Json::string(tool.name)},
                         {"description", tool.trigger_input["toolDescription"]},
                         {"inputSchema", mcp_tool_schema(tool.trigger_input)}});
}

Json outcome(const RunReply& reply) {
    switch (reply.kind) {
        case RunReply::Kind::response:
            return mcp_tool_result(reply.response["body"]);
        case RunReply::Kind::finished:
            return reply.status == RunStatus::succeeded
                       ? mcp_tool_result(Json::string("The flow has run and gave no answer."))
                       : mcp_tool_failure("The flow has failed and there is no response returned");
        case RunReply::Kind::timed_out:
            return mcp_tool_failure("The flow took too long to reply; it goes on by itself");
    }
    return mcp_tool_failure("An internal error has occurred");
}

void run_flow(Api& api, const FlowTool& tool, const Json& arguments,
              std::function<void(Json)> done) {
    const Result<Json> output = mcp_tool_output(tool.trigger_input, arguments);
    if (!output.ok()) {
        return done(mcp_tool_failure(output.message()));
    }
    const bool waits = tool.trigger_input["returnsResponse"].is_true();
    StartRun run;
    run.program = tool.flow.program;
    run.project_id = tool.flow.project_id;
    run.payload = *output;
    run.priority = waits ? StartRun::kSync : StartRun::kWebhook;
    api.ports.driver.start(
        std::move(run), [&api, waits, done = std::move(done)](const Result<StartedRun>& started) {
            if (!started.ok()) {
                return done(mcp_tool_failure(
                    is_over_quota(started) ? std::string(kOverQuota)
                                           : "The engine cannot take another run now; try again"));
            }
            if (!waits) {
                return done(
                    mcp_tool_result(Json::string("The flow was started: run " + started->run_id)));
            }
            api.ports.driver.wait(started->run_id, api.options.webhook_timeout_ms,
                                  [done](const RunReply& reply) { done(outcome(reply)); });
        });
}

}  // namespace

void list_mcp_tools(Api& api, const McpServerPlace& place, std::function<void(Json)> done) {
    find_flow_tools(api, place,
                    [place, done = std::move(done)](bool ok, const std::vector<FlowTool>& tools) {
                        if (!ok) {
                            return done(Json());
                        }
                        Json list = Json::array();
                        for (const FlowTool& tool : tools) {
                            list.append(tool_json(tool));
                        }
                        if (place.manages) {
                            append_management_tools(place.disabled_tools, false, list);
                        }
                        done(list);
                    });
}

void call_mcp_tool(Api& api, const McpServerPlace& place, const std::string& name,
                   const Json& arguments, std::function<void(Json)> done) {
    if (place.manages && !place.disabled_tools.contains(name) && is_management_tool(name)) {
        return call_management_tool(api, place, name, arguments, std::move(done));
    }
    find_flow_tools(api, place,
                    [&api, name, arguments, done = std::move(done)](
                        bool ok, const std::vector<FlowTool>& tools) {
                        if (!ok) {
                            return done(mcp_tool_failure("The store cannot be read; try again"));
                        }
                        for (const FlowTool& tool : tools) {
                            if (tool.name == name) {
                                return run_flow(api, tool, arguments, done);
                            }
                        }
                        done(Json());
                    });
}

McpToolset project_toolset(Api& api, const McpServerPlace& place) {
    return {[&api, place](std::function<void(Json)> done) {
                list_mcp_tools(api, place, std::move(done));
            },
            [&api, place](const std::string& name, const Json& arguments,
                          std::function<void(Json)> done) {
                call_mcp_tool(api, place, name, arguments, std::move(done));
            }};
}

}  // namespace sallyport::engine
