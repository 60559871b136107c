#include "engine/core/runs/state.hpp"

#include <array>

namespace sallyport::engine {
namespace {

constexpr std::array<std::pair<RunStatus, std::string_view>, 11> kStatusNames = {{
    {RunStatus::queued, "QUEUED"},
    {RunStatus::running, "RUNNING"},
    {RunStatus::succeeded, "SUCCEEDED"},
    {RunStatus::failed, "FAILED"},
    {RunStatus::paused, "PAUSED"},
    {RunStatus::canceled, "CANCELED"},
    {RunStatus::timeout, "TIMEOUT"},
    {RunStatus::memory_limit_exceeded, "MEMORY_LIMIT_EXCEEDED"},
    {RunStatus::log_size_exceeded, "LOG_SIZE_EXCEEDED"},
    {RunStatus::quota_exceeded, "QUOTA_EXCEEDED"},
    {RunStatus::internal_error, "INTERNAL_ERROR"},
}};

}  // namespace

std::string_view to_string(RunStatus status) {
    for (const auto& [value, name] : kStatusNames) {
        if (value == status) {
            return name;
        }
    }
    return "INTERNAL_ERROR";
}

RunStatus run_status_from(std::string_view text) {
    for (const auto& [value, name] : kStatusNames) {
        if (name == text) {
            return value;
        }
    }
    return RunStatus::internal_error;
}

bool is_retriable(RunStatus status) {
    return is_terminal(status) && status != RunStatus::succeeded && status != RunStatus::canceled &&
           status != RunStatus::log_size_exceeded;
}

bool is_terminal(RunStatus status) {
    return status != RunStatus::queued && status != RunStatus::running &&
           status != RunStatus::paused;
}

}  // namespace sallyport::engine
