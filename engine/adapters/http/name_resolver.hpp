// NameResolver: getaddrinfo on threads of its own, answers on the loop. It finds addresses; whether
// one may be used is the egress policy's business.
#pragma once

#include "common/ip.hpp"
#include "engine/ports/loop.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {

class NameResolver {
  public:
    // Every address of the name, IPv4 and IPv6; empty when there is none.
    using Done = std::function<void(std::vector<IpAddress>)>;

    // `loop` outlives the resolver.
    explicit NameResolver(Loop& loop);
    NameResolver(const NameResolver&) = delete;
    NameResolver& operator=(const NameResolver&) = delete;
    // Does not wait for a look-up that hangs: its thread ends by itself and answers nobody.
    ~NameResolver();

    // False when too many names wait already; `done` is then not called.
    [[nodiscard]] bool resolve(std::string name, Done done);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sallyport::engine
