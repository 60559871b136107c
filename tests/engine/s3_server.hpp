// A server that speaks S3's object requests, its listings, tags and versions, strictly: whoever's
// signature (Version 4, worked out here anew), date, digest or bucket is wrong is refused as Amazon
// refuses it. It can fail on purpose.
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
    // As a rule of the bucket's own removes it: without a request.
    void lose(const std::string& key);
    std::vector<UpstreamRequest> requests() const { return upstream_.requests(); }
    // What a listing says of a key beside its object: of an object that was put here the moment it
    // was put; another ETag says that it has changed.
    void stamp(const std::string& key, const std::string& modified, const std::string& etag);
    // So many objects a page, whatever is asked for; and an answer of one's own to listings.
    void set_page(std::size_t objects);
    void set_listing(const std::string& xml);
    // From now on every object's versions are kept, and removed ones leave a marker.
    void keep_versions();
    // Of a connection's value.
    std::string connection() const;
    // Why requests were refused, each once.
    std::vector<std::string> refusals() const;
    void stop() { upstream_.stop(); }

    static constexpr const char* kBucket = "files-of-the-test";

  private:
    UpstreamReply answer(const UpstreamRequest& request);
    UpstreamReply object(const UpstreamRequest& request, const std::string& key);
    UpstreamReply copy(const std::string& source, const std::string& key);
    UpstreamReply list(const std::string& query);
    // s3_server_versions.cpp
    struct Version {
        std::string id = "null";
        std::string bytes;
        HeaderList headers;  // its type and what is said of it
        std::map<std::string, std::string> tags;
        bool marker = false;
    };
    UpstreamReply store(const UpstreamRequest& request, const std::string& key);
    UpstreamReply read(const UpstreamRequest& request, const std::string& key,
                       const std::string& query);
    UpstreamReply tag(const UpstreamRequest& request, const std::string& key,
                      const std::string& query);
    UpstreamReply remove(const std::string& key);
    UpstreamReply remove_all(const UpstreamRequest& request);
    UpstreamReply list_versions(const std::string& query);
    // Null: there is none.
    Version* find(const std::string& key, const std::string& id);
    Version& add(const std::string& key, Version version);

    mutable std::mutex mutex_;
    Trouble trouble_ = Trouble::none;
    int troubled_ = 0;
    std::map<std::string, std::string> objects_;
    struct Stamp {
        std::string modified = "2026-01-01T00:00:00.000Z";
        std::string etag = "e";
    };
    std::map<std::string, Stamp> stamps_;
    std::size_t page_ = 1000;
    std::string listing_;
    bool versioned_ = false;
    int versions_made_ = 0;
    std::map<std::string, std::vector<Version>> versions_;  // the newest last
    std::vector<std::string> refusals_;
    std::shared_ptr<Gate> never_ = std::make_shared<Gate>();
    Upstream upstream_;
};

}  // namespace sallyport::test
