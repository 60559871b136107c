// Messages of MCP sessions (protocol 2024-11-05) that reach another engine than the one that has
// the session's stream. Whoever gets one lays it into the store that all share, sealed, for the
// engine that the session names; an engine with open streams looks there. For the loop's thread.
#pragma once

#include "common/result.hpp"
#include "engine/core/secret_box.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

struct McpRelayed {
    std::string session;
    std::string body;
    std::string client_address;
};

class McpRelay {
  public:
    struct Ports {
        Loop& loop;
        const Clock& clock;
        Entropy& entropy;
        EntityStore& entities;
        const SecretBox& secrets;
    };
    enum class Outcome {
        taken,
        nobody,  // no engine of that name took it in time
        busy,    // too many are under way here
        failed,  // the store did not answer
    };

    // `shared`: other engines have the same store. Without them there is nobody to tell or hear.
    McpRelay(Ports ports, bool shared);
    ~McpRelay();
    McpRelay(const McpRelay&) = delete;
    McpRelay& operator=(const McpRelay&) = delete;

    // This engine, as sessions name it: another at every start.
    const std::string& name() const { return name_; }

    // Looks for messages until `wanted` says no; asked for again with each stream.
    void listen(std::function<bool()> wanted, std::function<void(const McpRelayed&)> take);

    void send(const std::string& engine, const McpRelayed& message,
              std::function<void(Outcome)> done);

  private:
    struct Sending;
    void look();
    void look_later();
    void take_all(std::vector<EntityRow> rows);
    void wait(const std::shared_ptr<Sending>& sending);
    void withdraw(const std::shared_ptr<Sending>& sending);
    void end(const std::shared_ptr<Sending>& sending, Outcome outcome);

    Ports ports_;
    bool shared_;
    std::string name_;
    std::function<bool()> wanted_;
    std::function<void(const McpRelayed&)> take_;
    bool looking_ = false;
    std::size_t under_way_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sallyport::engine
