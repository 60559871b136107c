#include "engine/core/pieces/table.hpp"

#include "engine/core/pieces/catalog.hpp"
#include "engine/core/pieces/flow_helper.hpp"

#include <map>
#include <utility>

namespace sallyport::engine {
namespace {

// Views of what lives as long as the program.
using ActionKey = std::pair<std::string_view, std::string_view>;

std::map<ActionKey, const NativeAction*> index_actions() {
    std::map<ActionKey, const NativeAction*> index;
    std::size_t at = 0;
    for (const NativePiece* piece : native_pieces()) {
        const std::string_view name = piece_catalog().at(at++)["name"].text();
        for (const NativeAction& action : piece->actions) {
            index[{name, action.name}] = &action;
        }
    }
    return index;
}

}  // namespace

const std::vector<const NativePiece*>& native_pieces() {
    static const std::vector<const NativePiece*> kPieces = {
        &kWebhookNative,  &kHttpNative,       &kDelayNative,    &kStoreNative,  &kDataMapperNative,
        &kScheduleNative, &kSubflowsNative,   &kApprovalNative, &kManualNative, &kFormsNative,
        &kMcpNative,      &kTextHelperNative, &kCryptoNative,   &kJsonNative,   &kDateHelperNative,
        &kCsvNative,      &kMathHelperNative, &kQueueNative,    &kSmtpNative,   &kPostgresNative,
        &kSqliteNative,   &kS3Native,         &kTagsNative,     &kTablesNative, &kFlowHelperNative};
    return kPieces;
}

const NativeAction* find_native_action(std::string_view piece, std::string_view action) {
    static const std::map<ActionKey, const NativeAction*> kIndex = index_actions();
    const auto found = kIndex.find({piece, action});
    return found == kIndex.end() ? nullptr : found->second;
}

}  // namespace sallyport::engine
