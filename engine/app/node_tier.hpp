// Tier node: what runs in Node, wired together. Exists when AP_EXECUTION_MODE asks for it and the
// machine has what it takes.
#pragma once

#include "engine/adapters/api/api.hpp"
#include "engine/adapters/sandbox/nodebox_pool.hpp"
#include "engine/adapters/sandbox/package_folders.hpp"
#include "engine/adapters/steps/hosted_steps.hpp"
#include "engine/adapters/steps/piece_tasks.hpp"
#include "engine/app/config.hpp"

#include <memory>
#include <string>

namespace sallyport::engine {

// Where callers reach this engine, without a slash at the end; empty when only a socket's file is
// known.
std::string public_url_of(const Config& config);

class NodeTier {
  public:
    struct Ports {
        Loop& loop;
        const Clock& clock;
        HttpClient& http;
        Sandbox& sandbox;
        SecretSource& secrets;
        PieceArchives& archives;
        Log& log;
    };

    // What the pool starts with. The error is one line: what is missing, and what to do about it.
    static Result<NodeboxOptions> check(const Config& config);
    // REQUIRES: `options` passed check().
    NodeTier(Ports ports, const Config& config, NodeboxOptions options);

    // Pieces may ask `api` from now on.
    void connect(Api& api);

    // Before a stop: no process is started ahead any more.
    void stop_idling() { pool_.stop_idling(); }

    PiecePerformers performers() { return steps_.performers(); }
    PieceTasks& pieces() { return pieces_; }

  private:
    NodeboxPool pool_;
    PackageFolders folders_;
    PieceTasks pieces_;
    HostedSteps steps_;
};

}  // namespace sallyport::engine
