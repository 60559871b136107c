#include "engine/adapters/http/room.hpp"

#include <utility>

namespace sallyport::engine {

bool HttpRoom::may_take(const std::string& tenant) const {
    const auto by = taken_by_.find(tenant);
    const std::size_t own = by == taken_by_.end() ? 0 : by->second;
    return taken_ < bytes_max_ && own < bytes_max_ - bytes_max_ / 4;
}

HttpRoom::Place HttpRoom::take(const std::string& tenant, std::size_t bytes) {
    taken_ += bytes;
    taken_by_[tenant] += bytes;
    // The pointer says no more than that it is there.
    return Place(this, [weak = std::weak_ptr(self_), tenant, bytes](const void*) {
        if (const auto room = weak.lock()) {
            (*room)->give_back(tenant, bytes);
        }
    });
}

void HttpRoom::give_back(const std::string& tenant, std::size_t bytes) {
    taken_ -= bytes;
    const auto by = taken_by_.find(tenant);
    by->second -= bytes;
    if (by->second == 0) {
        taken_by_.erase(by);
    }
    if (waiting_.size() == 0 || std::exchange(serving_, true)) {
        return;
    }
    loop_.post([weak = std::weak_ptr(self_)] {
        if (const auto room = weak.lock()) {
            (*room)->serve();
        }
    });
}

void HttpRoom::serve() {
    serving_ = false;
    while (auto next =
               waiting_.pop([this](const std::string& tenant) { return may_take(tenant); })) {
        next->later(take(next->tenant, next->bytes));
    }
}

HttpRoom::Place HttpRoom::ask(std::uint64_t id, const std::string& tenant, std::size_t bytes,
                              std::function<void(Place)> later) {
    if (may_take(tenant)) {
        return take(tenant, bytes);
    }
    waiting_.push(std::make_unique<Waiting>(Waiting{id, tenant, bytes, std::move(later)}));
    return nullptr;
}

void HttpRoom::withdraw(std::uint64_t id) {
    waiting_.take(id);
}

}  // namespace sallyport::engine
