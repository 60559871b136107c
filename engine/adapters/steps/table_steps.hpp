// Steps of the tables piece: each asks the engine's own API, as the published piece does, with a
// token for the run's project and nothing else.
#pragma once

#include "common/crypto.hpp"
#include "engine/adapters/steps/step_call.hpp"
#include "engine/adapters/steps/step_files.hpp"

#include <functional>
#include <memory>
#include <string>

namespace sallyport::engine {

class Api;

class TableSteps {
  public:
    // `api` may be made later, but before a step runs. `session_key` is the API's.
    TableSteps(Api& api, StepFiles& files, HmacKey session_key)
        : api_(api), files_(files), session_key_(std::move(session_key)) {}

    // `done` is called once, on the loop.
    void perform(const StepCall& call, StepDone done);

  private:
    struct Way;
    using WayPtr = std::shared_ptr<Way>;
    using WithAnswer = std::function<void(const Json& answer)>;

    void ask(const WayPtr& way, std::string_view method, const std::string& path, const Json& body,
             WithAnswer then);
    void with_fields(const WayPtr& way, WithAnswer then);
    void on_table(const WayPtr& way);
    void create_records(const WayPtr& way);
    void update_record(const WayPtr& way);
    void find_records(const WayPtr& way);
    void read_page(const WayPtr& way);
    void create_table(const WayPtr& way);
    void download(const WayPtr& way);

    Api& api_;
    StepFiles& files_;
    HmacKey session_key_;
};

// With those of the tables piece performed by `tables`, which outlives them.
PiecePerformers with_tables(PiecePerformers pieces, TableSteps& tables);

}  // namespace sallyport::engine
