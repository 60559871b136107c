// The contract's published implementation as a process that answers lines (oracle/contract.cjs).
#pragma once

#include "common/json.hpp"

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace sallyport::test {

class ContractOracle {
  public:
    // Throws when it has not been fetched (scripts/fetch-activepieces).
    ContractOracle();
    ~ContractOracle();
    ContractOracle(const ContractOracle&) = delete;
    ContractOracle& operator=(const ContractOracle&) = delete;

    // The question is one line.
    Json ask(std::string line);
    Json ask(const Json& question) { return ask(question.dump()); }
    // Where `value` is not of the contract's type; empty when it is.
    std::string problems(std::string_view type, const Json& value);

  private:
    pid_t pid_ = -1;
    std::FILE* questions_ = nullptr;
    std::FILE* answers_ = nullptr;
};

}  // namespace sallyport::test
