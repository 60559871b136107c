// Which adapter performs which piece.
#pragma once

#include "engine/adapters/steps/csv_steps.hpp"
#include "engine/adapters/steps/service_steps.hpp"
#include "engine/app/config.hpp"

namespace sallyport::engine {

CsvSteps::Limits csv_limits(const Config& config);

// The pieces that reach out by more than HTTP. What is given outlives them.
PerformPiece s3_performer(HttpClient& http);
PiecePerformers piece_performers(ServiceSteps& services, HttpClient& http, CsvSteps& csv);

}  // namespace sallyport::engine
