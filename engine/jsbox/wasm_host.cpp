#include "engine/jsbox/wasm_host.hpp"

#include "engine/jsbox/private_pages.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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
constexpr std::size_t kHostPageBytes = private_pages::kPageBytes;
constexpr std::size_t kHostPages = kInitialBytes / kHostPageBytes;
// A page that so many runs in a row left as it was is given back.
constexpr std::uint8_t kIdleRunsMax = 16;
// Every so many runs all pages are looked at, to find those that are not changed any more.
constexpr std::uint32_t kLookEvery = 8;
// After a run that changed more pages than this all are given back.
constexpr std::size_t kKeptPagesMax = 1024;

struct State {
    char* base = nullptr;
    int snapshot_fd = -1;
    const char* pristine = nullptr;  // the snapshot, read-only
    QJS_IMPORTS imports{};
    Instance instance{};
    Instance frozen{};
    std::vector<unsigned char> is_hole;   // pages of the snapshot that hold nothing and must not be
                                          // read: that would fill them
    const Image* image = nullptr;         // what the run started from
    std::vector<const char*> image_page;  // its pages, null: the snapshot's
    std::vector<std::uint8_t> idle;       // runs in a row that left a page as it was
    std::uint32_t resets = 0;
    std::vector<std::uint32_t> own;  // scratch: pages that are the process's own
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

alignas(kHostPageBytes) constexpr char kZeroPage[kHostPageBytes] = {};

char* page_at(std::uint32_t page) {
    return g.base + page * kHostPageBytes;
}
const char* snapshot_page(std::uint32_t page) {
    return g.is_hole[page] != 0 ? kZeroPage : g.pristine + page * kHostPageBytes;
}
// What the page held when the run started.
const char* first_state(std::uint32_t page) {
    return g.image_page[page] != nullptr ? g.image_page[page] : snapshot_page(page);
}

// Back to the snapshot by dropping every private copy.
void drop_all() {
    madvise(g.base, kInitialBytes, MADV_DONTNEED);
    std::fill(g.idle.begin(), g.idle.end(), std::uint8_t{0});
}

void write_image() {
    if (g.image != nullptr) {
        for (const std::uint32_t page : g.image->pages) {
            std::memcpy(page_at(page), g.image_page[page], kHostPageBytes);
        }
    }
}

void restore_pages() {
    if (!private_pages::available() || !private_pages::list(g.base, kInitialBytes, g.own) ||
        g.own.size() > kKeptPagesMax) {
        drop_all();
        write_image();
        return;
    }
    const bool look = ++g.resets % kLookEvery == 0;
    for (const std::uint32_t page : g.own) {
        char* at = page_at(page);
        const char* before = first_state(page);
        // What the last run changed this one did most likely: copied without a look.
        if ((g.idle[page] == 0 && !look) || std::memcmp(at, before, kHostPageBytes) != 0) {
            std::memcpy(at, before, kHostPageBytes);
            g.idle[page] = 0;
        } else if (g.image_page[page] == nullptr && ++g.idle[page] >= kIdleRunsMax) {
            madvise(at, kHostPageBytes, MADV_DONTNEED);
            g.idle[page] = 0;
        }
    }
}

// The translated code's loads and stores are relative to %gs (quickjs_memory.hpp), which nothing
// else in the process uses.
bool set_segment_base([[maybe_unused]] char* base) {
#if defined(__x86_64__)
    constexpr int kSetGs = 0x1001;  // ARCH_SET_GS of asm/prctl.h
    return syscall(SYS_arch_prctl, kSetGs, base) == 0;
#else
    return true;
#endif
}

}  // namespace

bool create() {
    void* reserved = mmap(nullptr, kReservedBytes, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) {
        return false;
    }
    g.base = static_cast<char*>(reserved);
    if (!set_segment_base(g.base)) {
        return false;
    }
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
    std::vector<unsigned char> resident(kHostPages);
    if (mincore(pristine, kInitialBytes, resident.data()) != 0) {
        return false;
    }
    g.is_hole.resize(kHostPages);
    for (std::size_t page = 0; page < kHostPages; ++page) {
        g.is_hole[page] = (resident[page] & 1) == 0;
    }
    g.image_page.resize(kHostPages);
    g.idle.resize(kHostPages);
    g.own.reserve(kHostPages);
    fcntl(g.snapshot_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    close(g.snapshot_fd);
    g.snapshot_fd = -1;
    g.frozen = g.instance;
    return true;
}

void reset() {
    if (size_bytes() > kInitialBytes) {
        madvise(g.base + kInitialBytes, size_bytes() - kInitialBytes, MADV_DONTNEED);
        mprotect(g.base + kInitialBytes, size_bytes() - kInitialBytes, PROT_NONE);
        resize(kInitialBytes);
    }
    restore_pages();
    g.instance = g.image != nullptr ? g.image->frozen : g.frozen;
    g.refused = false;
}

bool capture(Image& image, std::size_t pages_max) {
    if (size_bytes() != kInitialBytes || g.image != nullptr || !private_pages::available() ||
        !private_pages::list(g.base, kInitialBytes, g.own)) {
        return false;
    }
    for (const std::uint32_t page : g.own) {
        const char* at = page_at(page);
        if (std::memcmp(at, snapshot_page(page), kHostPageBytes) == 0) {
            continue;
        }
        if (image.pages.size() == pages_max) {
            return false;
        }
        image.pages.push_back(page);
        image.bytes.insert(image.bytes.end(), at, at + kHostPageBytes);
    }
    image.frozen = g.instance;
    return true;
}

void start_from(const Image* image) {
    if (image == g.image) {
        return;
    }
    if (g.image != nullptr) {
        for (const std::uint32_t page : g.image->pages) {
            std::memcpy(page_at(page), snapshot_page(page), kHostPageBytes);
            g.image_page[page] = nullptr;
        }
    }
    g.image = image;
    if (image != nullptr) {
        for (std::size_t i = 0; i < image->pages.size(); ++i) {
            g.image_page[image->pages[i]] = image->bytes.data() + i * kHostPageBytes;
        }
    }
    write_image();
    g.instance = image != nullptr ? image->frozen : g.frozen;
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
