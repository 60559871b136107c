// The ids by which a paused run is told to go on: the last part of a resume address. Nobody can
// make one up, and one that was made up is told from a real one without asking the store.
#pragma once

#include "common/crypto.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine {

// 21 letters and digits, the same for every repetition of one attempt of a step. An empty step is
// the run's own id, which several steps may name.
std::string resume_id(const HmacKey& key, std::string_view run_id, std::string_view step,
                      std::uint32_t attempt, std::string_view path);

bool is_resume_id_of(const HmacKey& key, std::string_view run_id, std::string_view id);

}  // namespace sallyport::engine
