// The exception wall, against nginx's log function written here: whatever is thrown, the caller gets
// the outcome that refuses.
#include "module/nginx/guard.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace {
int logged = 0;
}

extern "C" void ngx_log_error_core(ngx_uint_t level, ngx_log_t*, ngx_err_t, const char*, ...) {
    logged += level == NGX_LOG_CRIT ? 1 : 0;
}

namespace sallyport::ngx {
namespace {

class Guard : public testing::Test {
  protected:
    Guard() { log_.log_level = NGX_LOG_DEBUG; }
    ngx_log_t log_{};
};

TEST_F(Guard, PassesResultsThrough) {
    logged = 0;
    EXPECT_EQ(guarded(&log_, "test", ngx_int_t{500}, [] { return ngx_int_t{NGX_DECLINED}; }),
              NGX_DECLINED);
    EXPECT_EQ(logged, 0);
}

TEST_F(Guard, TurnsEveryExceptionIntoTheRefusal) {
    logged = 0;
    EXPECT_EQ(guarded(&log_, "test", ngx_int_t{500},
                      []() -> ngx_int_t { throw std::runtime_error("x"); }),
              500);
    EXPECT_EQ(guarded(&log_, "test", ngx_int_t{500}, []() -> ngx_int_t { throw 42; }), 500);
    EXPECT_EQ(guarded(&log_, "test", ngx_int_t{500}, []() -> ngx_int_t { throw std::bad_alloc(); }),
              500);
    guarded(&log_, "test", [] { throw 42; });
    EXPECT_EQ(logged, 4);
}

}  // namespace
}  // namespace sallyport::ngx
