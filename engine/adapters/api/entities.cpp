#include "engine/adapters/api/entities.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/audit.hpp"
#include "engine/adapters/api/flow_parts.hpp"
#include "engine/adapters/api/owners.hpp"
#include "engine/adapters/keyset_page.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace sallyport::engine {
namespace {

void find(Api& api, const CallPtr& call, const char* kind, std::string_view name, WithEntity then) {
    api.ports.entities.entity(kind, call->params[0],
                              [&api, call, name = std::string(name),
                               then = std::move(then)](Result<std::optional<EntityRow>> found) {
                                  if (api.failed(call, found)) {
                                      return;
                                  }
                                  if (!found->has_value()) {
                                      return call->fail_not_found(name, call->params[0]);
                                  }
                                  if (call->on_reply) {
                                      call->subject = audited_subject(**found);
                                  }
                                  then(**std::move(found));
                              });
}

void read_more(Api& api, const CallPtr& call, EntityQuery query, std::vector<EntityRow> rows,
               std::function<void(const std::vector<EntityRow>&)> then) {
    api.ports.entities.list_entities(
        query, [&api, call, query, rows = std::move(rows),
                then = std::move(then)](const Result<Page<EntityRow>>& page) mutable {
            if (api.failed(call, page)) {
                return;
            }
            rows.insert(rows.end(), page->rows.begin(), page->rows.end());
            if (!page->next) {
                return then(rows);
            }
            query.cursor = page->next;
            read_more(api, call, std::move(query), std::move(rows), std::move(then));
        });
}

}  // namespace

std::string api_key_hash(std::string_view key) {
    return hex_encode(digest(DigestAlgorithm::sha256, key));
}

Json entity_body(const EntityRow& row) {
    return json_or(row.body, Json::object());
}

Json entity_json(const EntityRow& row) {
    return Json::object({{"id", Json::string(row.id)},
                         {"created", Json::string(iso_time(row.created_ms))},
                         {"updated", Json::string(iso_time(row.updated_ms))}});
}

void add_entity_body(Json& json, const EntityRow& row, std::string_view hidden) {
    entity_body(row).each_member([&](std::string_view name, const Json& value) {
        if (hidden.empty() || name != hidden) {
            json.set(name, value);
        }
    });
}

EntityRow new_entity(Api& api, const char* kind, const std::string& scope, const std::string& key,
                     const std::string& label, const Json& body) {
    EntityRow row;
    row.kind = kind;
    row.id = api.ports.entropy.id();
    row.scope = scope;
    row.key = key.empty() ? row.id : key;
    row.label = label;
    row.body = body.dump();
    row.created_ms = row.updated_ms = api.now_ms();
    return row;
}

Json user_summary(const UserRow& user) {
    return Json::object({{"id", Json::string(user.id)},
                         {"created", Json::string(iso_time(user.created_ms))},
                         {"updated", Json::string(iso_time(user.updated_ms))},
                         {"email", Json::string(user.email)},
                         {"firstName", Json::string(user.first_name)},
                         {"lastName", Json::string(user.last_name)},
                         {"status", Json::string(user.status)},
                         {"externalId", text_or_null(user.external_id)},
                         {"platformId", Json::string(user.platform_id)},
                         {"platformRole", Json::string(user.platform_role)}});
}

bool is_label(const CallPtr& call, std::string_view name) {
    const Json value = call->body[name];
    if (value.is_string() && !value.text().empty() && value.text().size() <= kLabelBytesMax) {
        return true;
    }
    call->fail_validation("body/" + std::string(name) + " must be a text of 1 to 1000 bytes");
    return false;
}

void with_project_entity(Api& api, const CallPtr& call, const char* kind, std::string_view name,
                         WithEntity then) {
    find(api, call, kind, name, [&api, call, then = std::move(then)](EntityRow row) {
        const std::string scope = row.scope;
        api.with_project(call, scope,
                         [then, row = std::move(row)](const ProjectRow&) { then(row); });
    });
}

void with_platform_entity(Api& api, const CallPtr& call, const char* kind, std::string_view name,
                          WithEntity then) {
    find(api, call, kind, name,
         [call, name = std::string(name), then = std::move(then)](EntityRow row) {
             if (row.scope != call->user.platform_id) {
                 return call->fail_not_found(name, call->params[0]);
             }
             then(std::move(row));
         });
}

void with_page(Api& api, const CallPtr& call, EntityQuery query,
               std::function<void(Page<EntityRow>)> then) {
    if (!read_cursor(call, query.cursor)) {
        return;
    }
    query.limit = call->limit(query.limit);
    api.ports.entities.list_entities(
        std::move(query), [&api, call, then = std::move(then)](Result<Page<EntityRow>> page) {
            if (!api.failed(call, page)) {
                then(*std::move(page));
            }
        });
}

void walk_entities(Api& api, const CallPtr& call, EntityQuery query,
                   std::function<bool(EntityRow)> take, std::function<void()> then) {
    api.ports.entities.list_entities(
        query, [&api, call, query, take = std::move(take),
                then = std::move(then)](Result<Page<EntityRow>> page) mutable {
            if (api.failed(call, page)) {
                return;
            }
            const bool back = goes_back(query.cursor);
            if (back) {
                std::reverse(page->rows.begin(), page->rows.end());
            }
            const bool more = std::all_of(page->rows.begin(), page->rows.end(),
                                          [&take](EntityRow& row) { return take(std::move(row)); });
            const std::optional<PageCursor> next = back ? page->previous : page->next;
            if (!more || !next) {
                return then();
            }
            query.cursor = next;
            walk_entities(api, call, std::move(query), std::move(take), std::move(then));
        });
}

void reply_with_page(Api& api, const CallPtr& call, EntityQuery query, EntityToJson to_json) {
    with_page(api, call, std::move(query),
              [call, to_json = std::move(to_json)](const Page<EntityRow>& page) {
                  call->reply(200, page_json(page, to_json));
              });
}

void with_all_rows(Api& api, const CallPtr& call, EntityQuery query,
                   std::function<void(const std::vector<EntityRow>&)> then) {
    constexpr std::size_t kRowsAPage = 1000;
    query.limit = kRowsAPage;
    read_more(api, call, std::move(query), {}, std::move(then));
}

void reply_with_owners(Api& api, const CallPtr& call, const char* kind) {
    EntityQuery wanted;
    wanted.kind = kind;
    wanted.scope = call->query_text("projectId");
    wanted.oldest_first = true;
    const std::string project = wanted.scope;
    api.with_project(call, project, [&api, call, wanted](const ProjectRow&) {
        with_all_rows(api, call, wanted, [call](const std::vector<EntityRow>& rows) {
            Page<Json> owners;
            std::set<std::string, std::less<>> seen;
            for (const EntityRow& row : rows) {
                const Json owner = entity_body(row)["owner"];
                if (owner.is_object() && seen.emplace(owner["id"].text()).second) {
                    owners.rows.push_back(Json::object({{"firstName", owner["firstName"]},
                                                        {"lastName", owner["lastName"]},
                                                        {"email", owner["email"]}}));
                }
            }
            call->reply(200, page_json(owners, [](const Json& owner) { return owner; }));
        });
    });
}

void store_and_reply(Api& api, const CallPtr& call, EntityRow row, int status,
                     EntityToJson to_json) {
    const std::string kind = row.kind;
    const std::string scope = row.scope;
    const std::string key = row.key;
    api.ports.entities.change_entity(
        kind, scope, key,
        [row = std::move(row)](std::optional<EntityRow>& stored) {
            EntityRow next = row;
            if (stored) {
                next.id = stored->id;
                next.created_ms = stored->created_ms;
            }
            stored = std::move(next);
            return true;
        },
        [&api, call, status,
         to_json = std::move(to_json)](const Result<std::optional<EntityRow>>& stored) {
            if (!api.failed(call, stored)) {
                call->reply(status, to_json(**stored));
            }
        });
}

void create_and_reply(Api& api, const CallPtr& call, const EntityRow& row, int status,
                      EntityToJson to_json, std::function<void(const EntityRow& there)> taken) {
    const auto is_taken = std::make_shared<bool>(false);
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [row, is_taken](std::optional<EntityRow>& stored) {
            *is_taken = stored.has_value();
            stored = *is_taken ? stored : row;
            return !*is_taken;
        },
        [&api, call, status, is_taken, to_json = std::move(to_json),
         taken = std::move(taken)](const Result<std::optional<EntityRow>>& stored) {
            if (api.failed(call, stored)) {
                return;
            }
            *is_taken ? taken(**stored) : call->reply(status, to_json(**stored));
        });
}

void with_changed(Api& api, const CallPtr& call, const EntityRow& row, std::string_view name,
                  std::function<void(EntityRow&)> change, WithEntity then) {
    const std::int64_t now = api.now_ms();
    api.ports.entities.change_entity(
        row.kind, row.scope, row.key,
        [id = row.id, now, change = std::move(change)](std::optional<EntityRow>& stored) {
            if (!stored || stored->id != id) {
                stored.reset();
                return false;
            }
            change(*stored);
            stored->updated_ms = now;
            return true;
        },
        [&api, call, id = row.id, name = std::string(name),
         then = std::move(then)](Result<std::optional<EntityRow>> stored) {
            if (api.failed(call, stored)) {
                return;
            }
            if (!stored->has_value()) {
                return call->fail_not_found(name, id);
            }
            then(**std::move(stored));
        });
}

void change_and_reply(Api& api, const CallPtr& call, const EntityRow& row, std::string_view name,
                      std::function<void(EntityRow&)> change, EntityToJson to_json) {
    with_changed(api, call, row, name, std::move(change),
                 [call, to_json = std::move(to_json)](const EntityRow& stored) {
                     call->reply(200, to_json(stored));
                 });
}

void delete_and_reply(Api& api, const CallPtr& call, const EntityRow& row, int status) {
    api.ports.entities.delete_entity(row.kind, row.id,
                                     [&api, call, status](const Result<Done>& deleted) {
                                         if (!api.failed(call, deleted)) {
                                             call->reply(status, Json());
                                         }
                                     });
}

}  // namespace sallyport::engine
