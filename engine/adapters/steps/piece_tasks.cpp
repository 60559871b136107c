#include "engine/adapters/steps/piece_tasks.hpp"

#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "engine/adapters/sandbox/nodebox_pool.hpp"
#include "engine/adapters/sandbox/result.hpp"
#include "engine/core/npm_archive.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kReference = "connections";
constexpr std::size_t kManifestBytesMax = 1u << 20;

PieceTask description_of(const std::string& piece, const std::string& version) {
    PieceTask task;
    task.piece = piece;
    task.version = version;
    task.input = Json::object();
    task.task = Json::object({{"do", Json::string("describe")}});
    return task;
}

// What npm has put there.
Result<std::string> installed_version(const std::string& folder, const std::string& package) {
    const std::string path = folder + "/node_modules/" + package + "/package.json";
    const Result<std::string> text = read_file_text(path, kManifestBytesMax);
    const Result<Json> manifest = text.ok() ? Json::parse(*text) : Result<Json>(text.error());
    if (!manifest.ok() || (*manifest)["version"].text().empty()) {
        return Error{package + ": its package.json names no version"};
    }
    return std::string((*manifest)["version"].text());
}

}  // namespace

struct PieceTasks::Under {
    PieceTask task;
    Done done;
    bool cancelled = false;
    NodeHost::RunId run = 0;
};

NpmPackages piece_package(std::string_view name, std::string_view version) {
    while (version.starts_with('~') || version.starts_with('^')) {
        version.remove_prefix(1);
    }
    return {{std::string(name), version.empty() ? "latest" : std::string(version)}};
}

// {{connections['name']}}, {{connections["name"]}}, {{connections.name}}
std::string connection_named(std::string_view text) {
    text = trim_ows(text);
    if (!text.starts_with("{{") || !text.ends_with("}}") || text.size() < 4) {
        return {};
    }
    text = trim_ows(text.substr(2, text.size() - 4));
    if (!text.starts_with(kReference)) {
        return {};
    }
    text.remove_prefix(kReference.size());
    const bool quoted = text.size() > 4 && text.front() == '[' && text.back() == ']' &&
                        (text[1] == '\'' || text[1] == '"') && text[text.size() - 2] == text[1];
    const std::string_view name = quoted                  ? text.substr(2, text.size() - 4)
                                  : text.starts_with('.') ? text.substr(1)
                                                          : std::string_view();
    const std::string_view never = quoted ? "'\"\\" : ".[](){}'\"+ ";
    return name.find_first_of(never) == std::string_view::npos ? std::string(name) : std::string();
}

std::string PieceTasks::webhook_url(const std::string& flow_id) const {
    return options_.public_url + "/api/v1/webhooks/" + flow_id;
}

std::string PieceTasks::app_url(const std::string& name) const {
    return options_.public_url + "/api/v1/app-events/" + name;
}

PieceTasks::Cancel PieceTasks::run(PieceTask task, Done done) {
    const NpmPackages packages = piece_package(task.piece, task.version);
    if (!is_npm_name(task.piece) || !is_npm_version(packages.begin()->second)) {
        done(failed_run(SandboxStatus::error,
                        "'" + task.piece + "' " + task.version + " is no package of a registry"));
        return {};
    }
    const auto under = std::make_shared<Under>();
    under->task = std::move(task);
    under->done = std::move(done);
    with_folder(under);
    return [this, under] {
        under->cancelled = true;
        if (under->run != 0) {
            ports_.host.cancel(under->run);
        }
    };
}

// An archive that was installed by the name and version comes before the registry.
void PieceTasks::with_folder(const std::shared_ptr<Under>& under) {
    const PieceTask& task = under->task;
    const auto then = [this, under](const Result<std::string>& folder) { go_on(under, folder); };
    const NpmPackages packages = piece_package(task.piece, task.version);
    if (task.sent) {
        return ports_.folders.prepare_archive(archived_package(task.piece, task.sent->sha256),
                                              task.sent->bytes, then);
    }
    if (task.from_registry) {
        return ports_.folders.prepare(packages, then);
    }
    const std::string version = packages.begin()->second;
    ports_.archives.find(
        task.piece, version, task.time_ms_max,
        [this, under, version, packages, then](const Result<PieceArchive>& found) {
            if (!found.ok()) {
                return then(found.error());
            }
            if (found->state == PieceArchive::State::there) {
                return from_archive(under, found->sha256);
            }
            if (found->state == PieceArchive::State::deleted) {
                return then(Error{under->task.piece + "@" + version +
                                  " came as an archive, which an administrator has "
                                  "deleted: install it again (POST /v1/pieces)"});
            }
            ports_.folders.prepare(packages, then);
        });
}

void PieceTasks::from_archive(const std::shared_ptr<Under>& under, const std::string& sha256) {
    const NpmPackages packages = archived_package(under->task.piece, sha256);
    const auto then = [this, under](const Result<std::string>& folder) { go_on(under, folder); };
    if (ports_.folders.is_there(packages)) {
        return ports_.folders.prepare(packages, then);
    }
    ports_.archives.read(under->task.piece, sha256, under->task.time_ms_max,
                         [this, packages, then](const Result<ArchiveBytes>& bytes) {
                             if (!bytes.ok()) {
                                 return then(bytes.error());
                             }
                             ports_.folders.prepare_archive(packages, *bytes, then);
                         });
}

void PieceTasks::go_on(const std::shared_ptr<Under>& under, const Result<std::string>& folder) {
    if (under->cancelled) {
        under->done(failed_run(SandboxStatus::cancelled, "the run was cancelled"));
    } else if (!folder.ok()) {
        under->done(failed_run(SandboxStatus::error, folder.message()));
    } else {
        under->task.task.set("folder", Json::string(*folder));
        with_auth(under);
    }
}

void PieceTasks::run_resolved(PieceTask task, const Json& input, int schema, Done done) {
    const auto shared = std::make_shared<PieceTask>(std::move(task));
    resolver_.resolve(shared->project_id, input.is_object() ? input : Json::object(),
                      Json::object(), schema,
                      [this, shared, done = std::move(done)](ResolvedInput resolved) {
                          if (!resolved.ok()) {
                              return done(failed_run(resolved.status, std::move(resolved.error)));
                          }
                          shared->input = std::move(resolved.value);
                          run(std::move(*shared), done);
                      });
}

// The newest is found in a folder of its own, which is made anew each time, and described from the
// folder of its version: that one never changes under a process that has it.
void PieceTasks::describe(const std::string& piece, const std::string& version, Done done) {
    PieceTask task = description_of(piece, version);
    task.from_registry = true;
    if (!version.empty() || !is_npm_name(piece)) {
        run(std::move(task), std::move(done));
        return;
    }
    ports_.folders.renew(piece_package(piece, ""),
                         [this, task = std::move(task),
                          done = std::move(done)](const Result<std::string>& folder) mutable {
                             const Result<std::string> newest =
                                 folder.ok() ? installed_version(*folder, task.piece) : folder;
                             if (!newest.ok()) {
                                 return done(failed_run(SandboxStatus::error, newest.message()));
                             }
                             task.version = *newest;
                             run(std::move(task), done);
                         });
}

void PieceTasks::describe_sent(const std::string& piece, const std::string& version,
                               SentArchive sent, Done done) {
    PieceTask task = description_of(piece, version);
    task.sent = std::move(sent);
    run(std::move(task), std::move(done));
}

// Newer pieces see a connection whole; what a template gives is what older ones see.
void PieceTasks::with_auth(const std::shared_ptr<Under>& under) {
    const std::string folder(under->task.task["folder"].text());
    under->task.task.erase("folder");
    const std::string name = connection_named(under->task.raw_auth.text());
    if (name.empty()) {
        const Json given = under->task.input["auth"];
        under->task.task.set("auth", given.exists() ? given : Json::null());
        return start(under, folder);
    }
    ports_.secrets.connection(
        under->task.project_id, name, [this, under, folder, name](const Result<Json>& value) {
            if (!value.ok()) {
                return under->done(failed_run(SandboxStatus::error, value.message()));
            }
            if (!value->exists()) {
                return under->done(
                    failed_run(SandboxStatus::error,
                               "ConnectionNotFoundError: connection '" + name + "' was not found"));
            }
            under->task.task.set("auth", *value);
            start(under, folder);
        });
}

void PieceTasks::start(const std::shared_ptr<Under>& under, const std::string& folder) {
    if (under->cancelled) {
        return under->done(failed_run(SandboxStatus::cancelled, "the run was cancelled"));
    }
    PieceTask& task = under->task;
    Json whole = task.task;
    const auto text = [](const std::string& value) { return Json::string(value); };
    whole.set("piece", text(task.piece));
    whole.set("step", text(task.step));
    whole.set("project", Json::object({{"id", text(task.project_id)}}));
    whole.set("run", Json::object({{"id", text(task.run_id)}}));
    whole.set("flow",
              Json::object({{"id", text(task.flow_id)}, {"versionId", text(task.version_id)}}));
    whole.set("webhookUrl", text(webhook_url(task.flow_id)));
    whole.set("server", Json::object({{"apiUrl", text(std::string(kInternalOrigin) + "api/")},
                                      {"publicUrl", text(options_.public_url + "/api/")},
                                      {"token", text(ports_.token(task.project_id))}}));
    NodeRequest request;
    request.kind = NodeRequest::Kind::piece;
    request.tenant = task.project_id;
    request.code = whole.dump();
    request.input = task.input;
    request.packages = folder;
    request.preload = task.piece;
    request.limits.time_ms =
        static_cast<std::uint32_t>(std::max<std::int64_t>(1, task.time_ms_max));
    request.limits.memory_bytes = options_.memory_bytes;
    under->run = ports_.host.run(std::move(request), [under](SandboxResult result) {
        under->run = 0;
        under->done(std::move(result));
    });
}

}  // namespace sallyport::engine
