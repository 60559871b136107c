// Passwords as argon2id, hashed and checked on a thread of their own: each takes tens of
// milliseconds on purpose, and the loop must not stand still for it.
#pragma once

#include "common/result.hpp"
#include "common/secret.hpp"
#include "engine/ports/loop.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace sallyport::engine {

class PasswordHasher {
  public:
    // OWASP password storage cheat sheet: argon2id with 19 MiB, two passes, one lane.
    static constexpr std::uint32_t kMemoryKb = 19 * 1024;
    static constexpr std::uint32_t kPasses = 2;
    static constexpr std::uint32_t kLanes = 1;
    // At 30 ms each, whoever stands behind this many would wait two seconds.
    static constexpr std::size_t kQueueMax = 64;

    explicit PasswordHasher(Loop& loop);
    ~PasswordHasher();
    PasswordHasher(const PasswordHasher&) = delete;
    PasswordHasher& operator=(const PasswordHasher&) = delete;

    // The encoded form. An Error means overload.
    void hash(Secret password, std::function<void(Result<std::string>)> done);
    // An empty `encoded` takes as long as a real one and is false: who has no account cannot be
    // told from who mistyped.
    void verify(Secret password, std::string encoded, std::function<void(Result<bool>)> done);

  private:
    void enqueue(std::function<void()> work, std::function<void()> refused);
    void run();

    Loop& loop_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> queue_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace sallyport::engine
