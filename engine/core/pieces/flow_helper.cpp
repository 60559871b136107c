#include "engine/core/pieces/flow_helper.hpp"

#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

namespace sallyport::engine {
namespace {

Result<Json> fail_flow(const Json& input, const PieceWorld&) {
    const Result<std::string> message = input_text(input, "message");
    return message.ok() ? Error{*message} : message.error();
}

}  // namespace

Json run_info(const std::string& public_url, const std::string& project_id,
              const std::string& run_id) {
    return Json::object(
        {{"id", Json::string(run_id)},
         {"url", Json::string(public_url + "/projects/" + project_id + "/runs/" + run_id)}});
}

Json stopped_output() {
    return Json::object({{"success", Json::boolean(true)},
                         {"message", Json::string("Flow stopped successfully.")}});
}

Json stopped_response() {
    return Json::object(
        {{"status", Json::integer(200)}, {"headers", Json::object()}, {"body", Json::object()}});
}

const NativePiece kFlowHelperNative = {R"json({
 "name":"@activepieces/piece-flow-helper","version":"0.0.9","displayName":"Flow Helper",
 "description":"Say which run this is, fail it or stop it","categories":["CORE","FLOW_CONTROL"],
 "actions":{
  "getRunId":{"displayName":"Get Run Info","description":"Gives the run's id and address","props":{}},
  "failFlow":{"displayName":"Fail Flow","description":"Fails the run with a message","props":{"message":["LONG_TEXT","Error Message",true]}},
  "stopFlow":{"displayName":"Stop Flow","description":"Ends the run at this step, as a success","props":{}}},
 "triggers":{}
})json",
                                       {{"getRunId"}, {"failFlow", fail_flow}, {kStopFlow}}};

}  // namespace sallyport::engine
