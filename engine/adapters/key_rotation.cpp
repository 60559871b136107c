// Key rotation: everything that is sealed is opened with whatever key sealed it and sealed again
// with the first one. Each secret on its own, so that a crash leaves every one whole; done again,
// it finds nothing to do.
#include "engine/adapters/jobs.hpp"
#include "engine/adapters/oauth2_tokens.hpp"
#include "engine/adapters/stored_secrets.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::array<const char*, 4> kSealedKinds = {kConnectionKind, kVariableKind, kOAuthAppKind,
                                                     "mcp_server"};
constexpr std::size_t kPortion = 100;

struct Rotation : std::enable_shared_from_this<Rotation> {
    EntityStore& store;
    const SecretBox& secrets;
    JobPtr job;
    std::size_t kind = 0;
    std::optional<PageCursor> cursor;
    std::vector<EntityRow> rows;  // of the portion, the next one last
    std::int64_t total = 0;

    Rotation(EntityStore& in, const SecretBox& box, JobPtr of)
        : store(in), secrets(box), job(std::move(of)) {}

    void count(std::size_t at);
    void portion();
    void next();
    void seal(const EntityRow& row);
};

void Rotation::count(std::size_t at) {
    if (at == kSealedKinds.size()) {
        job->expect(total);
        return job->advance([self = shared_from_this()] { self->portion(); });
    }
    store.count_entities(kSealedKinds[at], "",
                         [self = shared_from_this(), at](const Result<std::int64_t>& found) {
                             if (!found.ok()) {
                                 return self->job->finish(found.message());
                             }
                             self->total += *found;
                             self->count(at + 1);
                         });
}

void Rotation::portion() {
    if (kind == kSealedKinds.size()) {
        return job->finish("");
    }
    EntityQuery query;
    query.kind = kSealedKinds[kind];
    query.every_scope = true;
    query.oldest_first = true;
    query.limit = kPortion;
    query.cursor = cursor;
    store.list_entities(query, [self = shared_from_this()](Result<Page<EntityRow>> page) {
        if (!page.ok()) {
            return self->job->finish(page.message());
        }
        self->rows.assign(std::make_move_iterator(page->rows.rbegin()),
                          std::make_move_iterator(page->rows.rend()));
        self->cursor = page->next;
        if (!page->next) {
            ++self->kind;
        }
        self->next();
    });
}

void Rotation::next() {
    if (rows.empty()) {
        return job->advance([self = shared_from_this()] { self->portion(); });
    }
    const EntityRow row = std::move(rows.back());
    rows.pop_back();
    seal(row);
}

enum class Sealed { again, was_current, unreadable };

// On the store's thread; the row as it is by then.
Sealed seal_again(const SecretBox& secrets, EntityRow& row) {
    const Result<Json> body = Json::parse(row.body);
    if (!body.ok() || !(*body)["value"].is_object() || secrets.is_current((*body)["value"])) {
        return Sealed::was_current;  // a placeholder has nothing to seal
    }
    const Result<Json> value = open_value(secrets, row, *body);
    if (!value.ok()) {
        return Sealed::unreadable;
    }
    seal_value(secrets, row, *body, *value);
    row.body = body->dump();
    return Sealed::again;
}

void Rotation::seal(const EntityRow& row) {
    const auto outcome = std::make_shared<Sealed>(Sealed::was_current);
    store.change_entity(
        row.kind, row.scope, row.key,
        [outcome, &box = secrets](std::optional<EntityRow>& stored) {
            *outcome = stored ? seal_again(box, *stored) : Sealed::was_current;
            return *outcome == Sealed::again;
        },
        [self = shared_from_this(), outcome](const Result<std::optional<EntityRow>>& stored) {
            if (!stored.ok()) {
                return self->job->finish(stored.message());
            }
            const bool failed = *outcome == Sealed::unreadable;
            self->job->count(failed ? 0 : 1, failed ? 1 : 0);
            self->next();
        });
}

}  // namespace

Jobs::Work rotate_keys(EntityStore& store, const SecretBox& secrets) {
    return [&store, &secrets](const JobPtr& job) {
        std::make_shared<Rotation>(store, secrets, job)->count(0);
    };
}

}  // namespace sallyport::engine
