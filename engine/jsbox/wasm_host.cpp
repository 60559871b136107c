#include "engine/jsbox/wasm_host.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <vector>

#if defined(WASM_RT_MEMCHECK_GUARD_PAGES)
static_assert(WASM_RT_MEMCHECK_GUARD_PAGES, "the worker relies on guard pages");
#else
static_assert(WASM_RT_MEMCHECK_SIGNAL_HANDLER, "the worker relies on guard pages");
#endif

struct QJS_IMPORTS {
    wasm_rt_memory_t memory;
};

namespace sallyport::engine::jsbox::wasm {
namespace {

// Address plus constant offset of one access, both 32 bits wide, plus the access itself.
constexpr std::size_t kReservedBytes = (std::size_t{1} << 33) + kPageBytes;
constexpr std::size_t kInitialBytes = std::size_t{kInitialPages} * kPageBytes;
constexpr std::size_t kHostPageBytes = 4096;
// Changed pages this close together are copied as one range: copying a clean page costs less than
// dropping it, which is a system call for the gap and a fault when it is read again.
constexpr std::size_t kHotGapBytesMax = 32 * kHostPageBytes;

struct Range {  // of byte offsets into the memory
    std::size_t from = 0;
    std::size_t to = 0;
};

struct State {
    char* base = nullptr;
    int snapshot_fd = -1;
    const char* pristine = nullptr;  // the snapshot, read-only
    QJS_IMPORTS imports{};
    Instance instance{};
    Instance frozen{};
    std::vector<Range> hot;  // what every run changes, ascending
    std::size_t size_limit = kInitialBytes;
    bool refused = false;
    sigjmp_buf landing;
    volatile std::sig_atomic_t in_guest = 0;
    volatile std::sig_atomic_t import_depth = 0;
};
State g;

void resize(std::size_t bytes) {
    g.imports.memory.size = static_cast<decltype(g.imports.memory.size)>(bytes);
    g.imports.memory.pages = static_cast<decltype(g.imports.memory.pages)>(bytes / kPageBytes);
}

// Pages outside the hot set go back to the snapshot by dropping the private copies.
void drop_between(std::size_t from, std::size_t to) {
    if (to > from) {
        madvise(g.base + from, to - from, MADV_DONTNEED);
    }
}

}  // namespace

bool create() {
    void* reserved = mmap(nullptr, kReservedBytes, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) {
        return false;
    }
    g.base = static_cast<char*>(reserved);
    // A huge page would be zeroed whole for one small growth, in every run.
    madvise(g.base, kReservedBytes, MADV_NOHUGEPAGE);
    g.snapshot_fd = memfd_create("jsbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    // The image is built in the shared file itself, so that pages never touched stay holes.
    if (g.snapshot_fd < 0 || ftruncate(g.snapshot_fd, kInitialBytes) != 0 ||
        mmap(g.base, kInitialBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, g.snapshot_fd,
             0) == MAP_FAILED) {
        return false;
    }
    g.imports.memory.data = reinterpret_cast<std::uint8_t*>(g.base);
    g.imports.memory.max_pages = kInitialPages;
    resize(kInitialBytes);
#ifdef QJS_INIT_MODULE
    QJS_INIT_MODULE();
#endif
    QJS_INSTANTIATE(&g.instance, &g.imports);
    return true;
}

bool take_snapshot() {
    if (size_bytes() != kInitialBytes) {
        return false;  // the prelude must fit into the first pages
    }
    void* pristine = mmap(nullptr, kInitialBytes, PROT_READ, MAP_SHARED, g.snapshot_fd, 0);
    if (pristine == MAP_FAILED ||
        mmap(g.base, kInitialBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
             g.snapshot_fd, 0) == MAP_FAILED) {
        return false;
    }
    g.pristine = static_cast<const char*>(pristine);
    fcntl(g.snapshot_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    close(g.snapshot_fd);
    g.snapshot_fd = -1;
    g.frozen = g.instance;
    return true;
}

void learn_hot_pages() {
    g.hot.clear();
    for (std::size_t at = 0; at < kInitialBytes; at += kHostPageBytes) {
        unsigned char resident = 0;  // a hole must not be read: that would fill it
        mincore(const_cast<char*>(g.pristine) + at, kHostPageBytes, &resident);
        if ((resident & 1) == 0 || std::memcmp(g.base + at, g.pristine + at, kHostPageBytes) == 0) {
            continue;
        }
        if (g.hot.empty() || at - g.hot.back().to > kHotGapBytesMax) {
            g.hot.push_back({at, at});
        }
        g.hot.back().to = at + kHostPageBytes;
    }
}

void reset() {
    if (size_bytes() > kInitialBytes) {
        madvise(g.base + kInitialBytes, size_bytes() - kInitialBytes, MADV_DONTNEED);
        mprotect(g.base + kInitialBytes, size_bytes() - kInitialBytes, PROT_NONE);
        resize(kInitialBytes);
    }
    std::size_t from = 0;
    for (const Range& range : g.hot) {
        drop_between(from, range.from);
        std::memcpy(g.base + range.from, g.pristine + range.from, range.to - range.from);
        from = range.to;
    }
    drop_between(from, kInitialBytes);
    g.instance = g.frozen;
    g.refused = false;
}

Instance* instance() {
    return &g.instance;
}
std::size_t size_bytes() {
    return g.imports.memory.size;
}

void set_size_limit(std::size_t bytes) {
    g.size_limit = std::max(bytes, kInitialBytes);
}

bool grow_to(std::size_t bytes, std::size_t slack_bytes) {
    const auto in_pages = [](std::size_t size) {
        return (size + kPageBytes - 1) / kPageBytes * kPageBytes;
    };
    if (in_pages(bytes) <= size_bytes()) {
        return true;
    }
    const std::size_t generous = in_pages(bytes + slack_bytes);
    const std::size_t wanted = generous <= g.size_limit ? generous : in_pages(bytes);
    if (wanted > g.size_limit ||
        mprotect(g.base + size_bytes(), wanted - size_bytes(), PROT_READ | PROT_WRITE) != 0) {
        g.refused = true;
        return false;
    }
    resize(wanted);
    return true;
}

bool growth_refused() {
    return g.refused;
}

char* range(std::uint32_t address, std::uint64_t size) {
    const std::uint64_t end = std::uint64_t{address} + size;
    return end < size || end > size_bytes() ? nullptr : g.base + address;
}

std::optional<std::string_view> c_string(std::uint32_t address) {
    const char* text = range(address, 0);
    if (address == 0 || text == nullptr) {
        return std::nullopt;
    }
    const auto* end = static_cast<const char*>(std::memchr(text, 0, size_bytes() - address));
    if (end == nullptr) {
        return std::nullopt;
    }
    return std::string_view(text, static_cast<std::size_t>(end - text));
}

bool store_u32(std::uint32_t address, std::uint32_t value) {
    char* at = range(address, sizeof value);
    if (at != nullptr) {
        std::memcpy(at, &value, sizeof value);
    }
    return at != nullptr;
}

sigjmp_buf* landing() {
    return &g.landing;
}

InGuest::InGuest() {
    g.in_guest = g.import_depth == 0 ? 1 : 0;
}
InGuest::~InGuest() {
    g.in_guest = 0;
}

InImport::InImport() : was_in_guest_(g.in_guest) {
    g.in_guest = 0;
    g.import_depth = g.import_depth + 1;
}
InImport::~InImport() {
    g.import_depth = g.import_depth - 1;
    g.in_guest = was_in_guest_;
}

void leave_from_signal(Exit exit) {
    if (g.in_guest != 0) {
        siglongjmp(g.landing, static_cast<int>(exit));
    }
}

void clear_marks() {
    g.in_guest = 0;
    g.import_depth = 0;
}

bool owns_address(const void* address) {
    const char* at = static_cast<const char*>(address);
    return at >= g.base && at < g.base + kReservedBytes;
}

}  // namespace sallyport::engine::jsbox::wasm

// What wasm2c's code expects of its runtime, in the forms of wabt 1.0.32 and 1.0.36.
extern "C" {

wasm_rt_memory_t* QJS_IMPORT_memory(struct QJS_IMPORTS* imports) {
    return &imports->memory;
}

bool wasm_rt_is_initialized(void) {
    return true;
}

void wasm_rt_trap(wasm_rt_trap_t) {
    using namespace sallyport::engine::jsbox;
    wasm::leave_from_signal(wasm::Exit::trap);
    _exit(70);  // inside an import nothing may jump: the process ends, the engine sees it
}

void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t* table, std::uint32_t elements,
                                    std::uint32_t max_elements) {
    table->size = elements;
    table->max_size = max_elements;
    table->data = static_cast<wasm_rt_funcref_t*>(std::calloc(elements, sizeof(wasm_rt_funcref_t)));
    if (table->data == nullptr) {
        std::abort();
    }
}
void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t* table) {
    std::free(table->data);
}

#ifdef QJS_INIT_MODULE
// 1.0.32: equal signatures get equal numbers. 1.0.36 compares digests and needs no registry.
std::uint32_t wasm_rt_register_func_type(std::uint32_t params, std::uint32_t results, ...) {
    static std::vector<std::vector<int>> types;
    std::vector<int> type{static_cast<int>(params)};
    va_list args;
    va_start(args, results);
    for (std::uint32_t i = 0; i < params + results; ++i) {
        type.push_back(va_arg(args, int));
    }
    va_end(args);
    const auto found = std::find(types.begin(), types.end(), type);
    if (found != types.end()) {
        return static_cast<std::uint32_t>(found - types.begin()) + 1;
    }
    types.push_back(type);
    return static_cast<std::uint32_t>(types.size());
}
#endif
}
