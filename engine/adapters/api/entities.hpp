// What the families whose rows are entities share: finding one and checking whose it is, pages,
// storing, deleting.
#pragma once

#include "engine/adapters/api/api.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::engine {

// API keys: found by the hash of the key, whatever platform they are of.
inline constexpr const char* kApiKeyKind = "api_key";
inline constexpr const char* kApiKeyScope = "all";
inline constexpr std::string_view kApiKeyPrefix = "sk-";
std::string api_key_hash(std::string_view key);

// Names and texts of things; longer ones are a mistake.
inline constexpr std::size_t kLabelBytesMax = 1000;

Json entity_body(const EntityRow& row);
// {id, created, updated} to begin with.
Json entity_json(const EntityRow& row);
// Adds the members of its body, but for the one that is the engine's own.
void add_entity_body(Json& json, const EntityRow& row, std::string_view hidden = {});
EntityRow new_entity(Api& api, const char* kind, const std::string& scope, const std::string& key,
                     const std::string& label, const Json& body);
Json user_summary(const UserRow& user);  // UserWithMetaInformation

// A member of the body, as a text between 1 and kLabelBytesMax bytes. False, with the call
// answered, when it is not.
bool is_label(const CallPtr& call, std::string_view name);

using WithEntity = std::function<void(EntityRow)>;
// The one of the route's first parameter, when the caller may use its project. `name` is the
// entity's name in errors.
void with_project_entity(Api& api, const CallPtr& call, const char* kind, std::string_view name,
                         WithEntity then);
// Likewise, of the caller's platform: what is another's is not there.
void with_platform_entity(Api& api, const CallPtr& call, const char* kind, std::string_view name,
                          WithEntity then);

using EntityToJson = std::function<Json(const EntityRow&)>;
// A page of `query` with the call's cursor and limit. REQUIRES: the caller may see the scope.
void with_page(Api& api, const CallPtr& call, EntityQuery query,
               std::function<void(Page<EntityRow>)> then);
void reply_with_page(Api& api, const CallPtr& call, EntityQuery query, EntityToJson to_json);
// Hands the rows of `query` to `take` one by one, page after page from its cursor on and in that
// direction, until it says that it has enough or there are no more; then goes on. Answers the call
// when the store fails. REQUIRES: as above.
void walk_entities(Api& api, const CallPtr& call, EntityQuery query,
                   std::function<bool(EntityRow)> take, std::function<void()> then);
// Goes on with every row of `query`, read page after page. Answers the call when the store fails.
// REQUIRES: as above, and rows of which there are few.
void with_all_rows(Api& api, const CallPtr& call, EntityQuery query,
                   std::function<void(const std::vector<EntityRow>&)> then);
// Stores the row in place of one of the same key and answers with it.
void store_and_reply(Api& api, const CallPtr& call, EntityRow row, int status,
                     EntityToJson to_json);
// Stores the row and answers with it, unless one of the same key is there: then `taken` answers.
void create_and_reply(Api& api, const CallPtr& call, const EntityRow& row, int status,
                      EntityToJson to_json, std::function<void(const EntityRow& there)> taken);
// Changes the stored row as it is by then; a row that is gone is 404.
void with_changed(Api& api, const CallPtr& call, const EntityRow& row, std::string_view name,
                  std::function<void(EntityRow&)> change, WithEntity then);
void change_and_reply(Api& api, const CallPtr& call, const EntityRow& row, std::string_view name,
                      std::function<void(EntityRow&)> change, EntityToJson to_json);
// Removes a project with all that belongs to it; false while runs of it have not ended.
void remove_project(Api& api, const CallPtr& call, const std::string& id,
                    std::function<void(bool gone)> then);
// POST app-connections/replace
void replace_connection(Api& api, const CallPtr& call);
void delete_and_reply(Api& api, const CallPtr& call, const EntityRow& row, int status = 204);

}  // namespace sallyport::engine
