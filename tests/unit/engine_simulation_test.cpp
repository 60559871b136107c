// Runs under a storm, from a seed: duplicated and late events, crashes between journal and effect,
// failures, clock jumps. Whatever happens: the run ends, no recorded step is performed again, and
// each effect is under its one key. A failing seed prints its trace.
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/machine.hpp"
#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr unsigned kSeeds = 300;

// scripts/simulate-runs asks for more, or for one.
unsigned from_environment(const char* name, unsigned fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

// Far above what any seed needs: a run that has not ended by then never will.
constexpr int kStepsMax = 5000;

class Storm {
  public:
    explicit Storm(unsigned seed) : random_(seed) { program_ = test_program(chain(pick(0, 6), 0)); }

    void run() {
        accept(RunStarted{Json::string("in"), chance(10) ? 50'000 : 0});
        commit();  // acknowledged from here on
        for (int i = 0; i < kStepsMax && !ended_; ++i) {
            now_ += chance(2) ? pick(-5000, 100'000) : pick(0, 50);  // clocks jump
            if (chance(8)) {
                crash();
            } else if (chance(5)) {
                ask();
            } else if (chance(10) && !seen_.empty()) {
                deliver(
                    seen_[static_cast<std::size_t>(pick(0, static_cast<int>(seen_.size()) - 1))]);
            } else {
                work();
            }
            if (::testing::Test::HasFailure()) {
                return;
            }
        }
        EXPECT_TRUE(ended_) << "the run never ended";
        if (ended_) {
            EXPECT_TRUE(is_terminal(state_.status));
            EXPECT_LE(times_finished_, 1);
        }
    }

    std::string trace() const { return trace_.str(); }

  private:
    int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
    bool chance(int percent) { return pick(1, 100) <= percent; }

    // `count` steps in a row; some are loops and routers around further ones.
    std::vector<std::string> chain(int count, int depth) {
        std::vector<std::string> steps;
        for (int i = 0; i < count; ++i) {
            steps.push_back(depth < 2 && chance(25) ? nest(depth) : plain());
        }
        return steps;
    }

    std::string plain() {
        const std::string name = "s" + std::to_string(named_++);
        const std::string options = std::string(chance(40) ? kRetry : R"("x":0)") +
                                    (chance(30) ? "," + std::string(kContinue) : "");
        return chance(50) ? http_action(name, options) : code_action(name, options);
    }

    std::string nest(int depth) {
        const std::string name = "s" + std::to_string(named_++);
        if (chance(50)) {
            return loop_action(name, "[]", joined(chain(pick(0, 2), depth + 1)));
        }
        const std::string any = R"({"branchName":"b","branchType":"CONDITION","conditions":[]})";
        std::vector<std::string> branches;
        std::vector<std::string> children;
        for (int i = pick(0, 3); i > 0; --i) {
            branches.push_back(any);
            children.push_back(joined(chain(pick(0, 2), depth + 1)));
        }
        return router_action(name, chance(50) ? "EXECUTE_ALL_MATCH" : "EXECUTE_FIRST_MATCH",
                             branches, children);
    }

    static std::string joined(const std::vector<std::string>& steps) {
        std::string tree;
        for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
            tree = tree.empty() ? *step : followed_by(*step, tree);
        }
        return tree;
    }

    // What a loop or router would make of its settings.
    Json control_output(const Step& at) {
        Json out = Json::array();
        const int size =
            at.kind == StepKind::loop ? pick(0, 3) : static_cast<int>(at.branches.size());
        for (int i = 0; i < size; ++i) {
            out.append(at.kind == StepKind::loop
                           ? Json::integer(i)
                           : Json::object({{"evaluation", Json::boolean(chance(60))}}));
        }
        return at.kind == StepKind::loop ? out : Json::object({{"branches", out}});
    }

    // ---- the driver's part

    void accept(const Event& event) {
        Transition next = step(*program_, std::move(state_), event, now_);
        state_ = std::move(next.state);
        if (!next.accepted) {
            EXPECT_TRUE(next.actions.empty()) << "a refused event has no consequences";
            return;
        }
        const Json entry = journal_entry_json(event, now_);
        trace_ << entry.dump() << "\n";
        uncommitted_.append(entry);
        for (const Action& action : next.actions) {
            (action.after_commit ? held_ : ready_).push_back(action);
        }
    }

    void commit() {
        if (uncommitted_.size() > 0) {
            journal_.push_back(uncommitted_.dump());
            note_recorded();
            uncommitted_ = Json::array();
        }
        ready_.insert(ready_.end(), held_.begin(), held_.end());
        held_.clear();
    }

    // Results on disk are final.
    void note_recorded() {
        for (std::size_t i = 0; i < uncommitted_.size(); ++i) {
            const Json entry = uncommitted_.at(i);
            if (entry["type"].text() == "step_succeeded") {
                const std::string name = std::string(entry["step"].text()) + "[" +
                                         std::string(entry["path"].text()) + "]";
                EXPECT_TRUE(recorded_.insert(name).second) << name << " has two recorded results";
            }
        }
    }

    // Everything in memory is gone; what was on its way may still arrive.
    void crash() {
        trace_ << "crash\n";
        ready_.clear();
        held_.clear();
        uncommitted_ = Json::array();
        Result<RunState> rebuilt = replay(*program_, journal_);
        ASSERT_TRUE(rebuilt.ok()) << rebuilt.message();
        Transition next = resume(*program_, *std::move(rebuilt));
        state_ = std::move(next.state);
        for (const Action& action : next.actions) {
            (action.after_commit ? held_ : ready_).push_back(action);
        }
        ended_ = is_terminal(state_.status);  // its end is on disk: nobody takes it up again
        seen_.clear();  // callbacks of the old process never arrive in the new one
    }

    void deliver(const Event& event) { accept(event); }

    // Performs something that is ready, in any order, or commits.
    void work() {
        if (ready_.empty() || (chance(30) && !held_.empty())) {
            commit();
            return;
        }
        const auto at = static_cast<std::size_t>(pick(0, static_cast<int>(ready_.size()) - 1));
        const Action action = ready_[at];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(at));
        std::visit([this](const auto& what) { perform(what); }, action.what);
    }

    // ---- the world's part

    void report(const Event& event) {
        seen_.push_back(event);
        accept(event);
        if (chance(10)) {
            accept(event);  // twice
        }
    }

    void perform(const PrepareStep& action) {
        const std::string& name = program_->steps[action.step].name;
        if (chance(5)) {
            report(
                StepFailed{name, action.attempt, "no input", FailureKind::error, {}, action.path});
        } else {
            report(StepStarted{name, action.attempt, Json::object(), action.path});
        }
    }

    void perform(const PerformStep& action) {
        const Step& at = program_->steps[action.step];
        const std::string name = at.name + "[" + action.path + "]";
        EXPECT_EQ(recorded_.count(name), 0U) << name << " was performed after its result";
        const std::string key = idempotency_key("run", at.name, action.attempt, action.path);
        if (has_external_effect(at)) {
            EXPECT_TRUE(started_on_disk(at.name, action.attempt, action.path))
                << key << " went out before the journal knew of it";
        }
        keys_[key] += 1;
        if (chance(20)) {
            constexpr FailureKind kHard[] = {FailureKind::internal, FailureKind::timeout,
                                             FailureKind::memory_limit};
            const FailureKind kind = chance(20) ? kHard[pick(0, 2)] : FailureKind::error;
            report(StepFailed{at.name, action.attempt, "broken", kind, {}, action.path});
        } else if (at.kind == StepKind::loop || at.kind == StepKind::router) {
            report(
                StepSucceeded{at.name, action.attempt, control_output(at), {}, false, action.path});
        } else if (chance(10)) {
            report(StepPaused{at.name, action.attempt, now_ + 1000, Json::string(key), action.path,
                              chance(50) ? key : std::string(),
                              chance(30) ? Json::string("reply") : Json()});
        } else {
            const bool replies = chance(20);
            report(StepSucceeded{at.name, action.attempt, Json::string(key),
                                 replies ? Json::string("reply") : Json(), chance(5), action.path});
        }
    }

    void perform(const SetTimer& action) {
        // Timers fire when they are due, unless the process dies first; here time flies.
        if (action.timer == TimerKind::deadline && !chance(3)) {
            return;
        }
        now_ = std::max(now_, action.due_ms);
        report(TimerFired{action.timer, action.attempt, action.path});
    }

    void perform(const ReplyToCaller& action) {
        bool on_disk = false;
        for (const std::string& commit : journal_) {
            on_disk = on_disk ||
                      commit.find(R"("response":)" + action.response.dump()) != std::string::npos;
        }
        EXPECT_TRUE(on_disk) << "answered before the commit";
    }

    void perform(const ParkRun& action) {
        if (!state_.request_id.empty() && chance(90)) {
            report(RequestArrived{state_.request_id, Json::object(), 0});
            return;
        }
        now_ = std::max(now_, action.resume_at_ms);
        report(RunResumed{0, Json::string("rested"), chance(20) ? "in vain" : ""});
    }

    // Requests come when they like: before their step waits, after it, for steps of other runs.
    void ask() {
        const auto at =
            static_cast<std::size_t>(pick(0, static_cast<int>(program_->steps.size()) - 1));
        const std::string key = idempotency_key("run", program_->steps[at].name,
                                                static_cast<std::uint32_t>(pick(1, 2)));
        report(RequestArrived{key, Json::object(), 0});
    }

    void perform(const FinishRun& action) {
        EXPECT_EQ(action.status, state_.status);
        ++times_finished_;
        ended_ = true;
    }

    bool started_on_disk(const std::string& name, std::uint32_t attempt,
                         const std::string& path) const {
        const std::string wanted = R"("step":")" + name + R"(","attempt":)" +
                                   std::to_string(attempt) +
                                   (path.empty() ? "," : R"(,"path":")" + path + "\"");
        for (const std::string& commit : journal_) {
            if (commit.find(R"("type":"step_started")") != std::string::npos &&
                commit.find(wanted) != std::string::npos) {
                return true;
            }
        }
        return false;
    }

    std::mt19937 random_;
    std::shared_ptr<const Program> program_;
    RunState state_;
    std::int64_t now_ = 1000;
    Json uncommitted_ = Json::array();
    std::vector<std::string> journal_;
    std::vector<Action> ready_;
    std::vector<Action> held_;
    std::vector<Event> seen_;
    std::set<std::string> recorded_;
    std::map<std::string, int> keys_;
    int named_ = 0;
    bool ended_ = false;
    int times_finished_ = 0;
    std::ostringstream trace_;
};

TEST(RunSimulation, EveryAcknowledgedRunEndsAndNoRecordedStepRepeats) {
    const unsigned first = from_environment("SALLYPORT_SIMULATION_FIRST", 1);
    const unsigned seeds = from_environment("SALLYPORT_SIMULATION_SEEDS", kSeeds);
    for (unsigned seed = first; seed < first + seeds; ++seed) {
        Storm storm(seed);
        storm.run();
        if (HasFailure()) {
            FAIL() << "seed " << seed << "\n" << storm.trace();
        }
    }
}

}  // namespace
}  // namespace sallyport::engine
