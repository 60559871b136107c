#include "common/gunzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

namespace sallyport {
namespace {

constexpr std::size_t kInflatedBytes = 16 * 1024;
// zlib's largest window, plus 16: expect a gzip header.
constexpr int kGzipWindowBits = 15 + 16;

}  // namespace

struct GunzipStream::Inner {
    explicit Inner(std::size_t output_bytes_max) : room(output_bytes_max) {
        if (inflateInit2(&zlib, kGzipWindowBits) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    ~Inner() { inflateEnd(&zlib); }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

    z_stream zlib{};
    std::string_view input;
    std::size_t room;
    State state = State::open;
    std::array<std::uint8_t, kInflatedBytes> piece;
};

GunzipStream::GunzipStream(std::size_t output_bytes_max)
    : inner_(std::make_unique<Inner>(output_bytes_max)) {}
GunzipStream::~GunzipStream() = default;

GunzipStream::State GunzipStream::state() const {
    return inner_->state;
}

void GunzipStream::give(std::string_view input) {
    inner_->input = input;
    if (inner_->state == State::ended && !input.empty()) {
        inner_->state = State::corrupt;
    }
}

std::string_view GunzipStream::take() {
    Inner& in = *inner_;
    if (in.state != State::open) {
        return {};
    }
    z_stream& zlib = in.zlib;
    const std::size_t offered =
        std::min<std::size_t>(in.input.size(), std::numeric_limits<uInt>::max());
    // zlib's interface predates const.
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.input.data()));
    zlib.avail_in = static_cast<uInt>(offered);
    zlib.next_out = in.piece.data();
    zlib.avail_out = static_cast<uInt>(in.piece.size());
    const int rc = inflate(&zlib, Z_NO_FLUSH);
    in.input.remove_prefix(offered - zlib.avail_in);
    const std::size_t produced = in.piece.size() - zlib.avail_out;
    if (rc == Z_STREAM_END) {
        in.state = in.input.empty() ? State::ended : State::corrupt;
    } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
        in.state = State::corrupt;
    }
    if (produced > in.room) {
        in.state = State::too_large;
        return {};
    }
    in.room -= produced;
    return {reinterpret_cast<const char*>(in.piece.data()), produced};
}

std::uint32_t crc32_update(std::uint32_t crc, std::string_view data) {
    if (data.empty()) {
        return crc;
    }
    return static_cast<std::uint32_t>(
        crc32_z(crc, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

}  // namespace sallyport
