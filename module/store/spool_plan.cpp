#include "module/store/spool_plan.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::store {
namespace {

// An upstream that restarts is back within seconds; one that stays away is asked twice a minute.
constexpr std::int64_t kDownMinMs = 100;
constexpr std::int64_t kDownMaxMs = 30'000;
// A refused delivery may be refused for a reason that passes.
constexpr std::int64_t kRefusedMinMs = 1'000;
constexpr std::int64_t kRefusedMaxMs = 60'000;

std::int64_t doubled(std::int64_t min_ms, std::int64_t max_ms, unsigned times) {
    return std::min(max_ms, min_ms << std::min(times, 16u));
}

}  // namespace

Delivered delivered_by_status(long status) {
    if (status >= 200 && status < 300) {
        return Delivered::done;
    }
    return status <= 0 || status == 429 || status == 502 || status == 503 || status == 504
               ? Delivered::down
               : Delivered::refused;
}

void SpoolPlan::add(SpoolItem item) {
    ++size_;
    bytes_ += item.bytes();
    std::deque<SpoolItem>& items = lanes_[item.order].items;
    items.push_back(std::move(item));
}

const SpoolItem* SpoolPlan::next(std::int64_t now_ms) {
    // After a failure one delivery tries the way for all.
    if (!upstream_ready(now_ms) || (failures_ > 0 && under_way_ > 0) || lanes_.empty()) {
        return nullptr;
    }
    auto at = lanes_.upper_bound(last_);
    for (std::size_t i = 0; i < lanes_.size(); ++i, ++at) {
        if (at == lanes_.end()) {
            at = lanes_.begin();
        }
        Lane& lane = at->second;
        if (!lane.under_way && now_ms >= lane.quiet_until_ms) {
            lane.under_way = true;
            ++under_way_;
            last_ = at->first;
            return &lane.items.front();
        }
    }
    return nullptr;
}

SpoolPlan::After SpoolPlan::settle(const std::string& order, Delivered outcome,
                                   std::int64_t now_ms) {
    const auto found = lanes_.find(order);
    if (found == lanes_.end() || !found->second.under_way) {
        return After::keep;
    }
    Lane& lane = found->second;
    lane.under_way = false;
    --under_way_;
    if (outcome == Delivered::down) {
        quiet_until_ms_ = now_ms + doubled(kDownMinMs, kDownMaxMs, failures_++);
        return After::keep;
    }
    failures_ = 0;
    quiet_until_ms_ = 0;
    if (outcome == Delivered::refused && ++lane.attempts < attempts_max_) {
        lane.quiet_until_ms = now_ms + doubled(kRefusedMinMs, kRefusedMaxMs, lane.attempts - 1);
        return After::keep;
    }
    settled_ = std::move(lane.items.front());
    lane.items.pop_front();
    lane.attempts = 0;
    lane.quiet_until_ms = 0;
    --size_;
    bytes_ -= settled_.bytes();
    if (lane.items.empty()) {
        lanes_.erase(found);
    }
    return outcome == Delivered::done ? After::forget : After::bury;
}

void SpoolPlan::clear() {
    lanes_.clear();
    size_ = 0;
    bytes_ = 0;
    under_way_ = 0;
}

}  // namespace sallyport::store
