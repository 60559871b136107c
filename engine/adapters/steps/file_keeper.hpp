// Keeps the files of steps and webhooks: their names in the store, their bytes beside them or in an
// object store.
//
// An object is written down before it is sent and forgotten after it is removed, so that none is
// left behind whatever happens in between. A file is known once its bytes are kept.
#pragma once

#include "common/json.hpp"
#include "engine/ports/clock.hpp"
#include "engine/ports/entropy.hpp"
#include "engine/ports/object_store.hpp"
#include "engine/ports/store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

struct NewFile {
    std::string id;
    std::string name;
    std::string encoding;  // Content-Encoding of the bytes; empty: none
    std::string_view data;
};

struct KeptFile {
    std::string name;
    std::string encoding;
    std::string data;
    std::string problem = {};  // why its bytes are not to be had; empty: they are here
};

// What became of files that were to be kept. `unknown`: the database did not answer, and may have
// them; it can be asked again. `refused`: the object store did not take them.
struct FilesKept {
    enum class Outcome { all, taken, unknown, refused };  // taken: an id
    Outcome outcome = Outcome::all;
    std::string problem = {};

    Result<bool> as_result() const {
        const bool failed = outcome == Outcome::unknown || outcome == Outcome::refused;
        return failed ? Result<bool>(Error{problem}) : Result<bool>(outcome == Outcome::all);
    }
};

class FileKeeper {
  public:
    struct Ports {
        const Clock& clock;
        Entropy& entropy;
        EntityStore& entities;
        ObjectStore* objects = nullptr;  // null: there is none
    };
    // Files made from now on go to the object store when `to_objects`; those of before are read
    // where they are. REQUIRES: ports.objects, when `to_objects`.
    FileKeeper(Ports ports, bool to_objects) : ports_(ports), to_objects_(to_objects) {}

    using Done = std::function<void(const FilesKept&)>;
    // All of them or none. The bytes need not outlive the call.
    void keep(const std::string& project_id, const std::vector<NewFile>& files, Done done);
    // Keeps bytes that are no file: an object below `folder`, noted as those of files are; answers
    // its key, which ends with `suffix`. REQUIRES: ports.objects.
    void keep_object(const std::string& project_id, const std::string& folder,
                     const std::string& suffix, std::string bytes, StoreDone<std::string> done);
    void exists(const std::string& id, StoreDone<bool> done);
    // An error is the database's; the object store's is the file's `problem`.
    void read(const std::string& id, StoreDone<std::optional<KeptFile>> done);
    // Removes at most `limit` files made before `before_ms`; answers how many went.
    void remove_old(std::int64_t before_ms, std::size_t limit, StoreDone<std::size_t> done);
    // The same of objects, whose files are gone by then. Without an object store: none.
    void remove_old_objects(std::int64_t before_ms, std::size_t limit, StoreDone<std::size_t> done);

  private:
    struct Sending;
    struct Removing;
    void read_object(const Json& body, StoreDone<std::optional<KeptFile>> done);
    void send_next(const std::shared_ptr<Sending>& sending);
    EntityRow note_of(const std::string& project_id, const std::string& id,
                      const std::string& key) const;
    void add(std::vector<EntityRow> rows, StoreDone<bool> done);
    void add_files(std::vector<EntityRow> rows, Done done);
    EntityRow row(const char* kind, const std::string& scope, const std::string& id,
                  std::string body) const;
    void remove_next(const std::shared_ptr<Removing>& removing);

    Ports ports_;
    bool to_objects_;
};

// Of objects that are kept for a project's files. The project's removal makes them old at once.
inline std::string object_scope(const std::string& project_id) {
    return project_id + ":objects";
}

}  // namespace sallyport::engine
