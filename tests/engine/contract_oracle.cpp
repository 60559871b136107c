#include "tests/engine/contract_oracle.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace sallyport::test {
namespace {

std::string node_program() {
    const std::string folder = SALLYPORT_CONTRACT_PACKAGES;
    std::ifstream file(folder + "/node");
    std::string path;
    if (!std::getline(file, path)) {
        throw std::runtime_error("run scripts/fetch-activepieces " + folder);
    }
    return path;
}

}  // namespace

ContractOracle::ContractOracle() {
    const std::string node = node_program();
    std::signal(SIGPIPE, SIG_IGN);  // when it dies, the answer that does not come says so
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    // Another oracle that is started meanwhile must not keep this one's ends open.
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error("no pipes for the oracle");
    }
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(in[0], STDIN_FILENO);
        ::dup2(out[1], STDOUT_FILENO);
        ::execl(node.c_str(), node.c_str(), SALLYPORT_CONTRACT_ORACLE, SALLYPORT_CONTRACT_PACKAGES,
                static_cast<char*>(nullptr));
        ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    questions_ = ::fdopen(in[1], "w");
    answers_ = ::fdopen(out[0], "r");
    if (pid_ < 0 || questions_ == nullptr || answers_ == nullptr) {
        throw std::runtime_error("the oracle did not start");
    }
}

ContractOracle::~ContractOracle() {
    std::fclose(questions_);
    std::fclose(answers_);
    ::waitpid(pid_, nullptr, 0);
}

Json ContractOracle::ask(std::string line) {
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), questions_);
    std::fflush(questions_);
    char* text = nullptr;
    std::size_t room = 0;
    const ssize_t size = ::getline(&text, &room, answers_);
    if (size < 0) {
        std::free(text);
        throw std::runtime_error("the oracle ended at " + line.substr(0, 500));
    }
    Result<Json> answer =
        Json::parse_flow(std::string_view(text, static_cast<std::size_t>(size - 1)));
    std::free(text);
    if (!answer.ok()) {
        throw std::runtime_error("the oracle said what is no JSON: " + answer.message());
    }
    return *std::move(answer);
}

std::string ContractOracle::problems(std::string_view type, const Json& value) {
    const Json answer = ask(Json::object(
        {{"do", Json::string("check")}, {"type", Json::string(type)}, {"value", value}}));
    std::string all;
    answer["problems"].each_element(
        [&all](const Json& problem) { all += std::string(problem.text()) + "; "; });
    return all;
}

}  // namespace sallyport::test
