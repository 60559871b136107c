// nginx under a wall clock that the test sets. The clock is a library that is preloaded into nginx
// (tests/clock): the module under test is the shipped one.
#pragma once

#include "tests/integration/fixtures/nginx_server.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::test {

class ClockedNginx {
  public:
    ClockedNginx(std::string_view http, NginxOptions options, std::int64_t now_s) {
        write(0, now_s);
        write(1, 0);
        setenv("SALLYPORT_TEST_CLOCK", file().c_str(), 1);
        const char* before = std::getenv("LD_PRELOAD");
        const std::string old = before == nullptr ? "" : before;
        const std::string both = old.empty() ? SALLYPORT_CLOCK_SO : old + ":" SALLYPORT_CLOCK_SO;
        setenv("LD_PRELOAD", both.c_str(), 1);
        nginx_ = std::make_unique<NginxServer>(http, std::move(options));
        if (before == nullptr) {
            unsetenv("LD_PRELOAD");
        } else {
            setenv("LD_PRELOAD", old.c_str(), 1);
        }
    }

    NginxServer& operator*() { return *nginx_; }
    NginxServer* operator->() { return nginx_.get(); }

    // The next event in a worker sees it.
    void set(std::int64_t now_s) { write(0, now_s); }
    // Timers that end within `seconds` from the start run at the next event.
    void advance_timers(std::int64_t seconds) { write(1, seconds); }

  private:
    void write(std::streamoff index, std::int64_t number) {
        std::fstream out(file(), std::ios::binary | std::ios::in | std::ios::out);
        if (!out) {
            out.open(file(), std::ios::binary | std::ios::out);
        }
        out.seekp(index * static_cast<std::streamoff>(sizeof(number)));
        out.write(reinterpret_cast<const char*>(&number), sizeof(number));
    }
    std::string file() const { return dir_.path("clock"); }
    TempDir dir_{"clock"};
    std::unique_ptr<NginxServer> nginx_;
};

}  // namespace sallyport::test
