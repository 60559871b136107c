// Which steps there are (engine contract 1.3): the pieces this engine performs, those that were
// installed, and what an editor asks about their properties.
#include "common/bytes.hpp"
#include "engine/adapters/api/hosted_pieces.hpp"
#include "engine/adapters/api/tables.hpp"
#include "engine/adapters/api/tags.hpp"
#include "engine/core/flows/model.hpp"
#include "engine/core/pieces/catalog.hpp"
#include "engine/core/pieces/tables.hpp"
#include "engine/core/pieces/version.hpp"
#include "engine/core/pieces/wait.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

namespace sallyport::engine {
namespace {

// Flows offered in one list.
constexpr std::size_t kFlowsMax = 100;

// Of a piece, an action or a trigger.
bool has_text(const Json& described, std::string_view wanted) {
    const std::string lower = ascii_lower(wanted);
    for (const std::string_view name : {"name", "displayName", "description"}) {
        if (ascii_lower(described[name].text()).find(lower) != std::string::npos) {
            return true;
        }
    }
    return false;
}

// Which of a piece's steps a search looks through, and where a summary shows those that it found.
struct Suggestion {
    std::string_view steps;
    std::string_view shown;
};

std::vector<Suggestion> suggestions_of(const ApiCall& call) {
    const std::string type = call.query_text("suggestionType");
    std::vector<Suggestion> wanted;
    if (type == "ACTION" || type == "ACTION_AND_TRIGGER") {
        wanted.push_back({"actions", "suggestedActions"});
    }
    if (type == "TRIGGER" || type == "ACTION_AND_TRIGGER") {
        wanted.push_back({"triggers", "suggestedTriggers"});
    }
    return wanted;
}

Json steps_with_text(const Json& steps, std::string_view wanted) {
    Json found = Json::array();
    steps.each_member([&](std::string_view, const Json& step) {
        if (has_text(step, wanted)) {
            found.append(step);
        }
    });
    return found;
}

bool is_searched(const Json& piece, std::string_view wanted,
                 const std::vector<Suggestion>& suggestions) {
    return has_text(piece, wanted) ||
           std::any_of(suggestions.begin(), suggestions.end(), [&](const Suggestion& one) {
               return steps_with_text(piece[one.steps], wanted).size() > 0;
           });
}

// A piece that names no bound has none.
bool serves_release(const Json& piece, const std::string& release) {
    const std::string_view first = piece["minimumSupportedRelease"].text();
    const std::string_view last = piece["maximumSupportedRelease"].text();
    return release.empty() || ((first.empty() || piece_version_serves(release, first)) &&
                               (last.empty() || piece_version_serves(last, release)));
}

bool has_category(const Json& piece, const std::vector<std::string>& wanted) {
    bool has = wanted.empty();
    piece["categories"].each_element([&](const Json& name) {
        has = has || std::find(wanted.begin(), wanted.end(), name.text()) != wanted.end();
    });
    return has;
}

// The engine's own first, then the installed that are none of them.
void with_pieces(Api& api, const CallPtr& call, std::function<void(std::vector<Json>)> then) {
    with_installed_pieces(api, call, [then = std::move(then)](const std::vector<Json>& installed) {
        std::vector<Json> pieces;
        piece_catalog().each_element([&pieces](const Json& piece) { pieces.push_back(piece); });
        for (const Json& piece : installed) {
            if (!find_piece(piece["name"].text()).exists()) {
                pieces.push_back(piece);
            }
        }
        then(std::move(pieces));
    });
}

// `tags` may be null: the list shows none.
void reply_with_list(const CallPtr& call, const std::vector<Json>& all, const PieceTags* tags) {
    const std::string wanted = call->query_text("searchQuery");
    const std::string release = call->query_text("release");
    const std::vector<std::string> categories = form_values(call->query, "categories");
    const std::vector<Suggestion> suggestions = suggestions_of(*call);
    std::vector<Json> found;
    std::copy_if(all.begin(), all.end(), std::back_inserter(found), [&](const Json& piece) {
        return is_searched(piece, wanted, suggestions) && has_category(piece, categories) &&
               serves_release(piece, release);
    });
    if (call->query_text("sortBy") == "NAME") {
        const bool down = call->query_text("orderBy") == "DESC";
        std::stable_sort(found.begin(), found.end(), [down](const Json& a, const Json& b) {
            return down ? a["displayName"].text() > b["displayName"].text()
                        : a["displayName"].text() < b["displayName"].text();
        });
    }
    Json pieces = Json::array();
    for (const Json& piece : found) {
        Json summary = piece_summary(piece);
        for (const auto& [steps, shown] : suggestions) {
            if (!wanted.empty()) {
                summary.set(shown, steps_with_text(piece[steps], wanted));
            }
        }
        if (tags != nullptr) {
            Json names = Json::array();
            const auto own = tags->find(std::string(piece["name"].text()));
            for (const std::string& name :
                 own == tags->end() ? std::vector<std::string>() : own->second) {
                names.append(Json::string(name));
            }
            summary.set("tags", names);
        }
        pieces.append(summary);
    }
    call->reply(200, pieces);
}

// Tags are a platform's: who shows no session or key sees none.
void reply_with_tags(Api& api, const CallPtr& call, const std::vector<Json>& pieces) {
    api.authenticate(call, [&api, call, pieces] {
        if (!call->engine_project.empty()) {
            return reply_with_list(call, pieces, nullptr);
        }
        with_piece_tags(api, call, [call, pieces](const PieceTags& tags) {
            reply_with_list(call, pieces, &tags);
        });
    });
}

void list_pieces(Api& api, const CallPtr& call) {
    const std::string release = call->query_text("release");
    if (!release.empty() && !is_piece_version(release)) {
        return call->fail_validation("querystring/release must be numbers such as 1.2.3");
    }
    with_pieces(api, call, [&api, call](const std::vector<Json>& pieces) {
        const bool tags = call->query_text("includeTags") == "true" &&
                          !call->request.header("authorization").empty();
        tags ? reply_with_tags(api, call, pieces) : reply_with_list(call, pieces, nullptr);
    });
}

// What another server may fetch from here, each by name and version: those for its release.
void list_registry(Api& api, const CallPtr& call) {
    const std::string release = call->query_text("release");
    const std::string edition = call->query_text("edition");
    if (!is_piece_version(release)) {
        return call->fail_validation("querystring/release must be numbers such as 1.2.3");
    }
    if (edition != "ce" && edition != "ee" && edition != "cloud") {
        return call->fail_validation("querystring/edition must be ce, ee or cloud");
    }
    with_pieces(api, call, [call, release](const std::vector<Json>& pieces) {
        Json registry = Json::array();
        for (const Json& piece : pieces) {
            if (serves_release(piece, release)) {
                registry.append(
                    Json::object({{"name", piece["name"]}, {"version", piece["version"]}}));
            }
        }
        call->reply(200, registry);
    });
}

void list_categories(Api& api, const CallPtr& call) {
    with_pieces(api, call, [call](const std::vector<Json>& pieces) {
        std::set<std::string> names;
        for (const Json& piece : pieces) {
            piece["categories"].each_element(
                [&names](const Json& name) { names.emplace(name.text()); });
        }
        Json categories = Json::array();
        for (const std::string& name : names) {
            categories.append(Json::string(name));
        }
        call->reply(200, categories);
    });
}

// Goes on with the piece of that name: the engine's own, an installed one, or an empty Json.
void with_piece(Api& api, const CallPtr& call, const std::string& name,
                std::function<void(Json)> then) {
    const Json piece = find_piece(name);
    if (piece.exists()) {
        return then(piece);
    }
    with_installed_piece(api, call, name, std::move(then));
}

Json versions_of(const Json& piece) {
    Json versions = Json::object();
    if (piece.exists()) {
        versions.set(piece["version"].text(), Json::object());
    }
    return versions;
}

void list_versions(Api& api, const CallPtr& call) {
    with_piece(api, call, call->query_text("name"),
               [call](const Json& piece) { call->reply(200, versions_of(piece)); });
}

// By the path, as newer clients ask: the last part of it is `versions`.
void list_piece_versions(Api& api, const CallPtr& call) {
    const std::vector<std::string>& path = call->params;
    const std::string name = path.size() > 1 ? path[0] + "/" + path[1] : path[0];
    with_piece(api, call, name, [call, name](const Json& piece) {
        piece.exists() ? call->reply(200, versions_of(piece))
                       : call->fail_not_found("piece_metadata", name);
    });
}

void reply_with_piece(Api& api, const CallPtr& call, const std::string& name) {
    const std::string version = call->query_text("version");
    if (!version.empty() && !is_piece_version(version)) {
        return call->fail_validation(
            "querystring/version must be numbers such as 1.2.3, with ~ or ^ in front or not");
    }
    with_piece(api, call, name, [call, name, version](const Json& piece) {
        if (!piece.exists() ||
            (!version.empty() && !piece_version_serves(piece["version"].text(), version))) {
            return call->fail_not_found("piece_metadata", name);
        }
        call->reply(200, piece);
    });
}

void get_piece(Api& api, const CallPtr& call) {
    reply_with_piece(api, call, call->params[0]);
}

void get_scoped_piece(Api& api, const CallPtr& call) {
    reply_with_piece(api, call, call->params[0] + "/" + call->params[1]);
}

// ---- what a property offers

constexpr std::array kOptionFields = {Field{"projectId", Kind::text},
                                      Field{"pieceName", Kind::text},
                                      Field{"pieceVersion", Kind::text},
                                      Field{"actionOrTriggerName", Kind::text},
                                      Field{"propertyName", Kind::text},
                                      Field{"flowId", Kind::text},
                                      Field{"flowVersionId", Kind::text},
                                      Field{"input"},
                                      Field{"searchValue", Kind::text, Need::optional}};

Json dropdown(const Json& options, std::string_view placeholder) {
    return Json::object({{"options", options},
                         {"disabled", Json::boolean(options.size() == 0)},
                         {"placeholder", Json::string(placeholder)}});
}

bool is_callable(const StoredFlow& stored) {
    const Result<Json> trigger = Json::parse(stored.version.trigger);
    return trigger.ok() && (*trigger)["settings"]["pieceName"].text() == kSubflowsPiece &&
           (*trigger)["settings"]["triggerName"].text() == kCallableFlow;
}

// Flows that a step can call, by the id that stays when a flow is exported.
void offer_flows(Api& api, const CallPtr& call, const std::string& project) {
    FlowQuery query;
    query.project_id = project;
    query.name = call->body["searchValue"].text();
    query.limit = kFlowsMax;
    api.ports.flows.list_flows(query, [&api, call](const Result<Page<StoredFlow>>& page) {
        if (api.failed(call, page)) {
            return;
        }
        Json options = Json::array();
        for (const StoredFlow& stored : page->rows) {
            if (is_callable(stored)) {
                options.append(Json::object({{"label", Json::string(stored.version.display_name)},
                                             {"value", Json::string(stored.flow.external_id)}}));
            }
        }
        call->reply(200, dropdown(options, "Select a flow"));
    });
}

void offer(Api& api, const CallPtr& call, const Json& prop, const std::string& project) {
    const std::string_view type = prop["type"].text();
    const bool asks_tables = type == "DYNAMIC" || type == "DROPDOWN";
    if (asks_tables && call->body["pieceName"].text() == kTablesPiece) {
        return offer_tables(api, call, prop, project);
    }
    if (type == "DYNAMIC") {
        return call->reply(
            200,
            dynamic_props(call->body["pieceName"].text(), call->body["actionOrTriggerName"].text(),
                          call->body["propertyName"].text(), call->body["input"]));
    }
    if (type == "STATIC_DROPDOWN" || type == "STATIC_MULTI_SELECT_DROPDOWN") {
        return call->reply(200, dropdown(prop["options"]["options"], ""));
    }
    if (type == "DROPDOWN" && call->body["pieceName"].text() == kSubflowsPiece) {
        return offer_flows(api, call, project);
    }
    call->fail_validation("body/propertyName names a property without options");
}

void list_options(Api& api, const CallPtr& call) {
    const Status shape = check_shape(call->body, kOptionFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    if (!is_piece_version(call->body["pieceVersion"].text())) {
        return call->fail_validation("body/pieceVersion must be numbers such as 1.2.3");
    }
    const std::string project(call->body["projectId"].text());
    api.with_project(call, project, [&api, call, project](const ProjectRow&) {
        const Json piece = find_piece(call->body["pieceName"].text());
        if (!piece.exists() && api.ports.pieces != nullptr) {
            return ask_for_options(api, call, project);
        }
        if (!piece.exists()) {
            return call->fail_not_found("piece_metadata", call->body["pieceName"].text());
        }
        const std::string_view step = call->body["actionOrTriggerName"].text();
        const Json action = piece["actions"][step];
        const Json prop =
            (action.exists() ? action
                             : piece["triggers"][step])["props"][call->body["propertyName"].text()];
        if (!prop.exists()) {
            return call->fail_not_found("piece_property", call->body["propertyName"].text());
        }
        offer(api, call, prop, project);
    });
}

}  // namespace

const std::vector<ApiRoute> kPieceRoutes = {
    {"GET", "pieces", ApiRoute::Access::open, list_pieces},
    {"POST", "pieces", ApiRoute::Access::platform, install_piece},
    {"GET", "pieces/categories", ApiRoute::Access::open, list_categories},
    {"GET", "pieces/versions", ApiRoute::Access::open, list_versions},
    {"GET", "pieces/registry", ApiRoute::Access::open, list_registry},
    {"POST", "pieces/sync", ApiRoute::Access::platform, sync_pieces},
    {"POST", "pieces/options", ApiRoute::Access::user, list_options},
    {"GET", "pieces/:name", ApiRoute::Access::open, get_piece},
    {"DELETE", "pieces/:id", ApiRoute::Access::platform, delete_piece},
    {"GET", "pieces/:name/versions", ApiRoute::Access::open, list_piece_versions},
    {"GET", "pieces/:scope/:name", ApiRoute::Access::open, get_scoped_piece},
    {"GET", "pieces/:scope/:name/versions", ApiRoute::Access::open, list_piece_versions},
};

}  // namespace sallyport::engine
