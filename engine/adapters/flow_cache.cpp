#include "engine/adapters/flow_cache.hpp"

#include "common/bytes.hpp"

namespace sallyport::engine {
namespace {

// Flows of newer engines may mean other things by the same words.
constexpr std::uint64_t kSchemaMax = 22;

RunnableFlow compile(const StoredFlow& stored) {
    RunnableFlow flow;
    flow.project_id = stored.flow.project_id;
    flow.enabled = stored.flow.status == "ENABLED";
    const Result<Json> trigger = Json::parse(stored.version.trigger);
    if (!trigger.ok()) {
        flow.problem = trigger.message();
        return flow;
    }
    const auto schema = parse_u64(stored.version.schema_version);
    if (!schema || *schema > kSchemaMax) {
        flow.problem = "schema version '" + stored.version.schema_version + "' is unknown";
        return flow;
    }
    auto program = compile_program(stored.flow.id, stored.version.id, stored.version.display_name,
                                   static_cast<int>(*schema), *trigger);
    if (program.ok()) {
        flow.program = *std::move(program);
    } else {
        flow.problem = program.message();
    }
    return flow;
}

StoreDone<std::optional<StoredFlow>> compiled(FlowCatalog::Done done) {
    return [done = std::move(done)](Result<std::optional<StoredFlow>> stored) {
        if (!stored.ok()) {
            done(stored.error());
        } else if (!stored->has_value()) {
            done(std::optional<RunnableFlow>());
        } else {
            done(std::optional(compile(**stored)));
        }
    };
}

}  // namespace

void FlowCache::published(const std::string& flow_id, Done done) {
    const auto found = index_.find(flow_id);
    if (found != index_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        done(std::optional(found->second->second));
        return;
    }
    const std::uint64_t generation = generation_;
    store_.flow(flow_id, FlowStore::Which::published_or_latest, {},
                compiled([this, flow_id, generation,
                          done = std::move(done)](Result<std::optional<RunnableFlow>> flow) {
                    if (flow.ok() && flow->has_value() && generation == generation_) {
                        keep(flow_id, **flow);
                    }
                    done(std::move(flow));
                }));
}

void FlowCache::latest(const std::string& flow_id, Done done) {
    store_.flow(flow_id, FlowStore::Which::latest, {}, compiled(std::move(done)));
}

void FlowCache::version(const std::string& flow_id, const std::string& version_id, Done done) {
    store_.flow(flow_id, FlowStore::Which::by_id, version_id, compiled(std::move(done)));
}

// External ids are unique in a project, and are the flow's own id until somebody says otherwise.
void FlowCache::find(const std::string& project_id, const std::string& name,
                     std::function<void(Result<std::string>)> done) {
    FlowQuery query;
    query.project_id = project_id;
    query.external_ids = {name};
    query.limit = 1;
    store_.list_flows(query, [done = std::move(done)](const Result<Page<StoredFlow>>& page) {
        if (!page.ok()) {
            done(page.error());
        } else {
            done(page->rows.empty() ? std::string() : page->rows.front().flow.id);
        }
    });
}

void FlowCache::forget(const std::string& flow_id) {
    ++generation_;
    erase(flow_id);
}

void FlowCache::forget_all() {
    ++generation_;
    index_.clear();
    entries_.clear();
}

void FlowCache::erase(const std::string& flow_id) {
    const auto found = index_.find(flow_id);
    if (found != index_.end()) {
        entries_.erase(found->second);
        index_.erase(found);
    }
}

void FlowCache::keep(const std::string& flow_id, const RunnableFlow& flow) {
    erase(flow_id);
    entries_.emplace_front(flow_id, flow);
    index_[flow_id] = entries_.begin();
    if (entries_.size() > kFlowsMax) {
        index_.erase(entries_.back().first);
        entries_.pop_back();
    }
}

}  // namespace sallyport::engine
