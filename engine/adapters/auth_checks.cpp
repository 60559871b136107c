#include "engine/adapters/auth_checks.hpp"

#include "engine/core/pieces/s3.hpp"
#include "engine/core/pieces/smtp.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// A listing of one file is what the published piece asks for.
Step listing_step() {
    Step step;
    step.name = "validate";
    step.kind = StepKind::piece;
    step.piece = kS3Piece;
    step.action = "list-files";
    return step;
}

}  // namespace

bool AuthChecks::asks(std::string_view piece) {
    return piece == kSmtpPiece || piece == kS3Piece;
}

void AuthChecks::check(std::string_view piece, const std::string& tenant, const Json& auth,
                       std::int64_t now_ms, std::int64_t time_ms, Done done) {
    StepDone tell = [done = std::move(done)](const StepResult& result) {
        const bool good = result.kind == StepResult::Kind::succeeded;
        const bool busy = result.kind == StepResult::Kind::overloaded;
        done(good ? std::string() : busy ? "too much is being done here" : result.message);
    };
    if (piece == kSmtpPiece) {
        verify_smtp(services_, auth, tenant, time_ms, std::move(tell));
        return;
    }
    static const Step kListing = listing_step();
    StepCall call{kListing, Json::object({{"auth", auth}, {"maxKeys", Json::integer(1)}}),
                  tenant,   {},
                  {},       {},
                  time_ms,  now_ms};
    perform_s3_(call, std::move(tell));
}

}  // namespace sallyport::engine
