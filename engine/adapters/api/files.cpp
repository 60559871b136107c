// Files and step files (engine contract 1.3): kept by pieces with the engine's token, read by
// whoever has a signed address.
#include "engine/adapters/api/files.hpp"

#include "common/bytes.hpp"
#include "engine/adapters/api/entities.hpp"
#include "engine/adapters/api/slices.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/multipart.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kRead = "FILE_READ";
constexpr std::string_view kWrite = "FILE_WRITE";
constexpr std::size_t kNameBytesMax = 255;
// To send a file once its address is known.
constexpr std::int64_t kUploadSeconds = 3600;

std::string address(const Api& api, const std::string& path, const std::string& token) {
    return api.options.base_url + "/api/v1/" + path + "?token=" + token;
}

std::string file_token(const Api& api, std::string_view purpose, const std::string& file_id,
                       const std::string& project_id, std::int64_t seconds) {
    return api.signed_token(Json::object({{"type", Json::string(purpose)},
                                          {"fileId", Json::string(file_id)},
                                          {"projectId", Json::string(project_id)}}),
                            seconds);
}

// The claims of the query's token when it is for this.
Json claims_for(const Api& api, const CallPtr& call, std::string_view purpose) {
    const Result<Json> claims = api.verified_token(call->query_text("token"));
    return claims.ok() && (*claims)["type"].text() == purpose ? *claims : Json();
}

void fail_token(const CallPtr& call) {
    call->fail(ApiError::invalid_bearer_token,
               Json::object({{"message", Json::string("invalid access token")}}));
}

void fail_taken(const CallPtr& call) {
    call->fail(ApiError::validation, Json::object({{"message", Json::string("The file exists")}}));
}

// Letters, digits and what is harmless inside a quoted field and in every file system.
std::string harmless(std::string_view name) {
    std::string out(name.substr(0, kNameBytesMax));
    for (char& c : out) {
        const auto byte = static_cast<unsigned char>(c);
        const bool bad = byte < 0x20 || byte >= 0x7f ||
                         std::string_view("\"\\/:*?<>|").find(c) != std::string_view::npos;
        c = bad ? '_' : c;
    }
    return out.empty() ? "file" : out;
}

// ---- reading

void reply_with_file(Api& api, const CallPtr& call, const std::string& id, bool attach) {
    api.ports.files.read(
        id, [&api, call, id, attach](const Result<std::optional<KeptFile>>& found) {
            if (api.failed(call, found)) {
                return;
            }
            if (!found->has_value()) {
                return call->fail_not_found("file", id);
            }
            const KeptFile& file = **found;
            if (!file.problem.empty() && api.failed(call, Status(Error{file.problem}))) {
                return;
            }
            WebResponse response{200,
                                 {{"content-type", "application/octet-stream"},
                                  {"x-content-type-options", "nosniff"},
                                  {"cache-control", "private, no-store"}},
                                 file.data};
            if (attach) {
                response.headers.push_back(
                    {"content-disposition", "attachment; filename=\"" + file.name + "\""});
            }
            if (!file.encoding.empty()) {
                response.headers.push_back({"content-encoding", file.encoding});
            }
            call->reply(std::move(response));
        });
}

void get_step_file(Api& api, const CallPtr& call) {
    const Json claims = claims_for(api, call, kRead);
    if (!claims.exists()) {
        return fail_token(call);
    }
    reply_with_file(api, call, std::string(claims["fileId"].text()), true);
}

void get_file(Api& api, const CallPtr& call) {
    const Result<Json> slice = api.verified_token(call->query_text("token"));
    if (slice.ok() && is_slice_token(*slice) && (*slice)["fileId"].text() == call->params[0]) {
        return reply_with_slice(api, call, *slice);
    }
    const Json claims = claims_for(api, call, kRead);
    if (!claims.exists() || claims["fileId"].text() != call->params[0]) {
        return fail_token(call);
    }
    reply_with_file(api, call, call->params[0], false);
}

// ---- writing

bool is_encoding(std::string_view encoding) {
    return encoding.empty() || encoding == "zstd" || encoding == "gzip" || encoding == "identity";
}

// With an address that was made for it, or with the engine's own token.
void put_bytes(Api& api, const CallPtr& call, const std::string& project) {
    const std::string& id = call->params[0];
    const std::string encoding(call->request.header("content-encoding"));
    if (!is_id(id)) {
        return call->fail_validation("params/fileId must have 21 letters and digits");
    }
    if (!is_encoding(encoding)) {
        return call->fail_validation("content-encoding must be zstd, gzip or identity");
    }
    api.ports.files.exists(id, [&api, call, id, project, encoding](const Result<bool>& taken) {
        if (api.failed(call, taken)) {
            return;
        }
        if (*taken) {
            return fail_taken(call);
        }
        const std::string name(call->query_text("fileName"));
        store_files(
            api, call, project,
            {{id, name, encoding == "identity" ? "" : encoding, call->request.body}},
            [&api, call, id, project] {
                const std::string token =
                    file_token(api, kRead, id, project, api.options.file_seconds);
                call->reply(
                    200,
                    Json::object({{"fileId", Json::string(id)},
                                  {"readUrl", Json::string(address(api, "files/" + id, token))}}));
            });
    });
}

void put_signed(Api& api, const CallPtr& call) {
    const Json claims = claims_for(api, call, kWrite);
    if (!claims.exists() || claims["fileId"].text() != call->params[0]) {
        return fail_token(call);
    }
    put_bytes(api, call, std::string(claims["projectId"].text()));
}

void put_streamed(Api& api, const CallPtr& call) {
    put_bytes(api, call, call->engine_project);
}

struct StepFile {
    std::string name;
    std::string flow_id;
    std::string step_name;
    std::optional<std::string> data;
};

Result<StepFile> step_file_from(const CallPtr& call) {
    const auto parts = parse_multipart(call->request.header("content-type"), call->request.body);
    if (!parts.ok()) {
        return Error{"body: " + parts.message()};
    }
    StepFile file;
    for (const MultipartPart& part : *parts) {
        if (part.name == "fileName") {
            file.name = part.data;
        } else if (part.name == "flowId") {
            file.flow_id = part.data;
        } else if (part.name == "stepName") {
            file.step_name = part.data;
        } else if (part.name == "file") {
            file.data = part.data;
        }
    }
    if (file.name.empty() || file.flow_id.empty() || file.step_name.empty()) {
        return Error{"body must have fileName, flowId and stepName"};
    }
    return file;
}

void reply_with_step_file(Api& api, const CallPtr& call, const StepFile& file) {
    const std::string id = api.ports.entropy.id();
    Json answer = Json::object({{"url", Json::string(step_file_url(api, id))}});
    if (!file.data) {  // sent afterwards
        const std::string token = file_token(api, kWrite, id, call->engine_project, kUploadSeconds);
        answer.set("uploadUrl", Json::string(address(api, "files/" + id, token) +
                                             "&fileName=" + percent_encode(file.name)));
        return call->reply(200, answer);
    }
    store_files(api, call, call->engine_project, {{id, file.name, "", *file.data}},
                [call, answer] { call->reply(200, answer); });
}

void create_step_file(Api& api, const CallPtr& call) {
    const Result<StepFile> file = step_file_from(call);
    if (!file.ok()) {
        return call->fail_validation(file.message());
    }
    api.ports.flows.flow(
        file->flow_id, FlowStore::Which::latest, {},
        [&api, call, file = *file](const Result<std::optional<StoredFlow>>& flow) {
            if (api.failed(call, flow)) {
                return;
            }
            if (!flow->has_value() || (*flow)->flow.project_id != call->engine_project) {
                return call->fail_not_found("flow", file.flow_id);
            }
            reply_with_step_file(api, call, file);
        });
}

}  // namespace

std::string step_file_url(const Api& api, const std::string& file_id) {
    return address(api, "step-files/signed",
                   file_token(api, kRead, file_id, "", api.options.file_seconds));
}

std::optional<std::string> read_file_id(const Api& api, std::string_view address) {
    const std::string begin = api.options.base_url + "/api/v1/step-files/signed?token=";
    if (!address.starts_with(begin)) {
        return std::nullopt;
    }
    const Result<Json> claims = api.verified_token(address.substr(begin.size()));
    return claims.ok() && (*claims)["type"].text() == kRead
               ? std::optional(std::string((*claims)["fileId"].text()))
               : std::nullopt;
}

CarriedFiles carried_files(Api& api, const std::vector<WebhookFile>& files) {
    CarriedFiles carried;
    for (const WebhookFile& file : files) {
        carried.files.push_back({api.ports.entropy.id(), file.name, "", file.data});
        carried.urls.push_back(step_file_url(api, carried.files.back().id));
    }
    return carried;
}

bool refused_as_too_large(const Api& api, const CallPtr& call, const std::vector<NewFile>& files) {
    const bool refused = std::any_of(files.begin(), files.end(), [&api](const NewFile& file) {
        return file.data.size() > api.options.file_bytes_max;
    });
    if (refused) {
        call->fail(ApiError::file_too_large,
                   Json::object(
                       {{"message",
                         Json::string("A file has at most " +
                                      std::to_string(api.options.file_bytes_max >> 20) + " MB")}}));
    }
    return refused;
}

void keep_files(Api& api, const std::string& project_id, std::vector<NewFile> files,
                FileKeeper::Done done) {
    if (files.empty()) {
        return done({});
    }
    for (NewFile& file : files) {
        file.name = harmless(file.name);
    }
    api.ports.files.keep(project_id, files, std::move(done));
}

void store_files(Api& api, const CallPtr& call, const std::string& project_id,
                 const std::vector<NewFile>& files, std::function<void()> then) {
    if (refused_as_too_large(api, call, files)) {
        return;
    }
    keep_files(api, project_id, files, [&api, call, then = std::move(then)](const FilesKept& kept) {
        if (api.failed(call, kept.as_result())) {
            return;
        }
        if (kept.outcome == FilesKept::Outcome::taken) {
            return fail_taken(call);
        }
        then();
    });
}

const std::vector<ApiRoute> kFileRoutes = {
    {"GET", "step-files/signed", ApiRoute::Access::open, get_step_file},
    {"POST", "step-files", ApiRoute::Access::engine, create_step_file, true},
    {"GET", "files/:fileId", ApiRoute::Access::open, get_file},
    {"PUT", "files/:fileId", ApiRoute::Access::open, put_signed, true},
    {"POST", "files/:fileId/stream-upload", ApiRoute::Access::engine, put_streamed, true},
};

}  // namespace sallyport::engine
