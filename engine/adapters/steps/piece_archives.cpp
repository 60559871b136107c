#include "engine/adapters/steps/piece_archives.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "common/json.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

// One a version, below the name of its piece: {sha256}, of a deleted one null.
constexpr const char* kArchive = "piece_archive";
// One an archive, by its digest: {data}.
constexpr const char* kBytes = "piece_archive_bytes";
constexpr std::int64_t kRetryMs = 1000;

Json body_of(const EntityRow& row) {
    const Result<Json> body = Json::parse(row.body);
    return body.ok() ? *body : Json::object();
}

PieceArchive archive_from(const std::optional<EntityRow>& row) {
    if (!row) {
        return {};
    }
    const std::string sha256(body_of(*row)["sha256"].text());
    return {sha256.empty() ? PieceArchive::State::deleted : PieceArchive::State::there, sha256};
}

Result<ArchiveBytes> bytes_from(const std::optional<EntityRow>& row, const std::string& sha256) {
    const Json body = row ? body_of(*row) : Json::object();
    const std::optional<Bytes> bytes = base64_decode(body["data"].text());
    if (!bytes || hex_encode(digest(DigestAlgorithm::sha256, as_text(*bytes))) != sha256) {
        return Error{"the archive of the piece is not what it was when it was installed"};
    }
    return std::make_shared<const std::string>(bytes->begin(), bytes->end());
}

}  // namespace

struct PieceArchives::Asking {
    std::string piece;
    std::string version;
    std::int64_t until_ms = 0;
    StoreDone<PieceArchive> done;
};

void PieceArchives::find(const std::string& piece, const std::string& version,
                         std::int64_t patience_ms, StoreDone<PieceArchive> done) {
    ask(std::make_shared<Asking>(
        Asking{piece, version, ports_.clock.now_ms() + patience_ms, std::move(done)}));
}

void PieceArchives::ask(const std::shared_ptr<Asking>& asking) {
    ports_.entities.entity_by_key(kArchive, asking->piece, asking->version,
                                  [this, asking](const Result<std::optional<EntityRow>>& found) {
                                      if (found.ok()) {
                                          return asking->done(archive_from(*found));
                                      }
                                      if (ports_.clock.now_ms() + kRetryMs > asking->until_ms) {
                                          return asking->done(found.error());
                                      }
                                      ports_.loop.after(kRetryMs, [this, asking] { ask(asking); });
                                  });
}

void PieceArchives::read(const std::string& piece, const std::string& sha256,
                         StoreDone<ArchiveBytes> done) {
    ports_.entities.entity_by_key(
        kBytes, piece, sha256,
        [sha256, done = std::move(done)](const Result<std::optional<EntityRow>>& found) {
            done(found.ok() ? bytes_from(*found, sha256) : Result<ArchiveBytes>(found.error()));
        });
}

EntityRow PieceArchives::row(const char* kind, const std::string& piece, const std::string& key,
                             std::string body) const {
    const std::int64_t now = ports_.clock.now_ms();
    return {kind, ports_.entropy.id(), piece, key, {}, std::move(body), now, now};
}

void PieceArchives::keep(const std::string& piece, const std::string& version,
                         const std::string& sha256, const ArchiveBytes& bytes,
                         StoreDone<Kept> done) {
    ports_.entities.count_entities(
        kArchive, piece,
        [this, piece, version, sha256, bytes,
         done = std::move(done)](const Result<std::int64_t>& count) mutable {
            if (!count.ok() || *count >= kVersionsMax) {
                return done(count.ok() ? Result<Kept>(Kept::full) : Result<Kept>(count.error()));
            }
            store(piece, version, sha256, bytes, std::move(done));
        });
}

void PieceArchives::store(const std::string& piece, const std::string& version,
                          const std::string& sha256, const ArchiveBytes& bytes,
                          StoreDone<Kept> done) {
    const std::string data = base64_encode(as_bytes(*bytes), bytes->size());
    const EntityRow named =
        row(kArchive, piece, version, Json::object({{"sha256", Json::string(sha256)}}).dump());
    const EntityRow kept =
        row(kBytes, piece, sha256, Json::object({{"data", Json::string(data)}}).dump());
    const auto taken = std::make_shared<bool>(false);
    ports_.entities.change_pair(
        {kArchive, piece, version}, {kBytes, piece, sha256},
        [named, kept, sha256, taken](std::optional<EntityRow>& there,
                                     std::optional<EntityRow>& beside) {
            const PieceArchive before = archive_from(there);
            *taken = before.state == PieceArchive::State::there && before.sha256 != sha256;
            if (*taken) {
                return false;
            }
            EntityRow next = there ? *there : named;
            next.body = named.body;
            there = next;
            if (!beside) {
                beside = kept;
            }
            return true;
        },
        [taken, done = std::move(done)](const Result<Done>& changed) {
            done(changed.ok() ? Result<Kept>(*taken ? Kept::taken : Kept::kept)
                              : Result<Kept>(changed.error()));
        });
}

void PieceArchives::list(const std::string& piece, StoreDone<Page<EntityRow>> done) {
    EntityQuery query;
    query.kind = kArchive;
    query.scope = piece;
    query.limit = kVersionsMax;
    ports_.entities.list_entities(query, std::move(done));
}

void PieceArchives::remove_all(const std::string& piece, StoreDone<Done> done) {
    list(piece, [this, done = std::move(done)](const Result<Page<EntityRow>>& page) mutable {
        if (!page.ok()) {
            return done(page.error());
        }
        remove_next(std::make_shared<std::vector<EntityRow>>(page->rows), std::move(done));
    });
}

void PieceArchives::remove_next(const std::shared_ptr<std::vector<EntityRow>>& rows,
                                StoreDone<Done> done) {
    if (rows->empty()) {
        return done(Done{});
    }
    const EntityRow version = std::move(rows->back());
    rows->pop_back();
    const PieceArchive archive = archive_from(version);
    ports_.entities.change_pair(
        {kArchive, version.scope, version.key}, {kBytes, version.scope, archive.sha256},
        [archive](std::optional<EntityRow>& there, std::optional<EntityRow>& beside) {
            if (archive_from(there).sha256 != archive.sha256 || archive.sha256.empty()) {
                return false;
            }
            there->body = Json::object({{"sha256", Json::null()}}).dump();
            beside.reset();
            return true;
        },
        [this, rows, done = std::move(done)](const Result<Done>& changed) mutable {
            changed.ok() ? remove_next(rows, std::move(done)) : done(changed);
        });
}

void PieceArchives::release(const std::string& piece, StoreDone<bool> done) {
    list(piece, [this, piece, done = std::move(done)](const Result<Page<EntityRow>>& page) {
        if (!page.ok()) {
            return done(page.error());
        }
        const bool any =
            std::any_of(page->rows.begin(), page->rows.end(), [](const EntityRow& row) {
                return archive_from(row).state == PieceArchive::State::there;
            });
        if (any || page->rows.empty()) {
            return done(!any);
        }
        ports_.entities.clear_children(kArchive, piece, [done](const Result<std::int64_t>& gone) {
            done(gone.ok() ? Result<bool>(true) : Result<bool>(gone.error()));
        });
    });
}

}  // namespace sallyport::engine
