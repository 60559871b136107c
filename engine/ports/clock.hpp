// Where the engine reads time. Tests put a clock of their own here.
#pragma once

#include <cstdint>

namespace sallyport::engine {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual std::int64_t now_ms() const = 0;     // wall clock, unix milliseconds
    // The same as this machine has it, right or not: for what others who share its clock have
    // written (the gateway), where `now_ms` goes by a better one.
    virtual std::int64_t machine_ms() const { return now_ms(); }
    virtual std::int64_t steady_ms() const = 0;  // for durations; never goes back
};

}  // namespace sallyport::engine
