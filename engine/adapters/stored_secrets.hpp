// Connections and variables: how they lie in the store, sealed, and how steps get them.
#pragma once

#include "engine/adapters/oauth2_tokens.hpp"
#include "engine/core/secret_box.hpp"
#include "engine/ports/secret_source.hpp"
#include "engine/ports/store.hpp"

#include <memory>
#include <string>

namespace sallyport::engine {

inline constexpr const char* kConnectionKind = "connection";
inline constexpr const char* kVariableKind = "variable";

// The body of a connection or variable with `value` sealed in it, tied to the row.
void seal_value(const SecretBox& box, const EntityRow& row, Json body, const Json& value);
Result<Json> open_value(const SecretBox& box, const EntityRow& row, const Json& body);

class StoredSecrets final : public SecretSource {
  public:
    StoredSecrets(EntityStore& store, const SecretBox& box, OAuth2Tokens& tokens)
        : store_(store), box_(box), tokens_(tokens) {}

    void secrets(const std::string& project_id, std::set<std::string> connections,
                 std::set<std::string> variables,
                 std::function<void(Result<std::optional<NamedSecrets>>)> done) override;
    void connection(const std::string& project_id, const std::string& external_id,
                    std::function<void(Result<Json>)> done) override;

  private:
    struct Search;
    void next(const std::shared_ptr<Search>& search);
    void open(const std::shared_ptr<Search>& search, const EntityRow& row, const Json& body);

    EntityStore& store_;
    const SecretBox& box_;
    OAuth2Tokens& tokens_;
};

}  // namespace sallyport::engine
