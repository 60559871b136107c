#include "tests/cmocka/cmocka_runtime.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <new>
#include <utility>
#include <vector>

namespace sallyport::cmocka {
namespace {

// Neither is a std::exception, so that no handler in the code under test takes it for its own.
struct LeaveFailed {};
struct LeaveSkipped {};
struct AssertionFailed {};

struct Queued {
    Value value = 0;
    Check check;
    std::string wanted;
    int left = 0;  // or kAlwaysAtLeastOnce, kMaybeNever
    bool used = false;
    Where where{};
};

struct Call {
    std::string function;
    int left;
    Where where;
};

// What one test has queued; emptied after each.
struct Session {
    std::map<std::string, std::deque<Queued>> returns;
    std::map<std::string, std::deque<Queued>> checks;
    std::deque<Call> calls;
    std::map<void*, std::pair<std::size_t, Where>> blocks;
};

Session& session() {
    static Session instance;
    return instance;
}

void report(Where where, const std::string& message) {
    ADD_FAILURE_AT(where.file, where.line) << message;
}

Queued& next_of(std::map<std::string, std::deque<Queued>>& queues, const std::string& name,
                Where where, const char* wanted_from) {
    auto& queue = queues[name];
    // A spent item stays until the next is asked for, so that the caller's reference is good.
    while (!queue.empty() && queue.front().left == 0) {
        queue.pop_front();
    }
    if (queue.empty()) {
        fail_here(where, "nothing is queued for " + name + "; use " + wanted_from);
    }
    Queued& item = queue.front();
    item.used = true;
    if (item.left > 0) {
        --item.left;
    }
    return item;
}

void report_unused(const std::map<std::string, std::deque<Queued>>& queues) {
    for (const auto& [name, queue] : queues) {
        for (const Queued& item : queue) {
            if (item.left > 0 || (item.left == kAlwaysAtLeastOnce && !item.used)) {
                report(item.where, "queued for " + name + " and not used");
            }
        }
    }
}

void end_session(bool passed) {
    Session& all = session();
    if (passed) {
        report_unused(all.returns);
        report_unused(all.checks);
        for (const Call& call : all.calls) {
            report(call.where, "expected call of " + call.function + " did not come");
        }
        for (const auto& [block, origin] : all.blocks) {
            report(origin.second, std::to_string(origin.first) + " bytes are not freed");
        }
    }
    for (const auto& [block, origin] : all.blocks) {
        std::free(block);
    }
    all = Session{};
}

enum class Outcome { passed, failed, skipped };

template <typename Body>
Outcome run_body(Body&& body) {
    try {
        body();
        return ::testing::Test::HasFailure() ? Outcome::failed : Outcome::passed;
    } catch (const LeaveFailed&) {
        return Outcome::failed;
    } catch (const LeaveSkipped&) {
        return Outcome::skipped;
    } catch (const AssertionFailed&) {
        return Outcome::failed;
    }
}

class AdaptedTest : public ::testing::Test {
  public:
    AdaptedTest(const UnitTest& test, void* group_state)
        : test_(test), state_(test.initial_state != nullptr ? test.initial_state : group_state) {}

    void TestBody() override {
        session() = Session{};
        if (!fixture(test_.setup, "setup")) {
            return;
        }
        const Outcome outcome = run_body([this] { test_.test(&state_); });
        fixture(test_.teardown, "teardown");
        end_session(outcome == Outcome::passed);
        if (outcome == Outcome::skipped) {
            GTEST_SKIP();
        }
    }

  private:
    bool fixture(FixtureFunction function, const char* which) {
        if (function == nullptr) {
            return true;
        }
        int result = 0;
        const Outcome outcome = run_body([&] { result = function(&state_); });
        if (result != 0) {
            ADD_FAILURE() << test_.name << ": " << which << " returned " << result;
        }
        return outcome != Outcome::failed && result == 0;
    }

    UnitTest test_;
    void* state_;
};

bool group_fixture(FixtureFunction function, void** state, const char* group, const char* which) {
    if (function == nullptr) {
        return true;
    }
    int result = 0;
    const Outcome outcome = run_body([&] { result = function(state); });
    if (outcome == Outcome::failed || result != 0) {
        std::fprintf(stderr, "%s: group %s failed\n", group, which);
        return false;
    }
    return true;
}

}  // namespace

void fail_here(Where where, const std::string& message) {
    report(where, message);
    throw LeaveFailed{};
}

void skip_here() {
    throw LeaveSkipped{};
}

void check(bool good, Where where, const std::function<std::string()>& message) {
    if (!good) {
        fail_here(where, message());
    }
}

std::string describe(Value value) {
    char text[64];
    std::snprintf(text, sizeof text, "%jd (%#jx)", static_cast<std::intmax_t>(value), value);
    return text;
}

bool same_text(Value a, Value b) {
    return std::strcmp(reinterpret_cast<const char*>(static_cast<std::uintptr_t>(a)),
                       reinterpret_cast<const char*>(static_cast<std::uintptr_t>(b))) == 0;
}

bool in_range(Value value, Value minimum, Value maximum) {
    return minimum <= value && value <= maximum;
}

bool in_set(Value value, const Value* set, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        if (set[i] == value) {
            return true;
        }
    }
    return false;
}

void queue_return(const char* function, Value value, int count, Where where) {
    session().returns[function].push_back({value, nullptr, {}, count, false, where});
}

Value take_return(const char* function, Where where) {
    return next_of(session().returns, function, where, "will_return()").value;
}

void queue_check(const char* function, const char* parameter, Check check, std::string wanted,
                 int count, Where where) {
    session().checks[std::string(function) + "(" + parameter + ")"].push_back(
        {0, std::move(check), std::move(wanted), count, false, where});
}

void run_check(const char* function, const char* parameter, Value actual, Where where) {
    const std::string name = std::string(function) + "(" + parameter + ")";
    const Queued& item = next_of(session().checks, name, where, "expect_value() or its kin");
    if (!item.check(actual)) {
        report(item.where, "expected here");
        fail_here(where, name + " is " + describe(actual) + ", expected " + item.wanted);
    }
}

void queue_call(const char* function, int times, Where where) {
    session().calls.push_back({function, times, where});
}

void note_call(const char* function, Where where) {
    auto& calls = session().calls;
    if (calls.empty()) {
        fail_here(where, std::string("no call of ") + function + " is expected");
    }
    if (calls.front().function != function) {
        fail_here(where, std::string(function) + " is called before " + calls.front().function);
    }
    if (--calls.front().left == 0) {
        calls.pop_front();
    }
}

void* test_allocate(std::size_t count, std::size_t size, Where where) {
    void* block = std::calloc(count, size);
    if (block == nullptr) {
        throw std::bad_alloc();
    }
    session().blocks[block] = {count * size, where};
    return block;
}

void* test_reallocate(void* block, std::size_t size, Where where) {
    void* moved = test_allocate(1, size, where);
    if (block != nullptr) {
        const auto found = session().blocks.find(block);
        check(found != session().blocks.end(), where, [] { return "not a test block"; });
        std::memcpy(moved, block, std::min(size, found->second.first));
        test_release(block, where);
    }
    return moved;
}

void test_release(void* block, Where where) {
    if (block == nullptr) {
        return;
    }
    if (session().blocks.erase(block) == 0) {
        fail_here(where, "freed twice, or never allocated by this test");
    }
    std::free(block);
}

void failed_assertion(bool holds, const char* expression, Where where) {
    if (holds) {
        return;
    }
    (void)expression;
    (void)where;
    throw AssertionFailed{};
}

bool assertion_fails(const std::function<void()>& call) {
    try {
        call();
    } catch (const AssertionFailed&) {
        return true;
    }
    return false;
}

int run_group(const char* group, const UnitTest* tests, std::size_t count, FixtureFunction setup,
              FixtureFunction teardown) {
    static bool ready = false;
    static bool chosen = false;  // the caller named tests in GTEST_FILTER
    if (!ready) {
        ::testing::InitGoogleTest();
        chosen = GTEST_FLAG_GET(filter) != "*";
        ready = true;
    }
    void* group_state = nullptr;
    if (!group_fixture(setup, &group_state, group, "setup")) {
        return static_cast<int>(count);
    }
    for (std::size_t i = 0; i < count; ++i) {
        ::testing::RegisterTest(group, tests[i].name, nullptr, nullptr, __FILE__, __LINE__,
                                [test = tests[i], group_state]() -> ::testing::Test* {
                                    return new AdaptedTest(test, group_state);
                                });
    }
    if (!chosen) {
        GTEST_FLAG_SET(filter, std::string(group) + ".*");
    }
    const bool failed = RUN_ALL_TESTS() != 0;
    const int failures = ::testing::UnitTest::GetInstance()->failed_test_count();
    const bool torn_down = group_fixture(teardown, &group_state, group, "teardown");
    return failed || !torn_down ? std::max(failures, 1) : 0;
}

}  // namespace sallyport::cmocka
