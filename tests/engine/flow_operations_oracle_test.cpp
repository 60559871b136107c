// Every operation on flows against the contract's published implementation: what it accepts, the
// tree it leaves, the errors it gives. SALLYPORT_SEQUENCES=20000 (scripts/compare-flow-operations)
// draws more sequences than the test run's 300, SALLYPORT_JOBS of them at a time.
#include "tests/engine/contract_oracle.hpp"
#include "tests/engine/flow_comparison.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

// A long comparison says this often how far it is.
constexpr std::uint64_t kReportEvery = 1000;

std::uint64_t number_or(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

// Seeds that several oracles work off together, until all are done or one tells a difference.
class Comparison {
  public:
    Comparison(std::uint64_t first, std::uint64_t count)
        : next_(first), end_(first + count), count_(count) {}

    void work() {
        ContractOracle oracle;
        FlowTally tally;
        while (const std::optional<std::uint64_t> seed = take()) {
            try {
                finish(flow_difference(oracle, *seed, tally));
            } catch (const std::exception& error) {
                finish("seed " + std::to_string(*seed) + ": " + error.what());
            }
        }
        const std::lock_guard lock(mutex_);
        tally_.add(tally);
    }

    const std::string& difference() const { return difference_; }
    const FlowTally& tally() const { return tally_; }
    std::uint64_t done() const { return done_; }

  private:
    std::optional<std::uint64_t> take() {
        const std::lock_guard lock(mutex_);
        return next_ == end_ || !difference_.empty() ? std::nullopt : std::optional(next_++);
    }

    void finish(const std::string& difference) {
        const std::lock_guard lock(mutex_);
        ++done_;
        difference_ += difference.empty() ? "" : difference + "\n";
        if (difference_.empty() && done_ % kReportEvery == 0) {
            std::printf("%llu of %llu, no difference\n", static_cast<unsigned long long>(done_),
                        static_cast<unsigned long long>(count_));
            std::fflush(stdout);
        }
    }

    std::mutex mutex_;
    std::uint64_t next_;
    const std::uint64_t end_;
    const std::uint64_t count_;
    std::uint64_t done_ = 0;
    std::string difference_;
    FlowTally tally_;
};

TEST(FlowOperationsOracle, SequencesLeaveTheSameTreesAndErrors) {
    const std::uint64_t sequences = number_or("SALLYPORT_SEQUENCES", 300);
    Comparison comparison(number_or("SALLYPORT_SEED", 1), sequences);
    std::vector<std::future<void>> jobs(
        std::max<std::uint64_t>(number_or("SALLYPORT_JOBS", 1), 1));
    for (std::future<void>& job : jobs) {
        job = std::async(std::launch::async, [&comparison] { comparison.work(); });
    }
    for (std::future<void>& job : jobs) {
        job.get();
    }
    if (!comparison.difference().empty()) {
        FAIL() << comparison.difference();
    }
    EXPECT_EQ(comparison.done(), sequences);
    // A comparison that never gets anywhere compares nothing.
    const FlowTally& tally = comparison.tally();
    EXPECT_GE(tally.applied.size(), 18U);
    for (const auto& [type, count] : tally.applied) {
        EXPECT_GT(count, static_cast<int>(sequences) / 50) << type;
    }
    EXPECT_GT(tally.refused, 0);
    RecordProperty("refused", tally.refused);
    RecordProperty("declared", tally.declared);
}

}  // namespace
}  // namespace sallyport::test
