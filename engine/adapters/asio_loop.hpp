// The event loop on Boost.Asio. Only this file's source, the HTTP server and the wiring see Asio.
#pragma once

#include "engine/ports/loop.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace sallyport::engine {

class AsioLoop final : public Loop {
  public:
    AsioLoop();
    ~AsioLoop() override;

    void post(Task task) override;
    TimerId after(std::int64_t delay_ms, Task task) override;
    void cancel(TimerId timer) override;
    WatchId watch(int fd, Interest interest, std::function<void(Ready)> ready) override;
    void change(WatchId watch, Interest interest) override;
    void unwatch(WatchId watch) override;

    // Calls `task` on the loop for each of the signals, until the loop is gone.
    void on_signals(std::initializer_list<int> signals, std::function<void(int)> task);

    // Runs until `stop`. What a task throws ends the loop and leaves here.
    void run();
    void stop();  // from the loop's thread

    boost::asio::io_context& context();

  private:
    struct Watch;
    struct Impl;
    void wait(const std::shared_ptr<Watch>& watch, bool write);

    std::unique_ptr<Impl> impl_;
    std::vector<std::shared_ptr<std::function<void()>>> arms_;  // keep signal handlers armed
};

}  // namespace sallyport::engine
