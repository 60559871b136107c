// The answer bus by Redis: PUBLISH and SUBSCRIBE, a connection each. While one of them is down what
// was told in vain is handed back, and what others may have told is looked for again and again.
#pragma once

#include "engine/adapters/redis/link.hpp"
#include "engine/ports/answer_bus.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

namespace sallyport::engine {

class RedisBus final : public AnswerBus {
  public:
    // Looks for answers: while nothing can be heard, and otherwise, because a process may have
    // ended between its commit and its word.
    static constexpr std::int64_t kDeafMs = 1000;
    static constexpr std::int64_t kHearingMs = 5000;
    // Told and not yet taken by Redis: beyond it the bus counts as down.
    static constexpr std::size_t kUntakenMax = 10'000;

    // `loop` and `log` outlive the bus. Redis need not be there.
    RedisBus(AsioLoop& loop, const RedisOptions& options, Log& log);
    ~RedisBus() override;

    void set_hooks(Hooks hooks) override { hooks_ = std::move(hooks); }
    bool is_up() const override;
    void tell(const std::string& run_id) override;

  private:
    void on_taken(const redisReply& reply);
    void on_teller_down(const std::string& problem);
    void on_listener_down(const std::string& problem);
    void on_heard(const redisReply& reply);
    void note_down(const std::string& problem);
    void note_up();
    void look();

    AsioLoop& loop_;
    Log& log_;
    std::string channel_;
    Hooks hooks_;
    std::deque<std::string> untaken_;
    bool hears_ = false;
    bool said_down_ = false;
    Loop::TimerId timer_ = 0;
    std::unique_ptr<RedisLink> teller_;
    std::unique_ptr<RedisLink> listener_;
};

}  // namespace sallyport::engine
