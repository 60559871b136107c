// Looks at the sources of lists, files or a store, while nginx runs, and publishes what changed.
//
// The work is done in nginx's helper process (the one that manages caches): reading and sorting a
// million blocks takes about a second, which no worker may spend. The helper is a child of the
// master like the workers, runs as the same user, and is started again when it dies. A set is
// published with one store; no worker waits, and none is told.
//
// A version that cannot be read, is not whole, covers too much or differs too much is not taken:
// the last good one stays, and one line of the error log says why.
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/ip_list_conf.hpp"
#include "module/nginx/str.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace sallyport::ngx {
namespace {

// How often requests of other processes are looked for; looking at files has its own times.
constexpr ngx_msec_t kTickMs = 1000;
// A changed file is read when it has stayed the same for this long: its writer is done with it.
constexpr ngx_msec_t kSettleMs = 250;

void refuse_version(NamedList& named, const std::string& why) {
    named.slots->note(kRefusals).fetch_add(1);
    named.slots->note(kRefusedAtS) = static_cast<std::uint64_t>(ngx_time());
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "sallyport: list \"%s\" keeps its last good version of %uL blocks: %s",
                  named.list.name.c_str(), named.slots->blocks(), why.c_str());
}

bool publish(NamedList& named, const policy::IpSetImage& image, std::size_t blocks) {
    const std::uint64_t before = named.slots->blocks();
    if (!named.slots->publish(image, blocks)) {
        refuse_version(named, "there is no room for " + std::to_string(blocks) +
                                  " blocks; reload nginx, or write max=BLOCKS for more room");
        return false;
    }
    const auto old = named.slots->retire();
    madvise(old.data(), old.size(), MADV_REMOVE);
    named.slots->note(kLoadedAtS) = static_cast<std::uint64_t>(ngx_time());
    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "sallyport: list \"%s\" has %uz blocks now (before: %uL)",
                  named.list.name.c_str(), blocks, before);
    return true;
}

// The guards, then all workers have it. `force` lifts the guard of the size for once.
bool take_version(NamedList& named, const std::vector<Cidr>& blocks, bool force) {
    policy::IpListGuard guard = named.spec.guard;
    guard.factor = force ? 0 : guard.factor;
    const policy::IpSetImage image(blocks);
    for (const Status& status : {policy::check_size(guard, named.slots->blocks(), blocks.size()),
                                 policy::check_share(guard, image.coverage())}) {
        if (!status) {
            refuse_version(named, "the new one " + status.message());
            return false;
        }
    }
    return publish(named, image, blocks.size());
}

void reload(NamedList& named, const FileIdentities& here, bool force) {
    const auto blocks = read_blocks(named.spec);
    if (look_at_sources(named.spec) != here) {
        return;  // it changed while it was read: let it settle
    }
    if (!blocks) {
        refuse_version(named, blocks.message());
    }
    const bool taken = blocks && take_version(named, *blocks, force);
    (taken ? named.loaded : named.failed) = here;
    if (taken) {
        named.failed.clear();
    }
}

// What a look at a store finds.
class StoredList final : public ListLook::Taker {
  public:
    explicit StoredList(NamedList& named) : named_(named) {}

    void whole_list(std::string_view text, const std::string& version, bool force) override {
        named_.complaint.clear();
        const policy::IpListSpec& spec = named_.spec;
        auto blocks =
            policy::parse_ip_list(text, "redis=" + spec.stored.store + ":" + spec.stored.key);
        if (!blocks) {
            refuse_version(named_, blocks.message());
        } else {
            blocks->insert(blocks->end(), spec.blocks.begin(), spec.blocks.end());
        }
        if (blocks && take_version(named_, *blocks, force)) {
            named_.version = version;
            named_.failed_version.clear();
        } else {
            named_.failed_version = version;
        }
    }
    // Said once, until something else is the matter.
    void no_list(const std::string& why) override {
        if (why != named_.complaint) {
            named_.complaint = why;
            refuse_version(named_, why);
        }
    }

  private:
    NamedList& named_;
};

void look_at_store(NamedList& named, bool force) {
    if (named.look == nullptr) {
        named.taker = std::make_unique<StoredList>(named);
        named.look = std::make_unique<ListLook>(*named.taker, *named.store, named.spec.stored.key);
    }
    named.look->start(const_cast<ngx_cycle_t*>(ngx_cycle), named.version, named.failed_version,
                      force);
}

void look_at(NamedList& named) {
    const std::uint64_t request = named.slots->note(kRequests).load();
    const bool asked = request != named.answered;
    const auto early = static_cast<ngx_msec_int_t>(named.next_look - ngx_current_msec);
    const bool busy = named.look != nullptr && named.look->busy();
    if (busy || (!asked && early > 0)) {
        return;  // what is asked for meanwhile is done afterwards
    }
    named.answered = request;
    named.next_look = ngx_current_msec + static_cast<ngx_msec_t>(named.spec.refresh_ms);
    if (named.store != nullptr) {
        look_at_store(named, asked && named.slots->note(kForced).load() == request);
        if (named.slots->version() == 0) {
            named.next_look = ngx_current_msec + kSettleMs;  // there is nothing yet: soon again
        }
        return;
    }
    const FileIdentities here = look_at_sources(named.spec);
    if (!asked) {
        if (here == named.loaded || here == named.failed) {
            return;
        }
        if (here != named.settling) {
            named.settling = here;
            named.next_look = ngx_current_msec + kSettleMs;
            return;
        }
    }
    reload(named, here, asked && named.slots->note(kForced).load() == request);
}

// nginx calls it in its helper process, and again after the time that it returns.
ngx_msec_t refresh_lists(void* data) noexcept {
    ngx_msec_t next = kTickMs;
    for (NamedList* named : static_cast<IpListMain*>(data)->refreshed) {
        guarded(ngx_cycle->log, "list refresh", [&] { look_at(*named); });
        const auto left = static_cast<ngx_msec_int_t>(named->next_look - ngx_current_msec);
        next = std::min(next, left > 0 ? static_cast<ngx_msec_t>(left) : kSettleMs);
    }
    return next;
}

void refresh_on_timer(ngx_event_t* event) noexcept {
    ngx_add_timer(event, refresh_lists(event->data));
}

}  // namespace

// nginx starts the helper when one of the cycle's paths wants to be managed. This path has no
// folder: nginx made those before, and looks at this one's function only.
Status start_refreshing(ngx_cycle_t* cycle, IpListMain& main) {
    if (main.refreshed.empty()) {
        return Done{};
    }
    auto* path = pool_new<ngx_path_t>(cycle->pool);
    path->name = borrow("sallyport_ip_list");
    path->manager = refresh_lists;
    path->data = &main;
    auto* slot = static_cast<ngx_path_t**>(ngx_array_push(&cycle->paths));
    if (slot == nullptr) {
        throw std::bad_alloc();
    }
    *slot = path;
    return Done{};
}

Status start_refreshing_alone(ngx_cycle_t* cycle, IpListMain& main) {
    if (main.refreshed.empty() || ngx_process != NGX_PROCESS_SINGLE) {
        return Done{};
    }
    auto* event = pool_new<ngx_event_t>(cycle->pool);
    *event = {};
    event->handler = refresh_on_timer;
    event->data = &main;
    event->log = cycle->log;
    event->cancelable = 1;
    ngx_add_timer(event, kTickMs);
    return Done{};
}

}  // namespace sallyport::ngx
