// Log lines as JSON objects, one a line, to a descriptor (standard error):
// {"time":"…","level":"info","event":"…", …}.
#pragma once

#include "engine/ports/clock.hpp"
#include "engine/ports/log.hpp"

#include <optional>
#include <string_view>

namespace sallyport::engine {

class JsonLog final : public Log {
  public:
    JsonLog(int fd, LogLevel level, const Clock& clock) : fd_(fd), level_(level), clock_(clock) {}

    bool enabled(LogLevel level) const override { return level >= level_; }
    void write(LogLevel level, std::string_view event, Fields fields) override;

  private:
    int fd_;
    LogLevel level_;
    const Clock& clock_;
};

// `debug`, `info`, `warn`, `error`; also the neighbours AP_LOG_LEVEL knows (trace, fatal).
std::optional<LogLevel> log_level_from(std::string_view name);

}  // namespace sallyport::engine
