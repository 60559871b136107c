// A server that speaks S3's object requests, strictly: whoever's signature (Version 4, worked out
// here anew), date, digest or bucket is wrong is refused as Amazon refuses it. It can fail on
// purpose.
#pragma once

#include "tests/integration/fixtures/upstream.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sallyport::test {

class S3Server {
  public:
    enum class Trouble {
        none,
        busy,   // 503 SlowDown
        cut,    // the answer ends in the middle
        mute,   // no answer until the server goes
        gone,   // the connection is closed without an answer
        denied  // 403
    };

    S3Server();

    std::string address() const { return upstream_.address(); }
    std::uint16_t port() const { return upstream_.port(); }
    // What an engine needs to keep its files here.
    std::vector<std::string> settings() const;

    // For the next requests, at most so many of them; negative: until said otherwise.
    void fail(Trouble trouble, int requests);
    std::map<std::string, std::string> objects() const;
    void put(const std::string& key, const std::string& bytes);
    std::vector<UpstreamRequest> requests() const { return upstream_.requests(); }
    // Why requests were refused, each once.
    std::vector<std::string> refusals() const;
    void stop() { upstream_.stop(); }

    static constexpr const char* kBucket = "files-of-the-test";

  private:
    UpstreamReply answer(const UpstreamRequest& request);
    UpstreamReply object(const UpstreamRequest& request, const std::string& key);

    mutable std::mutex mutex_;
    Trouble trouble_ = Trouble::none;
    int troubled_ = 0;
    std::map<std::string, std::string> objects_;
    std::vector<std::string> refusals_;
    std::shared_ptr<Gate> never_ = std::make_shared<Gate>();
    Upstream upstream_;
};

}  // namespace sallyport::test
