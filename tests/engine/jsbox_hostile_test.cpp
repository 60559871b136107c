// What hostile scripts try: each ends as stated, within its time, and the run after it, in the same
// worker or its successor, is untouched.
#include "tests/engine/jsbox_fixture.hpp"

#include <sys/resource.h>

#include <chrono>
#include <string>

namespace sallyport::test {
namespace {

using engine::SandboxResult;
using engine::SandboxStatus;
using std::chrono::steady_clock;

constexpr std::uint32_t kTimeMs = 150;
constexpr std::uint32_t kBombTimeMs = 2'500;  // enough to fill the memory on a busy machine
// The worker's second clock, the engine's third, and a busy machine.
constexpr auto kLatest = std::chrono::milliseconds(kTimeMs + 2'000 + 3'000);

class JsboxHostile : public JsboxFixture {
  protected:
    void SetUp() override { start(); }

    void expect_next_run_is_clean(const std::string& after) {
        const SandboxResult next =
            run("export const code = async (inputs) => {\n"
                "  const xs = [1, 2].map((x) => x + inputs.a);\n"
                "  await Promise.resolve();\n"
                "  return [JSON.stringify({ a: 1 }), xs, ({}).polluted, typeof globalThis.left];\n"
                "};",
                5'000, R"({"a":1})");
        EXPECT_EQ(next.status, SandboxStatus::ok) << next.error << " after " << after;
        EXPECT_EQ(next.value.dump(), R"(["{\"a\":1}",[2,3],null,"undefined"])") << after;
    }
};

struct Attempt {
    const char* code;      // of the function's body
    const char* outcomes;  // statuses that are right, separated by blanks
};

const Attempt kLoops[] = {
    {"for (;;);", "timeout"},
    {"for (;;) await null", "timeout"},
    {"return new Promise(() => {})", "error"},
    {"while (1) { try { for (;;); } catch {} finally { continue } }", "timeout"},
    {"return /^(a+)+$/.test('a'.repeat(40) + '!')", "timeout"},
    {"let x = 3n; for (let i = 0; i < 60; i++) x *= x; return String(x)",
     "timeout error memory_limit"},
    {"return String(10n ** 10n ** 8n)", "timeout error memory_limit"},
    {"const f = () => f(); setTimeout(function g() { setTimeout(g, 0) }, 0); await new Promise(() "
     "=> {})",
     "timeout"},
    {"for (;;) setTimeout(() => {}, 0)", "timeout memory_limit"},
    {"setTimeout(() => {}, 1e9); await new Promise(() => {})", "timeout"},
    {"const u = new Uint8Array(8 << 20); for (;;) u.fill(1)", "timeout"},
    {"const s = 'a'.repeat(4 << 20); for (;;) s.indexOf('a'.repeat(1 << 20) + 'b')", "timeout"},
    {"for (;;) { [...'x'.repeat(1000)].sort(() => Math.random() - 0.5) }", "timeout"},
    {"const p = () => Promise.resolve().then(p); await p()", "timeout memory_limit"},
    {"async function* g() { for (;;) yield 1 } for await (const x of g());", "timeout"},
    {"return { toJSON() { for (;;); } }", "timeout"},
    {"return { get a() { for (;;); } }", "timeout"},
    {"throw { get message() { for (;;); }, get stack() { for (;;); } }", "timeout"},
    {"return { then() { for (;;); } }", "timeout"},
    {"throw { [Symbol.toPrimitive]() { for (;;); }, toString() { for (;;); }, toJSON() { for (;;); "
     "} }",
     "timeout"},
};

TEST_F(JsboxHostile, LoopsEndAtTheirTime) {
    for (const Attempt& attempt : kLoops) {
        const auto begin = steady_clock::now();
        const SandboxResult result =
            run(std::string("export const code = async () => {\n") + attempt.code + "\n}", kTimeMs);
        EXPECT_NE(std::string(attempt.outcomes).find(to_string(result.status)), std::string::npos)
            << attempt.code << " -> " << to_string(result.status) << ": " << result.error;
        EXPECT_LT(steady_clock::now() - begin, kLatest) << attempt.code;
        expect_next_run_is_clean(attempt.code);
    }
}

const Attempt kBombs[] = {
    {"return new Array(4294967295).fill(7)", "error memory_limit timeout"},
    {"return Array.from({ length: 2 ** 32 - 2 })", "error memory_limit timeout"},
    {"for (let i = 0; i < 100; i++) 'x'.repeat(2 ** 27).split('')", "error memory_limit timeout"},
    {"return [...'.'.repeat(1e9)]", "error memory_limit timeout"},
    {"const a = []; for (;;) a.push({})", "memory_limit"},
    {"globalThis.a = []; for (;;) globalThis.a.push({ x: [1, 2, 3] })", "memory_limit"},
    {"const m = new Map(); for (let i = 0; ; i++) m.set(i, i)", "memory_limit timeout"},
    {"const s = new Set(); for (let i = 0; ; i++) s.add('k' + i)", "memory_limit"},
    {"let s = 'x'; for (;;) s += s + Math.random()", "memory_limit error"},
    {"const a = []; for (;;) a.push(new ArrayBuffer(1 << 20))", "memory_limit error"},
    {"const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))", "memory_limit error"},
    {"return new ArrayBuffer(8, { maxByteLength: 2 ** 40 }).resize(2 ** 39)", "error memory_limit"},
    {"return JSON.parse('['.repeat(5e6))", "error memory_limit timeout"},
    {"return eval('['.repeat(1e6))", "error memory_limit timeout"},
    {"return new RegExp('('.repeat(1e6))", "error memory_limit timeout"},
    {"const f = () => f() + 1; return f()", "error"},
    {"const f = () => { try { f() } catch { f() } }; f()", "error timeout ok"},
    {"const f = () => { try { return f() } finally { f() } }; return f()", "error timeout"},
    {"let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o", "error memory_limit timeout"},
    {"return { toJSON() { let o = {}; for (let i = 0; i < 1e5; i++) o = [o]; return o } }",
     "error memory_limit timeout"},
    {"let p = Promise.resolve(); for (let i = 0; i < 1e6; i++) p = p.then(() => 1); await p",
     "ok memory_limit timeout"},
    {"const a = {}; a.toString = () => a + ''; return `${a}`", "error"},
    {"return new Proxy({}, { ownKeys: () => { throw 1 } })", "error"},
    {"return 'x'.repeat(50 << 20)", "output_limit memory_limit error"},
    {"return 'x'.repeat(9 << 20)", "output_limit"},
    {"return Array.from({ length: 9e5 }, () => 1234567890)", "output_limit memory_limit timeout"},
    {"throw new Error('m'.repeat(30 << 20))", "error memory_limit"},
    {"throw 's'.repeat(1 << 20)", "error"},
    {"throw null", "error"},
    {"throw Symbol('s')", "error"},
    {"throw new Proxy({}, { get() { throw 2 }, getPrototypeOf() { throw 3 } })", "error"},
    {"const e = new Error(); Object.defineProperty(e, 'stack', { get() { throw e } }); throw e",
     "error"},
    {"return new SharedArrayBuffer(1 << 30)", "error memory_limit"},
    {"return Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)", "error"},
    {"return new WebAssembly.Memory({ initial: 16384 })", "error"},
    {"Promise.reject(new Error('nobody listens')); return 1", "ok"},
    {"setTimeout(() => { throw new Error('late') }, 1); return 1", "ok"},
    {"setTimeout(() => { throw new Error('early') }, 1); await new Promise((r) => setTimeout(r, "
     "50))",
     "error"},
    {"for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100)); return 1", "ok timeout"},
};

TEST_F(JsboxHostile, BombsStayInTheirBox) {
    for (const Attempt& attempt : kBombs) {
        const auto begin = steady_clock::now();
        const SandboxResult result = run(
            std::string("export const code = async () => {\n") + attempt.code + "\n}", kBombTimeMs);
        EXPECT_NE(std::string(attempt.outcomes).find(to_string(result.status)), std::string::npos)
            << attempt.code << " -> " << to_string(result.status) << ": " << result.error;
        EXPECT_LT(steady_clock::now() - begin, kLatest + std::chrono::milliseconds(kBombTimeMs))
            << attempt.code;
        EXPECT_LE(result.error.size(), 8u << 10) << attempt.code;
        EXPECT_LE(result.console.size(), 64u << 10) << attempt.code;
        expect_next_run_is_clean(attempt.code);
    }
    pool.reset();
    rusage children{};
    getrusage(RUSAGE_CHILDREN, &children);
    EXPECT_LT(children.ru_maxrss, 160 * 1024) << "KB at the peak of the largest worker";
}

TEST_F(JsboxHostile, NothingOfTheHostIsInReach) {
    const char* escapes[] = {
        "(() => {}).constructor.constructor('return process')()",
        "inputs.constructor.constructor('return process')()",
        "console.log.constructor('return process')()",
        "fetch.constructor('return process')()",
        "setTimeout.constructor('return process')()",
        "require.constructor('return process')()",
        "Buffer.constructor('return process')()",
        "crypto.randomUUID.constructor('return process')()",
        "require('crypto').createHash.constructor('return process')()",
        "Reflect.construct(Function, ['return process'])()",
        "(async () => {}).constructor('return process')()",
        "(function* () {}).constructor('return process')().next()",
        "console.log.caller",
        "setTimeout.arguments",
        "fetch.caller.caller",
        "globalThis.process.mainModule.require('fs')",
        "process.getBuiltinModule('fs')",
        "module.constructor._load('fs')",
        "require.cache",
        "require.main.require('fs')",
        "new Worker('x')",
        "Deno.readTextFileSync('/etc/passwd')",
        "std.loadFile('/etc/passwd')",
        "os.getenv('PATH')",
        "import.meta.require('fs')",
        "globalThis.bjson.read",
        "Error.prepareStackTrace = (e, s) => s[1].getFunction(), new Error().stack()",
    };
    for (const char* escape : escapes) {
        const std::string got = value_of(
            std::string("try { const got = await (") + escape +
            "); return got === undefined || got === null ? 'nothing' : 'GOT ' + typeof got } "
            "catch (e) { return 'refused' }");
        EXPECT_TRUE(got == R"("refused")" || got == R"("nothing")" ||
                    got.rfind("error: SyntaxError", 0) == 0)
            << escape << " -> " << got;
    }
    const engine::EvaluateResult expressions = evaluate(
        {"this.constructor.constructor('return process')()",
         "[].filter.constructor('return process.env')()", "`${process}`",
         "(() => { with ({}) { return process } })()",
         "Reflect.get(globalThis, 'pro' + 'cess').env", "globalThis['process'].getBuiltinModule"});
    for (const engine::ExpressionResult& one : expressions.results) {
        EXPECT_FALSE(one.ok);
        EXPECT_FALSE(one.error.empty());
    }
}

TEST_F(JsboxHostile, EveryShimIsMadeOfTheSandboxsOwnFunctions) {
    EXPECT_EQ(
        value_of(
            "const bad = [];\n"
            "const seen = new Set();\n"
            "const walk = (value, path) => {\n"
            "  if ((typeof value !== 'object' && typeof value !== 'function') || value === null"
            " || seen.has(value)) return;\n"
            "  seen.add(value);\n"
            "  if (typeof value === 'function' && value !== Function.prototype"
            " && !(value instanceof Function)) bad.push(path);\n"
            "  for (const key of Reflect.ownKeys(value)) {\n"
            "    const d = Reflect.getOwnPropertyDescriptor(value, key);\n"
            "    for (const part of [d.value, d.get, d.set]) walk(part, path + '.' + "
            "String(key));\n"
            "  }\n"
            "  walk(Reflect.getPrototypeOf(value), path + '.__proto__');\n"
            "};\n"
            "walk(globalThis, 'globalThis');\n"
            "const names = [...seen].filter((f) => typeof f === 'function').map((f) => f.name);\n"
            "return [bad, ['settle', 'memory_grace', 'to_bytes', 'tick', 'start']"
            ".filter((name) => names.includes(name)), seen.size > 500]"),
        "[[],[],true]");
}

TEST_F(JsboxHostile, PollutionEndsWithItsRun) {
    const SandboxResult polluted =
        run("Object.prototype.polluted = 1; globalThis.left = 1;\n"
            "Array.prototype.map = () => 'evil'; Array.prototype[Symbol.iterator] = null;\n"
            "JSON.stringify = () => 'evil'; JSON.parse = () => 'evil';\n"
            "Promise.prototype.then = () => 'evil'; Promise.resolve = null;\n"
            "Object.defineProperty(Object.prototype, 'status', { set() { throw 1 } });\n"
            "String.prototype.slice = null; Function.prototype.call = null; "
            "Function.prototype.apply = null;\n"
            "Reflect.apply = null; globalThis.Object = null; globalThis.Error = null;\n"
            "Object.prototype.toJSON = undefined; Math.random = () => 4;\n"
            "export const code = async (inputs) => ({ sum: inputs.a + 1 });",
            5'000, R"({"a":1})");
    EXPECT_EQ(polluted.status, SandboxStatus::error);  // globalThis.Object = null came first
    const SandboxResult own =
        run("Object.prototype.polluted = 1; globalThis.left = 1;\n"
            "Array.prototype.map = () => 'evil'; Array.prototype[Symbol.iterator] = null;\n"
            "JSON.stringify = () => 'evil'; JSON.parse = () => 'evil';\n"
            "Promise.prototype.then = () => 'evil'; Promise.resolve = null;\n"
            "String.prototype.slice = null; Function.prototype.call = null; "
            "Function.prototype.apply = null;\n"
            "Reflect.apply = null; globalThis.Error = null; Math.random = () => 4;\n"
            "export const code = async (inputs) => ({ sum: inputs.a + 1 });",
            5'000, R"({"a":1})");
    EXPECT_EQ(own.status, SandboxStatus::ok) << own.error;
    EXPECT_EQ(own.value.dump(), R"({"sum":2})");
    expect_next_run_is_clean("pollution");
}

TEST_F(JsboxHostile, TheEnginesSecretsAreNotInTheWorker) {
    // What the engine holds in its environment and memory must not be found by reading every byte
    // that uninitialised memory offers.
    setenv("SALLYPORT_TEST_CANARY", "canary-5f2c19", 1);
    pool.reset();
    start();
    const SandboxResult result =
        run("export const code = () => {\n"
            "  let found = 0;\n"
            "  for (let i = 0; i < 100; i++) {\n"
            "    const b = Buffer.allocUnsafe(65536);\n"
            "    if (b.includes('canary') || new BigUint64Array(b.buffer).some((x) => x !== 0n)) "
            "found++;\n"
            "  }\n"
            "  return [found, typeof process];\n"
            "}",
            20'000);
    unsetenv("SALLYPORT_TEST_CANARY");
    ASSERT_EQ(result.status, SandboxStatus::ok) << result.error;
    EXPECT_EQ(result.value.at(0).integer_or(-1), 0);
}

TEST_F(JsboxHostile, LargeAndDeepInputsAreExactOrRefused) {
    EXPECT_EQ(
        value_of("return [inputs.a, inputs.b]", R"({"a":1e308,"b":"\u2028\u0000\ud83d\ude00"})"),
        "[1e+308,\"\xe2\x80\xa8\\u0000\xf0\x9f\x98\x80\"]");
    std::string source(5u << 20, ' ');
    source += "export const code = () => 1";
    EXPECT_EQ(run(source).status, SandboxStatus::error);
    EXPECT_EQ(run(std::string(3u << 20, ' ') + "export const code = () => 1").status,
              SandboxStatus::ok);
    EXPECT_EQ(value_of("let o = 1; for (let i = 0; i < 400; i++) o = [o]; return o").substr(0, 3),
              "[[[");
    EXPECT_EQ(value_of("let o = 1; for (let i = 0; i < 600; i++) o = [o]; return o").substr(0, 6),
              "error:");
    engine::CodeRequest large = code("export const code = (inputs) => inputs.s.length");
    large.input = Json::object({{"s", Json::string(std::string(7u << 20, 'x'))}});
    const SandboxResult length = run(std::move(large));
    EXPECT_EQ(length.value.integer_or(0), 7 << 20) << length.error;
}

}  // namespace
}  // namespace sallyport::test
