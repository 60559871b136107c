// cmocka's API (1.1) on GoogleTest, so that a test of C glue code is written once and passes under
// both: link sallyport_cmocka instead of cmocka and keep the source, `main` included.
//
// The tests appear in GoogleTest's report as GROUP.TEST, GROUP being the array's name. A run of
// several groups prints one report a group. Include this after every other header: as in cmocka,
// names such as `fail` and `skip` become macros. Not mapped: cmocka's obsolete run_tests(), and
// output formats, which are GoogleTest's.
#pragma once

#include "tests/cmocka/cmocka_runtime.hpp"

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

using LargestIntegralType = sallyport::cmocka::Value;
using CMUnitTest = sallyport::cmocka::UnitTest;
using CMUnitTestFunction = sallyport::cmocka::TestFunction;
using CMFixtureFunction = sallyport::cmocka::FixtureFunction;

#define SALLYPORT_HERE (::sallyport::cmocka::Where{__FILE__, __LINE__})
#define SALLYPORT_SAY(...) ([&]() -> std::string { return __VA_ARGS__; })
#define SALLYPORT_CHECK(good, ...) \
    ::sallyport::cmocka::check((good), SALLYPORT_HERE, SALLYPORT_SAY(__VA_ARGS__))
#define SALLYPORT_TEXT(value) ::sallyport::cmocka::describe(value)
#define SALLYPORT_QUEUE_CHECK(function, parameter, expression, wanted, count)                   \
    ::sallyport::cmocka::queue_check(                                                           \
        #function, #parameter, [=](::sallyport::cmocka::Value actual) { return (expression); }, \
        (wanted), (count), SALLYPORT_HERE)

#define cast_to_largest_integral_type(value) ((LargestIntegralType)(value))
#define cast_ptr_to_largest_integral_type(value) ((LargestIntegralType)(std::uintptr_t)(value))

// Tests and groups.
#define cmocka_unit_test(f) \
    { #f, f, nullptr, nullptr, nullptr }
#define cmocka_unit_test_setup(f, setup) \
    { #f, f, setup, nullptr, nullptr }
#define cmocka_unit_test_teardown(f, teardown) \
    { #f, f, nullptr, teardown, nullptr }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
    { #f, f, setup, teardown, nullptr }
#define cmocka_unit_test_prestate(f, state) \
    { #f, f, nullptr, nullptr, state }
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) \
    { #f, f, setup, teardown, state }
#define cmocka_run_group_tests(tests, setup, teardown) \
    cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                \
    ::sallyport::cmocka::run_group((name), (tests), sizeof(tests) / sizeof((tests)[0]), (setup), \
                                   (teardown))

// Assertions.
#define assert_true(c) SALLYPORT_CHECK(!!(c), #c " is false")
#define assert_false(c) SALLYPORT_CHECK(!(c), #c " is true")
#define assert_null(c) SALLYPORT_CHECK((c) == nullptr, #c " is not null")
#define assert_non_null(c) SALLYPORT_CHECK((c) != nullptr, #c " is null")
#define SALLYPORT_COMPARE(op, a, b)                                                             \
    do {                                                                                        \
        const LargestIntegralType sallyport_a = cast_to_largest_integral_type(a);               \
        const LargestIntegralType sallyport_b = cast_to_largest_integral_type(b);               \
        SALLYPORT_CHECK(sallyport_a op sallyport_b, #a " " #op " " #b ": " +                    \
                                                        SALLYPORT_TEXT(sallyport_a) + " and " + \
                                                        SALLYPORT_TEXT(sallyport_b));           \
    } while (0)
#define assert_int_equal(a, b) SALLYPORT_COMPARE(==, a, b)
#define assert_int_not_equal(a, b) SALLYPORT_COMPARE(!=, a, b)
#define assert_ptr_equal(a, b) SALLYPORT_COMPARE(==, a, b)
#define assert_ptr_not_equal(a, b) SALLYPORT_COMPARE(!=, a, b)
#define assert_return_code(rc, error) \
    SALLYPORT_CHECK((rc) >= 0, #rc " < 0, error " + std::to_string(error))
#define SALLYPORT_COMPARE_TEXT(op, a, b)                                                         \
    do {                                                                                         \
        const char* sallyport_a = (a);                                                           \
        const char* sallyport_b = (b);                                                           \
        SALLYPORT_CHECK(std::strcmp(sallyport_a, sallyport_b) op 0,                              \
                        "\"" + std::string(sallyport_a) + "\" " #op " \"" + sallyport_b + "\""); \
    } while (0)
#define assert_string_equal(a, b) SALLYPORT_COMPARE_TEXT(==, a, b)
#define assert_string_not_equal(a, b) SALLYPORT_COMPARE_TEXT(!=, a, b)
#define assert_memory_equal(a, b, size) \
    SALLYPORT_CHECK(std::memcmp((a), (b), (size)) == 0, #a " and " #b " differ")
#define assert_memory_not_equal(a, b, size) \
    SALLYPORT_CHECK(std::memcmp((a), (b), (size)) != 0, #a " and " #b " are the same")
#define SALLYPORT_RANGE(value, minimum, maximum)                          \
    ::sallyport::cmocka::in_range(cast_to_largest_integral_type(value),   \
                                  cast_to_largest_integral_type(minimum), \
                                  cast_to_largest_integral_type(maximum))
#define assert_in_range(value, minimum, maximum)              \
    SALLYPORT_CHECK(SALLYPORT_RANGE(value, minimum, maximum), \
                    #value " is outside " #minimum ".." #maximum)
#define assert_not_in_range(value, minimum, maximum)           \
    SALLYPORT_CHECK(!SALLYPORT_RANGE(value, minimum, maximum), \
                    #value " is within " #minimum ".." #maximum)
#define assert_in_set(value, values, size)                                               \
    SALLYPORT_CHECK(                                                                     \
        ::sallyport::cmocka::in_set(cast_to_largest_integral_type(value), values, size), \
        #value " is not in " #values)
#define assert_not_in_set(value, values, size)                                            \
    SALLYPORT_CHECK(                                                                      \
        !::sallyport::cmocka::in_set(cast_to_largest_integral_type(value), values, size), \
        #value " is in " #values)
#define fail() ::sallyport::cmocka::fail_here(SALLYPORT_HERE, "fail()")
#define fail_msg(...)                                                      \
    do {                                                                   \
        char sallyport_text[1024];                                         \
        std::snprintf(sallyport_text, sizeof sallyport_text, __VA_ARGS__); \
        ::sallyport::cmocka::fail_here(SALLYPORT_HERE, sallyport_text);    \
    } while (0)
#define skip() ::sallyport::cmocka::skip_here()
#define print_message(...) std::printf(__VA_ARGS__)
#define print_error(...) std::fprintf(stderr, __VA_ARGS__)

// Mocked functions: what they return.
#define will_return_count(function, value, count)                                               \
    ::sallyport::cmocka::queue_return(#function, cast_to_largest_integral_type(value), (count), \
                                      SALLYPORT_HERE)
#define will_return(function, value) will_return_count(function, value, 1)
#define will_return_always(function, value) \
    will_return_count(function, value, ::sallyport::cmocka::kAlwaysAtLeastOnce)
#define will_return_maybe(function, value) \
    will_return_count(function, value, ::sallyport::cmocka::kMaybeNever)
#define mock() ::sallyport::cmocka::take_return(__func__, SALLYPORT_HERE)
#define mock_type(type) ((type)mock())
#define mock_ptr_type(type) ((type)(std::uintptr_t)mock())

// Mocked functions: what they are called with.
#define check_expected(parameter)                                                                  \
    ::sallyport::cmocka::run_check(__func__, #parameter, cast_to_largest_integral_type(parameter), \
                                   SALLYPORT_HERE)
#define check_expected_ptr(parameter)                    \
    ::sallyport::cmocka::run_check(__func__, #parameter, \
                                   cast_ptr_to_largest_integral_type(parameter), SALLYPORT_HERE)
#define expect_any_count(function, parameter, count) \
    SALLYPORT_QUEUE_CHECK(function, parameter, (void(actual), true), "anything", count)
#define expect_any(function, parameter) expect_any_count(function, parameter, 1)
#define expect_any_always(function, parameter) \
    expect_any_count(function, parameter, ::sallyport::cmocka::kAlwaysAtLeastOnce)
#define expect_value_count(function, parameter, value, count)                                  \
    SALLYPORT_QUEUE_CHECK(function, parameter, actual == cast_to_largest_integral_type(value), \
                          #value, count)
#define expect_value(function, parameter, value) expect_value_count(function, parameter, value, 1)
#define expect_not_value_count(function, parameter, value, count)                              \
    SALLYPORT_QUEUE_CHECK(function, parameter, actual != cast_to_largest_integral_type(value), \
                          "not " #value, count)
#define expect_not_value(function, parameter, value) \
    expect_not_value_count(function, parameter, value, 1)
#define expect_in_range_count(function, parameter, minimum, maximum, count)               \
    SALLYPORT_QUEUE_CHECK(function, parameter, SALLYPORT_RANGE(actual, minimum, maximum), \
                          #minimum ".." #maximum, count)
#define expect_in_range(function, parameter, minimum, maximum) \
    expect_in_range_count(function, parameter, minimum, maximum, 1)
#define expect_string_count(function, parameter, text, count)                                   \
    SALLYPORT_QUEUE_CHECK(                                                                      \
        function, parameter,                                                                    \
        ::sallyport::cmocka::same_text(actual, cast_ptr_to_largest_integral_type(text)), #text, \
        count)
#define expect_string(function, parameter, text) expect_string_count(function, parameter, text, 1)
#define expect_memory_count(function, parameter, memory, size, count)                              \
    SALLYPORT_QUEUE_CHECK(function, parameter,                                                     \
                          std::memcmp((const void*)(std::uintptr_t)actual, (memory), (size)) == 0, \
                          #memory, count)
#define expect_memory(function, parameter, memory, size) \
    expect_memory_count(function, parameter, memory, size, 1)

// Order of calls.
#define function_called() ::sallyport::cmocka::note_call(__func__, SALLYPORT_HERE)
#define expect_function_calls(function, times) \
    ::sallyport::cmocka::queue_call(#function, (times), SALLYPORT_HERE)
#define expect_function_call(function) expect_function_calls(function, 1)

// Memory and assertions of the code under test.
#define test_malloc(size) ::sallyport::cmocka::test_allocate(1, (size), SALLYPORT_HERE)
#define test_calloc(count, size) ::sallyport::cmocka::test_allocate((count), (size), SALLYPORT_HERE)
#define test_realloc(block, size) \
    ::sallyport::cmocka::test_reallocate((block), (size), SALLYPORT_HERE)
#define test_free(block) ::sallyport::cmocka::test_release((block), SALLYPORT_HERE)
#define mock_assert(holds, expression, file, line)                    \
    ::sallyport::cmocka::failed_assertion((holds) != 0, (expression), \
                                          ::sallyport::cmocka::Where{(file), (line)})
#define expect_assert_failure(call)                                              \
    SALLYPORT_CHECK(::sallyport::cmocka::assertion_fails([&] { (void)(call); }), \
                    "no assertion failed in " #call)
