#include "engine/adapters/json_log.hpp"

#include "engine/core/time_text.hpp"

#include <unistd.h>

namespace sallyport::engine {
namespace {

std::string_view name_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warn:
            return "warn";
        case LogLevel::error:
            return "error";
    }
    return "error";
}

}  // namespace

void JsonLog::write(LogLevel level, std::string_view event, Fields fields) {
    if (!enabled(level)) {
        return;
    }
    Json line = Json::object({{"time", Json::string(iso_time(clock_.machine_ms()))},
                              {"level", Json::string(name_of(level))},
                              {"event", Json::string(event)}});
    for (const auto& [name, value] : fields) {
        line.set(name, value);
    }
    const std::string text = line.dump() + "\n";
    // One write a line, so that lines of several threads do not mix. A log that cannot be written
    // must not stop the engine.
    [[maybe_unused]] const ssize_t written = ::write(fd_, text.data(), text.size());
}

std::optional<LogLevel> log_level_from(std::string_view name) {
    if (name == "debug" || name == "trace") {
        return LogLevel::debug;
    }
    if (name == "info") {
        return LogLevel::info;
    }
    if (name == "warn") {
        return LogLevel::warn;
    }
    if (name == "error" || name == "fatal") {
        return LogLevel::error;
    }
    return std::nullopt;
}

}  // namespace sallyport::engine
