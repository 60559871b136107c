// Alerts: who is told by mail when runs of a project fail (engine contract 1.3).
#pragma once

#include "engine/adapters/steps/mailer.hpp"
#include "engine/core/runs/state.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace sallyport::engine {

// Below the project, by the receiver's address.
inline constexpr const char* kAlertKind = "alert";

class Alerts {
  public:
    // Of one flow, one mail in this time says all there is to say.
    static constexpr std::int64_t kSilentMs = 60 * 60 * 1000;

    Alerts(EntityStore& store, Mailer& mailer, const Clock& clock, std::string public_url)
        : store_(store), mailer_(mailer), clock_(clock), public_url_(std::move(public_url)) {}

    // Of tests and of what succeeded nobody is told.
    void run_ended(const RunRow& run, RunStatus status);

  private:
    bool is_news(const std::string& flow_id);

    EntityStore& store_;
    Mailer& mailer_;
    const Clock& clock_;
    std::string public_url_;
    std::unordered_map<std::string, std::int64_t> told_ms_;  // by flow
};

}  // namespace sallyport::engine
