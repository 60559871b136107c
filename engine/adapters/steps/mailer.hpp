// The mails that the engine itself sends: invitations and alerts, by the operator's server
// (AP_SMTP_*). Steps send by connections of their own, never by this one.
#pragma once

#include "common/secret.hpp"
#include "engine/adapters/steps/service_steps.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/log.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace sallyport::engine {

struct MailSettings {
    std::string host;
    std::uint16_t port = 587;
    std::string user;
    Secret password;
    bool tls = false;  // no mail without it; port 465 has it from the first byte
    std::string sender;
    std::string sender_name;
};

class Mailer {
  public:
    // `services` may reach the server and is for this alone.
    Mailer(ServiceSteps& services, const Clock& clock, Entropy& entropy, Log& log,
           MailSettings settings)
        : services_(services),
          clock_(clock),
          entropy_(entropy),
          log_(log),
          settings_(std::move(settings)) {}

    // Nobody waits; a mail that is not taken is logged, without its text.
    void send(const std::string& to, const std::string& subject, const std::string& text);

  private:
    ServiceSteps& services_;
    const Clock& clock_;
    Entropy& entropy_;
    Log& log_;
    MailSettings settings_;
};

}  // namespace sallyport::engine
