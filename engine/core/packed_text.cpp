#include "engine/core/packed_text.hpp"

#include <zstd.h>

#include <algorithm>
#include <memory>

namespace sallyport::engine {
namespace {

// The fastest of the usual levels: journals are packed on the way to the disk.
constexpr int kLevel = 1;
// How much at once is made of a frame.
constexpr std::size_t kChunkBytes = 256 * 1024;
// Frames from elsewhere may ask for a window of gigabytes.
constexpr int kWindowLogMax = 27;
// Text that packs better than this is reserved for as it comes.
constexpr std::size_t kUsualRatio = 16;

using Packer = std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)>;
using Unpacker = std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)>;

}  // namespace

std::optional<std::string> pack_text(std::string_view text) {
    if (text.size() < kPackBytesMin) {
        return std::nullopt;
    }
    // One a call: a context that is kept keeps parts of the text as well.
    const Packer packer(ZSTD_createCCtx(), ZSTD_freeCCtx);
    if (packer == nullptr) {
        return std::nullopt;
    }
    ZSTD_CCtx_setParameter(packer.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(packer.get(), ZSTD_c_checksumFlag, 1);
    // Where there is no room for the frame, it does not pay.
    std::string frame(text.size() - text.size() / 8, '\0');
    const std::size_t size =
        ZSTD_compress2(packer.get(), frame.data(), frame.size(), text.data(), text.size());
    if (ZSTD_isError(size) != 0) {
        return std::nullopt;
    }
    frame.resize(size);
    frame.shrink_to_fit();
    return frame;
}

Result<std::string> unpack_text(std::string_view frame, std::size_t bytes_max) {
    const unsigned long long announced = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (announced == ZSTD_CONTENTSIZE_ERROR) {
        return Error{"no zstd frame"};
    }
    if (announced != ZSTD_CONTENTSIZE_UNKNOWN && announced > bytes_max) {
        return Error{"a zstd frame of more than " + std::to_string(bytes_max) + " bytes"};
    }
    const Unpacker unpacker(ZSTD_createDCtx(), ZSTD_freeDCtx);
    if (unpacker == nullptr) {
        return Error{"no memory to unpack a zstd frame"};
    }
    ZSTD_DCtx_setParameter(unpacker.get(), ZSTD_d_windowLogMax, kWindowLogMax);
    std::string text;
    text.reserve(std::min<std::size_t>(
        announced == ZSTD_CONTENTSIZE_UNKNOWN ? 0 : static_cast<std::size_t>(announced),
        frame.size() * kUsualRatio));
    ZSTD_inBuffer in{frame.data(), frame.size(), 0};
    std::size_t left = 1;  // 0: the frame has ended
    while (left != 0) {
        const std::size_t have = text.size();
        // One byte above the bound tells that there is more.
        text.resize(have + std::min(kChunkBytes, bytes_max + 1 - have));
        ZSTD_outBuffer out{text.data() + have, text.size() - have, 0};
        left = ZSTD_decompressStream(unpacker.get(), &out, &in);
        text.resize(have + out.pos);
        if (ZSTD_isError(left) != 0) {
            return Error{std::string("a broken zstd frame: ") + ZSTD_getErrorName(left)};
        }
        if (text.size() > bytes_max) {
            return Error{"a zstd frame of more than " + std::to_string(bytes_max) + " bytes"};
        }
        if (left != 0 && out.pos == 0 && in.pos == in.size) {
            return Error{"a broken zstd frame: it ends too early"};
        }
    }
    if (in.pos != in.size) {
        return Error{"bytes after a zstd frame"};
    }
    return text;
}

}  // namespace sallyport::engine
