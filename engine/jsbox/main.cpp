// sallyport-jsbox: one sandbox worker. Started by the engine with its socket as descriptor 3;
// builds the snapshot, locks itself in, then runs one frame after the other.
#include "engine/jsbox/confine.hpp"
#include "engine/jsbox/host_calls.hpp"
#include "engine/jsbox/private_pages.hpp"
#include "engine/jsbox/run.hpp"
#include "engine/jsbox/time_zones.hpp"
#include "engine/jsbox/wasm_host.hpp"
#include "engine/jsbox/wasm_imports.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using namespace sallyport::engine::jsbox;

// A process is replaced after so many runs: what little may accumulate (malloc's holes, a guessed
// address) starts over.
constexpr int kRunsMax = 10'000;
// JavaScript recursion is bounded inside the guest by its own stack; the native stack only has to
// be large enough to never be the first to end.
constexpr std::size_t kScriptStackBytes = 1u << 20;
constexpr std::size_t kNativeStackBytes = 256u << 20;
constexpr std::size_t kGuardBytes = 1u << 20;
// Runs before the first real one: the pages that every run changes are there then.
constexpr int kWarmUpRuns = 2;

char* native_stack = nullptr;
ucontext_t main_context;
ucontext_t worker_context;

void on_alarm(int) {
    on_hard_limit();
}

void on_fault(int, siginfo_t* info, void*) {
    const char* at = static_cast<const char*>(info->si_addr);
    if (wasm::owns_address(at) || (at >= native_stack && at < native_stack + kGuardBytes)) {
        wasm::leave_from_signal(wasm::Exit::trap);
    }
    _exit(71);
}

bool install_signal_handlers() {
    static char alternate[64 * 1024];
    stack_t stack{};
    stack.ss_sp = alternate;
    stack.ss_size = sizeof alternate;
    struct sigaction fault {};
    fault.sa_sigaction = on_fault;
    fault.sa_flags = SA_SIGINFO | SA_ONSTACK;
    struct sigaction alarm {};
    alarm.sa_handler = on_alarm;
    alarm.sa_flags = SA_RESTART;
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    return sigaltstack(&stack, nullptr) == 0 && sigaction(SIGSEGV, &fault, nullptr) == 0 &&
           sigaction(SIGBUS, &fault, nullptr) == 0 && sigaction(SIGALRM, &alarm, nullptr) == 0 &&
           sigaction(SIGPIPE, &ignore, nullptr) == 0;
}

bool build_snapshot(Entry& entry) {
    warm_up_crypto();
    zones::open(zones::kSystemPath);  // without it steps know UTC alone, and are told so
    wasm::install({&soft_limit_passed, &host_call, &module_source});
    if (!wasm::create() || !js::create(kScriptStackBytes) || !build_world(entry) ||
        !wasm::take_snapshot()) {
        std::fputs("sallyport-jsbox: the snapshot could not be built\n", stderr);
        return false;
    }
    return true;
}

void warm_up(const Entry& entry) {
    for (int i = 0; i < kWarmUpRuns; ++i) {
        RunFrame frame;
        frame.time_limit_ms = 10'000;
        frame.memory_bytes_max = kMemoryBytesMin;
        frame.output_bytes_max = 1024;
        frame.code =
            "export const code = async (inputs) => {\n"
            "  const items = inputs.items.map((item) => ({ id: item.id, name: `${item.name}` }));\n"
            "  await null;\n"
            "  return { count: items.length, items };\n"
            "};\n";
        frame.input = R"({"items":[{"id":1,"name":"a"},{"id":2,"name":"b"}]})";
        run_one(entry, nullptr, frame, false);
        wasm::reset();
    }
}

void serve() {
    Entry entry;
    if (!build_snapshot(entry)) {
        _exit(70);
    }
    warm_up(entry);
    if (!confine_fully()) {
        _exit(70);
    }
    Channel channel;
    HelloFrame hello;
    hello.snapshot_bytes = static_cast<std::uint32_t>(wasm::size_bytes());
    channel.send(encode(hello));
    for (int runs = 1;; ++runs) {
        Frame frame = channel.receive();
        while (frame.type == FrameType::fetch_reply) {
            frame = channel.receive();  // of a run that is over
        }
        std::optional<RunFrame> run =
            frame.type == FrameType::run ? decode_run(frame.payload) : std::nullopt;
        if (!run) {
            _exit(65);
        }
        if (!run_one(entry, &channel, std::move(*run), runs == kRunsMax) || runs == kRunsMax) {
            _exit(0);
        }
        zones::forget();
        wasm::reset();
    }
}

bool enter_worker_stack() {
    void* memory = mmap(nullptr, kNativeStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) {
        return false;
    }
    native_stack = static_cast<char*>(memory);
    getcontext(&worker_context);
    worker_context.uc_stack.ss_sp = native_stack + kGuardBytes;
    worker_context.uc_stack.ss_size = kNativeStackBytes - kGuardBytes;
    worker_context.uc_link = nullptr;
    makecontext(&worker_context, serve, 0);
    return swapcontext(&main_context, &worker_context) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    private_pages::open();  // without it every run costs more faults
    struct stat channel {};
    if (argc != 3 || std::string_view(argv[1]) != "--parent" || fstat(kChannelFd, &channel) != 0 ||
        !S_ISSOCK(channel.st_mode)) {
        std::fputs("sallyport-jsbox is the sandbox of code steps; sallyport-engine starts it\n",
                   stderr);
        return 64;
    }
    if (!confine_early(std::strtol(argv[2], nullptr, 10)) || !install_signal_handlers() ||
        !enter_worker_stack()) {
        return 70;
    }
    return 0;
}
