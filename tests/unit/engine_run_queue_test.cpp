// Whose turn it is: limits of a project and of all, turns between projects, classes, ages.
#include "engine/core/run_counters.hpp"
#include "engine/core/run_queue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

std::vector<std::string> drain(RunQueue& queue) {
    std::vector<std::string> order;
    while (const auto next = queue.next()) {
        order.push_back(*next);
        queue.leave(*next);
    }
    return order;
}

TEST(RunQueue, ProjectsTakeTurns) {
    RunQueue queue({1, 1});
    EXPECT_TRUE(queue.enter("a0", "a", 3, 0));
    for (const char* id : {"a1", "a2", "a3", "b1", "c1", "b2"}) {
        EXPECT_FALSE(queue.enter(id, std::string(1, id[0]), 3, 0));
    }
    EXPECT_FALSE(queue.next()) << "no place";
    queue.leave("a0");
    EXPECT_EQ(drain(queue), (std::vector<std::string>{"a1", "b1", "c1", "a2", "b2", "a3"}));
    EXPECT_EQ(queue.waiting() + queue.active(), 0u);
}

TEST(RunQueue, AProjectAtItsLimitHoldsUpNobodyElse) {
    RunQueue queue({10, 2});
    EXPECT_TRUE(queue.enter("a1", "a", 3, 0));
    EXPECT_TRUE(queue.enter("a2", "a", 3, 0));
    EXPECT_TRUE(queue.is_full("a"));
    EXPECT_FALSE(queue.enter("a3", "a", 3, 0));
    EXPECT_TRUE(queue.enter("b1", "b", 3, 0));
    EXPECT_FALSE(queue.next());
    queue.leave("a1");
    EXPECT_EQ(queue.next(), "a3");
    EXPECT_FALSE(queue.next());
}

TEST(RunQueue, BetterClassesGoFirstButNobodyOvertakesHisOwn) {
    RunQueue queue({1, 1});
    EXPECT_TRUE(queue.enter("x", "x", 3, 0));
    EXPECT_FALSE(queue.enter("polled", "a", 5, 0));
    EXPECT_FALSE(queue.enter("hook1", "a", 3, 0));
    EXPECT_FALSE(queue.enter("hook2", "a", 3, 0));
    EXPECT_FALSE(queue.enter("sync", "b", 2, 0));
    EXPECT_FALSE(queue.enter("odd", "b", 99, 0));
    queue.leave("x");
    EXPECT_EQ(drain(queue), (std::vector<std::string>{"sync", "hook1", "hook2", "polled", "odd"}));
}

TEST(RunQueue, WhoLeavesTheLineIsPassedOver) {
    RunQueue queue({1, 1});
    EXPECT_TRUE(queue.enter("x", "x", 3, 100));
    EXPECT_FALSE(queue.enter("a1", "a", 3, 110));
    EXPECT_FALSE(queue.enter("a2", "a", 3, 120));
    EXPECT_EQ(queue.oldest_ms(150), 40);
    EXPECT_TRUE(queue.waits("a1"));
    queue.leave("a1");
    EXPECT_FALSE(queue.waits("a1"));
    EXPECT_EQ(queue.oldest_ms(150), 30);
    queue.leave("nobody");
    queue.leave("x");
    EXPECT_EQ(drain(queue), (std::vector<std::string>{"a2"}));
    EXPECT_EQ(queue.oldest_ms(150), 0);
}

TEST(RunQueue, WhoHadHisTurnComesBackWithoutWaiting) {
    RunQueue queue({1, 1});
    EXPECT_TRUE(queue.enter("a", "p", 3, 0));
    EXPECT_TRUE(queue.enter("a", "p", 3, 0)) << "twice is once";
    EXPECT_FALSE(queue.enter("b", "p", 3, 0));
    queue.take("c", "p");
    EXPECT_EQ(queue.active(), 2u);
    queue.leave("a");
    EXPECT_FALSE(queue.next()) << "its place counts all the same";
    queue.leave("c");
    EXPECT_EQ(queue.next(), "b");
}

// Whatever happens in whatever order: limits hold, everybody is served, the books balance.
TEST(RunQueue, AStorm) {
    std::mt19937 random(7);
    RunQueue queue({7, 3});
    std::map<std::string, std::string> active;
    std::set<std::string> waiting;
    std::size_t served = 0;
    std::size_t made = 0;
    const auto check = [&] {
        std::map<std::string, int> by_project;
        for (const auto& [id, project] : active) {
            EXPECT_LE(++by_project[project], 3);
        }
        EXPECT_LE(active.size(), 7u);
        EXPECT_EQ(queue.active(), active.size());
        EXPECT_EQ(queue.waiting(), waiting.size());
    };
    const auto project_of = [](const std::string& id) { return id.substr(0, 2); };
    for (int i = 0; i < 20'000; ++i) {
        const auto dice = random() % 10;
        if (dice < 4) {
            const std::string id =
                "p" + std::to_string(random() % 5) + ":" + std::to_string(made++);
            if (queue.enter(id, project_of(id), static_cast<int>(random() % 7), i)) {
                active[id] = project_of(id);
            } else {
                waiting.insert(id);
            }
        } else if (dice < 8 && !active.empty()) {
            const std::string id = active.begin()->first;
            queue.leave(id);
            active.erase(id);
            ++served;
        } else if (dice == 8 && !waiting.empty()) {
            const std::string id = *waiting.begin();
            queue.leave(id);
            waiting.erase(id);
            ++served;
        }
        while (const auto next = queue.next()) {
            EXPECT_EQ(waiting.erase(*next), 1u);
            active[*next] = project_of(*next);
        }
        check();
    }
    while (!active.empty()) {
        const std::string id = active.begin()->first;
        queue.leave(id);
        active.erase(id);
        ++served;
        while (const auto next = queue.next()) {
            EXPECT_EQ(waiting.erase(*next), 1u);
            active[*next] = project_of(*next);
        }
    }
    EXPECT_EQ(served, made);
    EXPECT_TRUE(waiting.empty());
}

TEST(RunCounters, BucketsHoldTheirBounds) {
    Histogram times;
    for (const std::int64_t ms : {0, 1, 2, 120'000, 120'001}) {
        times.add(ms);
    }
    EXPECT_EQ(times.in_bucket(0), 2u);
    EXPECT_EQ(times.in_bucket(1), 1u);
    EXPECT_EQ(times.in_bucket(Histogram::kBoundsMs.size() - 1), 1u);
    EXPECT_EQ(times.in_bucket(Histogram::kBoundsMs.size()), 1u);
    EXPECT_EQ(times.count(), 5u);
    EXPECT_EQ(times.sum_ms(), 240'004);
}

}  // namespace
}  // namespace sallyport::engine
