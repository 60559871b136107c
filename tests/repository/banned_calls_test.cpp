// What may not be called, where, and why. Words are looked for in code, not in comments or
// literals; a word that ends in `(` is a call.
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sallyport::repository {
namespace {

using List = std::vector<std::string_view>;

struct Ban {
    List words;
    List folders;  // where the ban holds; empty: everywhere in C and C++
    List except;   // files or folders that may
    std::string_view reason;
};

const List kPure = {"common/", "module/policy/", "module/store/", "engine/core/"};
const List kShipped = {"common/", "module/", "engine/", "cli/"};

const std::vector<Ban>& bans() {
    static const std::vector<Ban> rules = {
        {{"time(", "clock_gettime(", "gettimeofday(", "clock(", "now(", "localtime(",
          "localtime_r(", "mktime(", "ngx_time(", "system_clock", "steady_clock",
          "high_resolution_clock"},
         kPure,
         {},
         "time is an argument: pure code never reads a clock"},
        {{"rand(", "srand(", "random(", "rand_r(", "getrandom(", "random_device", "mt19937",
          "RAND_bytes(", "random_bytes("},
         kPure,
         {"common/crypto"},
         "randomness is an argument"},
        {{"getenv(", "secure_getenv(", "setenv("}, kPure, {}, "configuration is an argument"},
        {{"catch (...)", "catch(...)"},
         kShipped,
         {"module/nginx/guard.hpp", "engine/app/", "engine/adapters/"},
         "the exception wall is guarded(); everything else names what it catches"},
        {{"getaddrinfo(", "gethostbyname(", "sleep(", "usleep(", "nanosleep(", "sleep_for(",
          "sleep_until(", "pthread_create(", "redisConnect(", "redisConnectWithTimeout(",
          "redisAsyncConnect(", "redisCommand(", "std::thread", "std::async", "std::jthread"},
         {"module/"},
         {},
         "a worker never blocks and has no threads"},
        {{"strcpy(", "strcat(", "sprintf(", "vsprintf(", "gets(", "strtok(", "alloca(", "atoi(",
          "atol(", "atof(", "tmpnam(", "mktemp(", "system(", "popen("},
         kShipped,
         {},
         "unbounded, unchecked or through a shell"},
        {{"strcmp(", "memcmp("},
         {"module/policy/webhook"},
         {},
         "signatures are compared in constant time"},
        {{"using namespace std;"}, {}, {}, "std is spelt out"},
        {{"std::regex"}, kShipped, {}, "std::regex recurses on its input"},
        {{"setlocale(", "std::locale", "isalpha(", "isalnum(", "isspace(", "tolower(", "toupper("},
         kPure,
         {},
         "no locale is ever consulted: use the ascii_ helpers"},
        {{"sleep_for(", "sleep_until(", "usleep(", "sleep("},
         {"tests/"},
         {"tests/repository/", "tests/support/wait", "tests/integration/fixtures/",
          "tests/integration/fixture/"},
         "tests wait for conditions with deadlines, never for time"},
    };
    return rules;
}

bool any_prefix(const List& prefixes, std::string_view text) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return text.starts_with(prefix); });
}

// A member call of the same name (`store.time(`) and a declaration in our own namespaces
// (`lease::time(`) are somebody else's word.
bool is_foreign(std::string_view code, std::size_t offset, std::string_view word) {
    if (!word.ends_with("(") || offset < 2 || word == "now(") {
        return false;
    }
    const std::string_view before = code.substr(offset - 2, 2);
    return before[1] == '.' || before == "->" ||
           (before == "::" && (offset < 5 || code.substr(offset - 5, 5) != "std::"));
}

TEST(BannedCalls, NoneIsCalled) {
    for (const SourceFile& file : source_tree()) {
        if (!file.is_cpp()) {
            continue;
        }
        for (const Ban& ban : bans()) {
            if ((!ban.folders.empty() && !any_prefix(ban.folders, file.path)) ||
                any_prefix(ban.except, file.path)) {
                continue;
            }
            for (const std::string_view word : ban.words) {
                for (const std::size_t offset : find_words(file.code, word)) {
                    if (!is_foreign(file.code, offset, word)) {
                        ADD_FAILURE()
                            << at(file, line_of(file.code, offset), word) << ": " << ban.reason;
                    }
                }
            }
        }
    }
}

TEST(BannedCalls, NginxIsIncludedByOneHeader) {
    // Every nginx name in a pure layer would need this include; see also layering_test.cpp.
    for (const SourceFile& file : source_tree()) {
        if (file.is_cpp() && any_prefix(kPure, file.path)) {
            EXPECT_EQ(file.code.find("ngx_http_"), std::string::npos) << file.path;
            EXPECT_EQ(file.code.find("ngx_str_t"), std::string::npos) << file.path;
        }
    }
}

TEST(BannedCalls, TheScannerSeesCodeOnly) {
    const std::string code = strip_literals(
        "a(); // time(\n\"time(\" 'x' 1'000 R\"(time()\" /* time(\n */ uptime( time(");
    EXPECT_EQ(find_words(code, "time(").size(), 1u);
    EXPECT_EQ(line_of(code, find_words(code, "time(").front()), 3u);
}

}  // namespace
}  // namespace sallyport::repository
