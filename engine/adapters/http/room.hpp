// HttpRoom: how much of large answers may be in memory at once, those of all tenants together.
//
// What an answer is given room for is held by its place, which goes on with the answer to whoever
// uses it. Whoever has a place never waits for another one before it gives this one back: that is
// why those who wait get theirs.
#pragma once

#include "engine/adapters/runs/turn_queue.hpp"
#include "engine/ports/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace sallyport::engine {

class HttpRoom {
  public:
    // Given back when the last copy of it goes, on the loop's thread.
    using Place = std::shared_ptr<const void>;

    // Places are given while less than `bytes_max` is taken, so that one more than fits may be
    // held; to one tenant, while it has less than three quarters of it.
    HttpRoom(Loop& loop, std::size_t bytes_max) : loop_(loop), bytes_max_(bytes_max) {}
    HttpRoom(const HttpRoom&) = delete;
    HttpRoom& operator=(const HttpRoom&) = delete;

    // A place, or null: `later` is called with it on the loop then, unless `id` is withdrawn.
    // Tenants take turns.
    Place ask(std::uint64_t id, const std::string& tenant, std::size_t bytes,
              std::function<void(Place)> later);
    void withdraw(std::uint64_t id);

  private:
    struct Waiting {
        std::uint64_t id;
        std::string tenant;
        std::size_t bytes;
        std::function<void(Place)> later;
    };

    bool may_take(const std::string& tenant) const;
    Place take(const std::string& tenant, std::size_t bytes);
    void give_back(const std::string& tenant, std::size_t bytes);
    void serve();

    Loop& loop_;
    std::size_t bytes_max_;
    std::size_t taken_ = 0;
    std::unordered_map<std::string, std::size_t> taken_by_;  // by tenant
    TurnQueue<Waiting> waiting_;
    bool serving_ = false;
    // Places and posted tasks may outlive this and hold it weakly.
    std::shared_ptr<HttpRoom*> self_ = std::make_shared<HttpRoom*>(this);
};

}  // namespace sallyport::engine
