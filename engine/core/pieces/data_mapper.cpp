// The data mapper piece: an object that the templates in it have filled in.
#include "engine/core/pieces/table.hpp"

namespace sallyport::engine {
namespace {

Result<Json> map(const Json& input, const PieceWorld&) {
    const Json mapping = input["mapping"];
    return mapping.exists() ? mapping : Json::null();
}

}  // namespace

const NativePiece kDataMapperNative = {R"json({
 "name":"@activepieces/piece-data-mapper","version":"0.3.15","displayName":"Data Mapper",
 "description":"Build an object from others","categories":["CORE"],
 "actions":{
  "advanced_mapping":{"displayName":"Advanced Mapping","description":"Gives the object that is written","props":{"mapping":["JSON","Mapping",true,{"defaultValue":{"newProperty":"oldProperty"}}]}}},
 "triggers":{}
})json",
                                       {{"advanced_mapping", map}}};

}  // namespace sallyport::engine
