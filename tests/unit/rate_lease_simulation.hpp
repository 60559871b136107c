// Seeded discrete-event simulation of the lease protocol: nodes that run policy/rate_lease, one
// store, and a network and clocks that misbehave as told. Time is simulated; nothing sleeps.
#pragma once

#include "module/policy/rate_lease.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::test {

struct SimulationPlan {
    std::uint64_t seed = 1;
    policy::LeaseTerms terms;
    int nodes = 4;
    int workers = 1;  // of a node; each has a pocket. 0: one without
    std::int64_t duration_ns = 0;
    double offered_per_s = 0;         // of all nodes together
    std::int64_t surge_after_ns = 0;  // 0: never; else so much is offered from then on:
    double surge_per_s = 0;
    std::int64_t jump_every_ns = 0;    // 0: all nodes alike; else one node at a time has all load
    std::int64_t delay_ns = 300'000;   // one way, at least
    std::int64_t delay_spread_ns = 0;  // one way, more than that
    double loss = 0;                   // of messages
    double duplication = 0;            // of messages
    std::int64_t node_death_every_ns = 0;  // memory lost, the node starts anew
    std::int64_t failover_every_ns = 0;    // the store forgets the last writes
    std::int64_t failover_lag_ns = 0;      // how far back
    double clock_drift = 0;                // nodes run up to so much too fast or too slow
    std::int64_t budget_ns = 5'000'000;
    // The store does not charge what it leases: a fault that the proof must notice.
    bool leases_are_free = false;
    bool held_is_free = false;  // the same of what is held
    // Pockets forget when their units end.
    bool pockets_last = false;
};

struct SimulationOutcome {
    std::uint64_t offered = 0;
    std::uint64_t admitted = 0;
    std::uint64_t trips = 0;
    std::uint64_t refunds = 0;
    std::uint64_t held = 0;        // units that were granted to be held
    std::uint64_t pocketed = 0;    // requests that a worker's pocket had a unit for
    std::uint64_t lost_units = 0;  // granted in writes that failovers forgot
    // The largest excess over burst + rate x (window + ttl) + what failovers forgot, over all
    // windows that begin and end with an admitted request. Not above 0 when the bound holds.
    double worst_excess = 0;
};

SimulationOutcome simulate(const SimulationPlan& plan);

// A plan with faults of every kind, chosen by `seed`.
SimulationPlan hostile_plan(std::uint64_t seed);
std::string describe(const SimulationPlan& plan);

}  // namespace sallyport::test
