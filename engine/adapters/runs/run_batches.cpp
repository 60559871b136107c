// The run driver's part for `streamCsvToSubflows`: the rows of a file start runs of another flow,
// batch after batch.
//
// A batch's delivery id is made of the attempt's idempotency key and the batch's number: a step
// that is performed again after a crash starts no batch twice. Few batches are under way at a time,
// and the next is read when one of them is on disk: memory holds the file's text and those.
#include "engine/adapters/runs/run_driver_impl.hpp"
#include "engine/core/csv_batches.hpp"
#include "engine/core/file_input.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/wait.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kBatchesAhead = 5;  // the published piece's
// A batch that there was no room for is offered again after this.
constexpr std::int64_t kOfferAgainMs = 100;

bool is_address(const Json& file) {
    return file.is_string() &&
           (file.text().starts_with("https://") || file.text().starts_with("http://"));
}

Json column_names(const CsvBatches& batches) {
    Json names = Json::array();
    for (const std::string& name : batches.columns()) {
        names.append(Json::string(name));
    }
    return names;
}

}  // namespace

struct RunDriver::Impl::FanOut {
    RunPtr run;
    PerformStep action;
    std::shared_ptr<const Program> program;  // of the called flow
    std::string delivery;                    // what delivery ids begin with
    Json extra;
    CsvBatches batches;
    Json first_row = {};
    std::size_t next = 0;        // the number of the next batch
    std::size_t dispatched = 0;  // batches on disk
    std::size_t under_way = 0;
    bool read = false;         // to the end
    bool pumping = false;      // a start may be acknowledged from inside the call
    bool stopped = false;      // the run has ended
    std::string problem = {};  // why not all of it was, when `error` says more
    std::string error = {};
};

// Older exports name the flow by an object, and the file by its address alone.
void RunDriver::Impl::stream_csv(const RunPtr& run, const PerformStep& action) {
    const Json subflow =
        run->input["subflow"].exists() ? run->input["subflow"] : run->input["flow"];
    if (const auto settings = csv_batch_settings(run->input); !settings.ok()) {
        return on_result(run, action, step_failed(settings.message()));
    }
    with_callable(run, action, std::string(named_flow(subflow)),
                  [self = shared_from_this(), run, action](std::shared_ptr<const Program> program) {
                      self->read_csv_file(run, action, std::move(program));
                  });
}

void RunDriver::Impl::read_csv_file(const RunPtr& run, const PerformStep& action,
                                    std::shared_ptr<const Program> program) {
    const Json file = run->input["file"].exists() ? run->input["file"] : run->input["fileUrl"];
    if (!is_address(file)) {
        Result<InputFile> given = file_input("file", file);
        if (!given.ok()) {
            return on_result(run, action, step_failed(given.message()));
        }
        return fan_out(run, action, std::move(program), std::move(given->data));
    }
    HttpRequest request;
    request.url = std::string(file.text());
    request.tenant = run->row.project_id;
    request.timeout_ms = options_.http_timeout_ms;
    request.response_bytes_max = options_.http_response_bytes_max;
    const auto id = ports_.http.send(std::move(request), [self = shared_from_this(), run, action,
                                                          program = std::move(program)](
                                                             HttpOutcome outcome) mutable {
        if (auto* response = std::get_if<HttpResponse>(&outcome)) {
            if (response->status < 300) {
                return self->fan_out(run, action, std::move(program), std::move(response->body));
            }
            return self->on_result(
                run, action,
                step_failed(input_error("file", "The file's address answered " +
                                                    std::to_string(response->status))
                                .message));
        }
        const auto& failure = std::get<HttpFailure>(outcome);
        self->on_result(
            run, action,
            failure.error == HttpError::overloaded
                ? step_overloaded()
                : step_failed(input_error("file", std::string(to_string(failure.error)) + ": " +
                                                      failure.message)
                                  .message));
    });
    run->cancel_effect = [self = shared_from_this(), id] { self->ports_.http.cancel(id); };
}

void RunDriver::Impl::fan_out(const RunPtr& run, const PerformStep& action,
                              std::shared_ptr<const Program> program, std::string text) {
    const StepCall call = call_of(run, action);
    const auto work = std::make_shared<FanOut>(FanOut{
        run, action, std::move(program), call.idempotency_key, input_json(run->input, "extraData"),
        CsvBatches(std::move(text), *csv_batch_settings(run->input))});
    run->cancel_effect = [work] { work->stopped = true; };
    pump(work);
}

void RunDriver::Impl::pump(const std::shared_ptr<FanOut>& work) {
    if (std::exchange(work->pumping, true)) {
        return;
    }
    while (!work->read && !work->stopped && work->under_way < kBatchesAhead) {
        Result<Json> rows = work->batches.next();
        work->read = !rows.ok() || rows->size() == 0;
        if (!rows.ok()) {
            work->problem = "Failed to read the records; fan-out aborted.";
            work->error = rows.message();
        } else if (rows->size() > 0) {
            start_batch(work, *rows);
        }
    }
    work->pumping = false;
    if (work->under_way == 0 && !work->stopped && work->read) {
        work->stopped = true;
        on_result(work->run, work->action, fan_out_result(*work));
    }
}

void RunDriver::Impl::start_batch(const std::shared_ptr<FanOut>& work, const Json& rows) {
    if (work->next == 0) {
        work->first_row = rows.at(0);
    }
    Json data = Json::object({{"batchIndex", Json::integer(static_cast<std::int64_t>(work->next))},
                              {"headers", column_names(work->batches)},
                              {"rows", rows}});
    if (work->extra.exists() && !work->extra.is_null()) {
        data.set("extraData", work->extra);
    }
    StartRun child;
    child.program = work->program;
    child.project_id = work->run->row.project_id;
    child.environment = work->run->row.environment;
    child.parent_run_id = work->run->row.id;
    child.fail_parent = false;
    child.delivery_id = work->delivery + ":" + std::to_string(work->next);
    child.payload = call_payload(data, "");
    child.by_step = true;
    ++work->next;
    ++work->under_way;
    offer(work, std::make_shared<const StartRun>(std::move(child)));
}

// Until there is room for it, and the store has taken it: the file need not be read again.
void RunDriver::Impl::offer(const std::shared_ptr<FanOut>& work,
                            const std::shared_ptr<const StartRun>& child) {
    start(*child, [self = shared_from_this(), work, child](const Result<StartedRun>& started) {
        if (is_over_quota(started)) {
            work->problem = "The month's runs are used up; fan-out aborted.";
            work->error = kOverQuota;
            work->read = true;
        } else if (!started.ok() && !work->stopped) {
            self->ports_.loop.after(kOfferAgainMs, [self, work, child] {
                if (!work->stopped) {
                    self->offer(work, child);
                }
            });
            return;
        }
        --work->under_way;
        work->dispatched += started.ok() ? 1 : 0;
        self->pump(work);
    });
}

StepResult RunDriver::Impl::fan_out_result(const FanOut& work) {
    const Json rows = Json::integer(static_cast<std::int64_t>(work.batches.rows()));
    const Json dispatched = Json::integer(static_cast<std::int64_t>(work.dispatched));
    if (!work.error.empty()) {
        return step_failed(
            Json::object(
                {{"message", Json::string(work.problem + " Batches dispatched before this point "
                                                         "may still be running.")},
                 {"cause", Json::string(work.error)},
                 {"batchesDispatched", dispatched}})
                .dump());
    }
    Json output = Json::object({{"headers", column_names(work.batches)}});
    if (work.first_row.exists()) {
        output.set("firstRow", work.first_row);
    }
    output.set("rowsProcessed", rows);
    output.set("batchesDispatched", dispatched);
    return step_succeeded(output);
}

}  // namespace sallyport::engine
