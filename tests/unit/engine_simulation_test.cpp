// Runs under a storm, from a seed: duplicated and late events, crashes between journal and effect,
// failures, clock jumps. Whatever happens: the run ends, no recorded step is performed again, and
// each effect is under its one key. A failing seed prints its trace.
#include "engine/core/run_journal.hpp"
#include "engine/core/run_machine.hpp"
#include "tests/unit/engine_flows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

constexpr unsigned kSeeds = 300;
// Far above what any seed needs: a run that has not ended by then never will.
constexpr int kStepsMax = 5000;

class Storm {
  public:
    explicit Storm(unsigned seed) : random_(seed) {
        std::vector<std::string> steps;
        const int count = pick(0, 6);
        for (int i = 0; i < count; ++i) {
            const std::string name = "s" + std::to_string(i);
            const std::string options = std::string(chance(40) ? kRetry : R"("x":0)") +
                                        (chance(30) ? "," + std::string(kContinue) : "");
            steps.push_back(chance(50) ? http_action(name, options) : code_action(name, options));
        }
        program_ = test_program(steps);
    }

    void run() {
        accept(RunStarted{Json::string("in"), chance(10) ? 50'000 : 0});
        commit();  // acknowledged from here on
        for (int i = 0; i < kStepsMax && !ended_; ++i) {
            now_ += chance(2) ? pick(-5000, 100'000) : pick(0, 50);  // clocks jump
            if (chance(8)) {
                crash();
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
                const std::string name(entry["step"].text());
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
            report(StepFailed{name, action.attempt, "no input", FailureKind::error, {}});
        } else {
            report(StepStarted{name, action.attempt, Json::object()});
        }
    }

    void perform(const PerformStep& action) {
        const Step& at = program_->steps[action.step];
        EXPECT_EQ(recorded_.count(at.name), 0U) << at.name << " was performed after its result";
        const std::string key = idempotency_key("run", at.name, action.attempt);
        if (has_external_effect(at)) {
            EXPECT_TRUE(started_on_disk(at.name, action.attempt))
                << key << " went out before the journal knew of it";
        }
        keys_[key] += 1;
        if (chance(20)) {
            const bool hard = chance(20);
            report(StepFailed{at.name,
                              action.attempt,
                              "broken",
                              hard ? FailureKind::internal : FailureKind::error,
                              {}});
        } else {
            const bool replies = chance(20);
            report(StepSucceeded{at.name, action.attempt, Json::string(key),
                                 replies ? Json::string("reply") : Json(), chance(5)});
        }
    }

    void perform(const SetTimer& action) {
        // Timers fire when they are due, unless the process dies first; here time flies.
        if (action.timer == TimerKind::deadline && !chance(3)) {
            return;
        }
        now_ = std::max(now_, action.due_ms);
        report(TimerFired{action.timer, action.attempt});
    }

    void perform(const ReplyToCaller& action) {
        bool on_disk = false;
        for (const std::string& commit : journal_) {
            on_disk = on_disk ||
                      commit.find(R"("response":)" + action.response.dump()) != std::string::npos;
        }
        EXPECT_TRUE(on_disk) << "answered before the commit";
    }

    void perform(const FinishRun& action) {
        EXPECT_EQ(action.status, state_.status);
        ++times_finished_;
        ended_ = true;
    }

    bool started_on_disk(const std::string& name, std::uint32_t attempt) const {
        const std::string wanted =
            R"("step":")" + name + R"(","attempt":)" + std::to_string(attempt);
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
    bool ended_ = false;
    int times_finished_ = 0;
    std::ostringstream trace_;
};

TEST(RunSimulation, EveryAcknowledgedRunEndsAndNoRecordedStepRepeats) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Storm storm(seed);
        storm.run();
        if (HasFailure()) {
            FAIL() << "seed " << seed << "\n" << storm.trace();
        }
    }
}

}  // namespace
}  // namespace sallyport::engine
