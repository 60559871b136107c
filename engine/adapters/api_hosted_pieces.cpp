#include "engine/adapters/api_hosted_pieces.hpp"

#include "engine/adapters/api_entities.hpp"
#include "engine/core/shape.hpp"

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

void fail_with(const CallPtr& call, const std::string& problem) {
    call->fail(ApiError::validation, Json::object({{"message", Json::string(problem)}}));
}

bool has_host(Api& api, const CallPtr& call) {
    if (api.ports.pieces == nullptr) {
        fail_with(call,
                  "pieces from npm do not run here: AP_EXECUTION_MODE must be "
                  "SANDBOX_PROCESS, SANDBOX_CODE_AND_PROCESS or UNSANDBOXED");
    }
    return api.ports.pieces != nullptr;
}

// What the piece says of itself, with what a catalogue adds.
Json described(const Json& metadata) {
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
    piece.set("packageType", Json::string("REGISTRY"));
    return piece;
}

}  // namespace

void with_installed_pieces(Api& api, const CallPtr& call,
                           std::function<void(std::vector<Json>)> then) {
    EntityQuery query;
    query.kind = kPieceKind;
    query.scope = kPieceScope;
    query.limit = kInstalledMax;
    api.ports.entities.list_entities(std::move(query), [&api, call, then = std::move(then)](
                                                           const Result<Page<EntityRow>>& page) {
        if (api.failed(call, page)) {
            return;
        }
        std::vector<Json> pieces;
        for (const EntityRow& row : page->rows) {
            pieces.push_back(entity_body(row));
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
                then(found->has_value() ? entity_body(**found) : Json());
            }
        });
}

// Fetches the package, asks it what it is, and keeps the answer.
void install_piece(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"pieceName", Kind::text},
                                    Field{"pieceVersion", Kind::text, Need::optional}};
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (call->body["packageType"].text_or("REGISTRY") != "REGISTRY") {
        return call->fail_validation("body/packageType must be REGISTRY");
    }
    if (!has_host(api, call)) {
        return;
    }
    api.ports.pieces->describe(
        std::string(call->body["pieceName"].text()), std::string(call->body["pieceVersion"].text()),
        [&api, call](const SandboxResult& ran) {
            if (ran.status != SandboxStatus::ok) {
                return fail_with(call, ran.error);
            }
            const std::string name(call->body["pieceName"].text());
            const std::string label(ran.value["displayName"].text());
            store_and_reply(
                api, call,
                new_entity(api, kPieceKind, kPieceScope, name, label, described(ran.value)), 201,
                entity_body);
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
