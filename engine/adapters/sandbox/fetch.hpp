// A sandboxed `fetch` between its frames and the HTTP port. The frame is the script's word: every
// part is checked here, and once more by the client.
#pragma once

#include "common/result.hpp"
#include "engine/jsbox/protocol.hpp"
#include "engine/ports/http_client.hpp"

#include <cstdint>
#include <string>

namespace sallyport::engine {

// The error is what the script is told. Tenant and time are the caller's to set.
Result<HttpRequest> request_from_fetch(jsbox::FetchFrame frame);

// `requested` is the URL that was asked for.
jsbox::FetchReplyFrame reply_to_fetch(std::uint64_t run_id, std::uint32_t call_id,
                                      HttpOutcome outcome, const std::string& requested);
jsbox::FetchReplyFrame refuse_fetch(std::uint64_t run_id, std::uint32_t call_id, std::string why);

}  // namespace sallyport::engine
