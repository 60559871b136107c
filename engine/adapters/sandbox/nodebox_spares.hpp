// Processes started ahead: when a run of some make has ended, one more of that make is started and
// waits, so that the next run need not. A process that waits has read nothing of any run and has no
// folder but its dependency set's; it is given to one run of the same make, or ends.
#pragma once

#include "engine/adapters/sandbox/nodebox_process.hpp"
#include "engine/ports/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace sallyport::engine {

class NodeboxSpares {
  public:
    using Start = std::function<Result<std::unique_ptr<NodeboxProcess>>(const NodeboxMake&)>;

    // At most `max` wait, of all tenants together (0: none is ever started), each for `idle_ms`.
    // `loop` outlives it.
    NodeboxSpares(Loop& loop, std::size_t max, std::int64_t idle_ms, Start start)
        : loop_(loop), max_(max), idle_ms_(idle_ms), start_(std::move(start)) {}
    ~NodeboxSpares() { close(); }
    NodeboxSpares(const NodeboxSpares&) = delete;
    NodeboxSpares& operator=(const NodeboxSpares&) = delete;

    // The one that waits for a run of this make; null when there is none. The caller listens to it.
    std::unique_ptr<NodeboxProcess> take(const NodeboxMake& make);
    // Starts one, unless one waits already or there is no room for it.
    void add(const NodeboxMake& make);
    // Ends all; none is started any more.
    void close();

    std::size_t size() const { return spares_.size(); }

  private:
    struct Spare {
        NodeboxMake make;
        std::unique_ptr<NodeboxProcess> process;
        Loop::TimerId timer = 0;
    };

    bool make_room(const std::string& tenant);
    void drop(std::uint64_t number);
    void remove(std::list<Spare>::iterator spare);

    Loop& loop_;
    std::size_t max_;
    std::int64_t idle_ms_;
    Start start_;
    std::list<Spare> spares_;  // the one that has waited longest first
};

}  // namespace sallyport::engine
