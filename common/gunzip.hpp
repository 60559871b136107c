// Inflates gzip (RFC 1952) piece by piece with a bound on the output, so that a small body cannot
// become a large one. Only one member, nothing behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace sallyport {

class GunzipStream {
  public:
    enum class State : std::uint8_t { open, ended, corrupt, too_large };

    explicit GunzipStream(std::size_t output_bytes_max);
    ~GunzipStream();
    GunzipStream(const GunzipStream&) = delete;
    GunzipStream& operator=(const GunzipStream&) = delete;

    // Hands over the next piece of input; it must live until `take` returned an empty view.
    void give(std::string_view input);
    // The next piece of output, or an empty view when there is none without more input. The view
    // lives until the next call.
    std::string_view take();
    State state() const;

  private:
    struct Inner;
    std::unique_ptr<Inner> inner_;
};

// CRC-32 as in gzip; `crc` of an empty text is 0.
std::uint32_t crc32_update(std::uint32_t crc, std::string_view data);

}  // namespace sallyport
