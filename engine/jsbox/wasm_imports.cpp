#include "engine/jsbox/wasm_imports.hpp"

#include "engine/jsbox/wasm_host.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <string>

namespace sallyport::engine::jsbox::wasm {
namespace {

Hooks hooks;

constexpr std::uint32_t kErrnoBadFile = 8;  // WASI numbers
constexpr std::uint32_t kErrnoInvalid = 28;
constexpr std::uint32_t kErrnoNoSys = 52;
constexpr std::uint32_t kErrnoSeek = 70;

std::int64_t nanoseconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// The guest's `struct tm` (emscripten, 32-bit): year, month, … in the order of the standard, then
// the zone offset at byte 36. The sandbox lives in UTC. Not by gmtime_r(): the C library opens the
// zone's file first, which the system-call filter answers by ending the process.
void store_utc(std::int64_t seconds, std::uint32_t at) {
    namespace chrono = std::chrono;
    // The calendar repeats every 400 years; JavaScript's dates reach further than chrono's years.
    constexpr std::int64_t kCycleSeconds = std::int64_t{146'097} * 86'400;
    const std::int64_t cycle = seconds / kCycleSeconds - (seconds % kCycleSeconds < 0 ? 1 : 0);
    const chrono::sys_seconds time{chrono::seconds(seconds - cycle * kCycleSeconds)};
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date{day};
    const chrono::hh_mm_ss clock{time - day};
    const auto year_day = day - chrono::sys_days{date.year() / chrono::January / 1};
    const int fields[] = {static_cast<int>(clock.seconds().count()),
                          static_cast<int>(clock.minutes().count()),
                          static_cast<int>(clock.hours().count()),
                          static_cast<int>(static_cast<unsigned>(date.day())),
                          static_cast<int>(static_cast<unsigned>(date.month())) - 1,
                          static_cast<int>(date.year()) - 1900 + static_cast<int>(cycle * 400),
                          static_cast<int>(chrono::weekday{day}.c_encoding()),
                          static_cast<int>(year_day.count()),
                          0,
                          0};
    char* to = range(at, sizeof fields);
    if (to != nullptr) {
        std::memcpy(to, fields, sizeof fields);
    }
}

void refuse_module(std::uint32_t name) {
    const auto text = c_string(name);
    std::string shown(text ? text->substr(0, 200) : std::string_view("?"));
    js::throw_error(
        "module '" + shown +
        "' cannot be imported in a code step of tier js; there are: buffer, crypto, url, "
        "util");
}

}  // namespace

void install(const Hooks& given) {
    hooks = given;
}

}  // namespace sallyport::engine::jsbox::wasm

using sallyport::engine::jsbox::wasm::InImport;
namespace wasm = sallyport::engine::jsbox::wasm;

extern "C" {

void QJS_IMPORT_assert_fail(QJS_IMPORTS*, u32, u32, u32, u32) {
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}
void QJS_IMPORT_abort(QJS_IMPORTS*) {
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}
void QJS_IMPORT_exit(QJS_IMPORTS*, u32) {
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}
void QJS_IMPORT_runtime_keepalive_clear(QJS_IMPORTS*) {}
u32 QJS_IMPORT_setitimer(QJS_IMPORTS*, u32, f64) {
    return 0;
}
u32 QJS_IMPORT_fd_close(QJS_IMPORTS*, u32) {
    return wasm::kErrnoNoSys;
}
u32 QJS_IMPORT_fd_seek(QJS_IMPORTS*, u32, u64, u32, u32) {
    return wasm::kErrnoSeek;
}
u32 QJS_IMPORT_fd_write(QJS_IMPORTS*, u32, u32, u32, u32) {
    return wasm::kErrnoBadFile;
}
u32 QJS_IMPORT_environ_get(QJS_IMPORTS*, u32, u32) {
    return 0;
}
u32 QJS_IMPORT_environ_sizes_get(QJS_IMPORTS*, u32 count, u32 size) {
    InImport mark;
    wasm::store_u32(count, 0);
    wasm::store_u32(size, 0);
    return 0;
}

u32 QJS_IMPORT_clock_time_get(QJS_IMPORTS*, u32 clock, u64, u32 out) {
    InImport mark;
    if (clock > 3) {
        return wasm::kErrnoInvalid;
    }
    const std::int64_t now = wasm::nanoseconds(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC);
    char* to = wasm::range(out, sizeof now);
    if (to == nullptr) {
        return wasm::kErrnoInvalid;
    }
    std::memcpy(to, &now, sizeof now);
    return 0;
}
f64 QJS_IMPORT_date_now(QJS_IMPORTS*) {
    return std::floor(static_cast<double>(wasm::nanoseconds(CLOCK_REALTIME)) / 1e6);
}
void QJS_IMPORT_localtime(QJS_IMPORTS*, u64 seconds, u32 out) {
    InImport mark;
    wasm::store_utc(static_cast<std::int64_t>(seconds), out);
}
void QJS_IMPORT_tzset(QJS_IMPORTS*, u32 zone, u32 summer, u32 standard_name, u32 summer_name) {
    InImport mark;
    wasm::store_u32(zone, 0);
    wasm::store_u32(summer, 0);
    for (const u32 name : {standard_name, summer_name}) {
        if (char* to = wasm::range(name, 4); to != nullptr) {
            std::memcpy(to, "UTC", 4);
        }
    }
}

u32 QJS_IMPORT_resize_heap(QJS_IMPORTS*, u32 wanted) {
    InImport mark;
    // Slack, so that steady growth does not come here for every page.
    return wasm::grow_to(wanted, std::min<std::size_t>(wanted / 8, 4u << 20)) ? 1 : 0;
}

u32 QJS_IMPORT_should_interrupt(QJS_IMPORTS*, u32) {
    InImport mark;
    return wasm::hooks.should_interrupt() ? 1 : 0;
}
u32 QJS_IMPORT_call_function(QJS_IMPORTS*, u32, u32, u32 count, u32 arguments, u32 id) {
    InImport mark;
    return wasm::hooks.host_call(arguments, static_cast<int>(count), static_cast<int>(id));
}
u32 QJS_IMPORT_load_module(QJS_IMPORTS*, u32, u32, u32 name) {
    InImport mark;
    const auto text = wasm::c_string(name);
    const u32 source = text ? wasm::hooks.module_source(*text) : 0;
    if (source == 0) {
        wasm::refuse_module(name);
    }
    return source;
}
// Only called with a custom normaliser, which is not installed.
u32 QJS_IMPORT_normalize_module(QJS_IMPORTS*, u32, u32, u32, u32) {
    return 0;
}
void QJS_IMPORT_free_host_ref(QJS_IMPORTS*, u32, u32) {}
}
