// Answers as bytes: status line and fields. The parser is Beast's; what we write is short enough to
// write ourselves.
#pragma once

#include "engine/core/web_message.hpp"

#include <ctime>
#include <string>

namespace sallyport::engine {

std::string_view reason_phrase(int status);

// The head of `response`, blank line included.
std::string wire_head(const WebResponse& response, bool keep_alive, bool head_only,
                      std::time_t now);
// 204, 304 and answers to HEAD have no body on the wire.
bool sends_body(const WebResponse& response, bool head_only);

// The answer to a request that never became one: 400, 413, 431.
WebResponse wire_error(int status);

}  // namespace sallyport::engine
