#include "engine/jsbox/private_pages.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace sallyport::engine::jsbox::private_pages {
namespace {

// struct pm_scan_arg and struct page_region of linux/fs.h
// (Documentation/admin-guide/mm/pagemap.rst).
struct ScanArgument {
    std::uint64_t size;
    std::uint64_t flags;
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t walk_end;
    std::uint64_t regions;
    std::uint64_t regions_size;
    std::uint64_t pages_max;
    std::uint64_t inverted;
    std::uint64_t all_of;
    std::uint64_t any_of;
    std::uint64_t returned;
};
static_assert(sizeof(ScanArgument) == 96);
struct Region {
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t categories;
};
constexpr std::uint64_t kIsFile = 1u << 2;
constexpr std::uint64_t kIsPresent = 1u << 3;
constexpr std::uint64_t kIsSwapped = 1u << 4;

// Entries of the file itself, one for each page.
constexpr std::uint64_t kEntryFile = std::uint64_t{1} << 61;
constexpr std::uint64_t kEntrySwapped = std::uint64_t{1} << 62;
constexpr std::uint64_t kEntryPresent = std::uint64_t{1} << 63;

enum class Way { none, scan, read };
Way way = Way::none;

void add_range(std::uint64_t from, std::uint64_t to, std::vector<std::uint32_t>& pages) {
    for (std::uint64_t page = from; page < to; ++page) {
        pages.push_back(static_cast<std::uint32_t>(page));
    }
}

bool scan(const char* base, std::size_t bytes, std::vector<std::uint32_t>& pages) {
    std::array<Region, 128> regions;
    const auto begin = reinterpret_cast<std::uint64_t>(base);
    ScanArgument argument{};
    argument.size = sizeof argument;
    argument.start = begin;
    argument.end = begin + bytes;
    argument.regions = reinterpret_cast<std::uint64_t>(regions.data());
    argument.regions_size = regions.size();
    argument.inverted = kIsFile;
    argument.all_of = kIsFile;  // inverted: none of a file
    argument.any_of = kIsPresent | kIsSwapped;
    argument.returned = kIsPresent;
    while (argument.start < argument.end) {
        const int found = ioctl(kPagemapFd, kScanRequest, &argument);
        if (found < 0) {
            return false;
        }
        for (int i = 0; i < found; ++i) {
            const Region& region = regions[static_cast<std::size_t>(i)];
            add_range((region.start - begin) / kPageBytes, (region.end - begin) / kPageBytes,
                      pages);
        }
        if (argument.walk_end <= argument.start) {
            return false;
        }
        argument.start = argument.walk_end;
    }
    return true;
}

bool read_entries(const char* base, std::size_t bytes, std::vector<std::uint32_t>& pages) {
    std::array<std::uint64_t, 1024> entries;
    const std::size_t first = reinterpret_cast<std::size_t>(base) / kPageBytes;
    const std::size_t count = bytes / kPageBytes;
    for (std::size_t at = 0; at < count;) {
        const std::size_t wanted = std::min(entries.size(), count - at);
        const ssize_t got = pread(kPagemapFd, entries.data(), wanted * sizeof entries[0],
                                  static_cast<off_t>((first + at) * sizeof entries[0]));
        if (got <= 0 || got % static_cast<ssize_t>(sizeof entries[0]) != 0) {
            return false;
        }
        const auto read = static_cast<std::size_t>(got) / sizeof entries[0];
        for (std::size_t i = 0; i < read; ++i) {
            const bool there = (entries[i] & (kEntryPresent | kEntrySwapped)) != 0;
            if (there && (entries[i] & kEntryFile) == 0) {
                pages.push_back(static_cast<std::uint32_t>(at + i));
            }
        }
        at += read;
    }
    return true;
}

}  // namespace

bool open() {
    const int fd = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool placed = fd == kPagemapFd || dup2(fd, kPagemapFd) == kPagemapFd;
    if (fd != kPagemapFd) {
        close(fd);
    }
    if (!placed || sysconf(_SC_PAGESIZE) != static_cast<long>(kPageBytes)) {
        return false;
    }
    // Whichever works is used from here on.
    alignas(kPageBytes) static char probe[kPageBytes];
    probe[0] = 1;
    std::vector<std::uint32_t> pages;
    for (const Way one : {Way::scan, Way::read}) {
        way = one;
        pages.clear();
        if (list(probe, sizeof probe, pages) && pages.size() == 1) {
            return true;
        }
    }
    way = Way::none;
    return false;
}

bool available() {
    return way != Way::none;
}

bool list(const char* base, std::size_t bytes, std::vector<std::uint32_t>& pages) {
    pages.clear();
    return way == Way::scan ? scan(base, bytes, pages) : read_entries(base, bytes, pages);
}

}  // namespace sallyport::engine::jsbox::private_pages
