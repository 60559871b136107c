// ngx_str_t <-> std::string_view. Views live as long as the pool or configuration behind them.
#pragma once

#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include "module/nginx/ngx.hpp"

namespace sallyport::ngx {

inline std::string_view view(const ngx_str_t& text) {
    return {reinterpret_cast<const char*>(text.data), text.len};
}

inline std::string_view view(const ngx_variable_value_t& value) {
    return {reinterpret_cast<const char*>(value.data), value.len};
}

// Borrows: nginx must not write through the result.
inline ngx_str_t borrow(std::string_view text) {
    return {text.size(), reinterpret_cast<u_char*>(const_cast<char*>(text.data()))};
}

// Copies into `pool`, zero-terminated beyond `len`. Throws std::bad_alloc.
inline ngx_str_t copy(ngx_pool_t* pool, std::string_view text) {
    auto* data = static_cast<u_char*>(ngx_pnalloc(pool, text.size() + 1));
    if (data == nullptr) {
        throw std::bad_alloc();
    }
    if (!text.empty()) {
        std::memcpy(data, text.data(), text.size());
    }
    data[text.size()] = '\0';
    return {text.size(), data};
}

}  // namespace sallyport::ngx
