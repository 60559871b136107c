// The one WebAssembly instance of a worker: its memory, its snapshot, and the ways out of it.
//
// The instance is built once, then frozen: each run starts from the same memory image, mapped
// copy-on-write, and is thrown away by `reset`. A run may also start from an image made of the
// snapshot and nothing but a step's compiled code. Code inside reaches only its linear memory (8 GB
// are reserved, so that no 32-bit address with a 32-bit offset leaves them) and the imports of
// wasm_imports.cpp. A trap or the hard clock leaves it by siglongjmp, but never out of an import.
#pragma once

#include "quickjs.h"
#include "quickjs_names.h"

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sallyport::engine::jsbox::wasm {

inline constexpr std::uint32_t kPageBytes = 65536;
// What the translated module declares as its first size.
inline constexpr std::uint32_t kInitialPages = 256;

using Instance = QJS_INSTANCE;

// How a guarded section ended; the values pass through siglongjmp.
enum class Exit : int { normal = 0, trap = 1, hard_timeout = 2 };

// Reserves memory and instantiates the module. Start-up only; false with errno on failure.
bool create();
// Freezes what has been built so far as the state that every run starts from.
bool take_snapshot();
// Throws away everything since the run's start, and makes ready for one from the same image.
// Pages that runs change again and again stay the process's own: copying them back costs less than
// a page fault for each in the next run.
void reset();

// The snapshot with changes.
struct Image {
    Instance frozen{};
    std::vector<std::uint32_t> pages;  // those that differ, ascending
    std::vector<char> bytes;           // of these pages
};
// What has become of the snapshot. REQUIRES: started from the snapshot. False when it cannot be
// said or has more than `pages_max` pages.
bool capture(Image& image, std::size_t pages_max);
// Starts from `image`, null: from the snapshot. It must outlive its use. REQUIRES: nothing has
// happened since `reset`, or since `capture` of this very image.
void start_from(const Image* image);

Instance* instance();
std::size_t size_bytes();

// How far the memory may grow; at least the initial pages.
void set_size_limit(std::size_t bytes);
// Grows to hold at least `bytes`, and `slack_bytes` more when that fits; false when the limit
// forbids it (remembered until `reset`).
bool grow_to(std::size_t bytes, std::size_t slack_bytes);
bool growth_refused();

// The host's view of guest memory: null unless [address, address + size) lies inside, computed in
// 64 bits. The view ends with the next call into the guest.
char* range(std::uint32_t address, std::uint64_t size);
std::optional<std::string_view> c_string(std::uint32_t address);
bool store_u32(std::uint32_t address, std::uint32_t value);

// The landing place of traps and of the hard clock:
//   if (auto exit = static_cast<Exit>(sigsetjmp(*landing(), 1)); exit != Exit::normal) …
// Frames between it and the guest must own nothing.
sigjmp_buf* landing();

// Marks the time spent in the guest. Calls from inside an import do not count as such: there
// nothing may jump.
class InGuest {
  public:
    InGuest();
    ~InGuest();
    InGuest(const InGuest&) = delete;
    InGuest& operator=(const InGuest&) = delete;
};
class InImport {
  public:
    InImport();
    ~InImport();
    InImport(const InImport&) = delete;
    InImport& operator=(const InImport&) = delete;

  private:
    int was_in_guest_;
};
// For signal handlers: jumps to the landing place when that is allowed, else returns.
void leave_from_signal(Exit exit);
// After a landing: nothing is in the guest any more.
void clear_marks();
// True when `address` lies in the reserved memory or is a guard page of it.
bool owns_address(const void* address);

}  // namespace sallyport::engine::jsbox::wasm
