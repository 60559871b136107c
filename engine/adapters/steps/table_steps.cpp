#include "engine/adapters/steps/table_steps.hpp"

#include "engine/adapters/api/tables.hpp"
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/tables.hpp"
#include "engine/core/web_message.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// Records that are asked for at once.
constexpr std::size_t kRecordsAtOnce = 1000;
// What one step may find: it becomes part of the run.
constexpr std::size_t kFoundBytesMax = 25U << 20U;

}  // namespace

struct TableSteps::Way {
    std::string action;
    Json input;
    std::string project;
    std::string key;
    StepDone done;
    Json table = {};         // {id, …}
    Json found = {};         // so far
    std::string query = {};  // of the pages
    std::size_t wanted = 0;
    std::size_t bytes = 0;

    void fail(const std::string& message) const { done(step_failed(message)); }
    void succeed(Json output) const { done(step_succeeded(std::move(output))); }
    std::string table_id() const { return std::string(table["id"].text()); }
    // Of a request about records of the table, with another member.
    Json body_with(std::string_view name, const Json& value) const {
        return Json::object({{"tableId", table["id"]}, {name, value}});
    }
};

// Goes on with what the API answers; the step fails with what it refuses.
void TableSteps::ask(const WayPtr& way, std::string_view method, const std::string& path,
                     const Json& body, WithAnswer then) {
    WebRequest request;
    request.method = method;
    request.target = "/v1/" + path;
    request.headers = {
        {"authorization", "Bearer " + Api::engine_token(way->project, api_.now_ms(), session_key_)},
        {std::string(kStepKeyHeader), way->key}};
    if (body.exists()) {
        request.headers.push_back({"content-type", "application/json"});
        request.body = body.dump();
    }
    api_.handle_internal(
        std::move(request), [way, then = std::move(then)](const WebResponse& response) {
            if (response.status == 503) {  // the database is away; what is done once stays so
                return way->done(step_overloaded());
            }
            if (response.status >= 300) {
                return way->fail(table_problem(response.status, response.body));
            }
            const Result<Json> answer =
                response.body.empty() ? Result<Json>(Json::null()) : Json::parse(response.body);
            answer.ok() ? then(*answer) : way->fail(answer.message());
        });
}

void TableSteps::with_fields(const WayPtr& way, WithAnswer then) {
    ask(way, "GET", "fields?tableId=" + way->table_id(), {}, std::move(then));
}

void TableSteps::perform(const StepCall& call, StepDone done) {
    const auto way = std::make_shared<Way>(
        Way{call.step.action, call.input, call.project_id, call.idempotency_key, std::move(done)});
    if (way->action == kCreateTable) {
        return create_table(way);
    }
    if (way->action == kGetRecord) {  // of whatever table of the project, as published
        const Result<std::string> record = named_record(way->input);
        return record.ok() ? ask(way, "GET", "records/" + percent_encode(*record), {},
                                 [way](const Json& found) { way->succeed(shown_record(found)); })
                           : way->fail(record.message());
    }
    const Result<std::string> name = named_table(way->input);
    if (!name.ok()) {
        return way->fail(name.message());
    }
    ask(way, "GET",
        "tables?limit=1&projectId=" + way->project + "&externalIds[]=" + percent_encode(*name), {},
        [this, way, name = *name](const Json& page) {
            way->table = page["data"].at(0);
            if (!way->table.exists()) {
                return way->fail("Table with externalId " + name + " not found");
            }
            on_table(way);
        });
}

void TableSteps::on_table(const WayPtr& way) {
    const auto succeeded = [way](const Json&) {
        way->succeed(Json::object({{"success", Json::boolean(true)}}));
    };
    if (way->action == kCreateRecords) {
        return create_records(way);
    }
    if (way->action == kUpdateRecord) {
        return update_record(way);
    }
    if (way->action == kFindRecords) {
        return find_records(way);
    }
    if (way->action == kDownloadTable) {
        return download(way);
    }
    if (way->action == kClearTable) {
        return ask(way, "POST", "tables/" + way->table_id() + "/clear", {}, succeeded);
    }
    if (way->action == kDeleteTable) {
        return ask(way, "DELETE", "tables/" + way->table_id(), {}, succeeded);
    }
    const Result<Json> ids = named_records(way->input);
    ids.ok() ? ask(way, "DELETE", "records", way->body_with("ids", *ids), succeeded)
             : way->fail(ids.message());
}

void TableSteps::create_records(const WayPtr& way) {
    with_fields(way, [this, way](const Json& fields) {
        const Result<Json> rows = created_rows(way->input, fields);
        rows.ok() ? ask(way, "POST", "records", way->body_with("records", *rows),
                        [way](const Json& made) { way->succeed(shown_records(made)); })
                  : way->fail(rows.message());
    });
}

void TableSteps::update_record(const WayPtr& way) {
    const Result<std::string> record = named_record(way->input);
    if (!record.ok()) {
        return way->fail(record.message());
    }
    with_fields(way, [this, way, record = *record](const Json& fields) {
        const Result<Json> cells = updated_cells(way->input, fields);
        cells.ok()
            ? ask(way, "POST", "records/" + percent_encode(record), way->body_with("cells", *cells),
                  [way](const Json& changed) { way->succeed(shown_record(changed)); })
            : way->fail(cells.message());
    });
}

void TableSteps::find_records(const WayPtr& way) {
    const Result<std::size_t> wanted = records_wanted(way->input);
    if (!wanted.ok()) {
        return way->fail(wanted.message());
    }
    way->wanted = *wanted;
    with_fields(way, [this, way](const Json& fields) {
        const Result<Json> filters = record_filters(way->input, fields);
        if (!filters.ok()) {
            return way->fail(filters.message());
        }
        way->query = "records?tableId=" + way->table_id();
        if (filters->size() > 0) {
            way->query += "&filters=" + percent_encode(filters->dump());
        }
        way->found = Json::array();
        read_page(way);
    });
}

// Page after page, until there are as many as are wanted.
void TableSteps::read_page(const WayPtr& way) {
    const std::size_t limit = std::min(kRecordsAtOnce, way->wanted - way->found.size());
    ask(way, "GET", way->query + "&limit=" + std::to_string(limit), {},
        [this, way](const Json& page) {
            page["data"].each_element([&way](const Json& record) {
                const Json shown = shown_record(record);
                way->bytes += shown.dump().size();
                way->found.append(shown);
            });
            if (way->bytes > kFoundBytesMax) {
                return way->fail("The records have more than " +
                                 std::to_string(kFoundBytesMax >> 20U) +
                                 " MB: set a limit or more filters");
            }
            const std::string next(page["next"].text());
            if (next.empty() || way->found.size() >= way->wanted) {
                return way->succeed(way->found);
            }
            const std::size_t old = way->query.find("&cursor=");
            way->query = way->query.substr(0, old) + "&cursor=" + percent_encode(next);
            read_page(way);
        });
}

// Performed again, it finds the table that it made.
void TableSteps::create_table(const WayPtr& way) {
    const Result<Json> body = created_table(way->input, way->project, way->key);
    if (!body.ok()) {
        return way->fail(body.message());
    }
    ask(way, "GET",
        "tables?limit=1&projectId=" + way->project +
            "&externalIds[]=" + std::string((*body)["externalId"].text()),
        {}, [this, way, body = *body](const Json& page) {
            const auto show = [way, body](const Json& table) {
                way->succeed(shown_table(table, body["fields"]));
            };
            page["data"].size() > 0 ? show(page["data"].at(0))
                                    : ask(way, "POST", "tables", body, show);
        });
}

void TableSteps::download(const WayPtr& way) {
    ask(way, "GET", "tables/" + way->table_id() + "/export", {}, [this, way](const Json& exported) {
        const std::string name = std::string(exported["name"].text()) + ".csv";
        const bool with_names = input_flag(way->input, "include_headers", true);
        files_.keep(way->project, {{name, table_csv(exported, with_names)}},
                    [way, name](const Result<KeptStepFiles>& kept) {
                        if (!kept.ok()) {
                            return way->done(step_overloaded());
                        }
                        if (!kept->problem.empty()) {
                            return way->fail(kept->problem);
                        }
                        way->succeed(Json::object({{"file", Json::string(kept->addresses.front())},
                                                   {"name", Json::string(name)}}));
                    });
    });
}

PiecePerformers with_tables(PiecePerformers pieces, TableSteps& tables) {
    pieces.native[std::string(kTablesPiece)] = [&tables](const StepCall& call, StepDone done) {
        tables.perform(call, std::move(done));
        return StepCancel();
    };
    return pieces;
}

}  // namespace sallyport::engine
