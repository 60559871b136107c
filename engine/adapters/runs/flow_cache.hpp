// The FlowCatalog over the store, with the flows used last kept compiled.
#pragma once

#include "engine/ports/flow_catalog.hpp"
#include "engine/ports/store.hpp"

#include <list>
#include <map>
#include <string>
#include <utility>

namespace sallyport::engine {

class FlowCache final : public FlowCatalog {
  public:
    // A compiled flow holds its JSON; with this many the memory stays in the tens of megabytes.
    static constexpr std::size_t kFlowsMax = 1000;

    explicit FlowCache(FlowStore& store) : store_(store) {}

    void published(const std::string& flow_id, Done done) override;
    void latest(const std::string& flow_id, Done done) override;
    void version(const std::string& flow_id, const std::string& version_id, Done done) override;
    void find(const std::string& project_id, const std::string& name,
              std::function<void(Result<std::string>)> done) override;
    void forget(const std::string& flow_id) override;
    void forget_all() override;

  private:
    using Entry = std::pair<std::string, RunnableFlow>;
    const RunnableFlow* kept(const std::string& key);
    Done keeping(std::string key, Done done);
    void keep(const std::string& key, const RunnableFlow& flow);

    FlowStore& store_;
    // By flow for what is published, by flow and version for the others. The one used last comes
    // first.
    std::list<Entry> entries_;
    std::map<std::string, std::list<Entry>::iterator> index_;
    // A read that began before a change must not be kept after it.
    std::uint64_t generation_ = 0;
};

}  // namespace sallyport::engine
