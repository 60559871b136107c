// One `sallyport-nodebox` process as the pool holds it: started for a run, or ahead of one. It is
// used by one run and then ends. Its number is the run's on its channel, so that a process that is
// started ahead needs to be told nothing later.
#pragma once

#include "common/result.hpp"
#include "engine/adapters/sandbox/process.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

// What a process is made for. Two runs may be given the same process when all of it is equal.
struct NodeboxMake {
    std::string tenant;
    std::string packages;  // the folder that holds node_modules; empty: none
    // Which folder stood under that name: one that was put in its place is another.
    std::uint64_t packages_device = 0;
    std::uint64_t packages_inode = 0;
    std::int64_t packages_changed_ns = 0;
    std::string preload;  // a package that is loaded before the run is there; empty: none
    std::uint32_t memory_bytes = 0;
    std::uint32_t cpu_seconds = 0;

    auto operator<=>(const NodeboxMake&) const = default;
};

class NodeboxProcess {
  public:
    struct Place {
        std::string launcher_path;
        std::string node_path;
        bool jailed = true;
        std::string scratch_root;  // not jailed: where each process gets a folder of its own
        std::size_t code_range_bytes = 0;
    };
    struct Listener {
        std::function<void()> ready;              // once: it waits for its run
        std::function<void(jsbox::Frame)> frame;  // anything after that
        std::function<void(bool forged)> gone;    // once; see SandboxProcess
    };

    // `ahead`: the run comes later, so `make.preload` is loaded first. `number` is not 0.
    static Result<std::unique_ptr<NodeboxProcess>> start(Loop& loop, const Place& place,
                                                         const NodeboxMake& make,
                                                         std::uint64_t number, bool ahead);
    ~NodeboxProcess();  // kills it; its files go with it
    NodeboxProcess(const NodeboxProcess&) = delete;
    NodeboxProcess& operator=(const NodeboxProcess&) = delete;

    // From now on `listener` is told, from inside which the process may be destroyed. `ready` is
    // not called when it is ready already.
    void listen(Listener listener) { listener_ = std::move(listener); }
    bool is_ready() const { return ready_; }
    bool is_waiting() const { return process_->is_waiting(); }
    std::uint64_t number() const { return number_; }
    void send(std::string frame) { process_->send(std::move(frame)); }

  private:
    explicit NodeboxProcess(std::uint64_t number) : number_(number) {}
    void on_frame(jsbox::Frame frame);

    std::uint64_t number_;
    std::string scratch_;
    Listener listener_;
    bool ready_ = false;
    std::unique_ptr<SandboxProcess> process_;
};

}  // namespace sallyport::engine
