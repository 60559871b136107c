// C++ objects in nginx pools. `pool_new` runs the destructor when the pool dies; the cleanup is armed
// only after construction succeeded. Throws std::bad_alloc: callers stand inside the wall.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "module/nginx/ngx.hpp"

namespace sallyport::ngx {

namespace detail {

// nginx aligns to sizeof(long); over-aligned types get their own slack.
template <typename T>
inline constexpr std::size_t kSlack = alignof(T) > NGX_ALIGNMENT ? alignof(T) : 0;

template <typename T>
void* aligned(void* memory) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    return reinterpret_cast<void*>((address + alignof(T) - 1) & ~(std::uintptr_t{alignof(T)} - 1));
}

}  // namespace detail

template <typename T, typename... Args>
T* pool_new(ngx_pool_t* pool, Args&&... args) {
    constexpr std::size_t size = sizeof(T) + detail::kSlack<T>;
    if constexpr (std::is_trivially_destructible_v<T>) {
        void* memory = ngx_palloc(pool, size);
        if (memory == nullptr) {
            throw std::bad_alloc();
        }
        return new (detail::aligned<T>(memory)) T(std::forward<Args>(args)...);
    } else {
        ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(pool, size);
        if (cleanup == nullptr) {
            throw std::bad_alloc();
        }
        T* object = new (detail::aligned<T>(cleanup->data)) T(std::forward<Args>(args)...);
        cleanup->handler = [](void* data) { static_cast<T*>(detail::aligned<T>(data))->~T(); };
        return object;
    }
}

}  // namespace sallyport::ngx
