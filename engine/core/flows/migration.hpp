// Flows of earlier schema versions, as exports and templates hold them, brought to today's
// (kFlowSchemaVersion): branches become routers, settings of inputs get their present name, piece
// versions become exact, answers to webhooks are the webhook piece's, and references to steps name
// the step's output. Flows without a schema version are the first exports when they look like them;
// others, and those with a newer version, are taken as they are.
#pragma once

#include "common/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// `request` of IMPORT_FLOW. What has another shape than a flow stays as it is: to be checked by the
// caller.
Json migrated_import(const Json& request, std::string_view now_iso);

// A JavaScript expression in which each free use of a name of `steps` reads the step's output:
// `step_1.x` becomes `step_1['output'].x`. Strings, comments, members, keys and names that the
// expression itself binds stay.
std::string with_output_references(std::string_view expression,
                                   const std::vector<std::string>& steps);

}  // namespace sallyport::engine
