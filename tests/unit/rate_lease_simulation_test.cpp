// The lease protocol's promises: no window of any run sees more than burst + rate x (window +
// lease_ttl), whatever fails; and what may pass, does. SALLYPORT_SIMULATION_RUNS sets the number of
// hostile runs (scripts/simulate-limits: 10 000).
#include "tests/unit/rate_lease_simulation.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sallyport::test {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kS = 1'000 * kMs;

std::uint64_t runs() {
    const char* text = std::getenv("SALLYPORT_SIMULATION_RUNS");
    const std::uint64_t wanted = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
    return wanted == 0 ? 300 : wanted;
}

TEST(RateLeaseSimulation, TheBoundHoldsInEveryWindowOfEveryRun) {
    std::uint64_t admitted = 0;
    std::uint64_t trips = 0;
    std::uint64_t refunds = 0;
    std::uint64_t lost = 0;
    std::uint64_t held = 0;
    std::uint64_t pocketed = 0;
    for (std::uint64_t seed = 1; seed <= runs(); ++seed) {
        const SimulationPlan plan = hostile_plan(seed);
        const SimulationOutcome outcome = simulate(plan);
        ASSERT_LE(outcome.worst_excess, 1e-6) << describe(plan);
        admitted += outcome.admitted;
        trips += outcome.trips;
        refunds += outcome.refunds;
        lost += outcome.lost_units;
        held += outcome.held;
        pocketed += outcome.pocketed;
    }
    // The runs exercise what they are there for.
    EXPECT_GT(admitted, runs() * 50);
    EXPECT_LT(trips, admitted * 3);
    EXPECT_GT(refunds, runs() / 10);
    EXPECT_GT(lost, 0u);
    EXPECT_GT(held, runs());
    EXPECT_GT(pocketed, runs());
}

// The check is tight, and sees a store that gives more than it has.
TEST(RateLeaseSimulation, ABrokenProtocolIsCaught) {
    SimulationPlan plan;
    plan.terms = {policy::Gcra::make(1000, kS, 1000), 50 * kMs};
    plan.nodes = 5;
    plan.duration_ns = 5 * kS;
    plan.offered_per_s = 4000;
    const double excess = simulate(plan).worst_excess;
    EXPECT_LE(excess, 0);
    EXPECT_GT(excess, -1000 * 0.050 - 5) << "what passes is far below the bound";
    plan.leases_are_free = true;
    EXPECT_GT(simulate(plan).worst_excess, 0);
}

// Held units spent at the end of their time, on top of a full bucket: that is what they are kept
// out of the bucket for.
TEST(RateLeaseSimulation, HeldUnitsThatAreNotKeptOutAreCaught) {
    SimulationPlan plan;
    plan.terms = {policy::Gcra::make(20, kS, 3200), 250 * kMs, 2 * kS};
    plan.nodes = 50;
    plan.duration_ns = 10 * kS;
    plan.offered_per_s = 100;
    plan.surge_after_ns = 2 * kS;
    plan.surge_per_s = 4000;
    const SimulationOutcome sound = simulate(plan);
    EXPECT_LE(sound.worst_excess, 0);
    EXPECT_GE(sound.held, 50u);
    plan.held_is_free = true;
    EXPECT_GT(simulate(plan).worst_excess, 0);
}

// Units in a worker's pocket end when they would have ended in the table.
TEST(RateLeaseSimulation, PocketsThatLastAreCaught) {
    SimulationPlan plan;
    plan.terms = {policy::Gcra::make(200, kS, 3200), 250 * kMs, 1 * kS};
    plan.nodes = 50;
    plan.workers = 2;
    plan.duration_ns = 20 * kS;
    plan.offered_per_s = 10;
    plan.surge_after_ns = 12 * kS;
    plan.surge_per_s = 8000;
    const SimulationOutcome sound = simulate(plan);
    EXPECT_LE(sound.worst_excess, 0);
    EXPECT_GE(sound.pocketed, 50u);
    plan.pockets_last = true;
    EXPECT_GT(simulate(plan).worst_excess, 100);
}

// Clients who come now and then cost the store a trip in many.
TEST(RateLeaseSimulation, AColdKeyAsksSeldom) {
    SimulationPlan plan;
    plan.terms = {policy::Gcra::make(1000, kS, 20'000), 250 * kMs, 120 * kS};
    plan.nodes = 4;
    plan.duration_ns = 600 * kS;
    plan.offered_per_s = 1;
    const SimulationOutcome cold = simulate(plan);
    EXPECT_EQ(cold.admitted, cold.offered);
    EXPECT_LE(static_cast<double>(cold.trips), 0.15 * static_cast<double>(cold.offered));
    // Nearly all are served from pockets, also where workers have to share what their node holds.
    EXPECT_GE(cold.pocketed, cold.offered * 8 / 10);
    plan.workers = 4;
    const SimulationOutcome shared = simulate(plan);
    EXPECT_LE(static_cast<double>(shared.trips), 0.25 * static_cast<double>(shared.offered));
    EXPECT_GE(shared.pocketed, shared.offered / 2);
    plan.terms.hold_ns = 0;
    EXPECT_GE(simulate(plan).trips, cold.offered * 9 / 10);
}

struct Steady {
    const char* name;
    double load;  // of the limit
    std::int64_t jump_every_ns;
    double share_min;
};
constexpr Steady kSteady[] = {
    {"even load, twice the limit", 2.0, 0, 0.99},
    {"even load, half of the limit", 0.5, 0, 0.99},
    {"even load, ten times the limit", 10.0, 0, 0.99},
    {"load that jumps, twice the limit", 2.0, 2 * kS, 0.95},
    {"load that jumps, nine tenths of the limit", 0.9, 2 * kS, 0.95},
};

TEST(RateLeaseSimulation, WhatMayPassPasses) {
    for (const Steady& one : kSteady) {
        for (const int nodes : {1, 2, 4, 8, 16}) {
            SimulationPlan plan;
            plan.seed = static_cast<std::uint64_t>(nodes) + 4;
            plan.terms = {policy::Gcra::make(1000, kS, 200), 250 * kMs, 5 * kS};
            plan.nodes = nodes;
            plan.duration_ns = 40 * kS;
            plan.offered_per_s = 1000 * one.load;
            plan.jump_every_ns = one.jump_every_ns;
            const SimulationOutcome outcome = simulate(plan);
            const double may_pass =
                std::min(static_cast<double>(outcome.offered), 1000.0 * 40 + 200);
            EXPECT_GE(static_cast<double>(outcome.admitted), one.share_min * may_pass)
                << one.name << ", " << nodes << " nodes, trips " << outcome.trips;
            EXPECT_LE(outcome.worst_excess, 0) << one.name;
        }
    }
}

TEST(RateLeaseSimulation, AHotKeyAsksRarelyAndAFloodHardly) {
    SimulationPlan plan;
    plan.terms = {policy::Gcra::make(5000, kS, 2000), 250 * kMs};
    plan.nodes = 4;
    plan.duration_ns = 20 * kS;
    plan.offered_per_s = 4000;
    const SimulationOutcome hot = simulate(plan);
    EXPECT_LE(static_cast<double>(hot.trips), 0.03 * static_cast<double>(hot.admitted));

    plan.terms.gcra = policy::Gcra::make(10, kS, 10);
    plan.offered_per_s = 20'000;
    const SimulationOutcome flood = simulate(plan);
    // One trip per lease_ttl and node, and one for each request that passes.
    EXPECT_LE(flood.trips, 4u * 4 * 20 + 2 * flood.admitted + 100);
}

}  // namespace
}  // namespace sallyport::test
