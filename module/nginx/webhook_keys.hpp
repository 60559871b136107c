// The secrets of a location: where they come from, and the keys made of them. Files are looked at
// once a second and read again when they have changed, without a reload; a secret may have a first
// and a last moment. A request keeps the set it began with.
//
// How often each secret matched, and when last, is counted in shared memory: it tells when an old
// one can go. Entries are found by a keyed digest of place and secret; the secret is not stored.
#pragma once

#include "common/crypto.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/webhook_secret.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

struct WebhookSecretSource {
    std::string shown;      // file:PATH, env:NAME or "literal": what may be told
    std::string path;       // of a file
    Secret text;            // empty: an optional file that is not there
    bool optional = false;  // a handshake will write it
    std::int64_t not_before_ms = 0;
    std::int64_t not_after_ms = 0;  // 0: no end

    WebhookSecretSource clone() const;
};

// One secret's counters, in shared memory.
struct WebhookUsage {
    std::atomic<std::uint64_t> id;
    std::atomic<std::uint64_t> hits;
    std::atomic<std::int64_t> last_s;
};

class WebhookUsageZone {
  public:
    // REQUIRES: while the configuration is read; once.
    Status announce(ngx_conf_t* cf);
    bool announced() const { return shm_zone_ != nullptr; }
    // The counters of that secret at that place; null when the zone is full or not mapped yet.
    WebhookUsage* find(std::string_view place, std::string_view secret) const;

  private:
    struct Header;
    static ngx_int_t init(ngx_shm_zone_t* zone, void* previous) noexcept;
    ngx_shm_zone_t* shm_zone_ = nullptr;
    Header* header_ = nullptr;
};

// The keys that are live now, in configured order.
struct WebhookKeySet {
    std::vector<policy::webhook::SecretKey> keys;
    std::vector<int> numbers;                   // the place of each among all, from 0
    mutable std::vector<WebhookUsage*> usages;  // filled in by the first request
    mutable bool usages_known = false;
};

class WebhookKeyRing {
  public:
    // Makes every key once, so that a secret which does not fit is found by nginx -t.
    // `profile` must outlive the ring.
    Status open(const policy::webhook::Profile& profile, std::vector<WebhookSecretSource> sources,
                std::string place, const WebhookUsageZone* usage, std::int64_t now_ms);

    std::shared_ptr<const WebhookKeySet> current() const { return current_; }
    // Looks at files and windows; trouble is logged and changes nothing.
    void refresh(std::int64_t now_ms, ngx_log_t* log);
    bool needs_refresh() const;
    // What is wrong with the secrets: a changed file that is not used, or that none is live.
    Status state() const;
    // Counts a match of the `index`th key of `set`.
    void count(const WebhookKeySet& set, std::size_t index, std::int64_t now_ms) const;

    struct Listed {
        std::string_view place;  // server name and location
        std::string_view profile;
        std::string_view source;
        std::size_t number = 0;  // from 1, in configured order
        bool live = false;
        std::uint64_t hits = 0;
        std::int64_t last_used_s = 0;  // 0: never
        std::int64_t not_after_s = 0;  // 0: no end
    };
    void list(const std::function<void(const Listed&)>& each) const;

  private:
    struct Seen {  // of a file, when it was last read
        ino_t inode = 0;
        off_t size = -1;
        std::int64_t changed_ns = 0;
        bool operator==(const Seen&) const = default;
    };
    static Seen look_at(const std::string& path);
    bool read_again(std::size_t i, ngx_log_t* log);
    bool is_live(const WebhookSecretSource& source, std::int64_t now_ms) const;
    Result<std::shared_ptr<const WebhookKeySet>> make(std::int64_t now_ms) const;
    std::vector<bool> live_now(std::int64_t now_ms) const;

    const policy::webhook::Profile* profile_ = nullptr;
    const WebhookUsageZone* usage_ = nullptr;
    std::string place_;
    std::vector<WebhookSecretSource> sources_;
    std::vector<Seen> seen_;
    std::vector<std::string> troubles_;  // of each source; empty: none
    std::vector<bool> live_;
    std::shared_ptr<const WebhookKeySet> current_;  // shared: requests keep the one they began with
};

// Refreshes rings once a second in a worker.
class WebhookKeyTimer {
  public:
    // REQUIRES: `rings` outlives the worker.
    void start(ngx_cycle_t* cycle, const std::vector<WebhookKeyRing*>& rings);

  private:
    static void tick(ngx_event_t* event) noexcept;
    ngx_event_t event_{};
    ngx_connection_t dummy_{};  // nginx's debug log of timers wants one
    const std::vector<WebhookKeyRing*>* rings_ = nullptr;
};

// For the status page: every secret of every location that verifies webhooks.
void each_webhook_secret(ngx_cycle_t* cycle,
                         const std::function<void(const WebhookKeyRing::Listed&)>& each);

}  // namespace sallyport::ngx
