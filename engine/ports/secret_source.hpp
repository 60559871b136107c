// Where steps get the secrets that their input names.
#pragma once

#include "common/json.hpp"
#include "common/result.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>

namespace sallyport::engine {

struct NamedSecrets {
    Json connections = Json::object();  // external id -> what a step sees of the value
    Json variables = Json::object();    // name -> text
};

class SecretSource {
  public:
    virtual ~SecretSource() = default;
    // Those of the project that are there; nothing when the store did not answer, which may be
    // asked again; an Error when a key fails. `done` is called once, on the loop, never from inside
    // the call.
    virtual void secrets(const std::string& project_id, std::set<std::string> connections,
                         std::set<std::string> variables,
                         std::function<void(Result<std::optional<NamedSecrets>>)> done) = 0;
    // The value of one connection, whole but for what only the server needs; empty when there is
    // none. `done` as above.
    virtual void connection(const std::string& project_id, const std::string& external_id,
                            std::function<void(Result<Json>)> done) = 0;
};

}  // namespace sallyport::engine
