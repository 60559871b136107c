// Steps that wait until somebody asks the run to go on: respond and wait, approvals, calls of other
// flows. What a step gives when the request has come. Pure.
#pragma once

#include "common/json.hpp"
#include "engine/core/flows/program.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

inline constexpr std::string_view kRespondAndWait = "return_response_and_wait_for_next_webhook";
inline constexpr std::string_view kResumeHeader = "x-activepieces-resume-webhook-url";

inline constexpr std::string_view kApprovalPiece = "@activepieces/piece-approval";
inline constexpr std::string_view kWaitForApproval = "wait_for_approval";
inline constexpr std::string_view kApprovalLinks = "create_approval_links";

inline constexpr std::string_view kSubflowsPiece = "@activepieces/piece-subflows";
inline constexpr std::string_view kCallFlow = "callFlow";
inline constexpr std::string_view kStreamCsv = "streamCsvToSubflows";
inline constexpr std::string_view kReturnResponse = "returnResponse";
inline constexpr std::string_view kCallableFlow = "callableFlow";

struct WaitOutcome {
    Json output;
    std::string error;  // not empty: the step has failed
};

// `payload` is what came with the request: {body, headers, queryParams}.
WaitOutcome wait_outcome(const Step& step, const Json& payload);

// The flow that a step's setting names, empty for none: its (external) id, in older exports within
// an object.
std::string_view named_flow(const Json& setting);

// {approvalLink, disapprovalLink} of a run's resume address.
Json approval_links(const std::string& resume_url);

// What a callable flow is started with, and what its run is told from afterwards.
Json call_payload(const Json& data, const std::string& callback_url);

// The run and the id that a callback address of this engine names; empty texts for another address.
struct CallbackTarget {
    std::string run_id;
    std::string request_id;
};
CallbackTarget callback_target(std::string_view url);

}  // namespace sallyport::engine
