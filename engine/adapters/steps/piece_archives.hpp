// Pieces that came as archives (POST pieces): which version of which piece is one, and its bytes,
// in the database for every engine on it. What is stored under a name and version stays what it is:
// flows that name them run it. One that was deleted is remembered, so that the registry is not
// asked for what a stranger may have published by that name.
#pragma once

#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

using ArchiveBytes = std::shared_ptr<const std::string>;

struct PieceArchive {
    enum class State { none, there, deleted };
    State state = State::none;
    std::string sha256;  // in hexadecimal
};

class PieceArchives {
  public:
    // Of one piece; deleted ones count until the piece is installed from the registry.
    static constexpr std::int64_t kVersionsMax = 100;

    struct Ports {
        Loop& loop;
        const Clock& clock;
        Entropy& entropy;
        EntityStore& entities;
    };
    explicit PieceArchives(Ports ports) : ports_(ports) {}

    // Both ask a database that does not answer again, for `patience_ms`.
    void find(const std::string& piece, const std::string& version, std::int64_t patience_ms,
              StoreDone<PieceArchive> done);
    // REQUIRES: one that find() has named.
    void read(const std::string& piece, const std::string& sha256, std::int64_t patience_ms,
              StoreDone<ArchiveBytes> done);

    // taken: by an archive of other bytes. full: a version that was not there before is one too
    // many.
    enum class Kept { kept, taken, full };
    void keep(const std::string& piece, const std::string& version, const std::string& sha256,
              const ArchiveBytes& bytes, StoreDone<Kept> done);
    // Removes the bytes of all versions.
    void remove_all(const std::string& piece, StoreDone<Done> done);
    // Whether there are archives of the piece that are not deleted.
    void has_any(const std::string& piece, StoreDone<bool> done);
    // Forgets the deleted ones: the piece may come from the registry. False, with nothing done,
    // while there are others.
    void release(const std::string& piece, StoreDone<bool> done);

  private:
    struct Asking;
    void ask(Asking asking);
    void list(const std::string& piece, StoreDone<Page<EntityRow>> done);
    EntityRow row(const char* kind, const std::string& piece, const std::string& key,
                  std::string body) const;
    void store(const EntityKey& key, const std::string& sha256, const std::string& bytes, bool room,
               StoreDone<Kept> done);
    void remove_next(const std::shared_ptr<std::vector<EntityRow>>& rows, StoreDone<Done> done);

    Ports ports_;
};

}  // namespace sallyport::engine
