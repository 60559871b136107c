// Which pages of a private file mapping the process has written to, as the kernel knows it
// (/proc/self/pagemap): what tells a worker which pages a run has changed without a fault for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sallyport::engine::jsbox::private_pages {

inline constexpr std::size_t kPageBytes = 4096;
// Where the open file stands, after the channel; the filter allows exactly two calls on it.
inline constexpr int kPagemapFd = 4;
// linux/fs.h of Linux 6.7 and later.
inline constexpr unsigned long kScanRequest = 0xC0606610;

// Start-up only, before the process stops being dumpable. False where there is no such file.
bool open();
// Whether `list` can be used.
bool available();
// Indexes of the pages in [base, base + bytes) that are the process's own, ascending. False when
// the kernel does not say: then any of them may be. REQUIRES: available(), `base` on a page.
bool list(const char* base, std::size_t bytes, std::vector<std::uint32_t>& pages);

}  // namespace sallyport::engine::jsbox::private_pages
