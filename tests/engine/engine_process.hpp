// The real engine as a process, and a client that speaks its API.
#pragma once

#include "common/json.hpp"
#include "tests/integration/fixtures/http_client.hpp"
#include "tests/integration/fixtures/ports.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {

// Good secrets for every test; added to by each.
std::vector<std::string> engine_environment();

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

class EngineProcess {
  public:
    // Starts the engine on a free port with a data folder of its own and waits until it answers.
    // `wrapper` is a command that runs the engine, e.g. with a limit.
    explicit EngineProcess(std::vector<std::string> environment = {},
                           std::vector<std::string> wrapper = {});
    ~EngineProcess();  // stops it, and fails the test on a sanitizer's line in its log
    EngineProcess(const EngineProcess&) = delete;
    EngineProcess& operator=(const EngineProcess&) = delete;

    void start();
    // Of the next start.
    void set_environment(std::vector<std::string> more);
    void set_wrapper(std::vector<std::string> wrapper) { wrapper_ = std::move(wrapper); }
    void kill() { process_.stop(SIGKILL); }
    int stop() { return process_.stop(SIGTERM); }
    pid_t pid() const { return process_.pid(); }
    // The most the engine has held so far. 0 under a sanitizer, whose own memory is most of it.
    long memory_peak_mb() const;

    // The value of a metric without labels, or with exactly these; -1: there is none.
    long metric(const std::string& name) const;

    std::uint16_t port() const { return port_.number(); }
    std::string url(std::string_view path) const;
    std::string log() const { return folder_.read("engine.log"); }
    const TempDir& folder() const { return folder_; }

  private:
    TempDir folder_{"engine"};
    HeldPort port_;
    std::vector<std::string> environment_;
    std::vector<std::string> wrapper_;
    Process process_;
};

struct ApiAnswer {
    int status = 0;
    Json body;
    HttpResponse raw;
};

// A user with a session.
class ApiUser {
  public:
    explicit ApiUser(const EngineProcess& engine) : engine_(engine) {}

    // Signs up (or in, when the address is taken) and keeps the session. `more` are members of the
    // body, with a comma before each.
    ApiAnswer sign_up(const std::string& email = "ann@example.org", const std::string& more = "");
    ApiAnswer sign_in(const std::string& email, const std::string& password);

    ApiAnswer call(const std::string& method, std::string_view path, const std::string& body = "");
    ApiAnswer get(std::string_view path) { return call("GET", path); }
    ApiAnswer post(std::string_view path, const std::string& body) {
        return call("POST", path, body);
    }

    // Makes a flow whose trigger catches webhooks, adds the actions one after the other, publishes
    // it.
    std::string make_flow(const std::vector<std::string>& actions);
    ApiAnswer operate(const std::string& flow_id, std::string_view type,
                      const std::string& request);
    // Waits until the run has that status; false: it never had.
    bool run_reaches(const std::string& run_id, std::string_view status);
    // The record of a run, once it has ended.
    Json finished_run(const std::string& run_id);
    // What the runs of a flow began with, sorted, a blank after each: as JSON, or the text of one
    // member.
    std::string run_beginnings(const std::string& flow_id, std::string_view member = {});

    const std::string& project() const { return project_; }
    std::string token;
    std::function<HeaderList()> more_headers;  // what a gateway in front would add

  private:
    const EngineProcess& engine_;
    HttpClient client_;
    std::string project_;
};

// Actions as the API takes them.
std::string code_step(std::string_view name, std::string_view code, std::string_view input = "{}",
                      std::string_view options = "{}");
std::string http_step(std::string_view name, std::string_view input,
                      std::string_view options = "{}");
std::string answer_step(std::string_view name, std::string_view body);
std::string delay_step(std::string_view name, std::string_view action, std::string_view input);

// A webhook with a JSON body; `more` follows the flow in the path.
HttpResponse deliver_webhook(const EngineProcess& engine, const std::string& flow,
                             const std::string& body = "{}", const std::string& more = "");

}  // namespace sallyport::test
