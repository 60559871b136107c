// `sallyport forward`: delivers what sallyport_webhook_spool has kept.
//
// Several may run; one delivers at a time, the others stand by and take over when its lock ends. A
// delivery is removed from the stream only after the upstream's 2xx, so what a killed forwarder had
// under way is sent again under the same Idempotency-Key.
#include "cli/command.hpp"
#include "cli/http_sender.hpp"
#include "cli/spool_queue.hpp"
#include "cli/verdict_renewer.hpp"
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/store/redis_spec.hpp"
#include "module/store/spool_plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace sallyport::cli {
namespace {

// Deliveries in memory: enough to keep the senders busy, little enough to be forgotten.
constexpr std::size_t kWindowItems = 1'024;
constexpr std::size_t kWindowBytes = 64 * 1024 * 1024;
constexpr std::size_t kReadCount = 32;
constexpr std::int64_t kLockMs = 5'000;
constexpr std::int64_t kLockRenewMs = 1'000;
constexpr int kIdleMs = 50;
constexpr int kReconnectMs = 250;
constexpr std::size_t kDeadMax = 100'000;

volatile std::sig_atomic_t stop_asked = 0;

struct ForwardOptions {
    std::string redis;
    std::vector<std::string> redis_options;
    std::string stream = "deliveries";
    std::string to;
    std::size_t concurrency = 16;
    unsigned attempts = 10;
    long timeout_s = 60;
    bool once = false;
    std::string dead_letters;
    std::vector<std::string> ids;
    std::vector<std::string> verdict_secret_files;
};

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string own_name() {
    std::array<char, 64> host{};
    gethostname(host.data(), host.size() - 1);
    std::array<std::uint8_t, 4> random;
    random_bytes(random.data(), random.size());
    return std::string(host.data()) + "-" + std::to_string(getpid()) + "-" +
           hex_encode(random.data(), random.size());
}

store::RedisSpec spec_of(const ForwardOptions& options) {
    std::vector<std::string_view> words = {"spool"};
    for_each_split(options.redis, ' ', [&](std::string_view url) { words.push_back(url); });
    words.insert(words.end(), options.redis_options.begin(), options.redis_options.end());
    auto spec = store::parse_redis(words);
    if (!spec) {
        fail("--redis: " + spec.message(), kUsage);
    }
    return std::move(*spec);
}

class Forwarder {
  public:
    explicit Forwarder(const ForwardOptions& options)
        : options_(options),
          queue_(spec_of(options), options.stream, own_name()),
          plan_(options.attempts),
          verdicts_(options.verdict_secret_files),
          sender_({.base = options.to,
                   .timeout_ms = options.timeout_s * 1'000,
                   .renew_verdict = [this](std::string_view verdict) {
                       return verdicts_.renew(verdict, std::time(nullptr));
                   }}) {}

    void run() {
        while (stop_asked == 0) {
            const Result<bool> more = turn();
            if (!more) {
                lost(more.message());
            } else if (!*more) {
                break;
            }
        }
        drain();
        queue_.release_lock();
    }

  private:
    // False: everything is delivered, and that was all that was asked.
    Result<bool> turn() {
        if (!queue_.is_open()) {
            if (const Status opened = queue_.open(); !opened) {
                return opened.error();
            }
            leading_ = false;
            renew_at_ms_ = 0;
        }
        if (const auto leads = lead(); !leads || !*leads) {
            sender_.run(kReconnectMs, [](const std::string&, long) {});
            return leads ? Result<bool>(true) : leads;
        }
        if (const Status filled = fill(); !filled) {
            return filled.error();
        }
        while (sender_.under_way() < options_.concurrency) {
            const store::SpoolItem* item = plan_.next(now_ms());
            if (item == nullptr) {
                break;
            }
            sender_.send(*item);
        }
        collect(plan_.size() > sender_.under_way() && plan_.upstream_ready(now_ms()) ? 5 : kIdleMs);
        if (trouble_) {
            return *std::exchange(trouble_, std::nullopt);
        }
        if (options_.once && plan_.size() == 0) {
            const auto empty = queue_.empty();
            return empty ? Result<bool>(!*empty) : empty;
        }
        return true;
    }

    // Whoever begins to lead takes over what others have left.
    Result<bool> lead() {
        if (now_ms() < renew_at_ms_) {
            return leading_;
        }
        const auto held = queue_.hold_lock(kLockMs);
        if (!held) {
            return held;
        }
        renew_at_ms_ = now_ms() + (*held ? kLockRenewMs : 0);
        if (*held && !leading_) {
            forget();
            auto claimed = queue_.claim();
            if (!claimed) {
                return claimed.error();
            }
            for (store::SpoolItem& item : *claimed) {
                plan_.add(std::move(item));
            }
            std::fprintf(stderr, "sallyport: delivers \"%s\", %zu left by others\n",
                         options_.stream.c_str(), plan_.size());
        }
        if (!*held && leading_) {
            forget();
        }
        leading_ = *held;
        return leading_;
    }

    Status fill() {
        while (plan_.size() < kWindowItems && plan_.bytes() < kWindowBytes) {
            auto items = queue_.read(kReadCount);
            if (!items) {
                return items.error();
            }
            if (items->empty()) {
                break;
            }
            for (store::SpoolItem& item : *items) {
                plan_.add(std::move(item));
            }
        }
        return Done{};
    }

    void collect(int wait_ms) {
        sender_.run(wait_ms, [this](const std::string& order, long status) {
            const auto outcome = store::delivered_by_status(status);
            const auto after = plan_.settle(order, outcome, now_ms());
            if (after == store::SpoolPlan::After::keep || trouble_) {
                return;
            }
            const store::SpoolItem& item = plan_.settled();
            const std::string reason = "answered " + std::to_string(status);
            const Status done = after == store::SpoolPlan::After::forget
                                    ? queue_.finished(item)
                                    : queue_.bury(item, reason);
            if (after == store::SpoolPlan::After::bury) {
                std::fprintf(stderr, "sallyport: given up %s (%s): %s\n", item.key.c_str(),
                             item.uri.c_str(), reason.c_str());
            }
            if (!done) {
                trouble_ = done.error();
            }
        });
    }

    // Redis is away: what is under way is sent again later, under the same key.
    void lost(const std::string& why) {
        if (queue_.is_open() || !complained_) {
            std::fprintf(stderr, "sallyport: Redis: %s\n", why.c_str());
        }
        complained_ = true;
        queue_.close();
        forget();
        sender_.run(kReconnectMs, [](const std::string&, long) {});
    }

    void forget() {
        sender_.abandon();
        plan_.clear();
        leading_ = false;
        trouble_.reset();
    }

    // Asked to stop: what is under way gets its answer.
    void drain() {
        const std::int64_t until = now_ms() + options_.timeout_s * 1'000;
        while (sender_.under_way() > 0 && now_ms() < until && !trouble_) {
            collect(kIdleMs);
        }
    }

    const ForwardOptions& options_;
    SpoolQueue queue_;
    store::SpoolPlan plan_;
    VerdictRenewer verdicts_;
    HttpSender sender_;
    bool leading_ = false;
    bool complained_ = false;
    std::int64_t renew_at_ms_ = 0;
    std::optional<Error> trouble_;
};

bool is_chosen(const ForwardOptions& options, const store::SpoolItem& item) {
    return options.ids.empty() ||
           std::find(options.ids.begin(), options.ids.end(), item.id) != options.ids.end();
}

void dead_letters(const ForwardOptions& options) {
    SpoolQueue queue(spec_of(options), options.stream, own_name());
    if (const Status opened = queue.open(); !opened) {
        fail("Redis: " + opened.message());
    }
    const auto items = queue.dead(kDeadMax);
    if (!items) {
        fail("Redis: " + items.message());
    }
    for (const store::SpoolItem& item : *items) {
        if (!is_chosen(options, item)) {
            continue;
        }
        const Status done = options.dead_letters == "replay" ? queue.revive(item)
                            : options.dead_letters == "drop" ? queue.drop_dead(item)
                                                             : Status(Done{});
        if (!done) {
            fail("Redis: " + done.message());
        }
        std::printf("%s %s %s %s %zu bytes: %s\n", item.id.c_str(), item.key.c_str(),
                    item.method.c_str(), item.uri.c_str(), item.body.size(), item.reason.c_str());
    }
}

void run(const ForwardOptions& options) {
    if (!options.dead_letters.empty()) {
        dead_letters(options);
        return;
    }
    if (!options.to.starts_with("http://") && !options.to.starts_with("https://")) {
        fail("--to wants the upstream's address such as http://127.0.0.1:5678", kUsage);
    }
    std::signal(SIGTERM, [](int) { stop_asked = 1; });
    std::signal(SIGINT, [](int) { stop_asked = 1; });
    std::signal(SIGPIPE, SIG_IGN);
    Forwarder(options).run();
}

}  // namespace

void add_forward(const Command& program) {
    auto options = std::make_shared<ForwardOptions>();
    const Command command =
        program.command("forward", "Delivers the webhooks that sallyport_webhook_spool has kept");
    command.option("--redis", options->redis, "The URL as in sallyport_redis; several with blanks")
        .required();
    command.option("--redis-option", options->redis_options,
                   "An option of sallyport_redis, such as password_file=PATH");
    command.option("--stream", options->stream, "The spool's stream").shows_default();
    command.option("--to", options->to, "The upstream, such as http://127.0.0.1:5678");
    command.option("--concurrency", options->concurrency, "Deliveries at a time")
        .between(1, 1000)
        .shows_default();
    command
        .option("--attempts", options->attempts,
                "Refusals after which a delivery becomes a dead letter")
        .between(1, 1000)
        .shows_default();
    command.option("--timeout", options->timeout_s, "Seconds that one delivery may take")
        .between(1, 3600)
        .shows_default();
    command.option("--verdict-secret-file", options->verdict_secret_files,
                   "The secret of sallyport_verdict, for an upstream that demands the gateway's "
                   "verdict; several while it is rotated, the current one first");
    command.flag("--once", options->once, "End when nothing waits any more");
    command
        .option("--dead-letters", options->dead_letters,
                "list, replay or drop what was given up, instead of delivering")
        .one_of({"list", "replay", "drop"});
    command.option("--id", options->ids, "Only these dead letters");
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
