// Flows ready to run, by id: what a webhook needs to know before it starts one.
#pragma once

#include "common/result.hpp"
#include "engine/core/flows/program.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace sallyport::engine {

struct RunnableFlow {
    std::string project_id;
    bool enabled = false;
    std::shared_ptr<const Program> program;  // empty when it cannot be compiled
    std::string problem;                     // why not
};

class FlowCatalog {
  public:
    using Done = std::function<void(Result<std::optional<RunnableFlow>>)>;

    virtual ~FlowCatalog() = default;
    // The published version, or the latest while none was published. `done` may be called from
    // inside the call.
    virtual void published(const std::string& flow_id, Done done) = 0;
    virtual void latest(const std::string& flow_id, Done done) = 0;
    virtual void version(const std::string& flow_id, const std::string& version_id, Done done) = 0;
    // The flow of a project by its id or its external id: its id, empty when there is none.
    virtual void find(const std::string& project_id, const std::string& name,
                      std::function<void(Result<std::string>)> done) = 0;
    // To be called after every change of the flow.
    virtual void forget(const std::string& flow_id) = 0;
    virtual void forget_all() = 0;
};

}  // namespace sallyport::engine
