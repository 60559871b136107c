// PatientHttpClient: the HttpClient port before another one, with what a caller would have to do
// himself otherwise: attempts that follow a refusal, and hosts that are left alone while they are
// down.
#pragma once

#include "engine/core/http_retry.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/loop.hpp"

#include <memory>

namespace sallyport::engine {

class PatientHttpClient final : public HttpClient {
  public:
    // All three outlive it; its members are called on the loop's thread.
    PatientHttpClient(Loop& loop, const Clock& clock, HttpClient& client);
    ~PatientHttpClient() override;  // requests that wait end with `cancelled`

    RequestId send(HttpRequest request, Done done) override;
    void cancel(RequestId id) override;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::engine
