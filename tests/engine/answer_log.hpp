// What the API answers in the tests, a line each, for engine_answers_test, which holds all of it
// against the contract's types (oracle/answers.cjs).
#pragma once

#include "common/json.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>

namespace sallyport::test {

// Into the file of this program in the folder that TEST_ANSWERS names; without it, nowhere.
inline void note_answer(std::string_view method, std::string_view path, int status,
                        std::string_view body) {
    constexpr std::size_t kBodyBytesMax = 256 * 1024;
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    static std::ofstream file = [] {
        const char* folder = std::getenv("TEST_ANSWERS");
        return folder == nullptr ? std::ofstream()
                                 : std::ofstream(std::string(folder) + "/" +
                                                 program_invocation_short_name + ".jsonl");
    }();
    if (file.is_open() && body.size() <= kBodyBytesMax) {
        file << Json::object({{"method", Json::string(method)},
                              {"path", Json::string(path)},
                              {"status", Json::integer(status)},
                              {"body", Json::string(body)}})
                    .dump()
             << '\n';
    }
}

}  // namespace sallyport::test
