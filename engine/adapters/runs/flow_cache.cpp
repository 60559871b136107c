#include "engine/adapters/runs/flow_cache.hpp"

#include "common/bytes.hpp"

namespace sallyport::engine {
namespace {

// Flows of newer engines may mean other things by the same words.
constexpr std::uint64_t kSchemaMax = 22;

RunnableFlow compile(const StoredFlow& stored) {
    RunnableFlow flow;
    flow.project_id = stored.flow.project_id;
    flow.enabled = stored.flow.status == "ENABLED";
    const Result<Json> trigger = Json::parse_flow(stored.version.trigger);
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

// Sorts after the flow's own key and before the next flow's: ids hold no such character.
std::string version_key(const std::string& flow_id, const std::string& version_id) {
    return flow_id + '!' + version_id;
}

}  // namespace

const RunnableFlow* FlowCache::kept(const std::string& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) {
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
}

FlowCatalog::Done FlowCache::keeping(std::string key, Done done) {
    return [this, key = std::move(key), generation = generation_,
            done = std::move(done)](Result<std::optional<RunnableFlow>> flow) {
        if (flow.ok() && flow->has_value() && generation == generation_) {
            keep(key, **flow);
        }
        done(std::move(flow));
    };
}

void FlowCache::published(const std::string& flow_id, Done done) {
    if (const RunnableFlow* flow = kept(flow_id)) {
        done(std::optional(*flow));
        return;
    }
    store_.flow(flow_id, FlowStore::Which::published_or_latest, {},
                compiled(keeping(flow_id, std::move(done))));
}

void FlowCache::latest(const std::string& flow_id, Done done) {
    store_.flow(flow_id, FlowStore::Which::latest, {}, compiled(std::move(done)));
}

// A draft changes in place; every change forgets it.
void FlowCache::version(const std::string& flow_id, const std::string& version_id, Done done) {
    const std::string key = version_key(flow_id, version_id);
    const RunnableFlow* flow = kept(flow_id);
    if (flow == nullptr || flow->program == nullptr || flow->program->version_id != version_id) {
        flow = kept(key);
    }
    if (flow != nullptr) {
        done(std::optional(*flow));
        return;
    }
    store_.flow(flow_id, FlowStore::Which::by_id, version_id,
                compiled(keeping(key, std::move(done))));
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
    auto at = index_.lower_bound(flow_id);
    while (at != index_.end() &&
           (at->first == flow_id || at->first.starts_with(version_key(flow_id, {})))) {
        entries_.erase(at->second);
        at = index_.erase(at);
    }
}

void FlowCache::forget_all() {
    ++generation_;
    index_.clear();
    entries_.clear();
}

void FlowCache::keep(const std::string& key, const RunnableFlow& flow) {
    if (const auto before = index_.find(key); before != index_.end()) {
        entries_.erase(before->second);
    }
    entries_.emplace_front(key, flow);
    index_[key] = entries_.begin();
    if (entries_.size() > kFlowsMax) {
        index_.erase(entries_.back().first);
        entries_.pop_back();
    }
}

}  // namespace sallyport::engine
