#include "engine/core/pieces/tags.hpp"

#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

namespace sallyport::engine {
namespace {

Result<Json> add_tag(const Json& input, const PieceWorld&) {
    const Result<std::string> name = input_text(input, "name");
    return name.ok() ? Result<Json>(Json::object({{"success", Json::boolean(true)}}))
                     : name.error();
}

}  // namespace

const NativePiece kTagsNative = {R"json({
 "name":"@activepieces/piece-tags","version":"0.0.17","displayName":"Tags",
 "description":"Give runs names to be found by","categories":["CORE"],
 "actions":{
  "add_tag":{"displayName":"Add Tag","description":"Gives the run a tag","errorHandlingOptions":{"continueOnFailure":{"hide":true},"retryOnFailure":{"hide":true}},
   "props":{"name":["SHORT_TEXT","Tag Name",true]}}},
 "triggers":{}
})json",
                                 {{"add_tag", add_tag}}};

}  // namespace sallyport::engine
