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
    EntityKey key;
    std::int64_t until_ms = 0;
    StoreDone<std::optional<EntityRow>> done;
};

void PieceArchives::find(const std::string& piece, const std::string& version,
                         std::int64_t patience_ms, StoreDone<PieceArchive> done) {
    ask({{kArchive, piece, version},
         ports_.clock.now_ms() + patience_ms,
         [done = std::move(done)](const Result<std::optional<EntityRow>>& found) {
             done(found.ok() ? archive_from(*found) : Result<PieceArchive>(found.error()));
         }});
}

void PieceArchives::read(const std::string& piece, const std::string& sha256,
                         std::int64_t patience_ms, StoreDone<ArchiveBytes> done) {
    ask({{kBytes, piece, sha256},
         ports_.clock.now_ms() + patience_ms,
         [sha256, done = std::move(done)](const Result<std::optional<EntityRow>>& found) {
             done(found.ok() ? bytes_from(*found, sha256) : Result<ArchiveBytes>(found.error()));
         }});
}

void PieceArchives::ask(Asking asking) {
    const EntityKey key = asking.key;
    ports_.entities.entity_by_key(
        key.kind, key.scope, key.key,
        [this, asking = std::move(asking)](const Result<std::optional<EntityRow>>& found) {
            if (found.ok() || ports_.clock.now_ms() + kRetryMs > asking.until_ms) {
                return asking.done(found);
            }
            ports_.loop.after(kRetryMs, [this, asking] { ask(asking); });
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
            if (!count.ok()) {
                return done(count.error());
            }
            const bool room = *count < kVersionsMax;
            store({kArchive, piece, version}, sha256, *bytes, room, std::move(done));
        });
}

void PieceArchives::store(const EntityKey& key, const std::string& sha256, const std::string& bytes,
                          bool room, StoreDone<Kept> done) {
    const std::string data = base64_encode(as_bytes(bytes), bytes.size());
    const EntityRow named =
        row(kArchive, key.scope, key.key, Json::object({{"sha256", Json::string(sha256)}}).dump());
    const EntityRow kept =
        row(kBytes, key.scope, sha256, Json::object({{"data", Json::string(data)}}).dump());
    const auto outcome = std::make_shared<Kept>(Kept::kept);
    ports_.entities.change_pair(
        key, {kBytes, key.scope, sha256},
        [named, kept, sha256, room, outcome](std::optional<EntityRow>& there,
                                             std::optional<EntityRow>& beside) {
            const PieceArchive before = archive_from(there);
            const bool taken =
                before.state == PieceArchive::State::there && before.sha256 != sha256;
            *outcome = taken ? Kept::taken : !there && !room ? Kept::full : Kept::kept;
            if (*outcome != Kept::kept) {
                return false;
            }
            if (there) {
                there->body = named.body;
            } else {
                there = named;
            }
            if (!beside) {
                beside = kept;
            }
            return true;
        },
        [outcome, done = std::move(done)](const Result<Done>& changed) {
            done(changed.ok() ? Result<Kept>(*outcome) : Result<Kept>(changed.error()));
        });
}

void PieceArchives::list(const std::string& piece, StoreDone<Page<EntityRow>> done) {
    EntityQuery query;
    query.kind = kArchive;
    query.scope = piece;
    // Archives that are sent at the same time may go beyond the bound together.
    query.limit = 2 * kVersionsMax;
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

void PieceArchives::has_any(const std::string& piece, StoreDone<bool> done) {
    list(piece, [done = std::move(done)](const Result<Page<EntityRow>>& page) {
        if (!page.ok()) {
            return done(page.error());
        }
        done(std::any_of(page->rows.begin(), page->rows.end(), [](const EntityRow& row) {
            return archive_from(row).state == PieceArchive::State::there;
        }));
    });
}

void PieceArchives::release(const std::string& piece, StoreDone<bool> done) {
    has_any(piece, [this, piece, done = std::move(done)](const Result<bool>& any) {
        if (!any.ok() || *any) {
            return done(any.ok() ? Result<bool>(false) : any);
        }
        ports_.entities.clear_children(kArchive, piece, [done](const Result<std::int64_t>& gone) {
            done(gone.ok() ? Result<bool>(true) : Result<bool>(gone.error()));
        });
    });
}

}  // namespace sallyport::engine
