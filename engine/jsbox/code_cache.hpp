// The steps a worker ran last, compiled: images of the snapshot with one step's code parsed and not
// yet evaluated. Nothing of a run is in them, only what the code's text makes of the snapshot; and
// a tenant's code is compiled anew for every other tenant, so that nobody can tell what others run.
#pragma once

#include "engine/jsbox/wasm_host.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

namespace sallyport::engine::jsbox {

class CodeCache {
  public:
    // Of all images together: a worker stays small.
    static constexpr std::size_t kPagesMax = 768;
    // Of one: a bundle of megabytes is compiled for every run.
    static constexpr std::size_t kImagePagesMax = 256;

    // Null when it is not there. The image may go with the next `add`.
    const wasm::Image* find(std::string_view tenant, std::string_view code);
    // Whether this code comes again: only then its image is worth its making.
    bool seen_before(std::string_view tenant, std::string_view code);
    // Keeps what has become of the snapshot: REQUIRES that nothing but the compilation of `code`
    // happened since it was started from. Null when it is too large.
    const wasm::Image* add(std::string_view tenant, std::string_view code);

  private:
    struct Entry {
        std::string tenant;
        std::string code;
        wasm::Image image;
    };
    std::list<Entry> entries_;  // the one used last comes first
    std::size_t pages_ = 0;
    std::array<std::size_t, 64> seen_{};  // hashes
    std::size_t next_seen_ = 0;
};

}  // namespace sallyport::engine::jsbox
