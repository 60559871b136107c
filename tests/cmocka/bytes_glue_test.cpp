// Byte helpers as C glue meets them: buffers, sizes and call-backs. Compiled twice, against cmocka
// and against cmocka_compat.hpp.
#include "common/bytes.hpp"
#include "tests/cmocka/cmocka_includes.hpp"

#include <cstring>
#include <string>

namespace {

// A call-back as C code would pass it; the test says what it is called with and what it answers.
int take_part(const char* text, size_t size) {
    check_expected(size);
    check_expected_ptr(text);
    return mock_type(int);
}

int sum_of_parts(const char* text) {
    int sum = 0;
    sallyport::for_each_split(
        text, ',', [&sum](std::string_view part) { sum += take_part(part.data(), part.size()); });
    return sum;
}

const char* first_word() {
    return mock_ptr_type(const char*);
}

int make_buffer(void** state) {
    *state = new std::string;
    return 0;
}

int drop_buffer(void** state) {
    delete static_cast<std::string*>(*state);
    return 0;
}

void hex_of_bytes(void** state) {
    auto& out = *static_cast<std::string*>(*state);
    const uint8_t bytes[] = {0x00, 0x7f, 0xff};
    out = sallyport::hex_encode(bytes, sizeof bytes);
    assert_string_equal(out.c_str(), "007fff");
    assert_string_not_equal(out.c_str(), "007FFF");
    const auto back = sallyport::hex_decode(out);
    assert_true(back.has_value());
    assert_int_equal(back->size(), sizeof bytes);
    assert_memory_equal(back->data(), bytes, sizeof bytes);
    assert_false(sallyport::hex_decode("0").has_value());
}

void state_is_fresh(void** state) {
    assert_non_null(*state);
    assert_int_equal(static_cast<std::string*>(*state)->size(), 0);
}

void numbers_are_digits_only(void** state) {
    (void)state;
    const auto port = sallyport::parse_u64("8443");
    assert_true(port.has_value());
    assert_in_range(*port, 1, 65535);
    assert_not_in_range(*port, 0, 1023);
    assert_false(sallyport::parse_u64("-1").has_value());
    assert_false(sallyport::parse_u64("").has_value());
}

void every_part_reaches_the_call_back(void** state) {
    (void)state;
    expect_value(take_part, size, 1);
    expect_memory(take_part, text, "a", 1);
    will_return(take_part, 1);
    expect_value(take_part, size, 0);
    expect_any(take_part, text);
    will_return(take_part, 10);
    expect_in_range(take_part, size, 2, 3);
    expect_string(take_part, text, "bcd");
    will_return(take_part, 100);
    assert_int_equal(sum_of_parts("a,,bcd"), 111);
}

void case_is_ascii_only(void** state) {
    (void)state;
    will_return(first_word, "SHA256");
    will_return(first_word, "\xc4");
    assert_true(sallyport::ascii_iequals(first_word(), "sha256"));
    assert_false(sallyport::ascii_iequals(first_word(), "\xe4"));
}

void a_skipped_test_goes_no_further(void** state) {
    (void)state;
    skip();
    fail_msg("reached after skip(), with %d", 1);
}

int group_ready(void** state) {
    static int ready = 42;
    *state = &ready;
    return 0;
}

void group_state_is_seen(void** state) {
    assert_int_equal(*static_cast<int*>(*state), 42);
}

}  // namespace

int main() {
    const CMUnitTest bytes[] = {
        cmocka_unit_test_setup_teardown(hex_of_bytes, make_buffer, drop_buffer),
        cmocka_unit_test_setup_teardown(state_is_fresh, make_buffer, drop_buffer),
        cmocka_unit_test(numbers_are_digits_only),
        cmocka_unit_test(every_part_reaches_the_call_back),
        cmocka_unit_test(case_is_ascii_only),
        cmocka_unit_test(a_skipped_test_goes_no_further),
    };
    const CMUnitTest group[] = {cmocka_unit_test(group_state_is_seen)};
    const int failed = cmocka_run_group_tests(bytes, nullptr, nullptr);
    return failed + cmocka_run_group_tests(group, group_ready, nullptr);
}
