// Which flows use which connections, for every store: from rows of flows and what their versions
// name.
#pragma once

#include "common/json.hpp"
#include "engine/ports/store.hpp"

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::engine {

class UseCollector {
  public:
    explicit UseCollector(const std::vector<std::string>& connections)
        : wanted_(connections.begin(), connections.end()) {}

    // `connection_ids` is the JSON array of a version of the flow. What one of its versions has
    // said, another one does not say again.
    void add(const std::string& flow_id, std::string_view connection_ids) {
        const Result<Json> named = Json::parse(connection_ids);
        if (!named.ok()) {
            return;
        }
        named->each_element([&](const Json& id) {
            const auto known = wanted_.find(id.text());
            if (known != wanted_.end() && seen_.emplace(*known, flow_id).second) {
                uses_.emplace_back(*known, flow_id);
            }
        });
    }
    FlowStore::ConnectionUses take() { return std::move(uses_); }

  private:
    std::set<std::string, std::less<>> wanted_;
    std::set<std::pair<std::string, std::string>> seen_;
    FlowStore::ConnectionUses uses_;
};

}  // namespace sallyport::engine
