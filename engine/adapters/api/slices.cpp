#include "engine/adapters/api/slices.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/core/ids.hpp"
#include "engine/core/runs/journal.hpp"
#include "engine/core/runs/record.hpp"
#include "engine/core/runs/slices.hpp"

namespace sallyport::engine {
namespace {

constexpr std::string_view kSlice = "SLICE_READ";

// The same each time, with an id's form.
std::string slice_id(const std::string& run_id, const std::string& place) {
    const std::string text = run_id + "/" + place;
    return hex_encode(digest(DigestAlgorithm::sha256, text)).substr(0, kIdChars);
}

}  // namespace

Json sliced_steps(const Api& api, const std::string& run_id, const Json& steps) {
    return with_slices(
        steps, api.options.slice_bytes, [&](const std::string& place, std::size_t bytes) {
            const std::string id = slice_id(run_id, place);
            const std::string token =
                api.signed_token(Json::object({{"type", Json::string(kSlice)},
                                               {"fileId", Json::string(id)},
                                               {"runId", Json::string(run_id)},
                                               {"place", Json::string(place)}}),
                                 api.options.file_seconds);
            return Json::object({{"fileId", Json::string(id)},
                                 {"size", Json::integer(static_cast<std::int64_t>(bytes))},
                                 {"url", Json::string(api.options.base_url + "/api/v1/files/" + id +
                                                      "?token=" + token)}});
        });
}

bool is_slice_token(const Json& claims) {
    return claims["type"].text() == kSlice;
}

void reply_with_slice(Api& api, const CallPtr& call, const Json& claims) {
    const std::string run_id(claims["runId"].text());
    const std::string place(claims["place"].text());
    const auto not_found = [call] { call->fail_not_found("file", call->params[0]); };
    api.ports.runs.run(run_id, [&api, call, place,
                                not_found](const Result<std::optional<StoredRun>>& run) {
        if (api.failed(call, run)) {
            return;
        }
        if (!run->has_value()) {
            return not_found();
        }
        const auto reply = [&api, call, place, not_found, commits = (*run)->commits](
                               const Result<std::optional<RunnableFlow>>& flow) {
            if (api.failed(call, flow)) {
                return;
            }
            if (!flow->has_value() || (*flow)->program == nullptr) {
                return not_found();
            }
            const Program& program = *(*flow)->program;
            const Result<RunState> state = replay(program, commits);
            const Json output = state.ok() ? output_at(steps_json(program, *state), place) : Json();
            if (!output.exists()) {
                return not_found();
            }
            call->reply({200,
                         {{"content-type", "application/json"},
                          {"x-content-type-options", "nosniff"},
                          {"cache-control", "private, no-store"}},
                         output.dump()});
        };
        api.ports.catalog.version((*run)->row.flow_id, (*run)->row.version_id, reply);
    });
}

}  // namespace sallyport::engine
