// One sequence of operations on a flow, played here and by the contract's published implementation.
#pragma once

#include "tests/engine/contract_oracle.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace sallyport::test {

// What the operations came to, so that a comparison that gets nowhere is found out.
struct FlowTally {
    std::map<std::string, int> applied;  // by type
    int refused = 0;
    int declared = 0;  // refused here alone, as flow_operations.hpp says

    void add(const FlowTally& other);
};

// The first difference between the two, or nothing. The same seed repeats it.
std::string flow_difference(ContractOracle& oracle, std::uint64_t seed, FlowTally& tally);

}  // namespace sallyport::test
