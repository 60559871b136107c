#include "engine/adapters/api/hosted_pieces.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/auth_checks.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

// References in a form's input are today's.
constexpr int kTemplateSchema = 22;
// Descriptions of installed pieces: public knowledge, one row a piece.
constexpr const char* kPieceKind = "piece";
constexpr const char* kPieceScope = "all";
constexpr std::size_t kInstalledMax = 1000;
// In the row alone: POST pieces named no version, so that POST pieces/sync may bring a newer one.
constexpr const char* kFollows = "followsNewest";
constexpr const char* kRegistryType = "REGISTRY";
constexpr const char* kArchiveType = "ARCHIVE";

bool has_host(Api& api, const CallPtr& call) {
    if (api.ports.pieces == nullptr) {
        fail_with(call,
                  "pieces from npm do not run here: AP_EXECUTION_MODE must be "
                  "SANDBOX_PROCESS, SANDBOX_CODE_AND_PROCESS or UNSANDBOXED");
    }
    return api.ports.pieces != nullptr;
}

// What the piece says of itself, with what a catalogue adds.
Json described(const Json& metadata, PieceSource source) {
    Json piece = metadata.deep_copy();
    for (const auto& [name, fallback] :
         {std::pair("categories", Json::array()), std::pair("authors", Json::array()),
          std::pair("logoUrl", Json::string("")), std::pair("description", Json::string("")),
          std::pair("minimumSupportedRelease", Json::string("0.0.0")),
          std::pair("maximumSupportedRelease", Json::string("9999.9999.9999"))}) {
        if (!piece[name].exists() || piece[name].is_null()) {
            piece.set(name, fallback);
        }
    }
    piece.set("pieceType", Json::string("CUSTOM"));
    piece.set("packageType",
              Json::string(source == PieceSource::archive ? kArchiveType : kRegistryType));
    return piece;
}

Json installed_json(const EntityRow& row) {
    Json piece = entity_json(row);
    add_entity_body(piece, row, kFollows);
    return piece;
}

EntityQuery installed_query() {
    EntityQuery query;
    query.kind = kPieceKind;
    query.scope = kPieceScope;
    query.limit = kInstalledMax;
    return query;
}

}  // namespace

void with_installed_pieces(Api& api, const CallPtr& call,
                           std::function<void(std::vector<Json>)> then) {
    api.ports.entities.list_entities(installed_query(), [&api, call, then = std::move(then)](
                                                            const Result<Page<EntityRow>>& page) {
        if (api.failed(call, page)) {
            return;
        }
        std::vector<Json> pieces;
        for (const EntityRow& row : page->rows) {
            pieces.push_back(installed_json(row));
        }
        then(std::move(pieces));
    });
}

void with_installed_piece(Api& api, const CallPtr& call, const std::string& name,
                          std::function<void(Json)> then) {
    api.ports.entities.entity_by_key(
        kPieceKind, kPieceScope, name,
        [&api, call, then = std::move(then)](const Result<std::optional<EntityRow>>& found) {
            if (!api.failed(call, found)) {
                then(found->has_value() ? installed_json(**found) : Json());
            }
        });
}

void fail_with(const CallPtr& call, const std::string& problem) {
    call->fail(ApiError::validation, Json::object({{"message", Json::string(problem)}}));
}

void keep_description(Api& api, const CallPtr& call, const Json& metadata, PieceSource source) {
    const std::string name(call->body["pieceName"].text());
    const std::string label(metadata["displayName"].text());
    Json piece = described(metadata, source);
    piece.set(kFollows, Json::boolean(source == PieceSource::newest));
    store_and_reply(api, call, new_entity(api, kPieceKind, kPieceScope, name, label, piece), 201,
                    installed_json);
}

namespace {

void refuse_name(const CallPtr& call) {
    fail_with(call, std::string(call->body["pieceName"].text()) +
                        " is installed from archives, which flows run: delete the piece (DELETE "
                        "/v1/pieces/:id) to take the registry's");
}

// Lets the registry have the name again.
void release_and(Api& api, const CallPtr& call, std::function<void()> then) {
    api.ports.archives.release(std::string(call->body["pieceName"].text()),
                               [&api, call, then = std::move(then)](const Result<bool>& released) {
                                   if (!api.failed(call, released)) {
                                       *released ? then() : refuse_name(call);
                                   }
                               });
}

// Fetches the package, asks it what it is, and keeps the answer.
void install_from_registry(Api& api, const CallPtr& call) {
    api.ports.pieces->describe(
        std::string(call->body["pieceName"].text()), std::string(call->body["pieceVersion"].text()),
        [&api, call](const SandboxResult& ran) {
            if (ran.status != SandboxStatus::ok) {
                return fail_with(call, ran.error);
            }
            // What is not installed leaves everything as it was.
            release_and(api, call, [&api, call, metadata = ran.value] {
                keep_description(api, call, metadata,
                                 call->body["pieceVersion"].text().empty() ? PieceSource::newest
                                                                           : PieceSource::version);
            });
        });
}

}  // namespace

void install_piece(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"pieceName", Kind::text},
                                    Field{"pieceVersion", Kind::text, Need::optional}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    const std::string type(call->body["packageType"].text_or(kRegistryType));
    if (type != kRegistryType && type != kArchiveType) {
        return call->fail_validation("body/packageType must be REGISTRY or ARCHIVE");
    }
    if (!has_host(api, call)) {
        return;
    }
    if (type == kArchiveType) {
        return install_archive(api, call);
    }
    api.ports.archives.has_any(std::string(call->body["pieceName"].text()),
                               [&api, call](const Result<bool>& any) {
                                   if (!api.failed(call, any)) {
                                       *any ? refuse_name(call) : install_from_registry(api, call);
                                   }
                               });
}

namespace {

// Those that follow the newest, one after the other.
struct Syncing {
    CallPtr call;
    std::vector<EntityRow> left;
};

void sync_next(Api& api, const std::shared_ptr<Syncing>& syncing);

// Unless it was deleted, or installed with a version, meanwhile.
void keep_newest(Api& api, const std::shared_ptr<Syncing>& syncing, const EntityRow& row,
                 const Json& metadata) {
    Json piece = described(metadata, PieceSource::newest);
    piece.set(kFollows, Json::boolean(true));
    EntityRow next = row;
    next.label = metadata["displayName"].text();
    next.body = piece.dump();
    next.updated_ms = api.now_ms();
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [next](std::optional<EntityRow>& stored) {
            const bool same = stored && stored->id == next.id &&
                              entity_body(*stored)[kFollows].is_true() && stored->body != next.body;
            stored = same ? std::optional(next) : stored;
            return same;
        },
        [&api, syncing](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(syncing->call, stored)) {
                sync_next(api, syncing);
            }
        });
}

// One that the registry does not give, or that does not say what it is, stays as it was.
void sync_next(Api& api, const std::shared_ptr<Syncing>& syncing) {
    if (syncing->left.empty()) {
        return syncing->call->reply(200, Json());
    }
    const EntityRow row = std::move(syncing->left.back());
    syncing->left.pop_back();
    api.ports.pieces->describe(row.key, "", [&api, syncing, row](const SandboxResult& ran) {
        if (ran.status == SandboxStatus::ok) {
            return keep_newest(api, syncing, row, ran.value);
        }
        api.ports.log.write(
            LogLevel::warn, "piece_not_synced",
            {{"piece", Json::string(row.key)}, {"problem", Json::string(ran.error)}});
        sync_next(api, syncing);
    });
}

}  // namespace

// The engine's own pieces come with the engine: only what was installed can be older than what the
// registry has.
void sync_pieces(Api& api, const CallPtr& call) {
    api.ports.entities.list_entities(installed_query(),
                                     [&api, call](const Result<Page<EntityRow>>& page) {
                                         if (api.failed(call, page)) {
                                             return;
                                         }
                                         const auto syncing = std::make_shared<Syncing>();
                                         syncing->call = call;
                                         for (const EntityRow& row : page->rows) {
                                             if (entity_body(row)[kFollows].is_true()) {
                                                 syncing->left.push_back(row);
                                             }
                                         }
                                         if (syncing->left.empty() || has_host(api, call)) {
                                             sync_next(api, syncing);
                                         }
                                     });
}

void delete_piece(Api& api, const CallPtr& call) {
    api.ports.entities.entity(
        kPieceKind, call->params[0], [&api, call](const Result<std::optional<EntityRow>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->fail_not_found("piece_metadata", call->params[0]);
            }
            call->subject = installed_json(**found);
            // Its archives first: what is left of a deletion that fails can be deleted again.
            api.ports.archives.remove_all((*found)->key,
                                          [&api, call, row = **found](const Result<Done>& removed) {
                                              if (!api.failed(call, removed)) {
                                                  delete_and_reply(api, call, row);
                                              }
                                          });
        });
}

namespace {

// Whoever waits for it sits before a form.
constexpr std::int64_t kValidationMsMax = 30'000;

void refuse_connection(const CallPtr& call, std::string_view problem) {
    call->fail(ApiError::invalid_app_connection, Json::object({{"error", Json::string(problem)}}));
}

void answer_validation(const CallPtr& call, const SandboxResult& ran,
                       const std::function<void()>& then) {
    if (ran.status != SandboxStatus::ok) {
        return call->fail(
            ApiError::engine_operation_failure,
            Json::object({{"message", Json::string("Failed to run engine validate auth")},
                          {"context", Json::object({{"error", Json::string(ran.error)}})}}));
    }
    if (ran.value["valid"].is_true()) {
        return then();
    }
    refuse_connection(call, ran.value["error"].text());
}

}  // namespace

// Of pieces from npm, only what administrators have installed is asked: a name in a request fetches
// no package.
void with_valid_auth(Api& api, const CallPtr& call, const Json& value, std::function<void()> then) {
    constexpr std::array<std::string_view, 4> kAsked = {"SECRET_TEXT", "BASIC_AUTH", "CUSTOM_AUTH",
                                                        "OAUTH2"};
    const std::string_view type = call->body["type"].text();
    const bool asked = std::find(kAsked.begin(), kAsked.end(), type) != kAsked.end() &&
                       (type != "OAUTH2" || !value["access_token"].text().empty());
    if (!asked || !api.options.validates_connections) {
        return then();
    }
    const std::string name(call->body["pieceName"].text());
    if (AuthChecks::asks(name)) {
        return api.ports.auth_checks->check(
            name, std::string(call->body["projectId"].text()), value, api.now_ms(),
            kValidationMsMax, [call, then = std::move(then)](const std::string& problem) {
                problem.empty() ? then() : refuse_connection(call, problem);
            });
    }
    if (api.ports.pieces == nullptr) {
        return then();
    }
    with_installed_piece(
        api, call, name, [&api, call, value, then = std::move(then)](const Json& piece) {
            if (!piece.exists()) {
                return then();
            }
            PieceTask task;
            task.piece = piece["name"].text();
            task.version = piece["version"].text();
            task.project_id = call->body["projectId"].text();
            task.input = Json::object({{"auth", value}});
            task.task = Json::object({{"do", Json::string("validate")}});
            task.time_ms_max = kValidationMsMax;
            api.ports.pieces->run(std::move(task), [call, then](const SandboxResult& ran) {
                answer_validation(call, ran, then);
            });
        });
}

void ask_for_options(Api& api, const CallPtr& call, const std::string& project_id) {
    if (!has_host(api, call)) {
        return;
    }
    const Json body = call->body;
    PieceTask task;
    task.piece = body["pieceName"].text();
    task.version = body["pieceVersion"].text();
    task.project_id = project_id;
    task.flow_id = body["flowId"].text();
    task.version_id = body["flowVersionId"].text();
    task.raw_auth = body["input"]["auth"];
    task.task = Json::object({{"do", Json::string("options")},
                              {"form", body["actionOrTriggerName"]},
                              {"property", body["propertyName"]},
                              {"searchValue", body["searchValue"]}});
    api.ports.pieces->run_resolved(std::move(task), body["input"], kTemplateSchema,
                                   [call](const SandboxResult& ran) {
                                       if (ran.status != SandboxStatus::ok) {
                                           return fail_with(call, ran.error);
                                       }
                                       call->reply(200, ran.value["options"]);
                                   });
}

}  // namespace sallyport::engine
