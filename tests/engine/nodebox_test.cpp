// Tier node: code steps in Node behind walls. What is promised works; what hostile code tries ends
// as stated, within its time, whoever starts the engine.
#include "tests/engine/nodebox_fixture.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <sstream>
#include <string_view>

namespace sallyport::test {
namespace {

using engine::SandboxResult;
using engine::SandboxStatus;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kCanary = "canary-of-the-engine-5d1c";

class Nodebox : public NodeboxFixture, public ::testing::WithParamInterface<bool> {
  protected:
    void SetUp() override {
        setenv("PLANTED_SECRET", kCanary, 1);
        if (GetParam()) {
            if (geteuid() != 0) {
                GTEST_SKIP() << "only root can become somebody else";
            }
            launcher_.emplace();
        }
        restart({});
    }
    void restart(engine::NodeboxOptions options) {
        options.launcher_path = launcher_ ? launcher_->path() : std::string();
        start(std::move(options));
    }

  private:
    std::optional<UnprivilegedLauncher> launcher_;
};

INSTANTIATE_TEST_SUITE_P(, Nodebox, ::testing::Values(false, true), [](const auto& one) {
    return one.param ? "AsUser1000" : "AsWhoRunsTheTests";
});

TEST_P(Nodebox, RunsModulesWithInputAndNodesOwnLibrary) {
    engine::NodeRequest request = code(
        "import { createHash } from 'node:crypto';\n"
        "export const code = async ({ name }) => {\n"
        "  console.log('hello', { name });\n"
        "  const path = require('path');\n"
        "  await new Promise((done) => setTimeout(done, 5));\n"
        "  return { sum: createHash('sha256').update(name).digest('hex').slice(0, 8),\n"
        "           base: path.basename('/a/b'), buffer: Buffer.from('x').toString('base64') };\n"
        "};");
    request.input = *Json::parse(R"({"name":"ann"})");
    const SandboxResult result = run(std::move(request));
    EXPECT_EQ(result.status, SandboxStatus::ok) << result.error << result.stack;
    EXPECT_EQ(result.value.dump(), R"({"sum":"49915e0d","base":"b","buffer":"eA=="})");
    EXPECT_THAT(result.console, HasSubstr("hello { name: 'ann' }"));
}

struct Outcome {
    const char* code;
    const char* result;  // JSON, or how the refusal begins
};

TEST_P(Nodebox, ResultsAndErrorsHaveOneMeaning) {
    const Outcome outcomes[] = {
        {"return undefined", "null"},
        {"return () => 1", "null"},
        {"return NaN", "null"},
        {"return new Date(0)", R"("1970-01-01T00:00:00.000Z")"},
        {"return 10n", "error: TypeError"},
        {"const a = {}; a.a = a; return a", "error: TypeError"},
        {"throw new Error('no')", "error: no"},
        {"throw new RangeError('far')", "error: RangeError: far"},
        {"throw null", "error: thrown: null"},
        {"throw Symbol('s')", "error: thrown: Symbol(s)"},
        {"throw { code: 1 }", R"(error: thrown: {"code":1})"},
        {"throw new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 } })", "error: thrown:"},
        {"return new Promise(() => {})", "error: the code waits for something that never happens"},
        {"setTimeout(() => { throw new Error('late') }, 1); return 1", "1"},
        {"Promise.reject(new Error('nobody listens')); return 2", "2"},
        {"return 'x'.repeat(9 << 20)", "output_limit: "},
        {"return '\\ud800'", R"("�")"},
        {"Object.prototype.x = 1; Array.prototype.map = 0; JSON.stringify = () => 'forged';\n"
         "Promise.prototype.then = 0; Buffer.from = 0; return 3",
         "3"},
        {"process.exit(0)", "error: the code ended its process"},
        {"process.reallyExit(7)", "error: the code ended its process with status 7"},
        {"process.abort()", "error: the code ended its process"},
    };
    for (const Outcome& outcome : outcomes) {
        EXPECT_THAT(value_of(outcome.code), testing::StartsWith(outcome.result)) << outcome.code;
    }
    const std::vector<std::pair<std::string, std::string>> sources = {
        {"export const code = 1", "must export a function named code"},
        {"export default async () => 1", "must export a function named code"},
        {"};import fs from 'fs';//", "SyntaxError"},
        {"export const code = () => { return", "SyntaxError"},
        {"import 'https://example.org/x.mjs'; export const code = 1", "https:"}};
    for (const auto& [source, problem] : sources) {
        const SandboxResult result = run(code(source));
        EXPECT_EQ(result.status, SandboxStatus::error) << source;
        EXPECT_THAT(result.error, HasSubstr(problem)) << source;
    }
}

TEST_P(Nodebox, LoopsEndAtTheirTime) {
    for (const char* text :
         {"for (;;);", "for (;;) await null",
          "while (1) { try { for (;;); } catch {} finally { continue } }",
          "return /^(a+)+$/.test('a'.repeat(40) + '!')", "return { toJSON() { for (;;); } }",
          "throw { get message() { for (;;); }, toJSON() { for (;;); } }",
          "setInterval(() => {}, 1); await new Promise(() => {})",
          "const u = new Uint8Array(8 << 20); for (;;) u.fill(1)",
          "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)"}) {
        const auto begin = std::chrono::steady_clock::now();
        const SandboxResult result = run(body(text, 400));
        EXPECT_EQ(result.status, SandboxStatus::timeout) << text << ": " << result.error;
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10)) << text;
    }
    EXPECT_EQ(value_of("return 1"), "1");
}

TEST_P(Nodebox, BombsStayInTheirBox) {
    const Outcome bombs[] = {
        {"const a = []; for (;;) a.push({})", "memory_limit"},
        {"const m = new Map(); for (let i = 0; ; i++) m.set('k' + i, i)", "memory_limit error"},
        {"const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))", "memory_limit error"},
        {"const a = []; for (;;) a.push(new ArrayBuffer(1 << 24))", "memory_limit error"},
        {"return new Array(4294967295).fill(7)", "memory_limit error timeout"},
        {"return [...'.'.repeat(5e8)]", "memory_limit error timeout"},
        {"return JSON.parse('['.repeat(5e6))", "error memory_limit"},
        {"const f = () => f() + 1; return f()", "error"},
        {"const w = []; for (let i = 0; i < 8; i++) { const m = new WebAssembly.Memory({ initial: "
         "16384 }); new Uint8Array(m.buffer).fill(1); w.push(m) }",
         "error memory_limit"},
        {"const s = []; for (;;) s.push(new SharedArrayBuffer(1 << 26))",
         "error memory_limit timeout"},
        {"for (let i = 0; i < 1e6; i++) console.log('x'.repeat(100)); return 1", "ok timeout"},
        {"const fs = require('fs'); const b = Buffer.alloc(1 << 20, 1);\n"
         "for (let i = 0; i < 1000; i++) fs.appendFileSync('/tmp/fill', b)",
         "error"},
        {"const fs = require('fs'); for (let i = 0; i < 1e6; i++) fs.writeFileSync('/tmp/f' + i, "
         "'')",
         "error"},
        {"const fs = require('fs'); const b = Buffer.alloc(1 << 20);\n"
         "for (let i = 0; i < 200; i++) { fs.writeSync(1, b); } return 1",
         "ok"},
    };
    for (const Outcome& bomb : bombs) {
        // What must end by something else than time gets more of it than a busy machine needs.
        const bool may_time_out =
            std::string_view(bomb.result).find("timeout") != std::string::npos;
        const SandboxResult result = run(body(bomb.code, may_time_out ? 8'000 : 60'000));
        EXPECT_THAT(bomb.result, HasSubstr(std::string(to_string(result.status))))
            << bomb.code << " -> " << to_string(result.status) << ": " << result.error;
        EXPECT_LE(result.error.size(), 8u << 10);
        EXPECT_LE(result.console.size(), 64u << 10);
    }
    EXPECT_EQ(value_of("return require('fs').readdirSync('/tmp').filter((f) => f[0] === 'f')"),
              "[]");
    pool.reset();
    rusage children{};
    getrusage(RUSAGE_CHILDREN, &children);
    EXPECT_LT(children.ru_maxrss, (65 + 256 + 64) * 1024) << "KB at the peak of the largest";
}

TEST_P(Nodebox, NothingOfTheHostIsInReach) {
    for (const char* path :
         {"/etc/passwd", "/proc/self/environ", "/proc/1/environ", "/proc/self/maps", "/sys",
          "/var/run", "/root", "/home", "/app/../etc/passwd", "/usr/bin/env", "/bin/sh", "/dev/mem",
          "/run/secrets", "/usr/lib/../../etc/shadow"}) {
        const std::string read = std::string("const fs = require('fs'); const p = '") + path +
                                 "'; return fs.statSync(p).isDirectory() ? fs.readdirSync(p) : "
                                 "String(fs.readFileSync(p))";
        EXPECT_THAT(value_of(read), HasSubstr("ENOENT")) << path;
    }
    for (const char* path : {"/x", "/app/x", "/usr/lib/x", "/dev/x", "/node"}) {
        EXPECT_THAT(value_of(std::string("require('fs').writeFileSync('") + path + "', 'x')"),
                    testing::ContainsRegex("EROFS|EACCES|EPERM"))
            << path;
    }
    EXPECT_EQ(value_of("return process.env"), R"({})");
    EXPECT_EQ(value_of("return [process.getuid(), process.pid, process.execArgv.length]"),
              "[1000,1,0]");
    // What /proc would say is not there; what memory says holds nothing planted.
    EXPECT_THAT(value_of(std::string("const all = []; for (let i = 0; i < 2e4; i++) "
                                     "all.push(Buffer.allocUnsafe(2048).toString('latin1'));\n"
                                     "return all.some((b) => b.includes('canary-of-the-' + "
                                     "'engine'))")),
                "false");
}

TEST_P(Nodebox, NoDoorLeadsOut) {
    const char* attempts[] = {
        "return String(require('child_process').execFileSync('/node', ['-v']))",
        "return String(require('child_process').spawnSync('/node', ['-v']).error || 'ran')",
        "return process.binding('spawn_sync').spawn({ file: '/node', args: ['/node', '-v'], "
        "stdio: [] }).error < 0 ? 'EPERM' : 'ran'",
        "await new Promise((d, e) => require('dgram').createSocket('udp4').on('error', e).bind(0, "
        "d)); return 'bound'",
        "await new Promise((d, e) => require('http').createServer().on('error', e).listen(0, d)); "
        "return 'listens'",
        "await new Promise((d, e) => new (require('net').Socket)().on('error', e).on('connect', "
        "d).connect(80, '127.0.0.1')); return 'connected'",
        "await new Promise((d, e) => require('net').connect('/var/run/docker.sock').on('error', "
        "e).on('connect', d)); return 'connected'",
        "require('fs').symlinkSync('/etc', '/tmp/e'); return "
        "String(require('fs').readFileSync('/tmp/e/passwd'))",
        "process.setuid(0); return 'root'",
        "process.chroot ? 0 : 0; require('fs').mkdirSync('/proc'); return 'made'",
        "require('inspector').open(9229); return String(require('inspector').url())",
        "process.dlopen({ exports: {} }, '/usr/lib/x86_64-linux-gnu/none.so'); return 'loaded'",
        "const { Worker } = require('worker_threads'); const w = []; for (let i = 0; i < 200; i++) "
        "w.push(new Worker('setInterval(() => {}, 1e6)', { eval: true })); "
        "await Promise.all(w.map((x) => new Promise((d, e) => x.on('online', d).on('error', e)))); "
        "return 'all'",
    };
    for (const char* attempt : attempts) {
        const SandboxResult result = run(body(attempt, 8'000));
        const std::string said = result.status == SandboxStatus::ok ? result.value.dump() : "";
        EXPECT_THAT(said, testing::AnyOf("", HasSubstr("EPERM"), HasSubstr("ENOENT"),
                                         HasSubstr("EACCES"), R"("undefined")"))
            << attempt;
    }
    // Signals reach nobody else.
    EXPECT_EQ(value_of("const said = []; for (const pid of [500, 4242, 30000]) { try { "
                       "process.kill(pid, 'SIGKILL'); said.push(pid) } catch {} } return said"),
              "[]");
    run(body("process.kill(-1, 'SIGKILL'); process.kill(1, 'SIGKILL'); for (;;);", 1'000));
    EXPECT_EQ(value_of("return 1"), "1");
}

TEST_P(Nodebox, ForgedFramesAreNotBelieved) {
    const char* forgeries[] = {
        "require('fs').writeSync(3, Buffer.from('ffffffff05', 'hex')); for (;;);",
        "require('fs').writeSync(3, Buffer.from('0100000009ff', 'hex')); for (;;);",
        "require('fs').writeSync(3, Buffer.from('080000000101000000000000ff', 'hex')); for (;;);",
        "const b = Buffer.alloc(27); b.writeUInt32LE(26, 0); b[4] = 5; b.writeUInt32LE(999, 5); "
        "require('fs').writeSync(3, b); for (;;);",
        "for (const fd of [0, 1, 2, 4, 5, 6, 7, 8]) { try { require('fs').writeSync(fd, "
        "Buffer.from('0500000005aabbccddee', 'hex')) } catch {} } require('fs').closeSync(3); "
        "for (;;);",
    };
    for (const char* forgery : forgeries) {
        const SandboxResult result = run(body(forgery, 2'000));
        EXPECT_NE(result.status, SandboxStatus::ok) << forgery << " " << result.value.dump();
    }
    EXPECT_EQ(value_of("return 1"), "1");
}

TEST_P(Nodebox, RunsSeeNothingOfEachOther) {
    EXPECT_EQ(value_of("globalThis.n = (globalThis.n || 0) + 1; Array.left = 1; "
                       "require('fs').writeFileSync('/tmp/left', 'secret-of-a'); "
                       "require('fs').constructor.prototype.left = 1; return globalThis.n"),
              "1");
    engine::NodeRequest other =
        body("return [globalThis.n, Array.left, ({}).left, require('fs').existsSync('/tmp/left')]");
    other.tenant = "tenant-b";
    EXPECT_EQ(run(std::move(other)).value.dump(), R"([null,null,null,false])");
    EXPECT_NE(value_of("return [Math.random(), crypto.randomUUID()]"),
              value_of("return [Math.random(), crypto.randomUUID()]"));
}

TEST_P(Nodebox, RequestsGoThroughTheEngineAlone) {
    http.answer = [](const engine::HttpRequest& request) {
        if (request.url.find("example.org") == std::string::npos) {
            return engine::HttpOutcome(engine::HttpFailure{engine::HttpError::refused_address,
                                                           "the address is private", true});
        }
        return json_answer(201, R"({"method":")" + request.method + R"(","url":")" + request.url +
                                    R"(","body":")" + request.body + R"("})");
    };
    EXPECT_EQ(value_of("const r = await fetch('https://example.org/a?b=1', { method: 'POST', body: "
                       "'hi', headers: { 'X-One': '1' } }); return [r.status, await r.json()]"),
              R"([201,{"method":"POST","url":"https://example.org/a?b=1","body":"hi"}])");
    ASSERT_EQ(http.requests.size(), 1u);
    EXPECT_EQ(http.requests[0].tenant, "tenant-a");
    EXPECT_EQ(http.requests[0].redirects_max, 0u);
    const std::string by_http =
        "const get = (lib, url) => new Promise((done, fail) => require(lib).get(url, (r) => { "
        "let t = ''; r.on('data', (c) => t += c); r.on('end', () => done([r.statusCode, "
        "JSON.parse(t).url])) }).on('error', fail));";
    EXPECT_EQ(value_of(by_http + "return [await get('https', 'https://example.org:8443/x'), await "
                                 "get('http', 'http://example.org/y')]"),
              R"([[201,"https://example.org:8443/x"],[201,"http://example.org/y"]])");
    for (const char* address :
         {"http://127.0.0.1:5432", "http://[::1]/", "http://169.254.169.254/latest/meta-data",
          "http://2130706433/", "http://0x7f.1/", "http://localhost.",
          "http://engine.internal/api/v1/"
          "worker/project"}) {
        EXPECT_THAT(value_of(by_http + "return await get('http', '" + address + "')"),
                    HasSubstr("refused_address"))
            << address;
    }
    EXPECT_THAT(
        value_of("await fetch('http://example.com', { headers: { 'X-A': 'b\\r\\nEvil: 1' } })"),
        HasSubstr("error"));
    EXPECT_THAT(value_of("return await new Promise((d, e) => { const s = "
                         "require('net').connect(25, 'example.org'); s.on('error', e); "
                         "s.write('EHLO me\\r\\n') })"),
                HasSubstr("only HTTP"));
}

TEST_P(Nodebox, ManyRequestsAtOnceAllComeBack) {
    http.answer = [](const engine::HttpRequest&) { return json_answer(200, "1"); };
    EXPECT_EQ(value_of("const all = await Promise.all(Array.from({ length: 200 }, (_, i) => "
                       "fetch('https://example.org/' + i).then((r) => r.json()))); return "
                       "all.length"),
              "200");
}

TEST_P(Nodebox, AProcessThatIsKilledIsToldAndNothingIsLeft) {
    std::optional<SandboxResult> out;
    // Whatever the answer is: it may come before the end does.
    engine::NodeRequest victim =
        body("await fetch('https://example.org/').catch(() => 0); for (;;);", 60'000);
    victim.limits.memory_bytes = 73u << 20;
    pool->run(std::move(victim), [&out](SandboxResult result) { out = std::move(result); });
    ASSERT_TRUE(loop.run_until([&] { return !http.requests.empty(); }));
    const std::vector<pid_t> launchers = child_processes();
    ASSERT_EQ(launchers.size(), 1u);
    EXPECT_EQ(node_processes_with("73"), 1u);
    kill(launchers[0], SIGKILL);
    ASSERT_TRUE(loop.run_until([&] { return out.has_value(); }));
    EXPECT_EQ(out->status, SandboxStatus::crashed) << out->error;
    EXPECT_EQ(value_of("return 1"), "1");
    pool.reset();
    EXPECT_TRUE(loop.run_until([] { return node_processes_with("73") == 0; }));
}

TEST_P(Nodebox, OneTenantsLoopsDoNotKeepAnotherWaiting) {
    std::size_t ended = 0;
    for (int i = 0; i < 12; ++i) {
        pool->run(body("for (;;);", 1'500), [&ended](const SandboxResult&) { ++ended; });
    }
    engine::NodeRequest other = body("return 1");
    other.tenant = "tenant-b";
    const SandboxResult result = run(std::move(other));
    EXPECT_EQ(result.status, SandboxStatus::ok) << result.error;
    EXPECT_LT(ended, 6u);
    pool.reset();
    EXPECT_TRUE(loop.run_until([&] { return ended == 12; }));
}

TEST(NodeboxFloor, SaysInOneLineWhatIsMissing) {
    engine::NodeboxOptions options;
    options.launcher_path = SALLYPORT_NODEBOX_PATH;
    options.node_path = "/usr/bin/true";
    EXPECT_TRUE(engine::probe_nodebox(options).ok());  // a program that ends well is believed
    options.node_path = "/usr/bin/false";
    EXPECT_FALSE(engine::probe_nodebox(options).ok());
    options.node_path = "/does/not/exist";
    const Status missing = engine::probe_nodebox(options);
    ASSERT_FALSE(missing.ok());
    EXPECT_THAT(missing.message(), HasSubstr("/does/not/exist"));
    EXPECT_THAT(missing.message(), Not(HasSubstr("\n")));
    EXPECT_FALSE(engine::find_node("/nowhere/node", "").ok());
    EXPECT_THAT(engine::find_node("", "/nowhere:relative").message(), HasSubstr("SALLYPORT_NODE"));
}

// As Node does from version 24 on: 512 MB for code, which the limit on data would count.
TEST(NodeboxFloor, LetsNodeReserveItsCodeRange) {
    engine::NodeboxOptions options;
    options.launcher_path = SALLYPORT_NODEBOX_PATH;
    options.node_path = "/usr/bin/true";
    ASSERT_TRUE(engine::probe_nodebox(options).ok());
    EXPECT_EQ(options.code_range_bytes, 0u);
    options.node_path = SALLYPORT_RESERVING_PROGRAM;
    const Status probed = engine::probe_nodebox(options);
    EXPECT_TRUE(probed.ok()) << probed.message();
    EXPECT_EQ(options.code_range_bytes, 512u << 20);
}

// A launcher in a place where namespaces are not to be had: as in a container with default
// settings.
TEST(NodeboxFloor, RefusesWithoutUserNamespaces) {
    if (geteuid() != 0) {
        GTEST_SKIP() << "only root can take them away";
    }
    TempDir folder("floor");
    const std::string launcher = folder.path("launch");
    std::ofstream(launcher) << "#!/bin/sh\nexec unshare --user --map-root-user sh -c 'echo 0 > "
                               "/proc/sys/user/max_user_namespaces; exec setpriv --no-new-privs "
                            << SALLYPORT_NODEBOX_PATH << " \"$@\"' sh \"$@\"\n";
    std::filesystem::permissions(launcher, std::filesystem::perms{0755});
    engine::NodeboxOptions options;
    options.launcher_path = launcher;
    options.node_path = node_path();
    const Status refused = engine::probe_nodebox(options);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.message(), testing::AnyOf(HasSubstr("namespaces"), HasSubstr("user")));
}

}  // namespace
}  // namespace sallyport::test
