// The engine as a program: what it refuses to start with, what a kill leaves behind, how it stops.
#include "tests/engine/engine_process.hpp"

#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

CommandResult run_engine(const std::vector<std::string>& arguments,
                         std::vector<std::string> environment) {
    std::vector<std::string> command = {SALLYPORT_ENGINE_BIN};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_command(command, {.environment = std::move(environment)});
}

TEST(EngineProgram, RefusesToStartWithoutGoodSecrets) {
    const TempDir folder("secrets");
    const std::string open_file = folder.write("open", "0123456789abcdef0123456789", 0644);
    const std::string empty_file = folder.write("empty", "", 0600);
    struct Case {
        std::vector<std::string> environment;
        std::string_view message;
    };
    const std::string jwt = "AP_JWT_SECRET=0123456789abcdef0123456789abcdef";
    const std::string key = "AP_ENCRYPTION_KEY=0123456789abcdef0123456789abcdef";
    const std::vector<Case> cases = {
        {{}, "AP_JWT_SECRET is not set; make one with: openssl rand -hex 32"},
        {{"AP_JWT_SECRET=", key}, "AP_JWT_SECRET is empty; make one with: openssl rand -hex 32"},
        {{"AP_JWT_SECRET=short", key}, "AP_JWT_SECRET is too short"},
        {{jwt}, "AP_ENCRYPTION_KEY is not set; make one with: openssl rand -hex 16"},
        {{jwt, "AP_ENCRYPTION_KEY=abc"}, "AP_ENCRYPTION_KEY must have 32"},
        {{jwt, key, "SALLYPORT_VERDICT_SECRET_FILE=/nonexistent"}, "SALLYPORT_VERDICT_SECRET_FILE"},
        {{jwt, key, "SALLYPORT_VERDICT_SECRET_FILE=" + open_file}, open_file},
        {{jwt, key, "SALLYPORT_VERDICT_SECRET_FILE=" + empty_file}, empty_file},
    };
    for (const Case& test : cases) {
        const CommandResult result = run_engine(
            {"--data", folder.path("data"), "--listen", "127.0.0.1:0"}, test.environment);
        EXPECT_EQ(result.exit_code, 1);
        EXPECT_NE(result.output.find(test.message), std::string::npos) << result.output;
        EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
        struct stat info {};
        EXPECT_NE(::stat(folder.path("data").c_str(), &info), 0) << "nothing is left behind";
    }
}

TEST(EngineProgram, ChecksPrintsAndExplains) {
    const CommandResult check = run_engine({"--check"}, engine_environment());
    EXPECT_EQ(check.exit_code, 0) << check.output;
    const CommandResult printed = run_engine({"--print-config"}, engine_environment());
    EXPECT_EQ(printed.exit_code, 0);
    EXPECT_NE(printed.output.find("AP_JWT_SECRET=********"), std::string::npos);
    EXPECT_EQ(printed.output.find("0123456789abcdef"), std::string::npos);
    const CommandResult help = run_engine({"--help"}, {});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_NE(help.output.find("openssl rand -hex 32"), std::string::npos);
    EXPECT_NE(help.output.find("SALLYPORT_EGRESS_ALLOW"), std::string::npos);
    EXPECT_NE(run_engine({"--nonsense"}, engine_environment()).exit_code, 0);
}

TEST(EngineProgram, EverySettingIsDocumented) {
    const std::string page = read_file(SALLYPORT_DOCS_DIR "/api/configuration.md");
    std::istringstream printed(run_engine({"--print-config"}, engine_environment()).output);
    int settings = 0;
    for (std::string line; std::getline(printed, line); ++settings) {
        std::string name = line.substr(0, line.find('='));
        // Written as `NAME_ENABLED`, `_MAX`, `_WINDOW`.
        if (name.starts_with("AP_API_RATE_LIMIT_AUTHN_")) {
            name = "AP_API_RATE_LIMIT_AUTHN_";
        }
        EXPECT_NE(page.find(name), std::string::npos) << name;
    }
    EXPECT_GT(settings, 20);
    // And every other name, with what it means or why it does nothing.
    std::istringstream help(run_engine({"--help"}, {}).output);
    int others = 0;
    bool begun = false;
    for (std::string line; std::getline(help, line);) {
        begun = begun || line.find("Other names:") != std::string::npos;
        const std::size_t at = line.find("AP_");
        if (begun && at != std::string::npos) {
            const std::string name = line.substr(at, line.find_first_of(" :", at) - at);
            EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name;
            ++others;
        }
    }
    EXPECT_GT(others, 30);
}

TEST(EngineProgram, ReadsItsSettingsFromAClosedFile) {
    const TempDir folder("settings");
    const std::string text =
        "# settings\nAP_JWT_SECRET=0123456789abcdef0123456789abcdef\n"
        "AP_ENCRYPTION_KEY=\"0123456789abcdef0123456789abcdef\"\n";
    const std::string closed = folder.write("closed.env", text, 0600);
    const std::string open = folder.write("open.env", text, 0644);
    EXPECT_EQ(run_engine({"--env-file", closed, "--check"}, {}).exit_code, 0);
    EXPECT_EQ(run_engine({"--env-file", open, "--check"}, {}).exit_code, 1);
}

TEST(EngineProgram, ListensOnAUnixSocket) {
    const TempDir folder("socket");
    const std::string path = folder.path("engine.sock");
    const auto spawn = [&] {
        return Process::spawn(
            {SALLYPORT_ENGINE_BIN, "--data", folder.path("data"), "--listen", "unix:" + path},
            {.environment = engine_environment(),
             .directory = {},
             .output_path = folder.path("engine.log")});
    };
    const auto healthy = [&] {
        HttpRequest request;
        request.url = "http://engine/v1/health";
        request.unix_socket = path;
        return send(request).status == 200;
    };
    Process engine = spawn();
    ASSERT_TRUE(wait_until(healthy)) << folder.read("engine.log");
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660U);
    engine.stop(SIGKILL);  // leaves its socket behind
    engine = spawn();
    EXPECT_TRUE(wait_until(healthy));
    EXPECT_EQ(engine.stop(SIGTERM), 0);
    EXPECT_NE(::stat(path.c_str(), &info), 0) << "a socket nobody listens on";
}

std::string get_step(std::string_view name, const Upstream& stub, std::string_view path) {
    return http_step(
        name, R"({"method":"GET","url":"http://)" + stub.address() + std::string(path) + R"("})");
}

HttpResponse deliver(const EngineProcess& engine, const std::string& path) {
    HttpRequest request;
    request.method = "POST";
    request.url = engine.url(path);
    request.body = "{}";
    request.headers = {{"Content-Type", "application/json"}};
    return send(request);
}

// Silent connections have half of the descriptors at most; who asks has the place of one of them.
TEST(EngineProgram, SilentConnectionsKeepNobodyOutWhereDescriptorsAreFew) {
    EngineProcess engine({}, {"prlimit", "--nofile=512:512"});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow = ann.make_flow({code_step("one", "export const code = async () => 1;"),
                                            answer_step("answer", R"({"n":"{{one.output}}"})")});
    std::vector<std::unique_ptr<RawSocket>> silent;
    for (int i = 0; i < 600; ++i) {
        silent.push_back(std::make_unique<RawSocket>(engine.port()));
        silent.back()->send("POST /api/v1/webhooks/" + flow + " HTTP/1.1\r\nHo");
    }
    for (int i = 0; i < 5; ++i) {
        HttpRequest hook;
        hook.method = "POST";
        hook.url = engine.url("/v1/webhooks/" + flow + "/sync");
        EXPECT_EQ(send(hook).body, R"({"n":1})");
    }
    const auto open = std::distance(
        std::filesystem::directory_iterator("/proc/" + std::to_string(engine.pid()) + "/fd"), {});
    EXPECT_LT(open, 512 / 2 + 100);
}

TEST(EngineProgram, KilledInTheMiddleItFinishesWhatItAcknowledged) {
    auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest& request) {
        UpstreamReply reply;
        if (request.target == "/two") {
            reply.gate = gate;
        }
        return reply;
    });
    EngineProcess engine({"SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow =
        ann.make_flow({get_step("step_1", stub, "/one"), get_step("step_2", stub, "/two"),
                       get_step("step_3", stub, "/three")});
    const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow);
    ASSERT_EQ(answer.status, 200);
    const std::string run = answer.header("x-webhook-id").value_or("");
    ASSERT_TRUE(stub.wait_for_requests(2));  // the second step is under way
    engine.kill();
    gate->open();
    engine.start();

    ApiUser again(engine);
    again.sign_in("ann@example.org", "Password1!");
    const Json record = again.finished_run(run);
    EXPECT_EQ(record["status"].text(), "SUCCEEDED");
    EXPECT_EQ(record["steps"].size(), 4U);
    // The first step was recorded and is not repeated; the second had no result and is, by its key.
    std::vector<std::string> sent;
    for (const UpstreamRequest& request : stub.requests()) {
        sent.push_back(request.target + " " + request.header("idempotency-key").value_or(""));
    }
    EXPECT_EQ(sent, (std::vector<std::string>{
                        "/one " + run + ":step_1:1", "/two " + run + ":step_2:1",
                        "/two " + run + ":step_2:1", "/three " + run + ":step_3:1"}));
    EXPECT_NE(engine.log().find("runs_recovered"), std::string::npos);
}

TEST(EngineProgram, ManyKillsLoseNothing) {
    Upstream stub;
    EngineProcess engine({"SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow =
        ann.make_flow({code_step("step_1", "export const code = async () => 1;"),
                       get_step("step_2", stub, "/x"), get_step("step_3", stub, "/y")});
    std::vector<std::string> acknowledged;
    for (int kill = 0; kill < 5; ++kill) {
        for (int i = 0; i < 10; ++i) {
            const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow);
            if (answer.status == 200) {
                acknowledged.push_back(answer.header("x-webhook-id").value_or(""));
            }
        }
        engine.kill();
        engine.start();
    }
    EXPECT_EQ(acknowledged.size(), 50U);
    ApiUser again(engine);
    again.sign_in("ann@example.org", "Password1!");
    for (const std::string& run : acknowledged) {
        EXPECT_EQ(again.finished_run(run)["status"].text(), "SUCCEEDED") << run;
    }
}

TEST(EngineProgram, StoppedAtOnceItGoesOnNextTime) {
    Upstream stub;
    EngineProcess engine({"SALLYPORT_EGRESS_ALLOW=" + stub.address(), "SALLYPORT_DRAIN_SECONDS=0"});
    ApiUser ann(engine);
    ann.sign_up();
    // One run is in the sandbox and one on the network when the engine goes.
    auto gate = std::make_shared<Gate>();
    stub.set_handler([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    const std::string request = ann.make_flow({get_step("step_1", stub, "/")});
    const std::string code =
        ann.make_flow({code_step("step_1",
                                 "export const code = async () => { const t = Date.now(); while "
                                 "(Date.now() - t < 1500); };")});
    std::vector<std::string> runs;
    for (const std::string& flow : {request, code}) {
        runs.push_back(deliver(engine, "/v1/webhooks/" + flow).header("x-webhook-id").value_or(""));
    }
    ASSERT_TRUE(stub.wait_for_requests(1));
    EXPECT_EQ(engine.stop(), 0);
    gate->open();
    engine.start();
    ApiUser again(engine);
    again.sign_in("ann@example.org", "Password1!");
    for (const std::string& run : runs) {
        EXPECT_EQ(again.finished_run(run)["status"].text(), "SUCCEEDED");
    }
}

TEST(EngineProgram, StopsAfterWhatIsUnderWay) {
    auto gate = std::make_shared<Gate>();
    Upstream stub([gate](const UpstreamRequest&) {
        UpstreamReply reply;
        reply.gate = gate;
        return reply;
    });
    EngineProcess engine({"SALLYPORT_EGRESS_ALLOW=" + stub.address()});
    ApiUser ann(engine);
    ann.sign_up();
    const std::string flow =
        ann.make_flow({get_step("step_1", stub, "/"), answer_step("step_2", "\"done\"")});
    std::thread caller([&] {
        const HttpResponse answer = deliver(engine, "/v1/webhooks/" + flow + "/sync");
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "done");
    });
    ASSERT_TRUE(stub.wait_for_requests(1));
    ASSERT_EQ(::kill(engine.pid(), SIGTERM), 0);
    EXPECT_TRUE(wait_until([&] { return !accepts(engine.port()); }));
    gate->open();
    caller.join();
    EXPECT_EQ(engine.stop(), 0);
}

}  // namespace
}  // namespace sallyport::test
