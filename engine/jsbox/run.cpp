#include "engine/jsbox/run.hpp"

#include "engine/jsbox/code_cache.hpp"
#include "engine/jsbox/host_calls.hpp"
#include "engine/jsbox/prelude_text.hpp"
#include "engine/jsbox/types/type_eraser_text.hpp"
#include "engine/jsbox/wasm_host.hpp"

#include <sys/time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

namespace sallyport::engine::jsbox {
namespace {

// The run in progress. Static, because a landing from the guest must find it whole.
struct Current {
    const Entry* entry = nullptr;
    Channel* channel = nullptr;
    RunFrame frame;
    ResultFrame result;
    RunState state;
    std::int64_t deadline_ms = 0;
    std::string_view code;  // of `frame`, without a byte order mark
    std::string_view
        source;  // what `code.js` is while compiling: the code, or what it is without types
    std::string without_types;
    bool compiling = false;
    const wasm::Image* image = nullptr;
    volatile std::int64_t hard_ms = 0;   // when the guest is cut off; 0: nothing runs
    volatile std::int64_t alarm_ms = 0;  // when SIGALRM comes; 0: it does not
};
Current g;
CodeCache code_cache;

// A module whose evaluation throws this: what is imported after it is compiled and linked, and not
// evaluated.
constexpr const char* kStopModule = "sallyport:stop";
constexpr double kStop = 23057;
constexpr std::string_view kCompile = "import 'sallyport:stop';import 'code.js';";
constexpr std::string_view kMain = "export * as module from 'code.js';";
constexpr const char* kCodeModule = "code.js";

std::int64_t monotonic_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void set_alarm(std::int64_t now_ms, std::int64_t at_ms) {
    g.alarm_ms = at_ms;
    const std::int64_t wait_ms = std::max<std::int64_t>(1, at_ms - now_ms);
    itimerval timer{};
    timer.it_value.tv_sec = wait_ms / 1000;
    timer.it_value.tv_usec = static_cast<suseconds_t>(wait_ms % 1000) * 1000;
    setitimer(ITIMER_REAL, &timer, nullptr);
}

// An alarm that comes too early sets the next: most runs need no system call for their clock.
void arm_hard_clock(std::int64_t now_ms, std::int64_t at_ms) {
    g.hard_ms = at_ms;
    if (g.alarm_ms == 0 || g.alarm_ms > at_ms) {
        set_alarm(now_ms, at_ms);
    }
}

void fail_with(RunStatus status, const char* message) {
    if (!g.state.settled) {
        g.state.settled = true;
        g.result.status = status;
        g.result.error = message;
    }
}

// A call into the prelude came back without a value: the guest was stopped, or has no memory left.
void fail_without_value() {
    if (soft_limit_passed()) {
        fail_with(RunStatus::timeout, "the time limit was reached");
    } else if (wasm::growth_refused()) {
        fail_with(RunStatus::memory_limit, "the memory limit was reached");
    } else {
        fail_with(RunStatus::error, "the code could not be run");
    }
}

// Hands what the module threw to the prelude, which describes it under the same clock.
void describe(js::Value thrown) {
    const js::Value outcome = js::call(g.entry->fail, &thrown, 1);
    if (outcome == 0 || js::exception_of(outcome) != 0) {
        fail_without_value();
    }
}

// What came of evaluating a module; false when it has ended the run.
bool check_module(js::Value module) {
    if (module == 0) {
        fail_without_value();
        return false;
    }
    if (const js::Value thrown = js::exception_of(module); thrown != 0) {
        describe(thrown);
        return false;
    }
    return true;
}

// The guest as it was before the run, with the run's limits.
void set_limits() {
    wasm::set_size_limit(g.state.memory_limit + kMemoryOverheadBytes);
    js::set_memory_limit(g.state.memory_limit);
}
void start_again() {
    const std::size_t memory_limit = g.state.memory_limit;
    g.state = RunState{};
    g.state.memory_limit = memory_limit;
    g.result = ResultFrame{};
    g.result.run_id = g.frame.run_id;
    wasm::reset();
    wasm::start_from(nullptr);
    set_limits();
}

// Whether the run has failed because the code does not parse: not for a module or an export that is
// not there, which JavaScript has words for as well.
bool is_no_javascript() {
    return g.result.status == RunStatus::error && g.result.error.starts_with("SyntaxError: ") &&
           g.result.error.find(" in module '") == std::string::npos;
}

// After code that does not compile and whose run has failed by that: makes JavaScript of it and
// starts the run again, or says better what is wrong with it. False when the run stays failed.
bool erase_types() {
    if (!is_no_javascript() || soft_limit_passed()) {
        return false;
    }
    const js::Value function =
        js::eval(type_eraser_text(), "sallyport:types", js::EvalMode::script);
    const js::Value code = js::string(g.code);
    const js::Value answer = function == 0 || code == 0 ? 0 : js::call(function, &code, 1);
    if (answer == 0 || js::exception_of(answer) != 0) {
        return false;
    }
    g.without_types = js::to_text(answer).value_or("");
    if (g.without_types.empty()) {
        return false;
    }
    const bool erased = g.without_types.front() == '1';
    g.without_types.erase(0, 1);
    if (!erased) {
        g.result.error = g.without_types;
        g.result.stack.clear();
        return false;
    }
    start_again();
    g.source = g.without_types;
    return true;
}

// Compiles the source as `code.js` and evaluates nothing of it. False when it has ended the run.
bool compile_source() {
    g.compiling = true;
    const js::Value result = js::eval(kCompile, "sallyport:compile", js::EvalMode::module);
    g.compiling = false;
    const js::Value thrown = result == 0 ? 0 : js::exception_of(result);
    if (thrown == 0) {
        fail_without_value();
        return false;
    }
    if (js::to_double(thrown) != kStop) {
        describe(thrown);
        return false;
    }
    return true;
}

// Code with types is kept at once: to be rid of them takes far longer than to compile the rest.
bool compile_code() {
    g.source = g.code;
    const bool typed = !compile_source();
    if (typed && !(erase_types() && compile_source())) {
        return false;
    }
    const std::string& tenant = g.frame.tenant;
    if (!tenant.empty() && (typed || code_cache.seen_before(tenant, g.code))) {
        wasm::start_from(code_cache.add(tenant, g.code));
    }
    return true;
}

// False when it has ended the run.
bool call_prelude(js::Value function, const js::Value* arguments, std::size_t count) {
    const js::Value outcome = js::call(function, arguments, count);
    if (outcome == 0 || js::exception_of(outcome) != 0) {
        fail_without_value();
        return false;
    }
    return true;
}

// What the prelude must know before anything of the run's own is evaluated.
bool begin_world() {
    const js::Value arguments[] = {
        js::number(g.frame.output_bytes_max), js::number(g.frame.fetch_allowed ? 1 : 0),
        js::number(g.frame.random_seed[0]),   js::number(g.frame.random_seed[1]),
        js::number(g.frame.random_seed[2]),   js::number(g.frame.random_seed[3]),
    };
    return call_prelude(g.entry->begin, arguments, std::size(arguments));
}

// A code step's module evaluated: its namespace, or that of one that has it as `module`.
struct Started {
    js::Value module = 0;  // 0: the run has ended
    bool wrapped = false;
};
Started start_module() {
    // Modules that are loaded by name end at a NUL.
    if (g.code.find('\0') != std::string_view::npos) {
        if (!begin_world()) {
            return {};
        }
        const js::Value module = js::eval(g.code, kCodeModule, js::EvalMode::module);
        return {check_module(module) ? module : 0, false};
    }
    if ((g.image == nullptr && !compile_code()) || !begin_world()) {
        return {};
    }
    const js::Value module = js::eval(kMain, "sallyport:main", js::EvalMode::module);
    return {check_module(module) ? module : 0, true};
}

void start_code() {
    Started started;
    if (g.frame.kind == RunKind::code) {
        started = start_module();
        if (started.module == 0) {
            return;
        }
    } else if (begin_world()) {
        started.module = js::string(g.code);
    } else {
        return;
    }
    const bool pending = g.frame.kind == RunKind::code && js::is_promise(started.module);
    const js::Value arguments[] = {
        js::number(static_cast<double>(g.frame.kind)),
        started.module,
        js::number((pending ? 1 : 0) + (started.wrapped ? 2 : 0)),
        js::string(g.frame.input),
    };
    g.frame.input = std::string();
    call_prelude(g.entry->start, arguments, std::size(arguments));
}

void deliver_reply() {
    const Frame frame = g.channel->receive();
    std::optional<FetchReplyFrame> reply =
        frame.type == FrameType::fetch_reply ? decode_fetch_reply(frame.payload) : std::nullopt;
    if (!reply || reply->run_id != g.frame.run_id) {
        return;  // of a run that is over
    }
    g.state.fetches = std::max(0, g.state.fetches - 1);
    const js::Value arguments[] = {js::number(reply->call_id), js::number(reply->ok ? 1 : 0),
                                   js::string(reply->head), js::array_buffer(reply->body)};
    const js::Value outcome = js::call(g.entry->reply, arguments, std::size(arguments));
    if (outcome == 0 || js::exception_of(outcome) != 0) {
        fail_without_value();
    }
}

// Nothing left to run: a due timer, a reply, or the end.
void wait_for_something() {
    const js::Value ticked = js::call(g.entry->tick, nullptr, 0);
    if (ticked == 0 || js::exception_of(ticked) != 0) {
        fail_without_value();
        return;
    }
    if (g.state.settled || js::jobs_pending()) {
        return;
    }
    const double delay = js::to_double(ticked);
    if (!(delay >= 0) && g.state.fetches == 0) {
        fail_with(RunStatus::error,
                  "the returned promise never settles: nothing is left that could settle it");
        return;
    }
    const std::int64_t left = std::max<std::int64_t>(0, g.deadline_ms - monotonic_ms());
    const std::int64_t wait = delay >= 0 && delay < static_cast<double>(left)
                                  ? static_cast<std::int64_t>(std::ceil(delay))
                                  : left;
    if (wait > 0 || g.state.fetches > 0) {
        if (g.channel->wait(static_cast<int>(wait))) {
            deliver_reply();
        }
    }
}

void run_to_the_end() {
    start_code();
    while (!g.state.settled) {
        if (js::jobs_pending()) {
            js::run_jobs(256);
        } else {
            wait_for_something();
        }
        if (!g.state.settled && soft_limit_passed()) {
            fail_with(RunStatus::timeout, "the time limit was reached");
        }
    }
}

}  // namespace

bool soft_limit_passed() {
    return monotonic_ms() >= g.deadline_ms;
}

js::Value host_call(std::uint32_t arguments, int count, int id) {
    const HostCall call{arguments, count, g.frame, g.result, g.state, g.channel};
    return perform_host_call(call, id);
}

std::uint32_t module_source(std::string_view name) {
    return g.compiling && name == kCodeModule ? js::own_text(g.source) : 0;
}

void on_hard_limit() {
    const std::int64_t now = monotonic_ms();
    if (g.hard_ms == 0) {
        g.alarm_ms = 0;  // nothing runs
    } else if (now < g.hard_ms) {
        set_alarm(now, g.hard_ms);
    } else {
        set_alarm(now, now + 20);  // only reached when the jump below is not allowed now
        wasm::leave_from_signal(wasm::Exit::hard_timeout);
    }
}

bool build_world(Entry& entry) {
    const std::int64_t far = monotonic_ms() + 60'000;
    g.deadline_ms = far;
    const js::Value prelude = js::eval(prelude_text(), "prelude.js", js::EvalMode::script);
    const js::Value host = host_object();
    js::Value world =
        prelude == 0 || js::exception_of(prelude) != 0 ? 0 : js::call(prelude, &host, 1);
    if (world != 0) {
        if (const js::Value thrown = js::exception_of(world); thrown != 0) {
            const std::optional<std::string> text = js::to_text(thrown);
            std::fprintf(stderr, "sallyport-jsbox: prelude: %s\n", text ? text->c_str() : "?");
            world = 0;
        }
    }
    if (world == 0) {
        return false;
    }
    entry.begin = js::get(world, "begin");
    entry.start = js::get(world, "start");
    entry.fail = js::get(world, "fail");
    entry.tick = js::get(world, "tick");
    entry.reply = js::get(world, "reply");
    const js::Value source_of = js::get(world, "module_source");
    const js::Value finish = js::get(world, "finish");
    for (const char* name : {"crypto", "node:crypto", "buffer", "node:buffer", "util", "node:util",
                             "url", "node:url"}) {
        const js::Value argument = js::string(name);
        const std::optional<std::string> source = js::to_text(js::call(source_of, &argument, 1));
        const js::Value module = source ? js::eval(*source, name, js::EvalMode::module) : 0;
        if (module == 0 || js::exception_of(module) != 0) {
            std::fprintf(stderr, "sallyport-jsbox: module %s cannot be built\n", name);
            return false;
        }
    }
    const std::string stop = "throw " + std::to_string(static_cast<int>(kStop));
    if (js::exception_of(js::eval(stop, kStopModule, js::EvalMode::module)) == 0) {
        return false;
    }
    js::call(finish, nullptr, 0);
    return entry.begin != 0 && entry.start != 0 && entry.fail != 0 && entry.tick != 0 &&
           entry.reply != 0;
}

bool run_one(const Entry& entry, Channel* channel, RunFrame frame, bool last) {
    g.entry = &entry;
    g.channel = channel;
    g.frame = std::move(frame);
    g.result = ResultFrame{};
    g.result.run_id = g.frame.run_id;
    g.state = RunState{};
    const std::int64_t now = monotonic_ms();
    g.deadline_ms = now + g.frame.time_limit_ms;
    g.code = g.frame.code;
    if (g.code.substr(0, 3) == "\xef\xbb\xbf") {
        g.code.remove_prefix(3);
    }
    g.compiling = false;
    g.image = g.frame.kind == RunKind::code && !g.frame.tenant.empty()
                  ? code_cache.find(g.frame.tenant, g.code)
                  : nullptr;
    wasm::start_from(g.image);
    const std::size_t memory =
        std::max<std::size_t>(g.frame.memory_bytes_max, kMemoryOverheadBytes + kMemoryGraceBytes);
    g.state.memory_limit = memory - kMemoryOverheadBytes;
    bool healthy = true;
    switch (static_cast<wasm::Exit>(sigsetjmp(*wasm::landing(), 0))) {
        case wasm::Exit::normal:
            arm_hard_clock(now, g.deadline_ms + kHardGraceMs);
            set_limits();
            run_to_the_end();
            // The interrupt may come out as an error of whatever it met.
            if (g.result.status == RunStatus::error && soft_limit_passed()) {
                g.result.status = RunStatus::timeout;
                g.result.error = "the time limit was reached";
                g.result.stack.clear();
            }
            break;
        case wasm::Exit::trap:
            wasm::clear_marks();
            healthy = false;
            if (wasm::growth_refused()) {
                fail_with(RunStatus::memory_limit, "the memory limit was reached");
            } else {
                fail_with(RunStatus::crashed, "the JavaScript engine stopped");
            }
            break;
        case wasm::Exit::hard_timeout:
            wasm::clear_marks();
            healthy = false;
            fail_with(RunStatus::timeout, "the time limit was reached");
            break;
    }
    g.hard_ms = 0;
    g.result.retiring = last || !healthy;
    g.result.console = std::move(g.state.console);
    if (channel != nullptr) {
        channel->send(encode(g.result));
    }
    return healthy;
}

}  // namespace sallyport::engine::jsbox
