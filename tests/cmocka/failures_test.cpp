// A test dialect is worth its failures: each of these must fail, under cmocka and under
// cmocka_compat.hpp alike. The program passes when all of them did.
#include "tests/cmocka/cmocka_includes.hpp"

#include <cstring>

namespace {

int answer(int question) {
    check_expected(question);
    return mock_type(int);
}

void step_one() {
    function_called();
}
void step_two() {
    function_called();
}

#define FAILING(name, ...)    \
    void name(void** state) { \
        (void)state;          \
        __VA_ARGS__;          \
    }

FAILING(wrong_number, assert_int_equal(1, 2))
FAILING(same_number, assert_int_not_equal(-1, -1))
FAILING(wrong_text, assert_string_equal("a", "b"))
FAILING(wrong_memory, assert_memory_equal("ab", "ac", 2))
FAILING(not_true, assert_true(0))
FAILING(not_false, assert_false(1))
FAILING(not_null, assert_null(state))
FAILING(null, assert_non_null(nullptr))
FAILING(out_of_range, assert_in_range(4, 1, 3))
FAILING(told_to, fail_msg("%s", "told to"))
FAILING(wrong_argument, expect_value(answer, question, 1); will_return(answer, 1); answer(2))
FAILING(no_return_queued, expect_any(answer, question); answer(1))
FAILING(no_call_queued, answer(1))
FAILING(return_not_used, will_return(answer, 1))
FAILING(check_not_used, expect_value(answer, question, 1))
FAILING(wrong_order, expect_function_call(step_one); expect_function_call(step_two); step_two();
        step_one())
FAILING(call_missing, expect_function_calls(step_one, 2); step_one())
FAILING(leak, void* block = test_malloc(8); std::memset(block, 0, 8))

int refuse(void** state) {
    (void)state;
    return -1;
}

FAILING(never_set_up, assert_true(1))

}  // namespace

int main() {
    const CMUnitTest failures[] = {
        cmocka_unit_test(wrong_number),
        cmocka_unit_test(same_number),
        cmocka_unit_test(wrong_text),
        cmocka_unit_test(wrong_memory),
        cmocka_unit_test(not_true),
        cmocka_unit_test(not_false),
        cmocka_unit_test(not_null),
        cmocka_unit_test(null),
        cmocka_unit_test(out_of_range),
        cmocka_unit_test(told_to),
        cmocka_unit_test(wrong_argument),
        cmocka_unit_test(no_return_queued),
        cmocka_unit_test(no_call_queued),
        cmocka_unit_test(return_not_used),
        cmocka_unit_test(check_not_used),
        cmocka_unit_test(wrong_order),
        cmocka_unit_test(call_missing),
        cmocka_unit_test(leak),
        cmocka_unit_test_setup(never_set_up, refuse),
    };
    const int count = static_cast<int>(sizeof failures / sizeof failures[0]);
    const int failed = cmocka_run_group_tests(failures, nullptr, nullptr);
    print_message("%d of %d failed, as all must\n", failed, count);
    return failed == count ? 0 : 1;
}
