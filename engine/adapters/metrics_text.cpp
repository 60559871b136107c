#include "engine/adapters/metrics_text.hpp"

#include "engine/core/flows/program.hpp"

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::array<std::pair<StepKind, std::string_view>, 4> kKinds = {{
    {StepKind::code, "code"},
    {StepKind::piece, "piece"},
    {StepKind::loop, "loop"},
    {StepKind::router, "router"},
}};

// Milliseconds as the seconds that Prometheus counts in.
std::string seconds(std::int64_t ms) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%lld.%03lld", static_cast<long long>(ms / 1000),
                  static_cast<long long>(ms % 1000));
    return text.data();
}

class Text {
  public:
    void head(std::string_view name, std::string_view type, std::string_view help) {
        out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
        out_.append(name).append(" ").append(type).append("\n");
    }
    void line(std::string_view name, const std::string& labels, const std::string& value) {
        out_.append(name).append(labels).append(" ").append(value).append("\n");
    }
    template <typename Number>
    void one(std::string_view name, std::string_view type, std::string_view help, Number value) {
        head(name, type, help);
        line(name, "", std::to_string(value));
    }
    void histogram(std::string_view name, const std::string& label, const Histogram& times) {
        std::uint64_t below = 0;
        const std::string comma = label.empty() ? "" : label + ",";
        for (std::size_t i = 0; i < Histogram::kBoundsMs.size(); ++i) {
            below += times.in_bucket(i);
            line(std::string(name) + "_bucket",
                 "{" + comma + "le=\"" + seconds(Histogram::kBoundsMs[i]) + "\"}",
                 std::to_string(below));
        }
        const std::string braces = label.empty() ? "" : "{" + label + "}";
        line(std::string(name) + "_bucket", "{" + comma + "le=\"+Inf\"}",
             std::to_string(times.count()));
        line(std::string(name) + "_sum", braces, seconds(times.sum_ms()));
        line(std::string(name) + "_count", braces, std::to_string(times.count()));
    }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

void write_runs(Text& text, const RunCounters& runs) {
    text.one("sallyport_runs_started_total", "counter", "Runs accepted.", runs.started);
    text.one("sallyport_runs_refused_total", "counter", "Runs refused for want of room (503).",
             runs.refused);
    text.one("sallyport_runs_over_quota_total", "counter",
             "Runs refused because their project had begun its month's (402).", runs.over_quota);
    text.one("sallyport_runs_duplicate_total", "counter", "Deliveries that had run before.",
             runs.duplicates);
    text.one("sallyport_runs_resumed_total", "counter", "Pauses that ended.", runs.resumed);
    text.one("sallyport_runs_taken_over_total", "counter", "Runs of engines that were gone.",
             runs.taken_over);
    text.one("sallyport_runs_lost_total", "counter", "Runs that another engine took.", runs.lost);
    text.one("sallyport_journal_write_failures_total", "counter",
             "Commits that had to be tried again.", runs.write_failures);
    text.head("sallyport_runs_ended_total", "counter", "Runs that ended, by status.");
    for (std::size_t i = 0; i < RunCounters::kStatuses; ++i) {
        const auto status = static_cast<RunStatus>(i);
        if (is_terminal(status)) {
            text.line("sallyport_runs_ended_total",
                      "{status=\"" + std::string(to_string(status)) + "\"}",
                      std::to_string(runs.ended[i]));
        }
    }
    text.head("sallyport_run_seconds", "histogram", "From acceptance to the end, rests included.");
    text.histogram("sallyport_run_seconds", "", runs.run_ms);
    text.head("sallyport_step_seconds", "histogram", "One attempt of a step, by kind.");
    for (const auto& [kind, name] : kKinds) {
        text.histogram("sallyport_step_seconds", "kind=\"" + std::string(name) + "\"",
                       runs.step_ms[static_cast<std::size_t>(kind)]);
    }
}

void write_now(Text& text, const RunGauges& now) {
    text.one("sallyport_runs_live", "gauge", "Runs in memory.", now.live);
    text.one("sallyport_runs_active", "gauge", "Runs that go on.", now.active);
    text.one("sallyport_queue_depth", "gauge", "Runs that wait their turn, in the store.",
             now.waiting);
    text.head("sallyport_queue_age_seconds", "gauge", "How long the first of them has waited.");
    text.line("sallyport_queue_age_seconds", "", seconds(now.oldest_wait_ms));
    text.one("sallyport_runs_journal_bytes", "gauge", "Journals of the runs in memory.",
             now.live_bytes);
}

void write_parts(Text& text, const MetricsInput& input) {
    text.one("sallyport_calls_live", "gauge", "Calls of the API and webhooks that are not over.",
             input.calls_live);
    text.one("sallyport_store_commits_total", "counter", "Commits.", input.commits.groups);
    text.one("sallyport_store_changes_total", "counter",
             "Changes in them; by commits: the size of a group.", input.commits.changes);
    text.one("sallyport_store_waiting", "gauge", "Changes that wait for their commit.",
             input.commits.waiting);
    const SandboxFigures& box = input.sandbox;
    text.one("sallyport_sandbox_workers", "gauge", "Workers that are up.", box.workers_ready);
    text.one("sallyport_sandbox_running", "gauge", "Workers that run a script.", box.running);
    text.one("sallyport_sandbox_waiting", "gauge", "Scripts that wait for a worker.", box.queued);
    text.one("sallyport_sandbox_runs_total", "counter", "Scripts given to a worker.", box.runs);
    text.one("sallyport_sandbox_started_total", "counter",
             "Workers started, replacements included.", box.workers_started);
    text.one("sallyport_sandbox_killed_total", "counter",
             "Workers ended for their time or a forged frame.", box.workers_killed);
    text.head("sallyport_engine_info", "gauge", "The engine that answers.");
    text.line("sallyport_engine_info", "{version=\"" + input.version + "\"}", "1");
}

}  // namespace

std::string metrics_text(const MetricsInput& input) {
    Text text;
    write_runs(text, input.runs);
    write_now(text, input.now);
    write_parts(text, input);
    return text.take();
}

}  // namespace sallyport::engine
