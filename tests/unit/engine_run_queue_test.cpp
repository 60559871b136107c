// Whose turn it is: limits of a project and of all, turns between projects, classes, ages.
#include "engine/core/runs/counters.hpp"
#include "engine/core/runs/queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

// Lines as a store keeps them: ids of each project and class in order of age.
class Lines {
  public:
    explicit Lines(RunQueue& queue) : queue_(queue) {}

    // Goes on at once, or is put in line.
    bool add(const std::string& id, const std::string& project, int priority = 3,
             std::int64_t now_ms = 0) {
        if (queue_.enter(id, project, priority)) {
            return true;
        }
        waiting_[{project, priority}].push_back({id, now_ms});
        queue_.join(project, priority, 1, now_ms);
        return false;
    }
    // Another process did.
    void add_unseen(const std::string& id, const std::string& project) {
        waiting_[{project, 3}].push_back({id, 0});
    }
    bool cancel(const std::string& id) {
        for (auto& [line, runs] : waiting_) {
            if (std::erase_if(runs, [&](const auto& run) { return run.first == id; }) > 0) {
                return true;
            }
        }
        return false;
    }
    // One draw; what it gave, in order.
    std::vector<std::string> draw(std::size_t runs_max = 100) {
        const auto draws = queue_.draw(runs_max);
        std::vector<RunQueue::Drawn> runs;
        for (const RunQueue::Draw& draw : draws) {
            auto& line = waiting_[{draw.project, draw.priority}];
            for (std::size_t i = 0; i < draw.places && !line.empty(); ++i) {
                runs.push_back({line.front().first, draw.project, line.front().second});
                line.pop_front();
            }
        }
        if (!draws.empty()) {
            queue_.drawn(draws, runs, true);
        }
        std::vector<std::string> ids;
        for (const RunQueue::Drawn& run : runs) {
            ids.push_back(run.run_id);
        }
        return ids;
    }
    // One after the other, each over before the next.
    std::vector<std::string> drain() {
        std::vector<std::string> order;
        while (queue_.lines() > 0) {
            for (const std::string& id : draw()) {
                order.push_back(id);
                queue_.leave(id);
            }
        }
        return order;
    }
    std::size_t size() const {
        std::size_t size = 0;
        for (const auto& [line, runs] : waiting_) {
            size += runs.size();
        }
        return size;
    }

  private:
    RunQueue& queue_;
    std::map<std::pair<std::string, int>, std::deque<std::pair<std::string, std::int64_t>>>
        waiting_;
};

TEST(RunQueue, ProjectsTakeTurns) {
    RunQueue queue({1, 1});
    Lines lines(queue);
    EXPECT_TRUE(lines.add("a0", "a"));
    for (const char* id : {"a1", "a2", "a3", "b1", "c1", "b2"}) {
        EXPECT_FALSE(lines.add(id, std::string(1, id[0])));
    }
    EXPECT_EQ(queue.waiting(), 6u);
    EXPECT_TRUE(queue.draw(10).empty()) << "no place";
    queue.leave("a0");
    EXPECT_EQ(lines.drain(), (std::vector<std::string>{"a1", "b1", "c1", "a2", "b2", "a3"}));
    EXPECT_EQ(queue.waiting() + queue.active(), 0u);
}

// Lines that there was no room for come first the next time, and none is taken for empty.
TEST(RunQueue, LinesThatGaveNothingForWantOfRoomComeFirst) {
    RunQueue queue({100, 100});
    for (const char* project : {"a", "b", "c"}) {
        queue.join(project, 3, 10, 0);
    }
    std::string order;
    for (int i = 0; i < 9; ++i) {
        const auto draws = queue.draw(9);
        ASSERT_EQ(draws.size(), 3u);
        order += draws[0].project;
        queue.drawn(draws, {{std::to_string(i), draws[0].project, 0}}, true, true);
    }
    EXPECT_EQ(order, "abcabcabc");
    EXPECT_EQ(queue.waiting(), 21u);
    queue.drawn(queue.draw(100), {}, true);
    EXPECT_EQ(queue.waiting(), 0u);
}

TEST(RunQueue, ManyPlacesAreSharedOutByTurns) {
    RunQueue queue({8, 8});
    Lines lines(queue);
    for (int i = 0; i < 8; ++i) {
        EXPECT_TRUE(lines.add("x" + std::to_string(i), "x"));
    }
    for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(lines.add("a" + std::to_string(10 + i), "a"));
    }
    EXPECT_FALSE(lines.add("b1", "b"));
    EXPECT_FALSE(lines.add("c1", "c"));
    EXPECT_FALSE(lines.add("c2", "c"));
    for (int i = 0; i < 8; ++i) {
        queue.leave("x" + std::to_string(i));
    }
    EXPECT_EQ(lines.draw(8),
              (std::vector<std::string>{"a10", "a11", "a12", "a13", "a14", "b1", "c1", "c2"}));
    EXPECT_EQ(queue.active(), 8u);
    EXPECT_TRUE(lines.draw(8).empty());
    EXPECT_EQ(queue.waiting(), 15u);
}

TEST(RunQueue, AProjectAtItsLimitHoldsUpNobodyElse) {
    RunQueue queue({10, 2});
    Lines lines(queue);
    EXPECT_TRUE(lines.add("a1", "a"));
    EXPECT_TRUE(lines.add("a2", "a"));
    EXPECT_FALSE(lines.add("a3", "a"));
    EXPECT_TRUE(lines.add("b1", "b"));
    EXPECT_TRUE(lines.draw().empty());
    queue.leave("a1");
    EXPECT_EQ(lines.draw(), std::vector<std::string>{"a3"});
    EXPECT_TRUE(lines.draw().empty());
}

TEST(RunQueue, AProjectMayHaveALimitOfItsOwn) {
    RunQueue queue({10, 2});
    Lines lines(queue);
    queue.limit_project("a", 1);
    queue.limit_project("b", 3);
    EXPECT_TRUE(lines.add("a1", "a"));
    for (const char* id : {"b1", "b2", "b3"}) {
        EXPECT_TRUE(lines.add(id, "b"));
    }
    for (const char* id : {"a2", "a3", "b4"}) {
        EXPECT_FALSE(lines.add(id, std::string(1, id[0])));
    }
    EXPECT_TRUE(lines.draw().empty());
    queue.limit_project("a", 0);  // that of all again
    EXPECT_EQ(lines.draw(), std::vector<std::string>{"a2"});
    queue.limit_project("b", 1);  // what goes on goes on
    EXPECT_EQ(queue.active(), 5u);
    queue.leave("b1");
    queue.leave("b2");
    EXPECT_TRUE(lines.draw().empty());
    queue.leave("b3");
    EXPECT_EQ(lines.draw(), std::vector<std::string>{"b4"});
}

TEST(RunQueue, BetterClassesGoFirstButNobodyOvertakesHisOwn) {
    RunQueue queue({1, 1});
    Lines lines(queue);
    EXPECT_TRUE(lines.add("x", "x"));
    EXPECT_FALSE(lines.add("polled", "a", 5));
    EXPECT_FALSE(lines.add("hook1", "a", 3));
    EXPECT_FALSE(lines.add("hook2", "a", 3));
    EXPECT_FALSE(lines.add("sync", "b", 2));
    queue.leave("x");
    EXPECT_FALSE(lines.add("hook3", "a", 3)) << "there is room, but others were before";
    EXPECT_TRUE(queue.enter("odd", "c", 99)) << "nobody of its project waits";
    queue.leave("odd");
    EXPECT_EQ(lines.drain(),
              (std::vector<std::string>{"sync", "hook1", "hook2", "hook3", "polled"}));
}

TEST(RunQueue, WhoLeftTheLineIsNotMissed) {
    RunQueue queue({1, 1});
    Lines lines(queue);
    EXPECT_TRUE(lines.add("x", "x", 3, 100));
    EXPECT_FALSE(lines.add("a1", "a", 3, 110));
    EXPECT_FALSE(lines.add("a2", "a", 3, 120));
    EXPECT_EQ(queue.oldest_ms(150), 40);
    EXPECT_TRUE(lines.cancel("a1"));
    queue.leave("nobody");
    queue.leave("x");
    EXPECT_EQ(lines.drain(), std::vector<std::string>{"a2"});
    EXPECT_EQ(queue.oldest_ms(150), 0);
    EXPECT_EQ(queue.waiting(), 0u) << "what is known is set right by asking";
    EXPECT_TRUE(lines.add("a3", "a")) << "nobody waits";
}

TEST(RunQueue, WhatJoinsDuringADrawIsNotForgotten) {
    RunQueue queue({10, 10});
    queue.join("a", 3, 1, 0);
    const auto draws = queue.draw(10);
    ASSERT_EQ(draws.size(), 1u);
    queue.join("a", 3, 1, 5);
    queue.drawn(draws, {}, true);  // another process was quicker
    EXPECT_EQ(queue.lines(), 1u);
    const auto again = queue.draw(10);
    ASSERT_EQ(again.size(), 1u);
    queue.drawn(again, {}, false);
    EXPECT_EQ(queue.lines(), 1u) << "the store did not answer";
    EXPECT_EQ(queue.active(), 0u);
}

TEST(RunQueue, ALineThatOthersFillIsAskedForMore) {
    RunQueue queue({1000, 1000});
    Lines lines(queue);
    for (int i = 0; i < 500; ++i) {
        lines.add_unseen(std::to_string(1000 + i), "a");
    }
    queue.join("a", 3, 1, 0);
    std::size_t draws = 0;
    while (queue.lines() > 0) {
        lines.draw(1000);
        ++draws;
    }
    EXPECT_EQ(queue.active(), 500u);
    EXPECT_LE(draws, 12u);
    queue.set_count("a", 3, 7, 0);
    queue.set_count("a", 3, 5, 0);
    EXPECT_EQ(queue.waiting(), 5u);
}

TEST(RunQueue, WhoHadHisTurnComesBackWithoutWaiting) {
    RunQueue queue({1, 1});
    Lines lines(queue);
    EXPECT_TRUE(lines.add("a", "p"));
    EXPECT_TRUE(lines.add("a", "p")) << "twice is once";
    EXPECT_FALSE(lines.add("b", "p"));
    queue.take("c", "p");
    EXPECT_EQ(queue.active(), 2u);
    queue.leave("a");
    EXPECT_TRUE(lines.draw().empty()) << "its place counts all the same";
    queue.leave("c");
    EXPECT_EQ(lines.draw(), std::vector<std::string>{"b"});
}

// Whatever happens in whatever order: limits hold, everybody is served, the books balance.
TEST(RunQueue, AStorm) {
    std::mt19937 random(7);
    RunQueue queue({7, 3});
    Lines lines(queue);
    std::map<std::string, std::string> active;
    std::size_t served = 0;
    std::size_t made = 0;
    const auto project_of = [](const std::string& id) { return id.substr(0, 2); };
    const auto draw = [&] {
        for (const std::string& id : lines.draw(1 + random() % 9)) {
            active[id] = project_of(id);
        }
    };
    const auto end_one = [&] {
        const std::string id = active.begin()->first;
        queue.leave(id);
        active.erase(id);
        ++served;
    };
    for (int i = 0; i < 20'000; ++i) {
        const auto dice = random() % 10;
        if (dice < 4) {
            const std::string id =
                "p" + std::to_string(random() % 5) + ":" + std::to_string(made++);
            if (lines.add(id, project_of(id), static_cast<int>(random() % 7), i)) {
                active[id] = project_of(id);
            }
        } else if (dice < 8 && !active.empty()) {
            end_one();
        } else if (dice == 8) {
            const std::string id = "p" + std::to_string(random() % 5) + ":" +
                                   std::to_string(made - std::min<std::size_t>(made, 20));
            served += lines.cancel(id) ? 1 : 0;
        }
        draw();
        std::map<std::string, int> by_project;
        for (const auto& [id, project] : active) {
            EXPECT_LE(++by_project[project], 3);
        }
        EXPECT_LE(active.size(), 7u);
        EXPECT_EQ(queue.active(), active.size());
        EXPECT_GE(queue.waiting(), lines.size()) << "nobody is forgotten";
    }
    for (int rounds = 0; (!active.empty() || queue.lines() > 0) && rounds < 100'000; ++rounds) {
        if (!active.empty()) {
            end_one();
        }
        draw();
    }
    EXPECT_EQ(served, made);
    EXPECT_EQ(lines.size() + queue.waiting() + queue.active(), 0u);
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
