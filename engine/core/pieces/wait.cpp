#include "engine/core/pieces/wait.hpp"

#include "engine/core/pieces/table.hpp"

namespace sallyport::engine {
namespace {

Json or_null(const Json& value) {
    return value.exists() ? value : Json::null();
}

WaitOutcome called_flow_outcome(const Json& body) {
    if (body["status"].text() == "error") {
        return {{}, or_null(body["data"]).dump_pretty()};
    }
    return {Json::object({{"status", or_null(body["status"])}, {"data", or_null(body["data"])}}),
            {}};
}

}  // namespace

WaitOutcome wait_outcome(const Step& step, const Json& payload) {
    if (step.piece == kSubflowsPiece) {
        return called_flow_outcome(payload["body"]);
    }
    if (step.piece == kApprovalPiece) {
        const bool approved = payload["queryParams"]["action"].text() == "approve";
        return {Json::object({{"approved", Json::boolean(approved)}}), {}};
    }
    return {Json::object({{"body", or_null(payload["body"])},
                          {"headers", or_null(payload["headers"])},
                          {"queryParams", or_null(payload["queryParams"])}}),
            {}};
}

std::string_view named_flow(const Json& setting) {
    if (!setting.is_object()) {
        return setting.text();
    }
    return setting["externalId"].text_or(setting["id"].text());
}

Json approval_links(const std::string& resume_url) {
    return Json::object({{"approvalLink", Json::string(resume_url + "?action=approve")},
                         {"disapprovalLink", Json::string(resume_url + "?action=disapprove")}});
}

Json call_payload(const Json& data, const std::string& callback_url) {
    Json payload = Json::object({{"data", or_null(data)}});
    if (!callback_url.empty()) {
        payload.set("callbackUrl", Json::string(callback_url));
    }
    return payload;
}

CallbackTarget callback_target(std::string_view url) {
    constexpr std::string_view kRuns = "/v1/flow-runs/";
    constexpr std::string_view kWaits = "/waitpoints/";
    const std::size_t runs = url.find(kRuns);
    if (runs == std::string_view::npos) {
        return {};
    }
    url.remove_prefix(runs + kRuns.size());
    const std::size_t waits = url.find(kWaits);
    if (waits == std::string_view::npos) {
        return {};
    }
    const std::string_view id = url.substr(waits + kWaits.size());
    return {std::string(url.substr(0, waits)), std::string(id.substr(0, id.find_first_of("/?#")))};
}

const NativePiece kApprovalNative = {R"json({
 "name":"@activepieces/piece-approval","version":"0.2.0","displayName":"Approval",
 "description":"Let a person decide whether a run goes on","categories":["CORE","FLOW_CONTROL"],
 "actions":{
  "create_approval_links":{"displayName":"Create Approval Links","description":"Gives the addresses that approve and disapprove","errorHandlingOptions":{"continueOnFailure":{"hide":true},"retryOnFailure":{"hide":true}},
   "props":{}},
  "wait_for_approval":{"displayName":"Wait for Approval","description":"Waits until one of the addresses is called","errorHandlingOptions":{"continueOnFailure":{"hide":true},"retryOnFailure":{"hide":true}},
   "props":{}}},
 "triggers":{}
})json",
                                     {{kApprovalLinks}, {kWaitForApproval}}};

const NativePiece kSubflowsNative = {R"json({
 "name":"@activepieces/piece-subflows","version":"0.6.4","displayName":"Sub Flows",
 "description":"Call other flows","categories":["CORE","FLOW_CONTROL"],
 "actions":{
  "callFlow":{"displayName":"Call Flow","description":"Starts a flow whose trigger is Callable Flow","props":{
   "flowId":["DROPDOWN","Flow",true,{"refreshers":[]}],
   "mode":["STATIC_DROPDOWN","Mode",true,{"defaultValue":"simple","options":[["Simple","simple"],["Advanced","advanced"]]}],
   "flowProps":["DYNAMIC","",true,{"refreshers":["mode","flowId"],"cases":{"simple":{"payload":["OBJECT","Payload",true]},"advanced":{"payload":["JSON","Payload",true]}}}],
   "waitForResponse":["CHECKBOX","Wait for Response",false,{"defaultValue":false}]}},
  "streamCsvToSubflows":{"displayName":"Stream CSV to Subflows","description":"Starts a flow for each batch of a file's rows","props":{
   "file":["FILE","CSV File",true],"subflow":["DROPDOWN","Subflow",true,{"refreshers":[]}],
   "batchSize":["NUMBER","Rows per batch",true,{"defaultValue":100}],
   "delimiter":["STATIC_DROPDOWN","Delimiter",true,{"defaultValue":",","options":[["Comma",","],["Tab","\t"]]}],
   "extraData":["JSON","Extra Data",false]}},
  "returnResponse":{"displayName":"Return Response","description":"Answers the flow that called","props":{
   "mode":["STATIC_DROPDOWN","Mode",true,{"defaultValue":"simple","options":[["Simple","simple"],["Advanced","advanced"]]}],
   "response":["DYNAMIC","Response",true,{"refreshers":["mode"],"cases":{"simple":{"response":["OBJECT","Response",true]},"advanced":{"response":["JSON","Response",true]}}}]}}},
 "triggers":{
  "callableFlow":{"displayName":"Callable Flow","description":"Is started by another flow","type":"WEBHOOK","props":{
   "mode":["STATIC_DROPDOWN","Mode",true,{"defaultValue":"simple","options":[["Simple","simple"],["Advanced","advanced"]]}],
   "exampleData":["DYNAMIC","Sample Data",true,{"refreshers":["mode"],"cases":{"simple":{"sampleData":["OBJECT","Sample Data",true]},"advanced":{"sampleData":["JSON","Sample Data",true]}}}]}}}
})json",
                                     {{kCallFlow}, {kStreamCsv}, {kReturnResponse}}};

}  // namespace sallyport::engine
