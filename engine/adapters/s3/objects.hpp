// Objects in a bucket of S3, or of what is compatible with it, that the operator named. What may
// pass by itself (no connection, 429, 5xx, an answer cut off) is tried again.
#pragma once

#include "engine/core/s3/request.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/object_store.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace sallyport::engine {

class S3Objects final : public ObjectStore {
  public:
    static constexpr int kAttempts = 3;

    // `http` may reach the bucket's host, which need not be public; all outlive this. `time_ms` is
    // for one object, all attempts and pauses included.
    S3Objects(Loop& loop, const Clock& clock, HttpClient& http, S3Bucket bucket,
              std::int64_t time_ms)
        : loop_(loop), clock_(clock), http_(http), bucket_(std::move(bucket)), time_ms_(time_ms) {}

    void put(std::string key, std::string bytes, StoreDone<Done> done) override;
    void get(std::string key, std::size_t size,
             StoreDone<std::optional<std::string>> done) override;
    void remove(std::string key, StoreDone<Done> done) override;

  private:
    struct Wish;
    void attempt(const std::shared_ptr<Wish>& wish);
    void judge(const std::shared_ptr<Wish>& wish, HttpOutcome outcome);

    Loop& loop_;
    const Clock& clock_;
    HttpClient& http_;
    S3Bucket bucket_;
    std::int64_t time_ms_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // watched by timers
};

}  // namespace sallyport::engine
