// Whether `sallyport check` names a rule.
#pragma once

#include "common/json.hpp"
#include "tests/integration/fixtures/process.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sallyport::test {

inline bool check_names(const std::string& conf, std::string_view rule) {
    const auto result = run_command(
        {environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT), "check", "--json", conf});
    const auto parsed = Json::parse(result.output);
    EXPECT_TRUE(parsed.ok()) << result.output;
    bool found = false;
    (*parsed)["findings"].each_element(
        [&](const Json& finding) { found = found || finding["rule"].text() == rule; });
    EXPECT_EQ(result.exit_code, (*parsed)["findings"].size() == 0 ? 0 : 1);
    return found;
}

}  // namespace sallyport::test
