// Tags, and which pieces have them (engine contract 1.3). They belong to a platform.
#include "engine/adapters/api/tags.hpp"

#include "engine/adapters/api/entities.hpp"
#include "engine/core/shape.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr const char* kTag = "tag";
// One row a piece: its key is the piece's name, its body has the ids of the tags, so that a tag
// that goes takes itself from all pieces.
constexpr const char* kPieceTags = "piece_tags";
// Of one request.
constexpr std::size_t kTagNamesMax = 100;

Json tag_json(const EntityRow& row) {
    Json json = entity_json(row);
    json.set("platformId", Json::string(row.scope));
    json.set("name", Json::string(row.label));
    return json;
}

void upsert_tag(Api& api, const CallPtr& call) {
    if (!is_label(call, "name")) {
        return;
    }
    const std::string name(call->body["name"].text());
    store_and_reply(api, call,
                    new_entity(api, kTag, call->user.platform_id, name, name, Json::object()), 201,
                    tag_json);
}

EntityQuery platform_rows(const CallPtr& call, const char* kind) {
    EntityQuery query;
    query.kind = kind;
    query.scope = call->user.platform_id;
    return query;
}

void list_tags(Api& api, const CallPtr& call) {
    reply_with_page(api, call, platform_rows(call, kTag), tag_json);
}

void delete_tag(Api& api, const CallPtr& call) {
    with_platform_entity(api, call, kTag, "tag",
                         [&api, call](const EntityRow& row) { delete_and_reply(api, call, row); });
}

// ---- which pieces have them

// The same names and ids for one request after the other, each once.
struct Tagging {
    CallPtr call;
    std::vector<std::string> tags;
    std::vector<std::string> pieces;
    Json ids = Json::array();
};

// False, with the call answered, when the member is no list of names.
bool read_names(const CallPtr& call, std::string_view member, std::vector<std::string>& out) {
    bool good = call->body[member].size() <= kTagNamesMax;
    call->body[member].each_element([&](const Json& name) {
        good = good && !name.text().empty() && name.text().size() <= kLabelBytesMax;
        if (good && std::find(out.begin(), out.end(), name.text()) == out.end()) {
            out.emplace_back(name.text());
        }
    });
    if (!good) {
        call->fail_validation("body/" + std::string(member) +
                              " must be at most 100 texts of 1 to 1000 bytes");
    }
    return good;
}

// What the piece had before goes; without any tag nothing stays.
void tag_next_piece(Api& api, const std::shared_ptr<Tagging>& tagging) {
    if (tagging->pieces.empty()) {
        return tagging->call->reply(201, Json::object());
    }
    const std::string piece = std::move(tagging->pieces.back());
    tagging->pieces.pop_back();
    const EntityRow row = new_entity(api, kPieceTags, tagging->call->user.platform_id, piece, piece,
                                     Json::object({{"tags", tagging->ids}}));
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row, none = tagging->ids.size() == 0](std::optional<EntityRow>& stored) {
            EntityRow next = row;
            next.id = stored ? stored->id : row.id;
            next.created_ms = stored ? stored->created_ms : row.created_ms;
            stored = none ? std::nullopt : std::optional(std::move(next));
            return true;
        },
        [&api, tagging](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(tagging->call, stored)) {
                tag_next_piece(api, tagging);
            }
        });
}

// A tag that is not there is made.
void make_next_tag(Api& api, const std::shared_ptr<Tagging>& tagging) {
    if (tagging->tags.empty()) {
        return tag_next_piece(api, tagging);
    }
    const std::string name = std::move(tagging->tags.back());
    tagging->tags.pop_back();
    const EntityRow row =
        new_entity(api, kTag, tagging->call->user.platform_id, name, name, Json::object());
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row](std::optional<EntityRow>& stored) {
            const bool missing = !stored;
            stored = missing ? std::optional(row) : stored;
            return missing;
        },
        [&api, tagging](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(tagging->call, stored)) {
                tagging->ids.append(Json::string((*stored)->id));
                make_next_tag(api, tagging);
            }
        });
}

// For administrators and programs of theirs.
void set_piece_tags(Api& api, const CallPtr& call) {
    constexpr std::array kFields = {Field{"piecesName", Kind::text_array},
                                    Field{"tags", Kind::text_array}};
    if (!call->is_admin()) {
        return call->fail_not_allowed();
    }
    const Status shape = check_shape(call->body, kFields, "body");
    if (!shape.ok()) {
        return call->fail_validation(shape.message());
    }
    const auto tagging = std::make_shared<Tagging>();
    tagging->call = call;
    if (read_names(call, "piecesName", tagging->pieces) &&
        read_names(call, "tags", tagging->tags)) {
        std::reverse(tagging->tags.begin(), tagging->tags.end());  // the last is made first
        make_next_tag(api, tagging);
    }
}

}  // namespace

void with_piece_tags(Api& api, const CallPtr& call, std::function<void(const PieceTags&)> then) {
    const auto with_rows = [call, then](const std::map<std::string, std::string>& names,
                                        const std::vector<EntityRow>& rows) {
        PieceTags tags;
        for (const EntityRow& row : rows) {
            entity_body(row)["tags"].each_element([&](const Json& id) {
                const auto name = names.find(std::string(id.text()));
                if (name != names.end()) {
                    tags[row.key].push_back(name->second);
                }
            });
        }
        then(tags);
    };
    with_all_rows(api, call, platform_rows(call, kTag),
                  [&api, call, with_rows](const std::vector<EntityRow>& tags) {
                      std::map<std::string, std::string> names;
                      for (const EntityRow& tag : tags) {
                          names[tag.id] = tag.label;
                      }
                      with_all_rows(api, call, platform_rows(call, kPieceTags),
                                    [names, with_rows](const std::vector<EntityRow>& rows) {
                                        with_rows(names, rows);
                                    });
                  });
}

const std::vector<ApiRoute> kTagRoutes = {
    {"POST", "tags", ApiRoute::Access::platform, upsert_tag},
    {"GET", "tags", ApiRoute::Access::platform, list_tags},
    {"POST", "tags/pieces", ApiRoute::Access::user, set_piece_tags},
    {"DELETE", "tags/:id", ApiRoute::Access::platform, delete_tag},
};

}  // namespace sallyport::engine
