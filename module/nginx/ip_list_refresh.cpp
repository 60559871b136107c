// Looks at the files of lists while nginx runs, and publishes what changed.
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

void refuse_version(NamedList& named, const FileIdentities& here, const std::string& why) {
    named.failed = here;
    named.slots->note(kRefusals).fetch_add(1);
    named.slots->note(kRefusedAtS) = static_cast<std::uint64_t>(ngx_time());
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "sallyport: list \"%s\" keeps its last good version of %uL blocks: %s",
                  named.list.name.c_str(), named.slots->blocks(), why.c_str());
}

void publish(NamedList& named, const FileIdentities& here, const policy::IpSetImage& image,
             std::size_t blocks) {
    const std::uint64_t before = named.slots->blocks();
    if (!named.slots->publish(image, blocks)) {
        refuse_version(named, here,
                       "there is no room for " + std::to_string(blocks) +
                           " blocks; reload nginx, or write max=BLOCKS for more room");
        return;
    }
    const auto old = named.slots->retire();
    madvise(old.data(), old.size(), MADV_REMOVE);
    named.loaded = here;
    named.failed.clear();
    named.slots->note(kLoadedAtS) = static_cast<std::uint64_t>(ngx_time());
    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "sallyport: list \"%s\" has %uz blocks now (before: %uL)",
                  named.list.name.c_str(), blocks, before);
}

void reload(NamedList& named, const FileIdentities& here, bool force) {
    const auto blocks = read_blocks(named.spec);
    if (look_at_sources(named.spec) != here) {
        return;  // it changed while it was read: let it settle
    }
    if (!blocks) {
        refuse_version(named, here, blocks.message());
        return;
    }
    policy::IpListGuard guard = named.spec.guard;
    guard.factor = force ? 0 : guard.factor;
    const policy::IpSetImage image(*blocks);
    for (const Status& status : {policy::check_size(guard, named.slots->blocks(), blocks->size()),
                                 policy::check_share(guard, image.coverage())}) {
        if (!status) {
            refuse_version(named, here, "the new one " + status.message());
            return;
        }
    }
    publish(named, here, image, blocks->size());
}

void look_at(NamedList& named) {
    const std::uint64_t request = named.slots->note(kRequests).load();
    const bool asked = request != named.answered;
    const auto early = static_cast<ngx_msec_int_t>(named.next_look - ngx_current_msec);
    if (!asked && early > 0) {
        return;
    }
    named.answered = request;
    named.next_look = ngx_current_msec + static_cast<ngx_msec_t>(named.spec.refresh_ms);
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
