// The CSV piece's steps. A hundred thousand rows take half a second, so that they are worked on by
// a thread; files behind addresses, files to be kept, and the sandbox, where workbooks are read and
// made and where JavaScript's order is known, are the loop's.
#pragma once

#include "engine/adapters/steps/step_call.hpp"
#include "engine/adapters/steps/step_files.hpp"
#include "engine/adapters/steps/step_threads.hpp"
#include "engine/core/pieces/csv.hpp"
#include "engine/ports/http_client.hpp"
#include "engine/ports/loop.hpp"
#include "engine/ports/sandbox.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {

class CsvSteps {
  public:
    struct Ports {
        Loop& loop;
        HttpClient& http;
        Sandbox& sandbox;
        StepFiles& files;
        StepThreads& threads;
    };
    struct Limits {
        std::uint32_t code_timeout_ms = 10'000;
        std::size_t code_memory_bytes = 64u << 20;
        std::uint32_t http_timeout_ms = 30'000;
        std::size_t file_bytes_max = 25u << 20;
    };
    CsvSteps(Ports ports, Limits limits) : ports_(ports), limits_(limits) {}

    // `done` is called once, on the loop, possibly from inside the call.
    StepCancel perform(const StepCall& call, StepDone done);

  private:
    // A step on its way: what of its call is needed later, and how to stop what is under way.
    struct Way;
    using WayPtr = std::shared_ptr<Way>;
    using TakeFile = std::function<void(InputFile file)>;
    // On a thread: all that it uses is its own.
    using Work = std::function<StepResult()>;

    void begin(const WayPtr& way);
    void with_file(const WayPtr& way, TakeFile then);
    void fetch(const WayPtr& way, TakeFile then);
    void read_kept(const WayPtr& way, const std::string& id, TakeFile then);
    void sort(const WayPtr& way);
    void make_workbook(const WayPtr& way);
    void read_workbook(const WayPtr& way, const InputFile& file);
    void run_script(const WayPtr& way, std::string_view script, Json input,
                    std::function<void(Json answer)> then);
    void on_thread(const WayPtr& way, Work work, StepDone then);
    void end_on_thread(const WayPtr& way, Work work);
    void make_files(const WayPtr& way, std::function<Result<CsvFiles>()> make);
    void keep(const WayPtr& way, Result<CsvFiles> made);
    void keep_all(const WayPtr& way, const std::shared_ptr<const std::vector<MadeFile>>& files,
                  const Json& output);
    void later(const WayPtr& way, std::function<void()> then);

    Ports ports_;
    Limits limits_;
};

}  // namespace sallyport::engine
