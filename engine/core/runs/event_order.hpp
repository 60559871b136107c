// Times and names for events that are read in the order in which they happened: lists go by time,
// then by id, and many events have the same millisecond. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace sallyport::engine {

class EventOrder {
  public:
    struct Place {
        std::int64_t at_ms;  // never before that of an earlier event, whatever the clock does
        std::string id;  // 21 characters of [0-9a-zA-Z]; greater than any earlier one's of at_ms
    };
    // `random` is an id of 21 random characters; what is kept of it makes the id unguessable and
    // unlike that of another process.
    Place next(std::int64_t now_ms, const std::string& random);

  private:
    std::int64_t at_ms_ = 0;
    std::uint32_t number_ = 0;  // within at_ms_
};

}  // namespace sallyport::engine
