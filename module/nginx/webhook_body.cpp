#include "module/nginx/webhook_body.hpp"

#include "module/nginx/str.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace sallyport::ngx {
namespace {

// A temporary file is read in pieces of this size: it was just written, so it is in the page cache.
constexpr std::size_t kFilePieceBytes = 16 * 1024;

std::string_view memory_of(const ngx_buf_t& buffer) {
    return {reinterpret_cast<const char*>(buffer.pos),
            static_cast<std::size_t>(buffer.last - buffer.pos)};
}

bool each_file_piece(ngx_buf_t& buffer, const std::function<bool(std::string_view)>& each) {
    std::array<u_char, kFilePieceBytes> piece;
    for (off_t at = buffer.file_pos; at < buffer.file_last;) {
        const auto wanted =
            std::min<std::size_t>(piece.size(), static_cast<std::size_t>(buffer.file_last - at));
        const ssize_t got = ngx_read_file(buffer.file, piece.data(), wanted, at);
        if (got <= 0 ||
            !each({reinterpret_cast<const char*>(piece.data()), static_cast<std::size_t>(got)})) {
            return false;
        }
        at += got;
    }
    return true;
}

}  // namespace

bool each_body_piece(ngx_http_request_t* r, const std::function<bool(std::string_view)>& each) {
    if (r->request_body == nullptr) {
        return true;
    }
    for (ngx_chain_t* link = r->request_body->bufs; link != nullptr; link = link->next) {
        ngx_buf_t& buffer = *link->buf;
        const bool ok = ngx_buf_in_memory(&buffer) ? each(memory_of(buffer))
                        : buffer.in_file           ? each_file_piece(buffer, each)
                                                   : true;
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool whole_body(ngx_http_request_t* r, std::string_view& out) {
    out = {};
    if (r->request_body == nullptr || r->request_body->bufs == nullptr) {
        return true;
    }
    const ngx_chain_t* first = r->request_body->bufs;
    if (first->next == nullptr && ngx_buf_in_memory(first->buf)) {
        out = memory_of(*first->buf);
        return true;
    }
    std::size_t size = 0;
    for (const ngx_chain_t* link = first; link != nullptr; link = link->next) {
        size += static_cast<std::size_t>(ngx_buf_size(link->buf));
    }
    auto* memory = static_cast<char*>(ngx_pnalloc(r->pool, size + 1));
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    std::size_t at = 0;
    const bool read = each_body_piece(r, [&](std::string_view piece) {
        std::memcpy(memory + at, piece.data(), piece.size());
        at += piece.size();
        return true;
    });
    out = {memory, at};
    return read;
}

}  // namespace sallyport::ngx
