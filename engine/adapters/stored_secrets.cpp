#include "engine/adapters/stored_secrets.hpp"

#include "common/crypto.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

std::string place_of(const EntityRow& row) {
    return row.kind + "/" + row.scope + "/" + row.key;
}

// The value without what only the server needs to get a new token.
Json without_renewal(const Json& value) {
    Json shown = value.deep_copy();
    for (const std::string_view name :
         {"refresh_token", "client_secret", "code", "code_challenge"}) {
        shown.erase(name);
    }
    return shown;
}

// What a step sees: a text for a secret text, the properties of custom authentication, otherwise
// all that is shown of the value.
Json visible(const Json& value) {
    const std::string_view type = value["type"].text();
    if (type == "SECRET_TEXT") {
        return value["secret_text"];
    }
    if (type == "CUSTOM_AUTH") {
        return value["props"];
    }
    return without_renewal(value);
}

}  // namespace

void seal_value(const SecretBox& box, const EntityRow& row, Json body, const Json& value) {
    body.set("value", box.seal(value.dump(), place_of(row), random_bytes(kAeadNonceBytes)));
}

Result<Json> open_value(const SecretBox& box, const EntityRow& row, const Json& body) {
    const Result<Secret> plain = box.open(body["value"], place_of(row));
    return plain.ok() ? Json::parse(plain->reveal()) : Result<Json>(plain.error());
}

struct StoredSecrets::Search {
    std::string project_id;
    std::vector<std::pair<std::string, std::string>> wanted;  // kind and name
    NamedSecrets found;
    std::function<void(Result<std::optional<NamedSecrets>>)> done;
};

void StoredSecrets::secrets(const std::string& project_id, std::set<std::string> connections,
                            std::set<std::string> variables,
                            std::function<void(Result<std::optional<NamedSecrets>>)> done) {
    const auto search = std::make_shared<Search>();
    search->project_id = project_id;
    for (const std::string& name : connections) {
        search->wanted.emplace_back(kConnectionKind, name);
    }
    for (const std::string& name : variables) {
        search->wanted.emplace_back(kVariableKind, name);
    }
    search->done = std::move(done);
    next(search);
}

void StoredSecrets::connection(const std::string& project_id, const std::string& external_id,
                               std::function<void(Result<Json>)> done) {
    store_.entity_by_key(
        kConnectionKind, project_id, external_id,
        [this, external_id, done = std::move(done)](const Result<std::optional<EntityRow>>& row) {
            if (!row.ok()) {
                return done(row.error());
            }
            const Result<Json> body = row->has_value() ? Json::parse((*row)->body) : Json();
            if (!body.ok() || !(*body)["value"].is_object()) {
                return done(Json());
            }
            if (OAuth2Tokens::is_oauth2((*body)["type"].text())) {
                return tokens_.fresh(**row, [done](const Result<Json>& value) {
                    done(value.ok() ? Result<Json>(without_renewal(*value)) : value.error());
                });
            }
            const Result<Json> value = open_value(box_, **row, *body);
            if (!value.ok()) {
                return done(Error{"connection '" + external_id + "': " + value.message()});
            }
            done(without_renewal(*value));
        });
}

void StoredSecrets::next(const std::shared_ptr<Search>& search) {
    if (search->wanted.empty()) {
        search->done(std::optional(std::move(search->found)));
        return;
    }
    const auto [kind, name] = search->wanted.back();
    search->wanted.pop_back();
    store_.entity_by_key(kind, search->project_id, name,
                         [this, search](const Result<std::optional<EntityRow>>& row) {
                             if (!row.ok()) {
                                 return search->done(std::optional<NamedSecrets>());
                             }
                             if (!row->has_value()) {
                                 return next(search);
                             }
                             const Result<Json> body = Json::parse((*row)->body);
                             const bool usable = body.ok() && (*body)["value"].is_object();
                             if (!usable) {
                                 return next(search);  // a placeholder: as if it were not there
                             }
                             open(search, **row, *body);
                         });
}

void StoredSecrets::open(const std::shared_ptr<Search>& search, const EntityRow& row,
                         const Json& body) {
    if (row.kind == kConnectionKind && OAuth2Tokens::is_oauth2(body["type"].text())) {
        return tokens_.fresh(row, [this, search, name = row.key](const Result<Json>& value) {
            if (!value.ok()) {
                return search->done(value.error());
            }
            search->found.connections.set(name, visible(*value));
            next(search);
        });
    }
    const Result<Json> value = open_value(box_, row, body);
    if (!value.ok()) {
        return search->done(Error{row.kind + " '" + row.key + "': " + value.message()});
    }
    if (row.kind == kConnectionKind) {
        search->found.connections.set(row.key, visible(*value));
    } else {
        search->found.variables.set(row.key, *value);
    }
    next(search);
}

}  // namespace sallyport::engine
