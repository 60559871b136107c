#include "engine/adapters/alerts.hpp"

namespace sallyport::engine {
namespace {

constexpr std::size_t kReceiversMax = 50;
constexpr std::size_t kRemembered = 10'000;

bool is_failure(RunStatus status) {
    return status != RunStatus::succeeded && status != RunStatus::canceled;
}

}  // namespace

bool Alerts::is_news(const std::string& flow_id) {
    const std::int64_t now = clock_.now_ms();
    if (told_ms_.size() >= kRemembered) {
        std::erase_if(told_ms_, [now](const auto& one) { return now - one.second >= kSilentMs; });
    }
    if (told_ms_.size() >= kRemembered) {
        return false;
    }
    const auto [told, first] = told_ms_.try_emplace(flow_id, now);
    const bool news = first || now - told->second >= kSilentMs;
    told->second = news ? now : told->second;
    return news;
}

void Alerts::run_ended(const RunRow& run, RunStatus status) {
    if (!is_failure(status) || run.environment != "PRODUCTION" || !is_news(run.flow_id)) {
        return;
    }
    EntityQuery query;
    query.kind = kAlertKind;
    query.scope = run.project_id;
    query.limit = kReceiversMax;
    store_.list_entities(query, [this, run, status](const Result<Page<EntityRow>>& page) {
        if (!page.ok()) {
            return;
        }
        const std::string text =
            "A run of the flow \"" + run.display_name + "\" ended as " +
            std::string(to_string(status)) + ".\r\n\r\nRun: " + run.id +
            "\r\nFlow: " + run.flow_id + "\r\n" +
            (public_url_.empty() ? "" : public_url_ + "/runs/" + run.id + "\r\n") +
            "\r\nFailures of this flow within the next hour are not reported.\r\n";
        for (const EntityRow& alert : page->rows) {
            mailer_.send(alert.key, "A run of " + run.display_name + " failed", text);
        }
    });
}

}  // namespace sallyport::engine
