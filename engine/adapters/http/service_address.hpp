// The addresses of a server that a step connects to itself (mail, databases), as the egress policy
// allows them: every address of the name is checked, and only checked ones are connected to.
#pragma once

#include "common/ip.hpp"
#include "common/result.hpp"
#include "engine/adapters/http/name_resolver.hpp"
#include "engine/core/egress_policy.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

struct ServiceAddress {
    std::string host;  // canonical
    std::uint16_t port = 0;
    std::vector<IpAddress> addresses;  // at least one
    // Whether all of them are on this machine or in private networks, where the operator's
    // exception let them.
    bool is_private = false;
};

class ServiceResolver {
  public:
    using Done = std::function<void(Result<ServiceAddress>)>;

    // `loop` outlives the resolver.
    ServiceResolver(Loop& loop, EgressPolicy policy)
        : policy_(std::move(policy)), resolver_(loop) {}

    // `usual` are the service's own ports; others must be allowed as for HTTP. `done` is called on
    // the loop, possibly from inside the call. Errors name no address.
    void find(const std::string& host, std::int64_t port, const std::vector<std::uint16_t>& usual,
              Done done);

  private:
    Result<ServiceAddress> check(const EgressUrl& url, std::vector<IpAddress> addresses) const;

    EgressPolicy policy_;
    NameResolver resolver_;
};

}  // namespace sallyport::engine
