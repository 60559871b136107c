// Calls of pieces that are not the engine's own: finds the package, hands the task to Node, and
// reads what came back. Steps, triggers, forms and the catalogue of pieces all go through here.
#pragma once

#include "engine/adapters/runs/input_resolver.hpp"
#include "engine/adapters/sandbox/package_folders.hpp"
#include "engine/adapters/steps/piece_archives.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/node_host.hpp"
#include "engine/ports/secret_source.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::engine {

// A package that somebody has sent, before it is kept.
struct SentArchive {
    std::string sha256;
    ArchiveBytes bytes;
};

struct PieceTask {
    std::string piece;    // package name
    std::string version;  // as flows write it; empty: the newest
    std::string project_id;
    std::string flow_id;
    std::string version_id;
    std::string run_id;
    std::string step = "trigger";
    Json raw_auth;  // as the flow has it, a reference to a connection; may be empty
    Json input;     // resolved
    Json task;      // do, action or trigger, hook …: what piece.js takes beside the rest
    std::int64_t time_ms_max = 60'000;
    // Instead of what is kept by the name and version: this, or what the registry has.
    std::optional<SentArchive> sent;
    bool from_registry = false;
};

class PieceTasks {
  public:
    struct Ports {
        NodeHost& host;
        PackageFolders& folders;
        PieceArchives& archives;
        Sandbox& sandbox;  // of references in inputs
        SecretSource& secrets;
        std::function<std::string(const std::string& project_id)> token;
    };
    struct Options {
        std::size_t memory_bytes = 256u << 20;
        std::string public_url;  // of this engine, without a slash at the end
    };
    using Done = std::function<void(SandboxResult)>;
    using Cancel = std::function<void()>;

    PieceTasks(Ports ports, Options options)
        : ports_(std::move(ports)),
          resolver_(ports_.sandbox, ports_.secrets),
          options_(std::move(options)) {}

    // `done` is called once, on the loop, possibly from inside the call. The returned function ends
    // the task; `done` is then called with `cancelled` if at all.
    Cancel run(PieceTask task, Done done);
    // Likewise with an input that may refer to connections and variables.
    void run_resolved(PieceTask task, const Json& input, int schema, Done done);
    // The piece's description (engine contract 3.4), fetched when it is not there yet. Without a
    // version of the newest that the registry has now. Of the registry's, whatever archives are
    // kept.
    void describe(const std::string& piece, const std::string& version, Done done);
    // The same of an archive that is not kept yet.
    void describe_sent(const std::string& piece, const std::string& version, SentArchive sent,
                       Done done);
    std::string webhook_url(const std::string& flow_id) const;
    // Where the app of that name sends the events of all its accounts.
    std::string app_url(const std::string& name) const;

  private:
    struct Under;
    void with_folder(const std::shared_ptr<Under>& under);
    void from_archive(const std::shared_ptr<Under>& under, const std::string& sha256);
    void go_on(const std::shared_ptr<Under>& under, const Result<std::string>& folder);
    void with_auth(const std::shared_ptr<Under>& under);
    void start(const std::shared_ptr<Under>& under, const std::string& folder);

    Ports ports_;
    InputResolver resolver_;
    Options options_;
};

// What one set of packages is called by for a piece: flows write ~1.2.3 where they mean 1.2.3.
NpmPackages piece_package(std::string_view name, std::string_view version);

// The name of the connection when all of `text` is a reference to it; empty otherwise.
std::string connection_named(std::string_view text);

}  // namespace sallyport::engine
