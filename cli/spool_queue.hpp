// The spool's stream as its one forwarder sees it: who may deliver, what is there, what is done
// with.
#pragma once

#include "cli/redis_session.hpp"
#include "module/store/webhook_spool_commands.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::cli {

class SpoolQueue {
  public:
    SpoolQueue(store::RedisSpec spec, const std::string& stream, std::string me)
        : session_(std::move(spec)), names_(stream), me_(std::move(me)) {}

    bool is_open() const { return session_.is_open(); }
    Status open();  // connects and makes the consumer group
    void close() { session_.close(); }

    // True when this process is, or stays, the one that delivers.
    Result<bool> hold_lock(std::int64_t life_ms);
    void release_lock();

    // What earlier forwarders have read and not finished, oldest first; now it is ours.
    Result<std::vector<store::SpoolItem>> claim();
    Result<std::vector<store::SpoolItem>> read(std::size_t count);
    Status finished(const store::SpoolItem& item);
    Status bury(const store::SpoolItem& item, const std::string& reason);
    // Nothing waits, and nobody has something under way.
    Result<bool> empty();

    Result<std::vector<store::SpoolItem>> dead(std::size_t count_max);
    Status revive(const store::SpoolItem& item);
    Status drop_dead(const store::SpoolItem& item);

  private:
    Status expect(Result<const store::Reply*> reply);
    Status append(const std::string& stream, const store::SpoolItem& item,
                  const std::string& reason);

    RedisSession session_;
    store::SpoolNames names_;
    std::string me_;
};

}  // namespace sallyport::cli
