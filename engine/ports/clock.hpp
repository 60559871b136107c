// Where the engine reads time. Tests put a clock of their own here.
#pragma once

#include <cstdint>

namespace sallyport::engine {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual std::int64_t now_ms() const = 0;     // wall clock, unix milliseconds
    virtual std::int64_t steady_ms() const = 0;  // for durations; never goes back
};

}  // namespace sallyport::engine
