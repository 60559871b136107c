// What the macros of cmocka_compat.hpp call: GoogleTest behind cmocka's words. Tests never name
// anything here themselves.
//
// A failed assertion is recorded in GoogleTest and leaves the test by an exception, where cmocka
// would leave by longjmp: destructors run, and nothing between the assertion and the test may be
// noexcept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace sallyport::cmocka {

using Value = std::uintmax_t;

struct Where {
    const char* file;
    int line;
};

using TestFunction = void (*)(void** state);
using FixtureFunction = int (*)(void** state);

struct UnitTest {
    const char* name;
    TestFunction test;
    FixtureFunction setup;
    FixtureFunction teardown;
    void* initial_state;
};

// How often a queued value may be taken: a positive count, or one of these.
constexpr int kAlwaysAtLeastOnce = -1;
constexpr int kMaybeNever = -2;

[[noreturn]] void fail_here(Where where, const std::string& message);
[[noreturn]] void skip_here();
void check(bool good, Where where, const std::function<std::string()>& message);

std::string describe(Value value);
bool same_text(Value a, Value b);
bool in_range(Value value, Value minimum, Value maximum);
bool in_set(Value value, const Value* set, std::size_t size);

// Queues, one a mocked function (or function and parameter). A queue that a test leaves unused, or
// asks for more than it holds, fails that test.
void queue_return(const char* function, Value value, int count, Where where);
Value take_return(const char* function, Where where);

using Check = std::function<bool(Value actual)>;
void queue_check(const char* function, const char* parameter, Check check, std::string wanted,
                 int count, Where where);
void run_check(const char* function, const char* parameter, Value actual, Where where);

// Calls expected in this order, across all functions.
void queue_call(const char* function, int times, Where where);
void note_call(const char* function, Where where);

// Memory that must be freed within the test that took it.
void* test_allocate(std::size_t count, std::size_t size, Where where);
void* test_reallocate(void* block, std::size_t size, Where where);
void test_release(void* block, Where where);

// assert() of the code under test, when it is redirected to mock_assert.
void failed_assertion(bool holds, const char* expression, Where where);
bool assertion_fails(const std::function<void()>& call);

int run_group(const char* group, const UnitTest* tests, std::size_t count, FixtureFunction setup,
              FixtureFunction teardown);

}  // namespace sallyport::cmocka
