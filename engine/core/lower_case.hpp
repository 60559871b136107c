// Text without regard to upper and lower case.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::engine {

// Unicode's simple lower-case mapping. REQUIRES: valid UTF-8, as JSON text is.
std::string lower_case(std::string_view text);

}  // namespace sallyport::engine
