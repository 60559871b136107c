#include "engine/adapters/steps/csv_steps.hpp"

#include "engine/core/pieces/input.hpp"
#include "engine/core/step_scripts.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace sallyport::engine {
namespace {

// Of the sandbox's: a workbook as base64 in JSON.
constexpr std::size_t kAnswerBytesMax = 16U << 20U;
// A workbook takes some hundred times its text while it is made, and the script is ours: what the
// operator allows to code does not bound it.
constexpr std::size_t kWorkbookMemoryBytes = 256U << 20U;
// A database that is away is asked again after this, within the run's time.
constexpr std::int64_t kDatabaseRetryMs = 1000;

bool is_web_address(const Json& file) {
    return file.is_string() &&
           (file.text().starts_with("https://") || file.text().starts_with("http://"));
}

// What an address ends with, as a file's name.
std::string name_of_address(std::string_view address) {
    address = address.substr(0, address.find_first_of("?#"));
    address.remove_prefix(std::min(address.size(), address.find("//") + 2));
    const std::size_t slash = address.rfind('/');
    return slash == std::string_view::npos ? std::string() : std::string(address.substr(slash + 1));
}

StepResult result_of(Result<Json> output) {
    return output.ok() ? step_succeeded(*std::move(output)) : step_failed(output.message());
}

std::string wrong_file(const std::string& message) {
    return input_error("file", message).message;
}

// For a thread: the loop goes on using its own.
std::shared_ptr<const Json> own(const Json& json) {
    return std::make_shared<const Json>(json.deep_copy());
}

}  // namespace

struct CsvSteps::Way {
    std::string action;
    Json input;
    std::string project_id;
    std::int64_t time_left_ms = 0;
    StepDone done;
    StepCancel inner = {};
    bool cancelled = false;

    void end(StepResult result) {
        inner = {};
        done(std::move(result));
    }
    void fail(const std::string& message) { end(step_failed(message)); }
};

StepCancel CsvSteps::perform(const StepCall& call, StepDone done) {
    const auto way = std::make_shared<Way>(
        Way{call.step.action, call.input, call.project_id, call.time_left_ms, std::move(done)});
    begin(way);
    return [way] {
        way->cancelled = true;
        if (const StepCancel stop = way->inner) {  // the end of the step forgets it
            stop();
        }
    };
}

void CsvSteps::begin(const WayPtr& way) {
    const NativeAction* const action = find_native_action(kCsvPiece, way->action);
    if (action != nullptr && action->run != nullptr) {
        return end_on_thread(way, [run = action->run, input = own(way->input)] {
            return result_of(run(*input, {}));
        });
    }
    if (way->action == kSortCsvRows) {
        return sort(way);
    }
    if (way->action == kCreateCsvFile) {
        return make_files(way, [input = own(way->input)] { return create_csv_file(*input); });
    }
    if (way->action == kCsvToExcel) {
        return make_workbook(way);
    }
    with_file(way, [this, way](InputFile given) {
        const auto file = std::make_shared<const InputFile>(std::move(given));
        if (way->action == kReadCsvFile) {
            end_on_thread(way, [file, input = own(way->input)] {
                return result_of(read_csv_file(*input, file->data));
            });
        } else if (way->action == kChunkCsvFile) {
            make_files(way,
                       [file, input = own(way->input)] { return chunk_csv_file(*input, *file); });
        } else {
            read_workbook(way, *file);
        }
    });
}

void CsvSteps::with_file(const WayPtr& way, TakeFile then) {
    const Json file = way->input["file"];
    if (!file.exists() || file.is_null()) {
        return way->fail(
            "No file was provided. Upload a CSV file or map a file from an earlier step.");
    }
    if (is_web_address(file)) {
        const auto id = ports_.files.id_of(std::string(file.text()));
        return id ? read_kept(way, *id, std::move(then)) : fetch(way, std::move(then));
    }
    Result<InputFile> given = file_input("file", file);
    if (!given.ok()) {
        return way->fail(given.message());
    }
    then(*std::move(given));
}

void CsvSteps::read_kept(const WayPtr& way, const std::string& id, TakeFile then) {
    ports_.files.read(id, [this, way, id, then](Result<std::optional<KeptFile>> kept) {
        if (way->cancelled) {
            return way->fail("The step was cancelled");
        }
        if (!kept.ok()) {
            return later(way, [this, way, id, then] { read_kept(way, id, then); });
        }
        if (kept->has_value() && !(*kept)->problem.empty()) {
            return way->fail((*kept)->problem);
        }
        if (!kept->has_value() || !(*kept)->encoding.empty()) {
            return way->fail(wrong_file(kept->has_value() ? "The file is kept compressed"
                                                          : "The file is not kept any more"));
        }
        then({(*kept)->name, "", std::move((*kept)->data)});
    });
}

void CsvSteps::fetch(const WayPtr& way, TakeFile then) {
    HttpRequest request;
    request.url = std::string(way->input["file"].text());
    request.tenant = way->project_id;
    request.timeout_ms = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(way->time_left_ms, 1, limits_.http_timeout_ms));
    request.response_bytes_max = limits_.file_bytes_max;
    const std::string name = name_of_address(request.url);
    const auto id = ports_.http.send(
        std::move(request), [way, name, then = std::move(then)](HttpOutcome outcome) {
            if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
                return failure->error == HttpError::overloaded
                           ? way->end(step_overloaded())
                           : way->fail(wrong_file(std::string(to_string(failure->error)) + ": " +
                                                  failure->message));
            }
            auto& response = std::get<HttpResponse>(outcome);
            if (response.status >= 300) {
                return way->fail(
                    wrong_file("The file's address answered " + std::to_string(response.status)));
            }
            way->inner = {};
            then({name, "", std::move(response.body)});
        });
    way->inner = [this, id] { ports_.http.cancel(id); };
}

void CsvSteps::sort(const WayPtr& way) {
    const auto sorting = std::make_shared<CsvSorting>();
    const auto begun = [sorting, input = own(way->input)] {
        auto wanted = csv_sorting(*input);
        if (!wanted.ok()) {
            return step_failed(wanted.message());
        }
        *sorting = *std::move(wanted);
        return sorting->compare_as == "number"
                   ? result_of(sorted_rows(*sorting, order_by_number(*sorting)))
                   : step_succeeded(sort_keys(*sorting));
    };
    on_thread(way, begun, [this, way, sorting](StepResult result) {
        if (result.kind != StepResult::Kind::succeeded || sorting->compare_as == "number") {
            return way->end(std::move(result));
        }
        run_script(way, kSortKeysScript, std::move(result.output),
                   [this, way, sorting](const Json& order) {
                       end_on_thread(way, [sorting, order = own(order)] {
                           return result_of(sorted_rows(*sorting, *order));
                       });
                   });
    });
}

void CsvSteps::make_workbook(const WayPtr& way) {
    const auto begun = [input = own(way->input)] { return result_of(workbook_to_make(*input)); };
    on_thread(way, begun, [this, way](StepResult wanted) {
        if (wanted.kind != StepResult::Kind::succeeded) {
            return way->end(std::move(wanted));
        }
        run_script(way, kExcelScript, std::move(wanted.output), [this, way](const Json& answer) {
            keep(way, made_workbook(way->input, answer));
        });
    });
}

void CsvSteps::read_workbook(const WayPtr& way, const InputFile& file) {
    Result<Json> wanted = workbook_to_read(way->input, file.data);
    if (!wanted.ok()) {
        return way->fail(wanted.message());
    }
    const bool zipped = file.data.starts_with("PK");
    run_script(way, zipped ? kExcelScript : kOldExcelScript, *std::move(wanted),
               [way](Json answer) { way->end(step_succeeded(std::move(answer))); });
}

void CsvSteps::run_script(const WayPtr& way, std::string_view script, Json input,
                          std::function<void(Json answer)> then) {
    if (way->cancelled) {
        return way->fail("The step was cancelled");
    }
    CodeRequest request;
    request.tenant = way->project_id;
    request.code = script;
    request.input = std::move(input);
    request.fetch_allowed = false;
    request.limits.memory_bytes = way->action == kCsvToExcel
                                      ? std::max(limits_.code_memory_bytes, kWorkbookMemoryBytes)
                                      : limits_.code_memory_bytes;
    request.limits.output_bytes = kAnswerBytesMax;
    request.limits.time_ms = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(way->time_left_ms, 1, limits_.code_timeout_ms));
    const auto id = ports_.sandbox.run_code(
        std::move(request), [way, then = std::move(then)](SandboxResult ran) {
            if (ran.status != SandboxStatus::ok) {
                return way->end(step_result_from(std::move(ran)));
            }
            way->inner = {};
            then(std::move(ran.value));
        });
    way->inner = [this, id] { ports_.sandbox.cancel(id); };
}

void CsvSteps::on_thread(const WayPtr& way, Work work, StepDone then) {
    way->inner = ports_.threads.run(
        way->project_id, way->time_left_ms,
        [work = std::move(work)](const StepStop&) { return work(); },
        [way, then = std::move(then)](StepResult result) {
            way->inner = {};
            then(std::move(result));
        });
}

void CsvSteps::end_on_thread(const WayPtr& way, Work work) {
    on_thread(way, std::move(work), [way](StepResult result) { way->end(std::move(result)); });
}

void CsvSteps::make_files(const WayPtr& way, std::function<Result<CsvFiles>()> make) {
    const auto files = std::make_shared<CsvFiles>();
    const auto making = [files, make = std::move(make)] {
        Result<CsvFiles> made = make();
        if (!made.ok()) {
            return step_failed(made.message());
        }
        *files = *std::move(made);
        return step_succeeded({});
    };
    on_thread(way, making, [this, way, files](StepResult result) {
        if (result.kind != StepResult::Kind::succeeded) {
            return way->end(std::move(result));
        }
        keep(way, std::move(*files));
    });
}

void CsvSteps::keep(const WayPtr& way, Result<CsvFiles> made) {
    if (!made.ok()) {
        return way->fail(made.message());
    }
    const auto files = std::make_shared<std::vector<MadeFile>>();
    for (CsvFiles::File& file : made->files) {
        files->push_back({std::move(file.name), std::move(file.data)});
    }
    keep_all(way, files, made->output);
}

void CsvSteps::keep_all(const WayPtr& way,
                        const std::shared_ptr<const std::vector<MadeFile>>& files,
                        const Json& output) {
    ports_.files.keep(
        way->project_id, *files, [this, way, files, output](const Result<KeptStepFiles>& kept) {
            if (!kept.ok()) {
                return later(way, [this, way, files, output] { keep_all(way, files, output); });
            }
            if (!kept->problem.empty()) {
                return way->fail(kept->problem);
            }
            Json shown = output;
            if (shown.has("url")) {
                shown.set("url", Json::string(kept->addresses.front()));
            } else {
                shown.set("files", csv_names(kept->addresses));
            }
            way->end(step_succeeded(shown));
        });
}

// The database is away: what was done so far need not be done again.
void CsvSteps::later(const WayPtr& way, std::function<void()> then) {
    if (way->cancelled) {
        return way->fail("The step was cancelled");
    }
    const auto timer = ports_.loop.after(kDatabaseRetryMs, [way, then = std::move(then)] {
        way->inner = {};
        then();
    });
    way->inner = [this, timer, way = way.get()] {
        ports_.loop.cancel(timer);
        way->fail("The step was cancelled");
    };
}

}  // namespace sallyport::engine
