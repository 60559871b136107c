// A user of a real engine, and the contract's published types to hold the answers against.
#pragma once

#include "tests/engine/contract_oracle.hpp"
#include "tests/engine/engine_process.hpp"
#include "tests/engine/engine_token.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sallyport::test {

class Contract : public testing::Test {
  protected:
    static void SetUpTestSuite() { oracle_ = new ContractOracle(); }
    static void TearDownTestSuite() {
        delete oracle_;
        oracle_ = nullptr;
    }

    explicit Contract(std::vector<std::string> environment = {})
        : engine_(opened(std::move(environment))) {
        ann_.sign_up();
    }
    static std::vector<std::string> opened(std::vector<std::string> environment) {
        environment.emplace_back("AP_ALLOW_OPEN_SIGN_UP=true");
        return environment;
    }

    // The answer, after a look at its status and type.
    Json expect(const ApiAnswer& answer, int status, std::string_view type = "") {
        EXPECT_EQ(answer.status, status) << answer.raw.body;
        if (!type.empty() && answer.status == status) {
            EXPECT_EQ(oracle_->problems(type, answer.body), "") << type << " " << answer.raw.body;
        }
        return answer.body;
    }
    std::string project_query() const { return "projectId=" + ann_.project(); }
    // The body with the project's id in it.
    std::string of_project(const std::string& members) const {
        return R"({"projectId":")" + ann_.project() + "\"," + members + "}";
    }
    // What the engine has on disk.
    std::string stored_bytes() const {
        return engine_.folder().read("data/engine.db") +
               engine_.folder().read("data/engine.db-wal");
    }
    // The token the engine gives to pieces.
    std::string engine_token(const std::string& project) const { return token_of_engine(project); }
    std::string connection(const std::string& external_id, const std::string& value) const {
        const Result<Json> parsed = Json::parse(value);
        return of_project(R"("externalId":")" + external_id +
                          R"(","displayName":"C","pieceName":"@activepieces/piece-x","type":")" +
                          std::string((*parsed)["type"].text()) + R"(","value":)" + value);
    }

    inline static ContractOracle* oracle_ = nullptr;
    EngineProcess engine_;
    ApiUser ann_{engine_};
};

}  // namespace sallyport::test
