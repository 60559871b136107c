// The token that an engine of the tests gives to pieces: type ENGINE, one project.
#pragma once

#include "common/crypto.hpp"
#include "common/json.hpp"
#include "engine/core/jwt.hpp"

#include <ctime>
#include <string>

namespace sallyport::test {

inline std::string token_of_engine(const std::string& project) {
    const HmacKey key(DigestAlgorithm::sha256, "0123456789abcdef0123456789abcdef");
    return engine::sign_jwt(Json::object({{"id", Json::string("job")},
                                          {"type", Json::string("ENGINE")},
                                          {"projectId", Json::string(project)}}),
                            std::time(nullptr), 3600, key);
}

}  // namespace sallyport::test
