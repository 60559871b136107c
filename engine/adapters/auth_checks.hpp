// Whether connections for the engine's own pieces are any good. The published ones ask before one
// is stored: the mail server for its user, the bucket for its list. The others ask nobody.
#pragma once

#include "engine/adapters/steps/service_steps.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::engine {

class AuthChecks {
  public:
    // An empty problem: it is good.
    using Done = std::function<void(const std::string& problem)>;

    // `perform_s3` performs the S3 piece's steps.
    AuthChecks(ServiceSteps& services, PerformPiece perform_s3)
        : services_(services), perform_s3_(std::move(perform_s3)) {}

    static bool asks(std::string_view piece);
    // `auth` is the connection's value. `done` is called once, on the loop, possibly from inside
    // the call. REQUIRES: asks(piece).
    void check(std::string_view piece, const std::string& tenant, const Json& auth,
               std::int64_t now_ms, std::int64_t time_ms, Done done);

  private:
    ServiceSteps& services_;
    PerformPiece perform_s3_;
};

}  // namespace sallyport::engine
