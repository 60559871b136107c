#include "engine/adapters/sandbox/nodebox_spares.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace sallyport::engine {

std::unique_ptr<NodeboxProcess> NodeboxSpares::take(const NodeboxMake& make) {
    const auto found = std::find_if(spares_.begin(), spares_.end(),
                                    [&make](const Spare& spare) { return spare.make == make; });
    if (found == spares_.end()) {
        return nullptr;
    }
    std::unique_ptr<NodeboxProcess> process = std::move(found->process);
    remove(found);
    // It may have died a moment ago: a run that was given to it would be lost with it.
    return process->is_ready() && !process->is_waiting() ? nullptr : std::move(process);
}

void NodeboxSpares::add(const NodeboxMake& make) {
    const auto same = [&make](const Spare& spare) { return spare.make == make; };
    if (std::any_of(spares_.begin(), spares_.end(), same) || !make_room(make.tenant)) {
        return;
    }
    Result<std::unique_ptr<NodeboxProcess>> process = start_(make);
    if (!process.ok()) {
        return;  // the next run says why
    }
    const std::uint64_t number = (*process)->number();
    (*process)->listen({.ready = [] {},
                        .frame = [this, number](const jsbox::Frame&) { drop(number); },
                        .gone = [this, number](bool) { drop(number); }});
    spares_.push_back(
        {make, *std::move(process), loop_.after(idle_ms_, [this, number] { drop(number); })});
}

// Whoever has at least two more than this tenant gives one up: no tenant keeps all the room, and
// tenants with as many as each other do not end each other's.
bool NodeboxSpares::make_room(const std::string& tenant) {
    if (spares_.size() < max_) {
        return true;
    }
    std::map<std::string, std::size_t> held;
    for (const Spare& spare : spares_) {
        ++held[spare.make.tenant];
    }
    const auto most = std::max_element(
        held.begin(), held.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == held.end() || most->second < held[tenant] + 2) {
        return false;
    }
    remove(std::find_if(spares_.begin(), spares_.end(),
                        [&most](const Spare& spare) { return spare.make.tenant == most->first; }));
    return true;
}

void NodeboxSpares::drop(std::uint64_t number) {
    const auto found = std::find_if(spares_.begin(), spares_.end(), [number](const Spare& spare) {
        return spare.process->number() == number;
    });
    if (found != spares_.end()) {
        remove(found);
    }
}

void NodeboxSpares::remove(std::list<Spare>::iterator spare) {
    loop_.cancel(spare->timer);
    const Spare gone = std::move(*spare);
    spares_.erase(spare);
}

void NodeboxSpares::close() {
    max_ = 0;
    while (!spares_.empty()) {
        remove(spares_.begin());
    }
}

}  // namespace sallyport::engine
