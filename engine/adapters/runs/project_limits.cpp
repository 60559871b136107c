#include "engine/adapters/runs/project_limits.hpp"

#include "common/json.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::int64_t kReadAgainMs = 30'000;
constexpr std::size_t kProjectsPage = 500;

}  // namespace

void limit_project(Runs& driver, const EntityRow& settings) {
    const Result<Json> body = Json::parse(settings.body);
    const std::int64_t most = body.ok() ? (*body)["maxConcurrentJobs"].integer_or(0) : 0;
    driver.limit_project(settings.id, most > 0 ? static_cast<std::size_t>(most) : 0);
}

void ProjectLimits::start(Loop& loop, std::function<void()> ready) {
    loop_ = &loop;
    ready_ = std::move(ready);
    look({});
}

void ProjectLimits::stop() {
    if (Loop* const loop = std::exchange(loop_, nullptr)) {
        loop->cancel(std::exchange(timer_, 0));
    }
}

void ProjectLimits::look_again() {
    if (ready_) {
        std::exchange(ready_, nullptr)();
    }
    timer_ = loop_->after(kReadAgainMs, [this] {
        timer_ = 0;
        look({});
    });
}

void ProjectLimits::look(std::optional<PageCursor> cursor) {
    EntityQuery query;
    query.kind = kProjectSettingsKind;
    query.every_scope = true;
    query.oldest_first = true;
    query.limit = kProjectsPage;
    query.cursor = std::move(cursor);
    store_.list_entities(query, [this](const Result<Page<EntityRow>>& page) {
        if (loop_ == nullptr) {
            return;
        }
        if (!page.ok()) {
            log_.write(LogLevel::error, "project_limits_unreadable",
                       {{"problem", Json::string(page.message())}});
            return look_again();
        }
        for (const EntityRow& row : page->rows) {
            limit_project(driver_, row);
        }
        page->next ? look(page->next) : look_again();
    });
}

}  // namespace sallyport::engine
