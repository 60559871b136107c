// The Amazon S3 piece's steps, by the engine's HTTP client.
#pragma once

#include "engine/adapters/steps/step_call.hpp"
#include "engine/ports/http_client.hpp"

namespace sallyport::engine {

StepCancel perform_s3(HttpClient& http, const StepCall& call, StepDone done);

}  // namespace sallyport::engine
