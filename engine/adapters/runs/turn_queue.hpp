// A waiting line that serves tenants by turns: whoever queues a thousand items delays its own, not
// the others'. Items are unique pointers to something with a `tenant` and an `id`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {

template <typename Item>
class TurnQueue {
  public:
    using Pointer = std::unique_ptr<Item>;

    std::size_t size() const { return size_; }

    void push(Pointer item) {
        std::deque<Pointer>& waiting = waiting_[item->tenant];
        if (waiting.empty()) {
            turns_.push_back(item->tenant);
        }
        waiting.push_back(std::move(item));
        ++size_;
    }

    // The oldest item of the next tenant for which `may_run(tenant)`; null when there is none.
    template <typename MayRun>
    Pointer pop(MayRun&& may_run) {
        for (std::size_t i = turns_.size(); i > 0; --i) {
            const std::string tenant = std::move(turns_.front());
            turns_.pop_front();
            if (!may_run(tenant)) {
                turns_.push_back(tenant);
                continue;
            }
            const auto found = waiting_.find(tenant);
            Pointer item = std::move(found->second.front());
            found->second.pop_front();
            --size_;
            if (found->second.empty()) {
                waiting_.erase(found);
            } else {
                turns_.push_back(tenant);
            }
            return item;
        }
        return nullptr;
    }

    // Takes one item out of the line; null when it is not there.
    Pointer take(std::uint64_t id) {
        for (auto entry = waiting_.begin(); entry != waiting_.end(); ++entry) {
            std::deque<Pointer>& items = entry->second;
            const auto found = std::find_if(items.begin(), items.end(),
                                            [id](const Pointer& item) { return item->id == id; });
            if (found == items.end()) {
                continue;
            }
            Pointer item = std::move(*found);
            items.erase(found);
            --size_;
            if (items.empty()) {
                std::erase(turns_, entry->first);
                waiting_.erase(entry);
            }
            return item;
        }
        return nullptr;
    }

    std::vector<Pointer> take_all() {
        std::vector<Pointer> all;
        for (auto& [tenant, items] : waiting_) {
            std::move(items.begin(), items.end(), std::back_inserter(all));
        }
        waiting_.clear();
        turns_.clear();
        size_ = 0;
        return all;
    }

  private:
    std::map<std::string, std::deque<Pointer>> waiting_;
    std::deque<std::string> turns_;  // tenants with something waiting, next first
    std::size_t size_ = 0;
};

}  // namespace sallyport::engine
