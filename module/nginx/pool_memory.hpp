// An nginx pool as a memory resource for standard containers. Nothing is given back before the pool
// dies, except what nginx itself took from the heap because it was large.
#pragma once

#include "module/nginx/ngx.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>

namespace sallyport::ngx {

class PoolMemory final : public std::pmr::memory_resource {
  public:
    explicit PoolMemory(ngx_pool_t* pool) : pool_(pool) {}

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        const std::size_t slack = alignment > NGX_ALIGNMENT ? alignment : 0;
        void* memory = ngx_palloc(pool_, bytes + slack);
        if (memory == nullptr) {
            throw std::bad_alloc();
        }
        if (slack == 0) {
            return memory;
        }
        const auto address = reinterpret_cast<std::uintptr_t>(memory);
        return reinterpret_cast<void*>((address + alignment - 1) & ~(alignment - 1));
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
        if (bytes > pool_->max && alignment <= NGX_ALIGNMENT) {
            ngx_pfree(pool_, memory);
        }
    }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    ngx_pool_t* pool_;
};

}  // namespace sallyport::ngx
