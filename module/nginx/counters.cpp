#include "module/nginx/counters.hpp"

#include "module/nginx/guard.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/str.hpp"

#include <atomic>
#include <ctime>
#include <new>
#include <string>

namespace sallyport::ngx {
namespace {

using policy::kReasonWords;
using policy::Mode;
using Cell = std::atomic<std::uint64_t>;

constexpr std::size_t kStripes =
    8;                             // more workers than this share lines, which is slower, not wrong
constexpr std::size_t kModes = 2;  // report, enforce: what is off finds nothing
constexpr std::size_t kClasses = 6;                        // 1xx to 5xx; 0: no response
constexpr std::uint64_t kCounterMagic = 0x53504354525331;  // "SPCTRS1"

void add(Cell& cell, std::uint64_t amount = 1) {
    cell.fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace

struct alignas(64) Counters::Stripe {
    Cell decisions[kFeatureCount][kReasonWords.size()][kModes];
    Cell responses[kClasses];
    Cell store_latency[kFeatureCount][policy::kLatencyBuckets];
    Cell store_ns[kFeatureCount];
    Cell store_failures[kFeatureCount];
};

struct Counters::Memory {
    std::uint64_t magic;
    Cell started_ms;
    Cell loaded_ms;
    Cell generation;
    Stripe stripes[kStripes];
};

Status Counters::announce(ngx_conf_t* cf) {
    static_assert(Cell::is_always_lock_free);
    static_assert(std::is_trivially_destructible_v<Memory>);
    // A module with other features or reasons has another layout, and so another zone.
    ngx_str_t name = copy(cf->pool, "sallyport_counters_v1_" + std::to_string(kFeatureCount) + "_" +
                                        std::to_string(kReasonWords.size()));
    // The slab's own pages, and one for the alignment.
    const std::size_t bytes = sizeof(Memory) + alignof(Memory) + 16 * ngx_pagesize;
    zone_ = ngx_shared_memory_add(cf, &name, bytes, &ngx_http_sallyport_module);
    if (zone_ == nullptr) {
        return Error{"the shared memory of the counters cannot be added; see the message above"};
    }
    zone_->init = init;
    zone_->data = this;
    return Done{};
}

ngx_int_t Counters::init(ngx_shm_zone_t* zone, void* previous) noexcept {
    return guarded(zone->shm.log, "counters", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        auto& self = *static_cast<Counters*>(zone->data);
        auto* slab = reinterpret_cast<ngx_slab_pool_t*>(zone->shm.addr);
        const auto now = static_cast<std::uint64_t>(now_ms());
        if (previous == nullptr) {
            void* memory = ngx_slab_calloc(slab, sizeof(Memory) + alignof(Memory));
            if (memory == nullptr) {
                return NGX_ERROR;
            }
            self.memory_ = new (detail::aligned<Memory>(memory)) Memory{};
            self.memory_->magic = kCounterMagic;
            self.memory_->started_ms = now;
            slab->data = self.memory_;
        } else {
            self.memory_ = static_cast<Memory*>(slab->data);
            if (self.memory_ == nullptr || self.memory_->magic != kCounterMagic) {
                ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                              "sallyport: zone \"%V\" has a foreign layout; restart nginx",
                              &zone->shm.name);
                return NGX_ERROR;
            }
        }
        self.memory_->loaded_ms = now;
        add(self.memory_->generation);
        return NGX_OK;
    });
}

std::int64_t precise_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void Counters::use(Counters* counters) {
    active_ = counters;
}

Counters::Stripe& Counters::stripe() const {
    return memory_->stripes[static_cast<std::size_t>(ngx_worker) % kStripes];
}

void Counters::count(ngx_http_request_t* r) const {
    Stripe& mine = stripe();
    const ngx_uint_t status = r->err_status != 0 ? r->err_status : r->headers_out.status;
    add(mine.responses[status >= 100 && status < 600 ? status / 100 : 0]);
    const auto request = Request::find(r);
    if (!request) {
        return;
    }
    for (const Finding& finding : request->state().findings.all()) {
        add(mine.decisions[static_cast<std::size_t>(finding.feature)][static_cast<std::size_t>(
            finding.decision.reason)][finding.mode == Mode::enforce ? 1 : 0]);
    }
}

void Counters::count_store(FeatureId feature, std::int64_t ns, bool answered) const {
    Stripe& mine = stripe();
    const auto i = static_cast<std::size_t>(feature);
    if (!answered) {
        add(mine.store_failures[i]);
        return;
    }
    add(mine.store_latency[i][policy::latency_bucket(ns)]);
    add(mine.store_ns[i], ns > 0 ? static_cast<std::uint64_t>(ns) : 0);
}

template <typename Pick>
std::uint64_t Counters::sum(Pick&& pick) const {
    std::uint64_t total = 0;
    for (Stripe& one : memory_->stripes) {
        total += pick(one).load(std::memory_order_relaxed);
    }
    return total;
}

void Counters::report_stores(policy::Metrics& out) const {
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
        std::array<std::uint64_t, policy::kLatencyBuckets> counts{};
        std::uint64_t answers = 0;
        for (std::size_t b = 0; b < counts.size(); ++b) {
            counts[b] = sum([&](Stripe& s) -> Cell& { return s.store_latency[i][b]; });
            answers += counts[b];
        }
        const std::uint64_t failures = sum([&](Stripe& s) -> Cell& { return s.store_failures[i]; });
        if (answers + failures == 0) {
            continue;
        }
        const policy::Metrics::Labels labels = {{"feature", features()[i]->name}};
        out.latency("sallyport_store_seconds", "How long a store took to answer a feature.", labels,
                    counts, sum([&](Stripe& s) -> Cell& { return s.store_ns[i]; }));
        out.counter("sallyport_store_failures_total",
                    "Questions to a store that got no answer in time.", labels, failures);
    }
}

void Counters::report(policy::Metrics& out) const {
    constexpr std::array classes = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (std::size_t i = 0; i < kClasses; ++i) {
        out.counter("sallyport_responses_total", "Responses by class of status.",
                    {{"class", classes[i]}},
                    sum([&](Stripe& s) -> Cell& { return s.responses[i]; }));
    }
    for (std::size_t f = 0; f < kFeatureCount; ++f) {
        for (std::size_t reason = 0; reason < kReasonWords.size(); ++reason) {
            for (std::size_t mode = 0; mode < kModes; ++mode) {
                const std::uint64_t count =
                    sum([&](Stripe& s) -> Cell& { return s.decisions[f][reason][mode]; });
                if (count != 0) {
                    out.counter("sallyport_decisions_total",
                                "Refusals and answers, by feature, reason and mode.",
                                {{"feature", features()[f]->name},
                                 {"reason", kReasonWords[reason]},
                                 {"mode", mode == 1 ? "enforce" : "report"}},
                                count);
                }
            }
        }
    }
    report_stores(out);
    out.counter("sallyport_configurations_total", "Configurations read since nginx started.", {},
                generation());
    out.gauge("sallyport_configuration_loaded_seconds",
              "When the running configuration was read, in Unix time.", {},
              static_cast<double>(loaded_ms()) / 1000);
}

std::int64_t Counters::started_ms() const {
    return static_cast<std::int64_t>(memory_->started_ms);
}
std::int64_t Counters::loaded_ms() const {
    return static_cast<std::int64_t>(memory_->loaded_ms);
}
std::uint64_t Counters::generation() const {
    return memory_->generation;
}

}  // namespace sallyport::ngx
