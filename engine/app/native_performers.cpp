#include "engine/app/native_performers.hpp"

#include "engine/adapters/s3/steps.hpp"
#include "engine/core/pieces/csv.hpp"
#include "engine/core/pieces/s3.hpp"
#include "engine/core/pieces/smtp.hpp"
#include "engine/core/pieces/sql.hpp"

#include <string>
#include <utility>

namespace sallyport::engine {

CsvSteps::Limits csv_limits(const Config& config) {
    CsvSteps::Limits limits;
    limits.code_timeout_ms = static_cast<std::uint32_t>(config.code_timeout_ms);
    limits.code_memory_bytes = config.code_memory_bytes;
    limits.file_bytes_max = config.file_bytes_max;
    return limits;
}

PerformPiece s3_performer(HttpClient& http) {
    return [&http](const StepCall& call, StepDone done) {
        return perform_s3(http, call, std::move(done));
    };
}

PiecePerformers piece_performers(ServiceSteps& services, HttpClient& http, CsvSteps& csv) {
    using Perform = StepCancel (*)(ServiceSteps&, const StepCall&, StepDone);
    const auto with = [&services](Perform perform) {
        return [&services, perform](const StepCall& call, StepDone done) {
            return perform(services, call, std::move(done));
        };
    };
    PiecePerformers performers;
    performers.native[std::string(kSmtpPiece)] = with(perform_smtp);
    performers.native[std::string(kPostgresPiece)] = with(perform_postgres);
    performers.native[std::string(kSqlitePiece)] = with(perform_sqlite);
    performers.native[std::string(kS3Piece)] = s3_performer(http);
    performers.native[std::string(kCsvPiece)] = [&csv](const StepCall& call, StepDone done) {
        return csv.perform(call, std::move(done));
    };
    return performers;
}

}  // namespace sallyport::engine
