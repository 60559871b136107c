// Structured log lines. What is written is for operators: ids, statuses, durations. Never a body, a
// header, a token or a setting's value.
#pragma once

#include "common/json.hpp"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace sallyport::engine {

enum class LogLevel { debug, info, warn, error };

class Log {
  public:
    using Fields = std::initializer_list<std::pair<std::string_view, Json>>;

    virtual ~Log() = default;
    virtual bool enabled(LogLevel level) const = 0;
    // `event` is one word with underscores, the same for the same happening.
    virtual void write(LogLevel level, std::string_view event, Fields fields) = 0;
};

}  // namespace sallyport::engine
