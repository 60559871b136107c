#include "engine/adapters/steps/mailer.hpp"

#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kTimeMs = 60'000;

}  // namespace

void Mailer::send(const std::string& to, const std::string& subject, const std::string& text) {
    Json recipients = Json::array();
    recipients.append(Json::string(to));
    const Json server = Json::object({{"host", Json::string(settings_.host)},
                                      {"port", Json::integer(settings_.port)},
                                      {"email", Json::string(settings_.user)},
                                      {"password", Json::string(settings_.password.reveal())},
                                      {"TLS", Json::boolean(settings_.tls)}});
    // As a step of the SMTP piece would: that does all the checking.
    const auto step = std::make_shared<Step>();
    StepCall call{*step, Json::object({{"auth", server},
                                       {"from", Json::string(settings_.sender)},
                                       {"senderName", Json::string(settings_.sender_name)},
                                       {"to", recipients},
                                       {"subject", Json::string(subject)},
                                       {"body", Json::string(text)}})};
    call.idempotency_key = entropy_.id();
    call.time_left_ms = kTimeMs;
    call.now_ms = clock_.now_ms();
    perform_smtp(services_, call, [this, step](const StepResult& result) {
        if (result.kind != StepResult::Kind::succeeded) {
            log_.write(LogLevel::error, "mail_not_sent",
                       {{"problem", Json::string(result.message)}});
        }
    });
}

}  // namespace sallyport::engine
