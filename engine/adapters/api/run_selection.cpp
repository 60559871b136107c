#include "engine/adapters/api/run_selection.hpp"

#include "engine/core/runs/state.hpp"
#include "engine/core/time_text.hpp"

#include <algorithm>

namespace sallyport::engine {
namespace {

constexpr std::size_t kPage = 500;

bool texts_of(const Json& value, std::vector<std::string>& out) {
    if (!value.exists() || value.is_null()) {
        return true;
    }
    if (value.is_string()) {
        out.emplace_back(value.text());
        return true;
    }
    bool texts = value.is_array() && value.size() <= kSelectedMax;
    value.each_element([&](const Json& one) {
        texts = texts && one.is_string();
        out.emplace_back(one.text());
    });
    return texts;
}

bool are_run_statuses(const std::vector<std::string>& words) {
    return std::all_of(words.begin(), words.end(), [](const std::string& word) {
        return to_string(run_status_from(word)) == word;
    });
}

bool is_text_or_absent(const Json& value) {
    return value.is_string() || value.is_null() || !value.exists();
}

bool read_time(const Json& value, std::optional<std::int64_t>& out) {
    if (value.is_string()) {
        out = parse_iso_time(value.text());
        return out.has_value();
    }
    return !value.exists() || value.is_null();
}

}  // namespace

bool RunSelection::excepts(const std::string& id) const {
    return std::find(except.begin(), except.end(), id) != except.end();
}

std::optional<RunSelection> read_selection(const CallPtr& call) {
    RunSelection selection;
    RunQuery& query = selection.query;
    query.project_id = call->body["projectId"].text();
    query.failed_step_name = call->body["failedStepName"].text();
    query.failed_step_message = call->body["failedStepMessage"].text();
    query.limit = kPage;
    // One id in place of a list is that run: it must not be taken for no choice among all.
    selection.named = call->body["flowRunIds"].exists() && !call->body["flowRunIds"].is_null();
    const bool good = texts_of(call->body["flowRunIds"], selection.ids) &&
                      texts_of(call->body["excludeFlowRunIds"], selection.except) &&
                      texts_of(call->body["status"], query.statuses) &&
                      texts_of(call->body["flowId"], query.flow_ids) &&
                      are_run_statuses(query.statuses) &&
                      is_text_or_absent(call->body["failedStepName"]) &&
                      is_text_or_absent(call->body["failedStepMessage"]) &&
                      read_time(call->body["createdAfter"], query.created_after_ms) &&
                      read_time(call->body["createdBefore"], query.created_before_ms);
    if (query.project_id.empty() || !good) {
        call->fail_validation(
            "body must have projectId, and may have flowRunIds, excludeFlowRunIds, status (of a "
            "run) and flowId (texts, at most " +
            std::to_string(kSelectedMax) +
            "), failedStepName and failedStepMessage (a text) and createdAfter and createdBefore "
            "(ISO 8601)");
        return std::nullopt;
    }
    std::erase_if(selection.ids, [&](const std::string& id) { return selection.excepts(id); });
    return selection;
}

void narrow(RunSelection& selection, std::span<const std::string_view> statuses) {
    std::vector<std::string>& wanted = selection.query.statuses;
    if (wanted.empty()) {
        wanted.assign(statuses.begin(), statuses.end());
        return;
    }
    std::erase_if(wanted, [&](const std::string& status) {
        return std::find(statuses.begin(), statuses.end(), status) == statuses.end();
    });
    if (wanted.empty()) {
        wanted.emplace_back("NONE");  // no run is in such a status
    }
}

}  // namespace sallyport::engine
