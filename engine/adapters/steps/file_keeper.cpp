#include "engine/adapters/steps/file_keeper.hpp"

#include "common/bytes.hpp"
#include "common/json.hpp"
#include "engine/core/packed_text.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kFile = "file";
constexpr const char* kObject = "file_object";
// The object of a file is written down before the file is: it must not go before it.
constexpr std::int64_t kObjectGraceMs = 10 * 60'000;

Json describe(const NewFile& file, bool packed) {
    Json body = Json::object(
        {{"name", Json::string(file.name)}, {"encoding", Json::string(file.encoding)}});
    if (packed) {
        body.set("packed", Json::string("zstd"));
    }
    return body;
}

KeptFile file_from(const Json& body, std::string_view data) {
    KeptFile file{std::string(body["name"].text()), std::string(body["encoding"].text()), {}};
    if (body["packed"].text() != "zstd") {
        file.data = data;
        return file;
    }
    Result<std::string> unpacked = unpack_text(data);
    if (unpacked.ok()) {
        file.data = *std::move(unpacked);
    } else {
        file.problem = unpacked.message();
    }
    return file;
}

KeptFile without_bytes(std::string problem) {
    KeptFile file;
    file.problem = std::move(problem);
    return file;
}

}  // namespace

struct FileKeeper::Sending {
    struct Object {
        std::string key;
        std::string bytes;
    };
    std::vector<Object> objects;
    std::size_t next = 0;
    std::vector<EntityRow> files;  // known once all objects are kept
    Done done;
};

struct FileKeeper::Removing {
    std::vector<EntityRow> rows;
    std::size_t removed = 0;
    StoreDone<std::size_t> done;
};

EntityRow FileKeeper::row(const char* kind, const std::string& scope, const std::string& id,
                          std::string body) const {
    const std::int64_t now = ports_.clock.now_ms();
    return {kind, id, scope, id, {}, std::move(body), now, now};
}

EntityRow FileKeeper::note_of(const std::string& project_id, const std::string& id,
                              const std::string& key) const {
    return row(kObject, object_scope(project_id), id,
               Json::object({{"object", Json::string(key)}}).dump());
}

void FileKeeper::keep_object(const std::string& project_id, const std::string& folder,
                             const std::string& suffix, std::string bytes,
                             StoreDone<std::string> done) {
    const std::string id = ports_.entropy.id();
    const std::string key = folder + "/" + project_id + "/" + id + suffix;
    add({note_of(project_id, id, key)},
        [this, key, bytes = std::move(bytes),
         done = std::move(done)](const Result<bool>& noted) mutable {
            if (!noted.ok()) {
                return done(noted.error());
            }
            ports_.objects->put(key, std::move(bytes), [key, done](const Status& kept) {
                done(kept.ok() ? Result<std::string>(key) : Result<std::string>(kept.error()));
            });
        });
}

void FileKeeper::add(std::vector<EntityRow> rows, StoreDone<bool> done) {
    EntityRow first = std::move(rows.front());
    rows.erase(rows.begin());
    ports_.entities.add_family(std::move(first), std::move(rows), std::move(done));
}

void FileKeeper::add_files(std::vector<EntityRow> rows, Done done) {
    using Outcome = FilesKept::Outcome;
    add(std::move(rows), [done = std::move(done)](const Result<bool>& added) {
        done(added.ok() ? FilesKept{*added ? Outcome::all : Outcome::taken}
                        : FilesKept{Outcome::unknown, added.message()});
    });
}

void FileKeeper::keep(const std::string& project_id, const std::vector<NewFile>& files, Done done) {
    auto sending = std::make_shared<Sending>();
    std::vector<EntityRow> objects;
    for (const NewFile& file : files) {
        std::optional<std::string> packed = pack_text(file.data);
        Json body = describe(file, packed.has_value());
        const std::string_view data = packed ? std::string_view(*packed) : file.data;
        if (to_objects_) {
            const std::string id = ports_.entropy.id();
            const std::string key = "files/" + project_id + "/" + id;
            body.set("object", Json::string(key));
            body.set("size", Json::integer(static_cast<std::int64_t>(data.size())));
            objects.push_back(note_of(project_id, id, key));
            sending->objects.push_back({key, packed ? *std::move(packed) : std::string(data)});
        } else {
            body.set("data", Json::string(base64_encode(as_bytes(data), data.size())));
        }
        sending->files.push_back(row(kFile, project_id, file.id, body.dump()));
    }
    if (!to_objects_) {
        return add_files(std::move(sending->files), std::move(done));
    }
    sending->done = std::move(done);
    add(std::move(objects), [this, sending](const Result<bool>& noted) {
        noted.ok() ? send_next(sending)
                   : sending->done({FilesKept::Outcome::unknown, noted.message()});
    });
}

void FileKeeper::send_next(const std::shared_ptr<Sending>& sending) {
    if (sending->next == sending->objects.size()) {
        return add_files(std::move(sending->files), std::move(sending->done));
    }
    Sending::Object& object = sending->objects[sending->next++];
    ports_.objects->put(object.key, std::move(object.bytes), [this, sending](const Status& kept) {
        kept.ok() ? send_next(sending)
                  : sending->done({FilesKept::Outcome::refused, kept.message()});
    });
}

void FileKeeper::exists(const std::string& id, StoreDone<bool> done) {
    ports_.entities.entity(
        kFile, id, [done = std::move(done)](const Result<std::optional<EntityRow>>& found) {
            done(found.ok() ? Result<bool>(found->has_value()) : Result<bool>(found.error()));
        });
}

void FileKeeper::read(const std::string& id, StoreDone<std::optional<KeptFile>> done) {
    ports_.entities.entity(
        kFile, id, [this, done = std::move(done)](const Result<std::optional<EntityRow>>& found) {
            if (!found.ok()) {
                return done(found.error());
            }
            if (!found->has_value()) {
                return done(std::optional<KeptFile>());
            }
            const Result<Json> body = Json::parse((*found)->body);
            if (!body.ok()) {
                return done(std::optional(
                    without_bytes("a file's description is broken: " + body.message())));
            }
            if (body->has("object")) {
                return read_object(*body, done);
            }
            const auto data = base64_decode((*body)["data"].text());
            done(std::optional(data ? file_from(*body, as_text(*data))
                                    : without_bytes("a file's data is no base64")));
        });
}

void FileKeeper::read_object(const Json& body, StoreDone<std::optional<KeptFile>> done) {
    if (ports_.objects == nullptr) {
        return done(
            std::optional(without_bytes("a file is kept in S3, and AP_S3_BUCKET is not set")));
    }
    ports_.objects->get(
        std::string(body["object"].text()), static_cast<std::size_t>(body["size"].integer_or(0)),
        [body, done = std::move(done)](const Result<std::optional<std::string>>& object) {
            if (!object.ok()) {
                return done(std::optional(without_bytes(object.message())));
            }
            done(object->has_value() ? std::optional(file_from(body, **object)) : std::nullopt);
        });
}

void FileKeeper::remove_old(std::int64_t before_ms, std::size_t limit,
                            StoreDone<std::size_t> done) {
    ports_.entities.remove_old_entities(kFile, before_ms, limit, std::move(done));
}

void FileKeeper::remove_old_objects(std::int64_t before_ms, std::size_t limit,
                                    StoreDone<std::size_t> done) {
    if (ports_.objects == nullptr) {
        return done(std::size_t{0});
    }
    EntityQuery query;
    query.kind = kObject;
    query.every_scope = true;
    query.created_before_ms = before_ms - kObjectGraceMs;
    query.oldest_first = true;
    query.limit = limit;
    ports_.entities.list_entities(std::move(query),
                                  [this, done = std::move(done)](Result<Page<EntityRow>> page) {
                                      if (!page.ok()) {
                                          return done(page.error());
                                      }
                                      auto removing = std::make_shared<Removing>();
                                      removing->rows = std::move(page->rows);
                                      removing->done = done;
                                      remove_next(removing);
                                  });
}

// The object first: what is written down is tried again.
void FileKeeper::remove_next(const std::shared_ptr<Removing>& removing) {
    if (removing->removed == removing->rows.size()) {
        return removing->done(removing->removed);
    }
    const EntityRow& row = removing->rows[removing->removed];
    const Result<Json> body = Json::parse(row.body);
    const std::string key(body.ok() ? (*body)["object"].text() : std::string_view());
    ports_.objects->remove(key, [this, removing, id = row.id](const Status& gone) {
        if (!gone.ok()) {
            return removing->done(gone.error());
        }
        ports_.entities.delete_entity(kObject, id, [this, removing](const Status& forgotten) {
            if (!forgotten.ok()) {
                return removing->done(forgotten.error());
            }
            removing->removed += 1;
            remove_next(removing);
        });
    });
}

}  // namespace sallyport::engine
