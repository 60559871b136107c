// A row of the checklist (docs/security-checklist.md): its number there, the requirement, and what
// a hardened gateway is asked.
#pragma once

#include "tests/integration/asvs_gateway.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>

namespace sallyport::test {

struct Row {
    int number;      // of the checklist
    const char* id;  // ASVS 5.0.0, API Security Top 10 2023
    const char* what;
    void (*check)(Gateway&);
};

inline void PrintTo(const Row& row, std::ostream* out) {
    *out << row.number << " " << row.id << ": " << row.what;
}

inline std::string row_name(const testing::TestParamInfo<Row>& info) {
    std::string name = "Row" + std::to_string(info.param.number) + "_" + info.param.id;
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
}

inline bool has(std::string_view text, std::string_view piece) {
    return text.find(piece) != std::string_view::npos;
}

class Asvs : public testing::TestWithParam<Row> {};

}  // namespace sallyport::test
