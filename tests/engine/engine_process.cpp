#include "tests/engine/engine_process.hpp"

#include "tests/engine/answer_log.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace sallyport::test {
namespace {

std::string json_text(std::string_view text) {
    return Json::string(text).dump();
}

ApiAnswer to_answer(HttpResponse response) {
    ApiAnswer answer;
    answer.status = response.status;
    const Result<Json> body = Json::parse_flow(response.body);
    answer.body = body.ok() ? *body : Json();
    answer.raw = std::move(response);
    return answer;
}

constexpr std::string_view kTrigger =
    R"j({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Hook","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"0.1.29","triggerName":"catch_webhook","input":{"authType":"none","authFields":{}},"propertySettings":{}}})j";

}  // namespace

std::vector<std::string> engine_environment() {
    return {"AP_JWT_SECRET=0123456789abcdef0123456789abcdef",
            "AP_ENCRYPTION_KEY=0123456789abcdef0123456789abcdef",
            "AP_API_RATE_LIMIT_AUTHN_ENABLED=false", "AP_LOG_LEVEL=debug"};
}

EngineProcess::EngineProcess(std::vector<std::string> environment, std::vector<std::string> wrapper)
    : wrapper_(std::move(wrapper)) {
    set_environment(std::move(environment));
    start();
}

void EngineProcess::set_environment(std::vector<std::string> more) {
    environment_ = engine_environment();
    for (std::string& entry : more) {
        environment_.push_back(std::move(entry));
    }
}

EngineProcess::~EngineProcess() {
    if (process_.running()) {
        process_.stop(SIGTERM);
    }
    for (const std::string_view word : {"Sanitizer", "runtime error:", "terminate called"}) {
        EXPECT_EQ(log().find(word), std::string::npos) << log();
    }
}

void EngineProcess::start() {
    std::vector<std::string> command = wrapper_;
    for (const std::string& word :
         {std::string(SALLYPORT_ENGINE_BIN), std::string("--data"), folder_.path("data"),
          std::string("--listen"), "127.0.0.1:" + std::to_string(port_.number())}) {
        command.push_back(word);
    }
    process_ = Process::spawn(
        command,
        {.environment = environment_, .directory = {}, .output_path = folder_.path("engine.log")});
    const bool up = wait_until([this] { return accepts(port()) || !process_.running(); });
    if (!up || !process_.running()) {
        throw std::runtime_error("the engine did not start:\n" + log());
    }
}

long EngineProcess::memory_peak_mb() const {
    if (kSanitized) {
        return 0;
    }
    std::ifstream status("/proc/" + std::to_string(pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) {
            return std::stol(line.substr(6)) / 1024;
        }
    }
    return -1;
}

long EngineProcess::metric(const std::string& name) const {
    HttpRequest request;
    request.url = url("/metrics");
    const std::string text = "\n" + send(request).body;
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stol(text.substr(at + name.size() + 2));
}

std::string EngineProcess::url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_.number()) + std::string(path);
}

ApiAnswer ApiUser::call(const std::string& method, std::string_view path, const std::string& body) {
    HttpRequest request;
    request.method = method;
    request.url = engine_.url(path);
    if (more_headers) {
        request.headers = more_headers();
    }
    if (!token.empty()) {
        request.headers.emplace_back("Authorization", "Bearer " + token);
    }
    if (!body.empty()) {
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = body;
    }
    HttpResponse response = client_.send(request);
    note_answer(method, path, response.status, response.body);
    return to_answer(std::move(response));
}

ApiAnswer ApiUser::sign_up(const std::string& email, const std::string& more) {
    ApiAnswer answer = post(
        "/api/v1/authentication/sign-up",
        R"({"email":)" + json_text(email) +
            R"(,"password":"Password1!","firstName":"Ann","lastName":"Lee","trackEvents":true,"newsLetter":false)" +
            more + "}");
    if (answer.status == 409) {
        return sign_in(email, "Password1!");
    }
    token = answer.body["token"].text();
    project_ = answer.body["projectId"].text();
    return answer;
}

ApiAnswer ApiUser::sign_in(const std::string& email, const std::string& password) {
    ApiAnswer answer =
        post("/api/v1/authentication/sign-in",
             R"({"email":)" + json_text(email) + R"(,"password":)" + json_text(password) + "}");
    token = answer.body["token"].text();
    project_ = answer.body["projectId"].text();
    return answer;
}

ApiAnswer ApiUser::operate(const std::string& flow_id, std::string_view type,
                           const std::string& request) {
    return post("/api/v1/flows/" + flow_id,
                R"({"type":)" + json_text(type) + R"(,"request":)" + request + "}");
}

std::string ApiUser::make_flow(const std::vector<std::string>& actions) {
    const ApiAnswer created = post(
        "/api/v1/flows", R"({"displayName":"Test flow","projectId":)" + json_text(project_) + "}");
    EXPECT_EQ(created.status, 201) << created.raw.body;
    const std::string id(created.body["id"].text());
    EXPECT_EQ(operate(id, "UPDATE_TRIGGER", std::string(kTrigger)).status, 200);
    std::string parent = "trigger";
    for (const std::string& action : actions) {
        const ApiAnswer added =
            operate(id, "ADD_ACTION",
                    R"({"parentStep":)" + json_text(parent) +
                        R"(,"stepLocationRelativeToParent":"AFTER","action":)" + action + "}");
        EXPECT_EQ(added.status, 200) << added.raw.body;
        parent = Json::parse(action).value()["name"].text();
    }
    const ApiAnswer published = operate(id, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
    EXPECT_EQ(published.status, 200) << published.raw.body;
    EXPECT_EQ(published.body["status"].text(), "ENABLED");
    return id;
}

bool ApiUser::run_reaches(const std::string& run_id, std::string_view status) {
    return wait_until(
        [&] { return get("/v1/flow-runs/" + run_id).body["status"].text() == status; });
}

Json ApiUser::finished_run(const std::string& run_id) {
    Json run;
    EXPECT_TRUE(wait_until([&] {
        run = get("/api/v1/flow-runs/" + run_id).body;
        return run["finishTime"].is_string();
    })) << run.dump();
    return run;
}

std::string ApiUser::run_beginnings(const std::string& flow_id, std::string_view member) {
    std::vector<std::string> all;
    get("/v1/flow-runs?limit=100&projectId=" + project_ + "&flowId=" + flow_id)
        .body["data"]
        .each_element([&](const Json& run) {
            const Json output = get("/v1/flow-runs/" + std::string(run["id"].text()))
                                    .body["steps"]["trigger"]["output"];
            all.push_back(member.empty() ? output.dump() : std::string(output[member].text()));
        });
    std::sort(all.begin(), all.end());
    std::string text;
    for (const std::string& one : all) {
        text += one + " ";
    }
    return text;
}

std::string code_step(std::string_view name, std::string_view code, std::string_view input,
                      std::string_view options) {
    return R"({"type":"CODE","displayName":"Code","valid":true,"name":)" + json_text(name) +
           R"(,"settings":{"sourceCode":{"packageJson":"{}","code":)" + json_text(code) +
           R"(},"input":)" + std::string(input) + R"(,"errorHandlingOptions":)" +
           std::string(options) + "}}";
}

std::string http_step(std::string_view name, std::string_view input, std::string_view options) {
    return R"({"type":"PIECE","displayName":"HTTP","valid":true,"name":)" + json_text(name) +
           R"(,"settings":{"pieceName":"@activepieces/piece-http","pieceVersion":"0.11.6","actionName":"send_request","propertySettings":{},"input":)" +
           std::string(input) + R"(,"errorHandlingOptions":)" + std::string(options) + "}}";
}

std::string answer_step(std::string_view name, std::string_view body) {
    return R"({"type":"PIECE","displayName":"Answer","valid":true,"name":)" + json_text(name) +
           R"(,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"0.1.29","actionName":"return_response","propertySettings":{},"input":{"responseType":"json","respond":"stop","fields":{"status":200,"headers":{"x-flow":"yes"},"body":)" +
           std::string(body) + "}}}}";
}

std::string delay_step(std::string_view name, std::string_view action, std::string_view input) {
    return R"({"type":"PIECE","displayName":"Delay","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-delay","pieceVersion":"0.3.18","actionName":")" +
           std::string(action) + R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

HttpResponse deliver_webhook(const EngineProcess& engine, const std::string& flow,
                             const std::string& body, const std::string& more) {
    HttpRequest hook;
    hook.method = "POST";
    hook.url = engine.url("/v1/webhooks/" + flow + more);
    hook.headers = {{"Content-Type", "application/json"}};
    hook.body = body;
    return send(hook);
}

}  // namespace sallyport::test
