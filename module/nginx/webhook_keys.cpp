#include "module/nginx/webhook_keys.hpp"

#include "common/file_text.hpp"
#include "common/units.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/str.hpp"
#include "module/nginx/webhook_conf.hpp"

#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace sallyport::ngx {

namespace hook = policy::webhook;

namespace {

// Secrets of a whole configuration; eight for each of hundreds of locations.
constexpr std::size_t kUsagesMax = 2048;
constexpr std::uint64_t kUsageMagic = 0x5350555341474531;  // "SPUSAGE1"
constexpr ngx_msec_t kKeysRefreshMs = 1000;

}  // namespace

WebhookSecretSource WebhookSecretSource::clone() const {
    return {shown, path, text.clone(), optional, not_before_ms, not_after_ms};
}

struct WebhookUsageZone::Header {
    std::uint64_t magic;
    std::array<std::uint8_t, 32> secret;
    std::array<WebhookUsage, kUsagesMax> entries;
};

Status WebhookUsageZone::announce(ngx_conf_t* cf) {
    ngx_str_t name = ngx_string("sallyport_webhook_usage_v1");
    // One allocation of the header, and what the slab needs for itself.
    const std::size_t bytes = sizeof(Header) + 16 * ngx_pagesize;
    shm_zone_ = ngx_shared_memory_add(cf, &name, bytes, &ngx_http_sallyport_module);
    if (shm_zone_ == nullptr) {
        return Error{
            "the shared memory for the counters of secrets cannot be added; see the "
            "message above"};
    }
    shm_zone_->init = init;
    shm_zone_->data = this;
    return Done{};
}

ngx_int_t WebhookUsageZone::init(ngx_shm_zone_t* zone, void* previous) noexcept {
    return guarded(zone->shm.log, "webhook usage zone", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto& self = *static_cast<WebhookUsageZone*>(zone->data);
        auto* pool = reinterpret_cast<ngx_slab_pool_t*>(zone->shm.addr);
        if (previous != nullptr || zone->shm.exists) {
            self.header_ = static_cast<Header*>(pool->data);
            return self.header_ != nullptr && self.header_->magic == kUsageMagic ? NGX_OK
                                                                                 : NGX_ERROR;
        }
        void* memory = ngx_slab_calloc(pool, sizeof(Header));
        if (memory == nullptr) {
            return NGX_ERROR;
        }
        auto* header = new (memory) Header{};
        random_bytes(header->secret.data(), header->secret.size());
        header->magic = kUsageMagic;
        pool->data = header;
        self.header_ = header;
        return NGX_OK;
    });
}

WebhookUsage* WebhookUsageZone::find(std::string_view place, std::string_view secret) const {
    if (header_ == nullptr) {
        return nullptr;
    }
    std::string text(place);
    text.append("\n").append(secret);
    const Bytes mac =
        hmac(DigestAlgorithm::sha256,
             {reinterpret_cast<const char*>(header_->secret.data()), header_->secret.size()}, text);
    wipe(text.data(), text.size());
    std::uint64_t id = 0;
    std::memcpy(&id, mac.data(), sizeof(id));
    id = id == 0 ? 1 : id;
    // Open addressing; an entry once taken stays, so that no lock is needed.
    for (std::size_t i = 0; i < kUsagesMax; ++i) {
        WebhookUsage& entry = header_->entries[(id + i) % kUsagesMax];
        std::uint64_t seen = 0;
        if (entry.id.compare_exchange_strong(seen, id) || seen == id) {
            return &entry;
        }
    }
    return nullptr;
}

WebhookKeyRing::Seen WebhookKeyRing::look_at(const std::string& path) {
    ngx_file_info_t info;
    if (ngx_file_info(path.c_str(), &info) == NGX_FILE_ERROR) {
        return {};
    }
    return {info.st_ino, info.st_size,
            static_cast<std::int64_t>(info.st_mtim.tv_sec) * kNsPerS + info.st_mtim.tv_nsec};
}

bool WebhookKeyRing::is_live(const WebhookSecretSource& source, std::int64_t now_ms) const {
    return !source.text.empty() && now_ms >= source.not_before_ms &&
           (source.not_after_ms == 0 || now_ms < source.not_after_ms);
}

std::vector<bool> WebhookKeyRing::live_now(std::int64_t now_ms) const {
    std::vector<bool> out;
    out.reserve(sources_.size());
    for (const WebhookSecretSource& source : sources_) {
        out.push_back(is_live(source, now_ms));
    }
    return out;
}

Result<std::shared_ptr<const WebhookKeySet>> WebhookKeyRing::make(std::int64_t now_ms) const {
    auto set = std::make_shared<WebhookKeySet>();
    set->keys.reserve(sources_.size());
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        if (sources_[i].text.empty()) {
            continue;
        }
        auto key = hook::SecretKey::make(*profile_, sources_[i].text);
        if (!key) {
            return Error{"\"sallyport_webhook_secret\" number " + std::to_string(i + 1) +
                         " of \"sallyport_webhook " + profile_->name + "\": " + key.message()};
        }
        if (is_live(sources_[i], now_ms)) {
            set->keys.push_back(std::move(*key));
            set->numbers.push_back(static_cast<int>(i));
        }
    }
    set->usages.assign(set->keys.size(), nullptr);
    return std::shared_ptr<const WebhookKeySet>(std::move(set));
}

Status WebhookKeyRing::open(const hook::Profile& profile, std::vector<WebhookSecretSource> sources,
                            std::string place, const WebhookUsageZone* usage, std::int64_t now_ms) {
    profile_ = &profile;
    usage_ = usage;
    place_ = std::move(place);
    sources_ = std::move(sources);
    for (const WebhookSecretSource& source : sources_) {
        seen_.push_back(source.path.empty() ? Seen{} : look_at(source.path));
    }
    troubles_.resize(sources_.size());
    auto made = make(now_ms);
    if (!made) {
        return made.error();
    }
    live_ = live_now(now_ms);
    current_ = std::move(*made);
    return Done{};
}

bool WebhookKeyRing::needs_refresh() const {
    for (const WebhookSecretSource& source : sources_) {
        if (!source.path.empty() || source.not_before_ms != 0 || source.not_after_ms != 0) {
            return true;
        }
    }
    return false;
}

Status WebhookKeyRing::state() const {
    bool optional = sources_.empty();
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        if (!troubles_[i].empty()) {
            return Error{troubles_[i] + "; the webhook secret before stays"};
        }
        optional = optional || sources_[i].optional;
    }
    return optional || !current_->keys.empty()
               ? Status(Done{})
               : Status(Error{"no webhook secret of " + place_ + " is live"});
}

// True when the source's text has changed.
bool WebhookKeyRing::read_again(std::size_t i, ngx_log_t* log) {
    WebhookSecretSource& source = sources_[i];
    if (source.path.empty()) {
        return false;
    }
    const Seen now = look_at(source.path);
    if (now == seen_[i]) {
        return false;
    }
    seen_[i] = now;
    auto text = read_secret_file(source.path);
    const Status usable = !text ? Status(text.error()) : [&]() -> Status {
        const auto key = hook::SecretKey::make(*profile_, *text);
        return key ? Status(Done{}) : Status(key.error());
    }();
    troubles_[i] = usable ? std::string() : usable.message();
    if (!usable) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "sallyport: the changed webhook secret \"%s\" is not used, the one before "
                      "stays: %s",
                      source.path.c_str(), usable.message().c_str());
        return false;
    }
    source.text = std::move(*text);
    ngx_log_error(NGX_LOG_NOTICE, log, 0, "sallyport: webhook secret \"%s\" was read again",
                  source.path.c_str());
    return true;
}

void WebhookKeyRing::refresh(std::int64_t now_ms, ngx_log_t* log) {
    bool changed = false;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        changed = read_again(i, log) || changed;
    }
    std::vector<bool> live = live_now(now_ms);
    if (!changed && live == live_) {
        return;
    }
    auto made = make(now_ms);
    if (made) {
        live_ = std::move(live);
        current_ = std::move(*made);
    }
}

void WebhookKeyRing::count(const WebhookKeySet& set, std::size_t index, std::int64_t now_ms) const {
    if (!set.usages_known && usage_ != nullptr) {
        for (std::size_t i = 0; i < set.keys.size(); ++i) {
            set.usages[i] = usage_->find(place_, set.keys[i].bytes().reveal());
        }
        set.usages_known = true;
    }
    if (WebhookUsage* usage = index < set.usages.size() ? set.usages[index] : nullptr) {
        usage->hits.fetch_add(1, std::memory_order_relaxed);
        usage->last_s.store(now_ms / 1000, std::memory_order_relaxed);
    }
}

void WebhookKeyRing::list(const std::function<void(const Listed&)>& each) const {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        const WebhookSecretSource& source = sources_[i];
        Listed listed{place_, profile_->name, source.shown, i + 1, live_[i]};
        listed.not_after_s = source.not_after_ms / 1000;
        const auto key = source.text.empty() ? Result<hook::SecretKey>(Error{})
                                             : hook::SecretKey::make(*profile_, source.text);
        const WebhookUsage* usage =
            key && usage_ != nullptr ? usage_->find(place_, key->bytes().reveal()) : nullptr;
        if (usage != nullptr) {
            listed.hits = usage->hits.load(std::memory_order_relaxed);
            listed.last_used_s = usage->last_s.load(std::memory_order_relaxed);
        }
        each(listed);
    }
}

void WebhookKeyTimer::start(ngx_cycle_t* cycle, const std::vector<WebhookKeyRing*>& rings) {
    rings_ = &rings;
    bool needed = false;
    for (const WebhookKeyRing* ring : rings) {
        needed = needed || ring->needs_refresh();
    }
    if (!needed) {
        return;
    }
    dummy_.fd = static_cast<ngx_socket_t>(-1);
    dummy_.data = this;
    event_.data = &dummy_;
    event_.handler = tick;
    event_.log = cycle->log;
    event_.cancelable = 1;  // a worker that shuts down does not wait for it
    ngx_add_timer(&event_, kKeysRefreshMs);
}

void WebhookKeyTimer::tick(ngx_event_t* event) noexcept {
    guarded(event->log, "webhook secrets", [event] {
        auto* dummy = static_cast<ngx_connection_t*>(event->data);
        auto& self = *static_cast<WebhookKeyTimer*>(dummy->data);
        for (WebhookKeyRing* ring : *self.rings_) {
            ring->refresh(now_ms(), event->log);
        }
    });
    ngx_add_timer(event, kKeysRefreshMs);
}

void each_webhook_secret(ngx_cycle_t* cycle,
                         const std::function<void(const WebhookKeyRing::Listed&)>& each) {
    const auto* main = static_cast<const WebhookMain*>(feature_main(cycle, FeatureId::webhook));
    if (main == nullptr) {
        return;
    }
    for (const WebhookKeyRing* ring : main->rings) {
        ring->list(each);
    }
}

}  // namespace sallyport::ngx
