// `sallyport engine`: a running engine's flows, runs, connections and long operations, through its
// API.
#include "cli/control_client.hpp"
#include "common/file_text.hpp"

#include <chrono>
#include <cstdio>
#include <memory>
#include <set>
#include <thread>

namespace sallyport::cli {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(500);
constexpr const char* kPage = "100";
constexpr std::size_t kImportBytesMax = 25u << 20;

struct EngineOptions {
    ControlTarget engine;
    std::string project;
    std::string flow;
    std::string status;
    std::string id;
    std::string strategy = "FROM_FAILED_STEP";
    std::string file;
    int limit = 20;
};

std::string text_of(const Json& value) {
    return std::string(value.text_or("-"));
}

void print_row(const std::string& id, const std::string& state, const std::string& rest) {
    std::printf("%-21s %-12s %s\n", id.c_str(), state.c_str(), rest.c_str());
}

// A list, page by page, until `limit` rows were shown.
template <typename Show>
void list(const EngineOptions& options, const std::string& path, int limit, Show show) {
    std::string cursor;
    int shown = 0;
    do {
        const Json page = ask_control(
            options.engine, "GET",
            path + "&limit=" + kPage + (cursor.empty() ? "" : "&cursor=" + query_value(cursor)),
            {});
        page["data"].each_element([&](const Json& row) {
            if (shown < limit) {
                show(row);
                ++shown;
            }
        });
        cursor = page["next"].text_or("");
    } while (!cursor.empty() && shown < limit);
}

std::string of_project(const EngineOptions& options, const std::string& family) {
    return "/v1/" + family + "?projectId=" + query_value(options.project);
}

void flows(const EngineOptions& options) {
    list(options, of_project(options, "flows"), options.limit, [](const Json& flow) {
        print_row(text_of(flow["id"]), text_of(flow["status"]),
                  text_of(flow["version"]["displayName"]));
    });
}

void runs(const EngineOptions& options) {
    std::string path = of_project(options, "flow-runs");
    path += options.flow.empty() ? "" : "&flowId=" + query_value(options.flow);
    path += options.status.empty() ? "" : "&status=" + query_value(options.status);
    list(options, path, options.limit, [](const Json& run) {
        print_row(text_of(run["id"]), text_of(run["status"]),
                  text_of(run["created"]) + " " + text_of(run["flowVersion"]["displayName"]));
    });
}

void connections(const EngineOptions& options) {
    list(options, of_project(options, "app-connections"), options.limit, [](const Json& one) {
        print_row(text_of(one["id"]), text_of(one["status"]),
                  text_of(one["externalId"]) + " (" + text_of(one["type"]) + ")");
    });
}

Json run_of(const EngineOptions& options) {
    return ask_control(options.engine, "GET", "/v1/flow-runs/" + query_value(options.id), {});
}

void show_run(const EngineOptions& options) {
    std::printf("%s\n", run_of(options).dump_pretty().c_str());
}

// Each step when it has ended, then the run. Whether it has ended.
bool show_progress(const Json& run, std::set<std::string>& told) {
    run["steps"].each_member([&told](std::string_view name, const Json& step) {
        const std::string status = text_of(step["status"]);
        if (status == "RUNNING" || !told.insert(std::string(name) + " " + status).second) {
            return;
        }
        const std::string message(step["errorMessage"].text());
        std::printf("%-24s %-12s %s\n", std::string(name).c_str(), status.c_str(), message.c_str());
    });
    if (told.insert("= " + text_of(run["status"])).second) {
        std::printf("%-24s %s\n", "(run)", text_of(run["status"]).c_str());
    }
    std::fflush(stdout);
    return run["finishTime"].is_string();
}

void tail(const EngineOptions& options) {
    std::set<std::string> told;
    Json run = run_of(options);
    while (!show_progress(run, told)) {
        std::this_thread::sleep_for(kLookAgain);
        run = run_of(options);
    }
    if (run["status"].text() != "SUCCEEDED") {
        stop(kFailed);
    }
}

void retry(const EngineOptions& options) {
    const Json body = Json::object({{"strategy", Json::string(options.strategy)}});
    const Json run = ask_control(options.engine, "POST",
                                 "/v1/flow-runs/" + query_value(options.id) + "/retry", body);
    print_row(text_of(run["id"]), text_of(run["status"]), "");
}

// ---- long operations

void print_job(const Json& job) {
    std::printf("%-12s %-12s %lld of %lld done, %lld failed %s\n", text_of(job["type"]).c_str(),
                text_of(job["status"]).c_str(), static_cast<long long>(job["done"].integer_or(0)),
                static_cast<long long>(job["total"].integer_or(0)),
                static_cast<long long>(job["failed"].integer_or(0)),
                std::string(job["problem"].text()).c_str());
    std::fflush(stdout);
}

void jobs(const EngineOptions& options) {
    list(options, "/v1/jobs?", options.limit, print_job);
}

// Starts it and shows its progress until it ends.
void work(const EngineOptions& options, const Json& what) {
    Json job = ask_control(options.engine, "POST", "/v1/jobs", what);
    const std::string path = "/v1/jobs/" + text_of(job["id"]);
    std::string shown;
    while (true) {
        if (const std::string now = job.dump(); now != shown) {
            print_job(job);
            shown = now;
        }
        if (job["status"].text() != "RUNNING") {
            break;
        }
        std::this_thread::sleep_for(kLookAgain);
        job = ask_control(options.engine, "GET", path, {});
    }
    if (job["status"].text() != "SUCCEEDED" || job["failed"].integer_or(0) > 0) {
        stop(kFailed);
    }
}

Json job_of(const char* type) {
    return Json::object({{"type", Json::string(type)}});
}

void retry_runs(const EngineOptions& options) {
    Json what = job_of("RETRY_RUNS");
    what.set("projectId", Json::string(options.project));
    what.set("strategy", Json::string(options.strategy));
    const auto narrow = [&what](const char* name, const std::string& to) {
        if (!to.empty()) {
            Json one = Json::array();
            one.append(Json::string(to));
            what.set(name, one);
        }
    };
    narrow("flowId", options.flow);
    narrow("status", options.status);
    work(options, what);
}

// A template as the engine exports it, its list of flows, or one flow.
void import_flows(const EngineOptions& options) {
    const Result<std::string> text = read_file_text(options.file, kImportBytesMax);
    const Result<Json> given =
        text.ok() ? Json::parse_flow(*text) : Result<Json>(Error{text.message()});
    if (!given.ok()) {
        std::fprintf(stderr, "%s: %s\n", options.file.c_str(), given.message().c_str());
        stop(kFailed);
    }
    Json flows = (*given)["flows"].is_array() ? (*given)["flows"] : *given;
    if (!flows.is_array()) {
        flows = Json::array();
        flows.append(*given);
    }
    Json what = job_of("IMPORT_FLOWS");
    what.set("projectId", Json::string(options.project));
    what.set("flows", flows);
    work(options, what);
}

Command add_action(const Command& parent, EngineOptions& options, const char* name,
                   const char* help) {
    const Command command = parent.command(name, help);
    command
        .option("--url", options.engine.url, "Where the engine is, such as http://127.0.0.1:3000")
        .required();
    command.option("--token-file", options.engine.token_file,
                   "A session's token, or an API key (mode 0600)");
    command.option("--unix-socket", options.engine.unix_socket,
                   "Connect to this socket instead of the URL's host");
    command.option("--ca", options.engine.ca_file, "The CA of an https URL");
    return command;
}

Command add_list(const Command& parent, EngineOptions& options, const char* name,
                 const char* help) {
    const Command command = add_action(parent, options, name, help);
    command.option("--project", options.project, "The project's id").required();
    command.option("--limit", options.limit, "How many at most").shows_default();
    return command;
}

}  // namespace

void add_engine(const Command& program) {
    auto options = std::make_shared<EngineOptions>();
    const Command engine = program.command("engine", "Looks after a running engine");
    engine.needs_command();
    add_list(engine, *options, "flows", "Lists flows").run([options] { flows(*options); });
    const Command runs_of = add_list(engine, *options, "runs", "Lists runs, newest first");
    runs_of.option("--flow", options->flow, "Of this flow");
    runs_of.option("--status", options->status, "In this status");
    runs_of.run([options] { runs(*options); });
    add_list(engine, *options, "connections", "Lists connections and their status").run([options] {
        connections(*options);
    });
    const auto of_run = [&](const char* name, const char* help) {
        const Command command = add_action(engine, *options, name, help);
        command.option("id", options->id, "The run's id").required();
        return command;
    };
    of_run("run", "Shows a run with its steps").run([options] { show_run(*options); });
    of_run("tail", "Shows a run's steps as they end").run([options] { tail(*options); });
    const Command again = of_run("retry", "Tries a failed run again");
    again.option("--strategy", options->strategy, "How")
        .one_of({"FROM_FAILED_STEP", "ON_LATEST_VERSION"})
        .shows_default();
    again.run([options] { retry(*options); });
    const Command all = add_action(engine, *options, "jobs", "Lists long operations");
    all.run([options] { jobs(*options); });
    add_action(engine, *options, "rotate-keys",
               "Seals stored secrets with the key in use, shows the progress")
        .run([options] { work(*options, job_of("ROTATE_KEYS")); });
    add_action(engine, *options, "retention",
               "Removes runs and files that are older than they are kept, shows the progress")
        .run([options] { work(*options, job_of("RETENTION")); });
    const auto of_project = [&](const char* name, const char* help) {
        const Command command = add_action(engine, *options, name, help);
        command.option("--project", options->project, "The project's id").required();
        return command;
    };
    const Command failed =
        of_project("retry-runs", "Tries a project's failed runs again, shows the progress");
    failed.option("--flow", options->flow, "Of this flow");
    failed.option("--status", options->status, "In this status");
    failed.option("--strategy", options->strategy, "How")
        .one_of({"FROM_FAILED_STEP", "ON_LATEST_VERSION"})
        .shows_default();
    failed.run([options] { retry_runs(*options); });
    const Command flows_in =
        of_project("import-flows", "Makes flows of an export or a template, shows the progress");
    flows_in.option("file", options->file, "JSON").required();
    flows_in.run([options] { import_flows(*options); });
}

}  // namespace sallyport::cli
