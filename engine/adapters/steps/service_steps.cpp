#include "engine/adapters/steps/service_steps.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

// A step on its way: first its name is looked up, then it runs.
struct Way {
    bool cancelled = false;
    StepCancel inner;
};

}  // namespace

StepCancel perform_at(ServiceSteps& services, const std::string& host, std::int64_t port,
                      const std::vector<std::uint16_t>& usual, const std::string& tenant,
                      std::int64_t time_ms,
                      std::function<StepResult(const ServiceAddress&, const StepStop&)> work,
                      StepDone done) {
    const auto way = std::make_shared<Way>();
    const std::int64_t time = std::max<std::int64_t>(1, time_ms);
    services.resolver.find(
        host, port, usual,
        [&services, way, time, tenant, work = std::move(work),
         done = std::move(done)](Result<ServiceAddress> address) {
            if (!address.ok() || way->cancelled) {
                done(step_failed(address.ok() ? "The step was cancelled"
                                              : "refused_address: " + address.message()));
                return;
            }
            way->inner = services.threads.run(
                tenant, time,
                [address = *std::move(address), work](const StepStop& stop) {
                    return work(address, stop);
                },
                done);
        });
    return [way] {
        way->cancelled = true;
        if (way->inner) {
            way->inner();
        }
    };
}

}  // namespace sallyport::engine
