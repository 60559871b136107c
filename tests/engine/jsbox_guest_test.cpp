// The wall around the guest: whatever addresses, lengths and numbers come out of it, the host
// touches nothing but the guest's memory, and a reset leaves nothing of it.
#include "engine/jsbox/host_calls.hpp"
#include "engine/jsbox/private_pages.hpp"
#include "engine/jsbox/run.hpp"
#include "engine/jsbox/wasm_host.hpp"
#include "engine/jsbox/wasm_imports.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace sallyport::engine::jsbox {
namespace {

constexpr std::uint32_t kSize = wasm::kInitialPages * wasm::kPageBytes;
constexpr std::uint32_t kHostileAddresses[] = {0,          1,          3,          4096,
                                               kSize - 8,  kSize - 1,  kSize,      kSize + 1,
                                               0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};

class JsboxGuest : public ::testing::Test {
  protected:
    // One instance a process, as in the worker.
    static void SetUpTestSuite() {
        EXPECT_TRUE(private_pages::open());
        wasm::install({&soft_limit_passed, &host_call, &module_source});
        Entry entry;
        ASSERT_TRUE(wasm::create() && js::create(1u << 20) && build_world(entry) &&
                    wasm::take_snapshot());
    }
    void TearDown() override {
        wasm::reset();
        wasm::start_from(nullptr);
    }
};

// Runs `call` in a child. A fault on the guest's own guard pages is what they are for (exit 71, as
// in the worker); one anywhere else is a hole.
int exit_of(const std::function<void()>& call) {
    const pid_t child = fork();
    if (child == 0) {
        struct sigaction fault {};
        fault.sa_flags = SA_SIGINFO;
        fault.sa_sigaction = [](int, siginfo_t* info, void*) {
            _exit(wasm::owns_address(info->si_addr) ? 71 : 99);
        };
        sigaction(SIGSEGV, &fault, nullptr);
        sigaction(SIGBUS, &fault, nullptr);
        alarm(20);
        call();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_F(JsboxGuest, RangesAreCheckedInSixtyFourBits) {
    struct Case {
        std::uint32_t address;
        std::uint64_t size;
        bool inside;
    };
    const Case cases[] = {
        {0, 0, true},
        {0, kSize, true},
        {0, std::uint64_t{kSize} + 1, false},
        {kSize - 1, 1, true},
        {kSize - 1, 2, false},
        {kSize, 0, true},
        {kSize, 1, false},
        {kSize + 1, 0, false},
        {0xffffffff, 1, false},
        {16, 0xfffffff0, false},
        {0xffffffff, 0xffffffffffffffff, false},
        {1, 0xffffffffffffffff, false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(wasm::range(c.address, c.size) != nullptr, c.inside)
            << c.address << " + " << c.size;
    }
    std::memset(wasm::range(kSize - 4, 4), 'x', 4);
    EXPECT_FALSE(wasm::c_string(kSize - 4)) << "text without an end";
    EXPECT_FALSE(wasm::c_string(0));
    EXPECT_FALSE(wasm::c_string(0xffffffff));
    EXPECT_FALSE(wasm::store_u32(kSize - 3, 1));
}

TEST_F(JsboxGuest, MemoryGrowsToItsLimitAndAResetTakesItBack) {
    wasm::set_size_limit(kSize + 10 * wasm::kPageBytes);
    EXPECT_TRUE(wasm::grow_to(kSize + 1, 100 * wasm::kPageBytes));
    EXPECT_EQ(wasm::size_bytes(), kSize + wasm::kPageBytes);
    EXPECT_TRUE(wasm::grow_to(kSize + 10 * wasm::kPageBytes, 0));
    EXPECT_FALSE(wasm::growth_refused());
    EXPECT_FALSE(wasm::grow_to(kSize + 10 * wasm::kPageBytes + 1, 0));
    EXPECT_TRUE(wasm::growth_refused());
    std::memset(wasm::range(kSize, 10 * wasm::kPageBytes), 'x', 10 * wasm::kPageBytes);
    wasm::range(8, 1)[0] = 'x';
    wasm::reset();
    EXPECT_EQ(wasm::size_bytes(), kSize);
    EXPECT_FALSE(wasm::growth_refused());
    EXPECT_EQ(wasm::range(8, 1)[0], 0);
    EXPECT_TRUE(wasm::grow_to(kSize + wasm::kPageBytes, 0));
    for (std::uint32_t at = 0; at < wasm::kPageBytes; ++at) {
        ASSERT_EQ(wasm::range(kSize + at, 1)[0], 0);
    }
}

std::string memory() {
    return {wasm::range(0, kSize), kSize};
}

void change_every(std::uint32_t step, std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t at = from; at < to; at += step) {
        wasm::range(at, 1)[0] = static_cast<char>(wasm::range(at, 1)[0] ^ 0x55);
    }
}

TEST_F(JsboxGuest, AResetRestoresWhateverWasChanged) {
    const std::string before = memory();
    struct Case {
        const char* name;
        std::uint32_t step;
        std::uint32_t to;
    };
    // Few pages stay the process's own from run to run, untouched ones are given back, very many
    // are given back at once.
    for (const Case& c : {Case{"few", 50 * 4096, kSize}, Case{"many", 20 * 4096, kSize},
                          Case{"one", kSize, kSize}, Case{"all", 4096, kSize}}) {
        for (int round = 0; round < 20; ++round) {
            change_every(c.step, 100 + 4096 * static_cast<std::uint32_t>(round % 3), c.to);
            wasm::reset();
            ASSERT_TRUE(memory() == before) << c.name << " " << round;
        }
    }
}

TEST_F(JsboxGuest, PagesThatWereWrittenToAreKnown) {
    std::vector<std::uint32_t> pages;
    const auto is_known = [&pages](std::uint32_t page) {
        return std::find(pages.begin(), pages.end(), page) != pages.end();
    };
    change_every(kSize, 3000 * 4096, kSize);
    ASSERT_TRUE(private_pages::list(wasm::range(0, 1), kSize, pages));
    EXPECT_TRUE(is_known(3000));
    EXPECT_FALSE(is_known(3001));
    EXPECT_LT(pages.size(), 1000u);
}

TEST_F(JsboxGuest, ARunStartsFromTheImageItIsGiven) {
    const std::string before = memory();
    change_every(100 * 4096, 200, kSize);
    const std::string changed = memory();
    wasm::Image image;
    ASSERT_TRUE(wasm::capture(image, 100));
    EXPECT_EQ(image.pages.size(), 41u);
    wasm::Image none;
    EXPECT_FALSE(wasm::capture(none, 40)) << "too large";
    wasm::start_from(&image);
    EXPECT_TRUE(memory() == changed);
    for (const std::uint32_t step : {70u * 4096, 4096u, 100u * 4096}) {
        change_every(step, 300, kSize);
        wasm::reset();
        EXPECT_TRUE(memory() == changed) << step;
    }
    EXPECT_FALSE(wasm::capture(none, 100)) << "an image is of the snapshot";
    wasm::start_from(nullptr);
    EXPECT_TRUE(memory() == before);
    change_every(4096, 300, kSize);
    wasm::reset();
    EXPECT_TRUE(memory() == before);
    wasm::start_from(&image);
    EXPECT_TRUE(memory() == changed);
    wasm::start_from(nullptr);  // the image ends here
}

TEST_F(JsboxGuest, ImportsBearAnyAddress) {
    for (const std::uint32_t a : kHostileAddresses) {
        for (const std::uint32_t b : kHostileAddresses) {
            const int status = exit_of([a, b] {
                QJS_IMPORT_clock_time_get(nullptr, 0, a, b);
                QJS_IMPORT_clock_time_get(nullptr, a, 0, b);
                QJS_IMPORT_localtime(nullptr, (std::uint64_t{a} << 32) | b, b);
                QJS_IMPORT_tzset(nullptr, a, b, a, b);
                QJS_IMPORT_environ_sizes_get(nullptr, a, b);
                QJS_IMPORT_environ_get(nullptr, a, b);
                QJS_IMPORT_fd_write(nullptr, a, b, a, b);
                QJS_IMPORT_resize_heap(nullptr, a);
                QJS_IMPORT_should_interrupt(nullptr, a);
                QJS_IMPORT_free_host_ref(nullptr, a, b);
                QJS_IMPORT_normalize_module(nullptr, a, b, a, b);
            });
            EXPECT_EQ(status, 0) << a << " " << b;
        }
        // These call back into the guest, which may fault on its own pages or trap.
        const int status = exit_of([a] { QJS_IMPORT_load_module(nullptr, a, a, a); });
        EXPECT_TRUE(status == 0 || status == 70 || status == 71) << a << ": " << status;
    }
}

TEST_F(JsboxGuest, HostCallsBearAnyArguments) {
    for (int id = -1; id <= 10; ++id) {
        for (const std::uint32_t arguments : kHostileAddresses) {
            for (const int count : {-1, 0, 1, 5, 0x7fffffff}) {
                const int status = exit_of([=] {
                    QJS_IMPORT_call_function(nullptr, 0, 0, static_cast<std::uint32_t>(count),
                                             arguments, static_cast<std::uint32_t>(id));
                });
                EXPECT_TRUE(status == 0 || status == 70 || status == 71)
                    << "id " << id << " arguments " << arguments << " count " << count << ": "
                    << status;
            }
        }
    }
}

}  // namespace
}  // namespace sallyport::engine::jsbox
