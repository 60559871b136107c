#include "engine/jsbox/code_cache.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace sallyport::engine::jsbox {

const wasm::Image* CodeCache::find(std::string_view tenant, std::string_view code) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.code == code && entry.tenant == tenant;
    });
    if (found == entries_.end()) {
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found);
    return &entries_.front().image;
}

bool CodeCache::seen_before(std::string_view tenant, std::string_view code) {
    const std::hash<std::string_view> hash;
    const std::size_t mark = hash(code) * 31 + hash(tenant);
    if (std::find(seen_.begin(), seen_.end(), mark) != seen_.end()) {
        return true;
    }
    seen_[next_seen_++ % seen_.size()] = mark;
    return false;
}

const wasm::Image* CodeCache::add(std::string_view tenant, std::string_view code) {
    Entry entry{std::string(tenant), std::string(code), {}};
    if (!wasm::capture(entry.image, kImagePagesMax)) {
        return nullptr;
    }
    pages_ += entry.image.pages.size();
    while (pages_ > kPagesMax && !entries_.empty()) {
        pages_ -= entries_.back().image.pages.size();
        entries_.pop_back();
    }
    entries_.push_front(std::move(entry));
    return &entries_.front().image;
}

}  // namespace sallyport::engine::jsbox
