// Memory of one process, zeroed and given back at the end: in huge pages where the system gives
// them, so that a look at any of it needs no walk through page tables. Takes up what is touched.
#pragma once

#include <cstddef>
#include <span>

namespace sallyport::ngx {

class PrivateMemory {
  public:
    PrivateMemory() = default;
    // Nothing when the system has none: get() is empty then.
    explicit PrivateMemory(std::size_t bytes);
    ~PrivateMemory();
    PrivateMemory(PrivateMemory&& other) noexcept;
    PrivateMemory& operator=(PrivateMemory&& other) noexcept;

    // Aligned to a page at least.
    std::span<std::byte> get() const { return memory_; }

  private:
    std::span<std::byte> mapped_;
    std::span<std::byte> memory_;  // of it
};

}  // namespace sallyport::ngx
