#include "engine/core/trigger_intake.hpp"

#include "engine/core/pieces/triggers.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/pieces/webhook.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

using Take = Intake (*)(const Json& trigger_input, const Json& payload);

Intake run_with(Json output) {
    return {Intake::Kind::run, std::move(output), {}};
}

Intake checked(const Result<Json>& output) {
    return output.ok() ? run_with(*output) : Intake{Intake::Kind::refused, {}, output.message()};
}

Intake take_webhook(const Json& input, const Json& payload) {
    return webhook_authorized(input, payload) ? run_with(payload)
                                              : Intake{Intake::Kind::silent, {}, {}};
}

// A flow that is called hears what its caller says, not how it was said.
Intake take_call(const Json&, const Json& payload) {
    return run_with(payload["body"]);
}

Intake take_form(const Json& input, const Json& payload) {
    return checked(form_output(input, payload["body"]));
}

// The file must be there; what else came is let through, as published.
Intake take_file(const Json&, const Json& payload) {
    Json fields = Json::array();
    fields.append(Json::object({{"displayName", Json::string("File")},
                                {"type", Json::string("file")},
                                {"required", Json::boolean(true)}}));
    const Result<Json> output = form_output(Json::object({{"inputs", fields}}), payload["body"]);
    return checked(output.ok() ? Result<Json>(payload["body"]) : output);
}

Intake take_chat(const Json&, const Json& payload) {
    return checked(chat_output(payload["body"]));
}

Intake take_tool_call(const Json& input, const Json& payload) {
    return checked(mcp_tool_output(input, payload["body"]));
}

struct TriggerRow {
    std::string_view piece;
    std::string_view trigger;
    Take take;
};
constexpr std::array<TriggerRow, 6> kTriggers = {{{kWebhookPiece, "catch_webhook", take_webhook},
                                                  {kSubflowsPiece, kCallableFlow, take_call},
                                                  {kFormsPiece, kFormSubmission, take_form},
                                                  {kFormsPiece, kFileSubmission, take_file},
                                                  {kFormsPiece, kChatSubmission, take_chat},
                                                  {kMcpPiece, kMcpTool, take_tool_call}}};

Take find_take(const Step& trigger) {
    for (const TriggerRow& row : kTriggers) {
        if (trigger.piece == row.piece && trigger.action == row.trigger) {
            return row.take;
        }
    }
    return nullptr;
}

}  // namespace

bool takes_requests(const Step& trigger) {
    return find_take(trigger) != nullptr;
}

Intake trigger_intake(const Step& trigger, const Json& payload) {
    const Take take = find_take(trigger);
    return take == nullptr ? Intake() : take(trigger.settings["input"], payload);
}

}  // namespace sallyport::engine
