// The pieces this engine performs itself, one source a piece (piece_<name>.cpp): how an editor sees
// it, and what its actions do. A new piece is a NativePiece and a line in the table. Pure: what an
// action may ask the world for is given to it; actions that reach out of the engine are described
// here and performed by an adapter (engine/adapters/piece_performers.hpp).
#pragma once

#include "common/bytes.hpp"
#include "common/json.hpp"
#include "common/result.hpp"
#include "engine/core/cron.hpp"
#include "engine/core/pieces/webhook.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

struct PieceWorld {
    std::int64_t now_ms = 0;
    std::function<Bytes(std::size_t)> random;
    // By its IANA name.
    std::function<Result<std::unique_ptr<ZoneRules>>(const std::string&)> zone;
};

struct NativeAction {
    // `input` is the resolved input. An error fails the step.
    using Run = Result<Json> (*)(const Json& input, const PieceWorld& world);
    std::string_view name;
    Run run = nullptr;
    // Instead of `run`: an ES module for the sandbox, where JavaScript's own rules are the
    // contract (regular expressions).
    std::string_view script = {};
    // Instead of `run`: answers whoever started the run and waits.
    Result<WebhookReply> (*reply)(const Json& input) = nullptr;
    // `run` may take long, and asks nothing of the world: the piece's adapter calls it, on a
    // thread.
    bool slow = false;

    // Whether nothing outside the engine and its sandbox notices when it is performed again.
    bool stays_inside() const { return run != nullptr || !script.empty() || reply != nullptr; }
};

struct NativePiece {
    // A JSON object: name, version, displayName, description, categories, actions and triggers,
    // optionally auth. Each property is [type, displayName, required, more], `more` an object of
    // further members: options is there a list of [label, value], defaultValue is any value.
    std::string_view about;
    // Those with none of the three are an adapter's.
    std::vector<NativeAction> actions;
};

const std::vector<const NativePiece*>& native_pieces();

// Null when this engine does not perform it itself.
const NativeAction* find_native_action(std::string_view piece, std::string_view action);

extern const NativePiece kApprovalNative;
extern const NativePiece kCryptoNative;
extern const NativePiece kCsvNative;
extern const NativePiece kDataMapperNative;
extern const NativePiece kDateHelperNative;
extern const NativePiece kDelayNative;
extern const NativePiece kFormsNative;
extern const NativePiece kHttpNative;
extern const NativePiece kJsonNative;
extern const NativePiece kManualNative;
extern const NativePiece kMathHelperNative;
extern const NativePiece kMcpNative;
extern const NativePiece kPostgresNative;
extern const NativePiece kQueueNative;
extern const NativePiece kS3Native;
extern const NativePiece kScheduleNative;
extern const NativePiece kSmtpNative;
extern const NativePiece kSqliteNative;
extern const NativePiece kStoreNative;
extern const NativePiece kSubflowsNative;
extern const NativePiece kTablesNative;
extern const NativePiece kTagsNative;
extern const NativePiece kTextHelperNative;
extern const NativePiece kWebhookNative;

}  // namespace sallyport::engine
