// The files of steps by the API's store and signatures.
#pragma once

#include "engine/adapters/api/api.hpp"
#include "engine/adapters/steps/step_files.hpp"

namespace sallyport::engine {

class ApiStepFiles final : public StepFiles {
  public:
    // `api` may be made later, but before a step runs.
    explicit ApiStepFiles(Api& api) : api_(api) {}

    void keep(const std::string& project_id, const std::vector<MadeFile>& files,
              StoreDone<KeptStepFiles> done) override;
    std::optional<std::string> id_of(const std::string& address) const override;
    void read(const std::string& id, StoreDone<std::optional<KeptFile>> done) override;

  private:
    Api& api_;
};

}  // namespace sallyport::engine
