// The contract on both stores: the parameter is "sqlite" or "postgres".
#pragma once

#include "tests/engine/contract_fixture.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::test {

class StoreContract : public Contract, public testing::WithParamInterface<const char*> {
  protected:
    static void TearDownTestSuite() {
        server_.reset();  // first: it holds the oracle's pipe open
        Contract::TearDownTestSuite();
    }

    explicit StoreContract(std::vector<std::string> environment = {})
        : Contract(of_store(std::move(environment))) {}

    static bool on_postgres() { return GetParam() == std::string_view("postgres"); }
    // A statement past the engine. REQUIRES: on_postgres().
    static void query_postgres(const std::string& sql) { server_->query(database_, sql); }
    static std::string id_of(const Json& json) { return std::string(json["id"].text()); }

  private:
    static std::vector<std::string> of_store(std::vector<std::string> environment) {
        if (on_postgres()) {
            if (!server_) {
                server_ = std::make_unique<PostgresServer>();
            }
            environment.emplace_back("AP_DB_TYPE=POSTGRES");
            database_ = server_->make_database();
            environment.push_back("AP_POSTGRES_URL=" + database_);
        }
        return environment;
    }
    inline static std::unique_ptr<PostgresServer> server_;
    inline static std::string database_;
};

}  // namespace sallyport::test
