#include "tests/unit/rate_lease_simulation.hpp"

#include "module/policy/lease_pocket.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <sstream>

namespace sallyport::test {
namespace {

using policy::LeaseAnswer;
using policy::LeaseEntry;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kS = 1'000 * kMs;
constexpr policy::KeyHash kKey{1, 1 << 20};

enum class What : std::uint8_t {
    request,
    store_take,
    store_refund,
    answer,
    timeout,
    tick,
    death,
    failover,
    snapshot,
    jump
};

struct Event {
    std::int64_t at_ns = 0;
    std::uint64_t order = 0;
    What what = What::request;
    int node = 0;
    std::uint64_t life = 0;      // of the node: messages to a dead one find nobody
    std::uint64_t question = 0;  // names a question or a refund
    std::int64_t need_ns = 0;
    std::int64_t extra_ns = 0;
    bool hold = false;
    std::int64_t granted_at_ns = 0;  // on the store's clock
    policy::BucketGrant reply{};

    bool operator>(const Event& other) const {
        return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
};

struct Question {
    std::int64_t sent_ns = 0;  // on the node's clock
    std::int64_t need_ns = 0;
    bool wanted = false;
    std::size_t worker = 0;  // who asked
};

// A worker's pocket, of few places: the key shares it with none.
struct Pocket {
    alignas(policy::LeasePocket::kSetBytes) std::byte memory[policy::LeasePocket::kSetBytes] = {};
    policy::LeasePocket pocket{memory};
};

struct Node {
    LeaseEntry entry{};
    std::vector<std::unique_ptr<Pocket>> pockets;  // one a worker

    void empty_pockets(int workers) {
        pockets.clear();
        for (int i = 0; i < workers; ++i) {
            pockets.push_back(std::make_unique<Pocket>());
        }
    }
    // What a worker takes of what the node holds, and puts into its pocket.
    void fill(std::size_t worker, std::int64_t clock_ns) {
        if (pockets.empty()) {
            return;
        }
        const auto workers = static_cast<std::uint32_t>(pockets.size());
        const policy::HeldPart part = policy::take_held(entry, workers, clock_ns);
        pockets[worker]->pocket.put(kKey, {part.units, part.ends_ns, entry.tat_ns}, clock_ns);
    }
    std::uint64_t life = 0;
    double speed = 1;
    std::int64_t offset_ns = 0;
    std::map<std::uint64_t, Question> open;
    std::int64_t granted_at_ns = 0;  // of the newest lease, as the store has told

    std::int64_t clock(std::int64_t at_ns) const {
        return offset_ns + static_cast<std::int64_t>(static_cast<double>(at_ns) * speed);
    }
};

struct Store {
    policy::Bucket bucket;
    std::set<std::uint64_t> refunded;
};

class Simulation {
  public:
    explicit Simulation(const SimulationPlan& plan)
        : plan_(plan),
          random_(plan.seed),
          interval_ns_(plan.terms.gcra.interval_ns),
          rate_per_ns_(1.0 / static_cast<double>(plan.terms.gcra.interval_ns)),
          nodes_(static_cast<std::size_t>(plan.nodes)) {}

    SimulationOutcome run() {
        for (int i = 0; i < plan_.nodes; ++i) {
            Node& node = nodes_[static_cast<std::size_t>(i)];
            node.speed = 1 + plan_.clock_drift * (2 * uniform() - 1);
            node.offset_ns = static_cast<std::int64_t>(uniform() * 1e12) + 1;
            node.entry = LeaseEntry::fresh(kKey, node.clock(0));
            node.empty_pockets(plan_.workers);
            push({.at_ns = slice(), .what = What::tick, .node = i});
        }
        push({.at_ns = kS, .what = What::request});
        schedule(What::jump, plan_.jump_every_ns);
        schedule(What::death, plan_.node_death_every_ns);
        schedule(What::failover, plan_.failover_every_ns);
        while (!events_.empty() && events_.top().at_ns < kS + plan_.duration_ns) {
            const Event event = events_.top();
            events_.pop();
            now_ns_ = event.at_ns;
            handle(event);
        }
        return outcome_;
    }

  private:
    double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
    std::int64_t slice() const { return plan_.terms.ttl_ns / policy::kLeaseSlices; }
    void push(Event event) {
        event.order = ++order_;
        events_.push(event);
    }
    void schedule(What what, std::int64_t every_ns) {
        if (every_ns > 0) {
            const double after = static_cast<double>(every_ns) * (0.5 + uniform());
            push({.at_ns = now_ns_ + static_cast<std::int64_t>(after), .what = what});
        }
    }
    Node& node_of(const Event& event) { return nodes_[static_cast<std::size_t>(event.node)]; }

    // A message may be lost, late, or come twice.
    void transmit(Event event) {
        const int copies = uniform() < plan_.loss ? 0 : uniform() < plan_.duplication ? 2 : 1;
        for (int i = 0; i < copies; ++i) {
            event.at_ns = now_ns_ + plan_.delay_ns +
                          static_cast<std::int64_t>(static_cast<double>(plan_.delay_spread_ns) *
                                                    std::pow(uniform(), 4));
            push(event);
        }
    }

    void handle(const Event& event) {
        switch (event.what) {
            case What::request:
                return on_request();
            case What::store_take:
                return on_store_take(event);
            case What::store_refund:
                return on_store_refund(event);
            case What::answer:
                return on_answer(event);
            case What::timeout:
                return on_timeout(event);
            case What::tick:
                return on_tick(event);
            case What::death:
                return on_death();
            case What::failover:
                return on_failover();
            case What::snapshot:
                replica_ = store_;
                forgotten_ns_ = 0;
                return;
            case What::jump:
                busy_ = static_cast<int>(uniform() * plan_.nodes);
                return schedule(What::jump, plan_.jump_every_ns);
        }
    }

    void on_request() {
        const bool surges = plan_.surge_after_ns > 0 && now_ns_ > kS + plan_.surge_after_ns;
        const double per_s = surges ? plan_.surge_per_s : plan_.offered_per_s;
        const double gap_ns = -std::log(1 - uniform()) / per_s * 1e9;
        push({.at_ns = now_ns_ + static_cast<std::int64_t>(gap_ns) + 1, .what = What::request});
        ++outcome_.offered;
        const int i = plan_.jump_every_ns > 0 ? busy_ : static_cast<int>(uniform() * plan_.nodes);
        Node& node = nodes_[static_cast<std::size_t>(i)];
        const std::int64_t clock_ns = node.clock(now_ns_);
        const auto worker =
            static_cast<std::size_t>(uniform() * static_cast<double>(node.pockets.size()));
        if (takes_from_pocket(node, worker, clock_ns)) {
            ++outcome_.pocketed;
            return admit();
        }
        const policy::LeaseLook seen = look(node.entry, plan_.terms, 1, clock_ns);
        if (seen.answer == LeaseAnswer::admit) {
            spend(node.entry, 1, clock_ns);
            node.fill(worker, clock_ns);
            admit();
        }
        if (seen.answer == LeaseAnswer::ask || seen.want > 0) {
            ask(i, worker, seen.answer == LeaseAnswer::ask ? interval_ns_ : 0, seen.want,
                seen.hold);
        }
    }

    bool takes_from_pocket(Node& node, std::size_t worker, std::int64_t clock_ns) const {
        if (node.pockets.empty()) {
            return false;
        }
        const policy::LeasePocket& pocket = node.pockets[worker]->pocket;
        policy::LeasePocket::Place* place = pocket.find(kKey, 1, plan_.pockets_last ? 0 : clock_ns);
        if (place == nullptr) {
            return false;
        }
        policy::LeasePocket::spend(*place, 1);
        return true;
    }

    void ask(int i, std::size_t worker, std::int64_t need_ns, std::uint32_t want,
             std::uint32_t hold) {
        Node& node = nodes_[static_cast<std::size_t>(i)];
        if (want > 0 || hold > 0) {
            asked(node.entry, plan_.terms, node.clock(now_ns_));
        }
        const std::uint64_t question = ++question_;
        node.open[question] = {node.clock(now_ns_), need_ns, want > 0, worker};
        ++outcome_.trips;
        Event message{.what = What::store_take, .node = i, .life = node.life};
        message.question = question;
        message.need_ns = need_ns;
        message.extra_ns = (want + hold) * interval_ns_;
        message.hold = hold > 0;
        transmit(message);
        message.what = What::timeout;
        message.at_ns = now_ns_ + plan_.budget_ns;
        push(message);
    }

    void on_store_take(const Event& event) {
        Event answer = event;
        answer.what = What::answer;
        policy::Bucket& bucket = store_.bucket;
        answer.reply =
            policy::grant(bucket, plan_.terms, event.need_ns, event.extra_ns, event.hold, now_ns_);
        answer.granted_at_ns = now_ns_;
        if (answer.reply.allowed) {
            const std::int64_t extra_ns = answer.reply.extra_ns;
            outcome_.held +=
                answer.reply.held ? static_cast<std::uint64_t>(extra_ns / interval_ns_) : 0;
            if (plan_.leases_are_free && !answer.reply.held) {
                bucket.tat_ns -= extra_ns;
            }
            if (plan_.held_is_free && answer.reply.held) {
                bucket.held_ns -= extra_ns;
            }
            forgotten_ns_ += event.need_ns + extra_ns;
        }
        transmit(answer);
    }

    void on_store_refund(const Event& event) {
        if (!store_.refunded.insert(event.question).second) {
            return;
        }
        const std::int64_t ahead_ns = plan_.terms.gcra.ahead(store_.bucket.tat_ns, now_ns_);
        store_.bucket.tat_ns =
            now_ns_ + policy::refund(ahead_ns, event.extra_ns, now_ns_ - event.granted_at_ns,
                                     plan_.terms.ttl_ns);
        forgotten_ns_ += event.extra_ns;
    }

    void on_answer(const Event& event) {
        Node& node = node_of(event);
        const auto found = node.open.find(event.question);
        if (event.life != node.life || found == node.open.end()) {
            return;  // nobody waits: what it granted is lost
        }
        const Question question = found->second;
        node.open.erase(found);
        const std::int64_t clock_ns = node.clock(now_ns_);
        if (!event.reply.allowed) {
            refused(node.entry, plan_.terms, event.reply.ahead_ns, question.sent_ns, clock_ns);
            return;
        }
        const auto units = static_cast<std::uint32_t>(event.reply.extra_ns / interval_ns_);
        const bool in_time = granted(node.entry, plan_.terms, event.reply.ahead_ns, units,
                                     event.reply.held, question.sent_ns, clock_ns);
        if (in_time) {
            node.fill(question.worker, clock_ns);
        }
        node.granted_at_ns = event.granted_at_ns;
        if (in_time && question.need_ns > 0) {
            admit();
        }
    }

    void on_timeout(const Event& event) {
        Node& node = node_of(event);
        if (event.life == node.life && node.open.erase(event.question) > 0) {
            unanswered(node.entry);
        }
    }

    void on_tick(const Event& event) {
        Node& node = node_of(event);
        push({.at_ns = now_ns_ + slice(), .what = What::tick, .node = event.node});
        const std::uint32_t units = take_unused(node.entry, plan_.terms, node.clock(now_ns_));
        if (units > 0) {
            ++outcome_.refunds;
            Event message{.what = What::store_refund, .node = event.node};
            message.question = ++question_;
            message.extra_ns = units * interval_ns_;
            message.granted_at_ns = node.granted_at_ns;
            transmit(message);
        }
    }

    void on_death() {
        Node& node = nodes_[static_cast<std::size_t>(uniform() * plan_.nodes)];
        ++node.life;
        node.open.clear();
        node.entry = LeaseEntry::fresh(kKey, node.clock(now_ns_));
        node.empty_pockets(plan_.workers);
        schedule(What::death, plan_.node_death_every_ns);
    }

    // The store goes back to what its replica had heard of a while ago.
    void on_failover() {
        if (replica_.bucket.tat_ns != 0) {
            store_ = replica_;
            const double lost = static_cast<double>(forgotten_ns_) * rate_per_ns_;
            outcome_.lost_units += static_cast<std::uint64_t>(std::ceil(lost));
            losses_.push_back({now_ns_, std::ceil(lost)});
            forgotten_ns_ = 0;
        }
        const double after = static_cast<double>(plan_.failover_every_ns) * (0.5 + uniform());
        const std::int64_t next_ns = now_ns_ + static_cast<std::int64_t>(after);
        push({.at_ns = next_ns - std::min(plan_.failover_lag_ns, next_ns - now_ns_ - 1),
              .what = What::snapshot});
        push({.at_ns = next_ns, .what = What::failover});
    }

    // Keeps, over all windows that begin with an earlier admission, the one that ends here and
    // exceeds most.
    void admit() {
        ++outcome_.admitted;
        while (known_losses_ < losses_.size() &&
               losses_[known_losses_].first + plan_.terms.ttl_ns + plan_.terms.hold_ns < now_ns_) {
            old_losses_ += losses_[known_losses_++].second;
        }
        double all_losses = 0;
        for (const auto& one : losses_) {
            all_losses += one.second;
        }
        const double line =
            static_cast<double>(outcome_.admitted) - static_cast<double>(now_ns_) * rate_per_ns_;
        lowest_ = std::min(lowest_, line - 1 - old_losses_);
        const double allowed =
            static_cast<double>(plan_.terms.gcra.capacity_ns + plan_.terms.ttl_ns) * rate_per_ns_;
        outcome_.worst_excess =
            std::max(outcome_.worst_excess, line - all_losses - lowest_ - allowed);
    }

    const SimulationPlan plan_;
    std::mt19937_64 random_;
    const std::int64_t interval_ns_;
    const double rate_per_ns_;
    std::vector<Node> nodes_;
    Store store_;
    Store replica_;
    std::int64_t forgotten_ns_ = 0;  // granted since the replica's state
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::uint64_t order_ = 0;
    std::uint64_t question_ = 0;
    std::int64_t now_ns_ = 0;
    int busy_ = 0;
    SimulationOutcome outcome_{.worst_excess = -1e18};
    std::vector<std::pair<std::int64_t, double>> losses_;
    std::size_t known_losses_ = 0;
    double old_losses_ = 0;
    double lowest_ = 1e18;
};

}  // namespace

SimulationOutcome simulate(const SimulationPlan& plan) {
    return Simulation(plan).run();
}

SimulationPlan hostile_plan(std::uint64_t seed) {
    std::mt19937_64 random(seed * 7919 + 3);
    const auto among = [&](std::initializer_list<std::int64_t> choices) {
        return choices.begin()[random() % choices.size()];
    };
    SimulationPlan plan;
    plan.seed = seed;
    const auto per_s = static_cast<std::uint64_t>(among({2, 20, 100, 500, 2000}));
    const auto burst = static_cast<std::uint64_t>(among({1, 5, 20, 100, 1000}));
    plan.terms = {policy::Gcra::make(per_s, kS, burst), among({50, 250, 1000}) * kMs, 0};
    plan.nodes = static_cast<int>(among({1, 2, 5, 20, 50}));
    plan.duration_ns = 4 * kS;
    plan.offered_per_s =
        static_cast<double>(per_s) * static_cast<double>(among({5, 10, 20, 40})) / 10;
    plan.jump_every_ns = among({0, 0, 300, 1500}) * kMs;
    plan.delay_ns = among({50, 300, 2000}) * 1000;
    plan.delay_spread_ns = among({0, 5, 200, 2000}) * kMs;
    plan.loss = static_cast<double>(among({0, 0, 5, 30})) / 100;
    plan.duplication = static_cast<double>(among({0, 0, 10, 50})) / 100;
    plan.node_death_every_ns = among({0, 400, 2000}) * kMs;
    plan.failover_every_ns = among({0, 0, 1500}) * kMs;
    plan.failover_lag_ns = among({1, 50, 500}) * kMs;
    plan.clock_drift = static_cast<double>(among({0, 1, 10})) / 1000;
    plan.budget_ns = among({5, 5, 100}) * kMs;
    plan.terms.hold_ns = among({0, 300, 700, 2000}) * kMs;
    plan.workers = static_cast<int>(seed % 5);
    if (plan.terms.hold_ns > 0) {
        // Load so thin that units are held, by turns with more of it.
        plan.offered_per_s *= static_cast<double>(among({1, 3, 10})) / 10;
    }
    return plan;
}

std::string describe(const SimulationPlan& plan) {
    std::ostringstream out;
    out << "seed " << plan.seed << ", " << plan.nodes << " nodes of " << plan.workers
        << " workers, interval " << plan.terms.gcra.interval_ns << " ns, capacity "
        << plan.terms.gcra.capacity_ns << " ns, ttl " << plan.terms.ttl_ns << " ns, hold "
        << plan.terms.hold_ns << " ns, offered " << plan.offered_per_s << "/s, jump "
        << plan.jump_every_ns << ", delay " << plan.delay_ns << "+" << plan.delay_spread_ns
        << ", loss " << plan.loss << ", duplication " << plan.duplication << ", death "
        << plan.node_death_every_ns << ", failover " << plan.failover_every_ns << "/"
        << plan.failover_lag_ns << ", drift " << plan.clock_drift << ", budget " << plan.budget_ns;
    return out.str();
}

}  // namespace sallyport::test
