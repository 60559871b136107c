// The module's pool and string glue, with nginx's allocators mocked: no nginx is linked. Compiled
// twice, against cmocka and against cmocka_compat.hpp.
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"
#include "tests/cmocka/cmocka_includes.hpp"

#include <cstring>
#include <new>
#include <stdexcept>

namespace {

using namespace sallyport::ngx;

ngx_pool_t* const kPool = reinterpret_cast<ngx_pool_t*>(0x1000);

}  // namespace

extern "C" {

void* ngx_palloc(ngx_pool_t* pool, size_t size) {
    check_expected_ptr(pool);
    check_expected(size);
    return mock_ptr_type(void*);
}

void* ngx_pnalloc(ngx_pool_t* pool, size_t size) {
    check_expected_ptr(pool);
    check_expected(size);
    return mock_ptr_type(void*);
}

ngx_pool_cleanup_t* ngx_pool_cleanup_add(ngx_pool_t* pool, size_t size) {
    check_expected_ptr(pool);
    check_expected(size);
    return mock_ptr_type(ngx_pool_cleanup_t*);
}

}  // extern "C"

namespace {

struct Plain {
    int number;
};

struct Counted {
    explicit Counted(int* alive) : alive_(alive) { ++*alive_; }
    ~Counted() { --*alive_; }
    int* alive_;
};

struct Refusing {
    Refusing() { throw std::runtime_error("no"); }
    ~Refusing() { std::memset(text, 0, sizeof text); }
    char text[8];
};

void plain_types_take_no_cleanup(void** state) {
    (void)state;
    Plain place{};
    expect_value(ngx_palloc, pool, kPool);
    expect_value(ngx_palloc, size, sizeof(Plain));
    will_return(ngx_palloc, &place);
    Plain* made = pool_new<Plain>(kPool, 7);
    assert_ptr_equal(made, &place);
    assert_int_equal(made->number, 7);
}

void destructors_run_with_the_pool(void** state) {
    (void)state;
    int alive = 0;
    alignas(Counted) unsigned char place[sizeof(Counted)];
    ngx_pool_cleanup_t cleanup = {nullptr, place, nullptr};
    expect_value(ngx_pool_cleanup_add, pool, kPool);
    expect_value(ngx_pool_cleanup_add, size, sizeof(Counted));
    will_return(ngx_pool_cleanup_add, &cleanup);
    pool_new<Counted>(kPool, &alive);
    assert_int_equal(alive, 1);
    assert_true(cleanup.handler != nullptr);
    cleanup.handler(cleanup.data);
    assert_int_equal(alive, 0);
}

void a_throwing_constructor_arms_nothing(void** state) {
    (void)state;
    alignas(Refusing) unsigned char place[sizeof(Refusing)];
    ngx_pool_cleanup_t cleanup = {nullptr, place, nullptr};
    expect_any(ngx_pool_cleanup_add, pool);
    expect_any(ngx_pool_cleanup_add, size);
    will_return(ngx_pool_cleanup_add, &cleanup);
    bool thrown = false;
    try {
        pool_new<Refusing>(kPool);
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    assert_true(thrown);
    assert_true(cleanup.handler == nullptr);
}

void an_empty_pool_is_bad_alloc(void** state) {
    (void)state;
    expect_any(ngx_palloc, pool);
    expect_any(ngx_palloc, size);
    will_return(ngx_palloc, nullptr);
    bool thrown = false;
    try {
        pool_new<Plain>(kPool, 1);
    } catch (const std::bad_alloc&) {
        thrown = true;
    }
    assert_true(thrown);
}

void copies_end_with_a_zero(void** state) {
    (void)state;
    char place[8];
    std::memset(place, 'x', sizeof place);
    expect_value(ngx_pnalloc, pool, kPool);
    expect_in_range(ngx_pnalloc, size, 5, sizeof place);
    will_return(ngx_pnalloc, place);
    const ngx_str_t text = copy(kPool, "door");
    assert_ptr_equal(text.data, place);
    assert_int_equal(text.len, 4);
    assert_string_equal(place, "door");
}

void views_borrow(void** state) {
    (void)state;
    const char* text = "sally\0port";
    const ngx_str_t borrowed = borrow(std::string_view(text, 10));
    assert_int_equal(borrowed.len, 10);
    assert_ptr_equal(view(borrowed).data(), text);
    assert_memory_equal(view(borrowed).data(), text, 10);
}

}  // namespace

int main() {
    const CMUnitTest pool_glue[] = {
        cmocka_unit_test(plain_types_take_no_cleanup),
        cmocka_unit_test(destructors_run_with_the_pool),
        cmocka_unit_test(a_throwing_constructor_arms_nothing),
        cmocka_unit_test(an_empty_pool_is_bad_alloc),
        cmocka_unit_test(copies_end_with_a_zero),
        cmocka_unit_test(views_borrow),
    };
    return cmocka_run_group_tests(pool_glue, nullptr, nullptr);
}
