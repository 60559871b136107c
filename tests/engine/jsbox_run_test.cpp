// What a code step finds in the sandbox and what becomes of its result.
#include "common/file_text.hpp"
#include "tests/engine/jsbox_fixture.hpp"

#include <set>
#include <string>

namespace sallyport::test {
namespace {

using engine::SandboxResult;
using engine::SandboxStatus;

class JsboxRun : public JsboxFixture {
  protected:
    void SetUp() override { start(); }
};

struct Case {
    const char* body;
    const char* expected;  // JSON, or "status: error"
};

TEST_F(JsboxRun, ResultsBecomeJson) {
    const Case cases[] = {
        {"return inputs.a + 1", "2"},
        {"return undefined", "null"},
        {"return () => 1", "null"},
        {"return Symbol('x')", "null"},
        {"return NaN", "null"},
        {"return { a: undefined, b: [undefined, () => 1] }", R"({"b":[null,null]})"},
        {"return new Map([[1, 2]])", "{}"},
        {"return new Date(NaN)", "null"},
        {"return new Date(0)", R"("1970-01-01T00:00:00.000Z")"},
        {"return 'a\\u0000b\\u2028'", "\"a\\u0000b\xe2\x80\xa8\""},
        {"return '\\ud83d\\ude00'", "\"\xf0\x9f\x98\x80\""},
        {"return 'x\\ud83d'", "\"x\xef\xbf\xbd\""},
        {"return 1e20", "100000000000000000000.0"},
        {"return [2**53, -(2**63), 1e308]", "[9007199254740992,-9223372036854776000.0,1e+308]"},
        {"return inputs.__proto__", "1"},
        {"return Object.keys(inputs)", R"(["a","__proto__","constructor"])"},
        {"return 10n", "error: TypeError: BigInt are forbidden in JSON.stringify"},
        {"const a = {}; a.a = a; return a", "error: TypeError: circular reference"},
        {"return { then(resolve) { resolve(5) } }", "5"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(value_of(c.body, R"({"a":1,"__proto__":1,"constructor":{"prototype":2}})"),
                  c.expected)
            << c.body;
    }
}

TEST_F(JsboxRun, SourceTextsThatAreNotStepsSayWhy) {
    const Case cases[] = {
        {"export const code = 1",
         "error: TypeError: the code must export a function named code: "
         "export const code = async (inputs) => { \xe2\x80\xa6 }"},
        {"const code = 1",
         "error: TypeError: the code must export a function named code: "
         "export const code = async (inputs) => { \xe2\x80\xa6 }"},
        {"",
         "error: TypeError: the code must export a function named code: "
         "export const code = async (inputs) => { \xe2\x80\xa6 }"},
        {"\xef\xbb\xbf"
         "export const code = () => 1",
         "1"},
        {"#!/usr/bin/env node\nexport const code = () => 1", "1"},
        {"export const code = () => '</script>*/'", R"("</script>*/")"},
        {"throw new Error('at the top')", "error: Error: at the top"},
        {"throw null; export const code = 1", "error: thrown: null"},
        {"const x = await 7; export const code = () => x", "7"},
        {"export const then = (r) => r({ code: () => 'other' }); export const code = () => 1", "1"},
        {"export default 1; export async function code(i) { return i }", "{}"},
    };
    for (const Case& c : cases) {
        const SandboxResult result = run(c.body);
        EXPECT_EQ(result.status == SandboxStatus::ok
                      ? result.value.dump()
                      : std::string(to_string(result.status)) + ": " + result.error,
                  c.expected)
            << c.body;
    }
    for (const char* broken :
         {"export const code = (", "};import fs from'fs';//", "export const code = (x: ) => x",
          "export const a = 1; export const a = 2"}) {
        const SandboxResult result = run(broken);
        EXPECT_EQ(result.status, SandboxStatus::error) << broken;
        EXPECT_EQ(result.error.rfind("SyntaxError: ", 0), 0u) << result.error;
    }
    const SandboxResult nul = run(std::string("export const code = () => 1\0 junk", 33));
    EXPECT_EQ(nul.status, SandboxStatus::error);
}

TEST_F(JsboxRun, ErrorsCarryTheirStackAndTheConsole) {
    const SandboxResult result =
        run("export const code = async () => {\n"
            "  console.log('before', { a: [1, 'x'] }, 5n);\n"
            "  throw new RangeError('too far');\n"
            "};");
    EXPECT_EQ(result.status, SandboxStatus::error);
    EXPECT_EQ(result.error, "RangeError: too far");
    EXPECT_NE(result.stack.find("code.js:3"), std::string::npos) << result.stack;
    EXPECT_EQ(result.console, "before { a: [ 1, 'x' ] } 5n\n");
}

TEST_F(JsboxRun, TheUsualGlobalsWork) {
    const Case cases[] = {
        {"return new TextDecoder().decode(new TextEncoder().encode('h\\u00e9\\ud83d\\ude00 and "
         "some more'))",
         "\"h\xc3\xa9\xf0\x9f\x98\x80 and some more\""},
        {"return [...new TextEncoder().encode('\\ud800\\u0000')]", "[239,191,189,0]"},
        {"return new TextDecoder().decode(new Uint8Array([0xff,0xe2,0x82,0x41]))",
         "\"\xef\xbf\xbd\xef\xbf\xbd"
         "A\""},
        {"return [btoa('\\u00ff\\u0000a'), atob('/wBh').length]", R"(["/wBh",3])"},
        {"try { btoa('\\u0100') } catch (e) { return e.name }", R"("InvalidCharacterError")"},
        {"const u = new URL('../x?a=1&b=%20c#h', 'HTTPS://U:p@EX\\u00e4mple.com:443/a/b/c'); "
         "return [u.href, u.host, u.searchParams.get('b')]",
         R"(["https://U:p@xn--exmple-cua.com/a/x?a=1&b=%20c#h","xn--exmple-cua.com"," c"])"},
        {"const u = new URL('http://0x7f.1/'); u.searchParams.append('k', 'a b&'); u.port = "
         "'8080'; return u.href",
         R"("http://127.0.0.1:8080/?k=a+b%26")"},
        {"return new URL('http://[::FFFF:1.2.3.4]/').hostname", R"("[::ffff:102:304]")"},
        {"try { new URL('/x') } catch (e) { return [e.name, e.message, e.code, e.input] }",
         R"(["TypeError","Invalid URL","ERR_INVALID_URL","/x"])"},
        {"const u = new URL('http://a/?#'); u.hash = ''; u.search = 'x'; return u.href",
         R"("http://a/?x")"},
        {"return structuredClone({ d: new Date(0), m: new Map([[1, new Set([2])]]) "
         "}).m.get(1).has(2)",
         "true"},
        {"try { structuredClone(() => 1) } catch (e) { return e.name }", R"("DataCloneError")"},
        {"return Buffer.from('aGk=', 'base64').toString() + Buffer.concat([Buffer.from('41', "
         "'hex'), Buffer.from('b')])",
         R"("hiAb")"},
        {"const b = Buffer.alloc(8); b.writeUInt32BE(0xdeadbeef, 2); return [b.toString('hex'), "
         "b.readUInt16LE(2)]",
         R"(["0000deadbeef0000",44510])"},
        {"return [Buffer.from('\\u00ff', 'latin1').length, Buffer.byteLength('\\u20ac'), "
         "Buffer.from('a').equals(Buffer.from('a'))]",
         "[1,3,true]"},
        {"return JSON.stringify(Buffer.from('a'))", R"("{\"type\":\"Buffer\",\"data\":[97]}")"},
        {"return await new Promise((r) => { const order = []; setTimeout(() => { order.push(3); "
         "r(order) }, 12);"
         " setTimeout(() => order.push(2), 4); queueMicrotask(() => order.push(1)) })",
         "[1,2,3]"},
        {"let n = 0; const i = setInterval(() => { if (++n === 3) clearInterval(i) }, 1);"
         " const t = setTimeout(() => { n = 99 }, 5); clearTimeout(t);"
         " await new Promise((r) => setTimeout(r, 30)); return n",
         "3"},
        {"return [typeof process, typeof Atomics, typeof WebAssembly, typeof __sallyport_modules]",
         R"(["undefined","undefined","undefined","undefined"])"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(value_of(c.body), c.expected) << c.body;
    }
}

// tests/vectors/urls.json: what whatwg-url 14.2.0, the standard's reference, makes of addresses:
// [address, null or [href, host, pathname, search, hash, names and values]].
TEST_F(JsboxRun, AddressesAreReadAsTheStandardSays) {
    const auto text = read_file_text(SALLYPORT_VECTORS_DIR "/urls.json", 1U << 20U);
    ASSERT_TRUE(text.ok()) << text.message();
    const Json expected = *Json::parse(*text);
    ASSERT_GT(expected.size(), 100U);
    const std::string got = value_of(
        "return inputs.urls.map(([text]) => {\n"
        "  try {\n"
        "    const u = new URL(text);\n"
        "    return [text, [u.href, u.host, u.pathname, u.search, u.hash, "
        "[...u.searchParams].flat()]];\n"
        "  } catch { return [text, null]; }\n"
        "})",
        "{\"urls\":" + *text + "}");
    const Result<Json> ours = Json::parse(got);
    ASSERT_TRUE(ours.ok()) << got;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(ours->at(i).dump(), expected.at(i).dump());
    }
}

// The C library would open a file to learn its zone, and the filter ends whoever does.
TEST_F(JsboxRun, LocalTimeIsUtc) {
    const Case cases[] = {
        {"return new Date(2020, 0, 31, 1, 2, 3).toISOString()", R"("2020-01-31T01:02:03.000Z")"},
        {"return new Date('Jan 15 2020').toISOString()", R"("2020-01-15T00:00:00.000Z")"},
        {"return Date.parse('2020-01-01 10:00')", "1577872800000"},
        {"return new Date(0).toString().slice(0, 24)", R"("Thu Jan 01 1970 00:00:00")"},
        {"return new Date(0).getTimezoneOffset()", "0"},
        {"return new Date(-1).getHours()", "23"},
        {"return new Date(Date.UTC(2024, 1, 29)).getDate()", "29"},
        {"return [8.64e15, -8.64e15].map((at) => new Date(at).getFullYear())", "[275760,-271821]"},
        {"return new Date(1900, 1, 29).getMonth()", "2"},
    };
    for (const Case& test : cases) {
        EXPECT_EQ(value_of(test.body), test.expected) << test.body;
    }
}

TEST_F(JsboxRun, ModulesAreTheFourAndNothingElse) {
    const Case cases[] = {
        {"import c, { createHmac } from 'node:crypto'; export const code = () => [\n"
         "c.createHash('sha256').update('a').update('bc').digest('hex'),\n"
         "createHmac('sha1', 'key').update('The quick brown fox jumps over the lazy "
         "dog').digest('hex'),\n"
         "c.createHash('md5').update('').digest('base64'), "
         "c.createHash('SHA-512').digest().length,\n"
         "c.timingSafeEqual(Buffer.from('a'), Buffer.from('b')), c.randomBytes(70000).length]",
         R"(["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)"
         R"("de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9","1B2M2Y8AsgTpgAmY7PhCfg==",64,false,70000])"},
        {"import { format, promisify } from 'util'; import { URL as U } from 'url';\n"
         "export const code = async () => [format('%s=%d', 'a', 1), new U('http://h').href,"
         " await promisify((x, cb) => cb(null, x + 1))(1)]",
         R"(["a=1","http://h/",2])"},
        {"export const code = () => require('node:buffer').Buffer === Buffer", "true"},
        {"export const code = async () => (await import('crypto')).default === require('crypto')",
         "true"},
    };
    for (const Case& c : cases) {
        const SandboxResult result = run(c.body);
        EXPECT_EQ(result.status == SandboxStatus::ok ? result.value.dump() : result.error,
                  c.expected);
    }
    for (const char* name :
         {"fs", "node:fs", "child_process", "file:///etc/passwd", "./code",
          "data:text/javascript,export default 1", "https://x/y.mjs", "/etc/passwd"}) {
        const std::string quoted = std::string("'") + name + "'";
        EXPECT_EQ(run("import x from " + quoted + "; export const code = () => 1").status,
                  SandboxStatus::error)
            << name;
        EXPECT_EQ(
            value_of("try { await import(" + quoted + "); return 1 } catch (e) { return 'no' }"),
            R"("no")")
            << name;
        EXPECT_EQ(value_of("try { require(" + quoted + "); return 1 } catch (e) { return e.code }"),
                  R"("MODULE_NOT_FOUND")")
            << name;
    }
}

TEST_F(JsboxRun, ExpressionsSeeTheirScopeAndNothingBetweenThem) {
    const engine::EvaluateResult result = evaluate(
        {"trigger.body.items.map((i) => i.n * 2)", "a = 5, a", "a", "missing.x", "undefined",
         "1); (2", "1]; [2", "`${a}`", "", "'}}' + \")\"", "{ b: a }.b", "toString", "await 1",
         "Promise.resolve(a)", "return 1", "this === globalThis", "f // comment"},
        R"({"a":1,"f":"f","trigger":{"body":{"items":[{"n":1},{"n":2}]}}})");
    ASSERT_EQ(result.status, SandboxStatus::ok) << result.error;
    const char* expected[] = {"[2,4]",
                              "5",
                              "1",
                              "!ReferenceError: missing is not defined",
                              "",
                              "!SyntaxError",
                              "!SyntaxError",
                              "\"1\"",
                              "!SyntaxError",
                              "\"}})\"",
                              "1",
                              "",
                              "!SyntaxError",
                              "1",
                              "!SyntaxError",
                              "true",
                              "\"f\""};
    ASSERT_EQ(result.results.size(), std::size(expected));
    for (std::size_t i = 0; i < std::size(expected); ++i) {
        const engine::ExpressionResult& one = result.results[i];
        const std::string shown =
            one.ok ? (one.value.exists() ? one.value.dump() : "") : "!" + one.error;
        EXPECT_EQ(shown.substr(0, expected[i][0] == '!' ? std::string(expected[i]).size()
                                                        : std::string::npos),
                  expected[i])
            << i;
    }
}

// A step that comes again is not compiled again; nothing but that may be seen of it.
TEST_F(JsboxRun, CompiledCodeIsKeptAndNothingElse) {
    const std::pair<const char*, const char*> cases[] = {
        {"let n = 0; globalThis.m = (globalThis.m ?? 0) + 1;\n"
         "export const code = () => [++n, globalThis.m]",
         "[1,1]"},
        {"import { createHash } from 'crypto'; await null;\n"
         "export const code = async () => createHash('md5').update('a').digest('hex')",
         "\"0cc175b9c0f1b6a831c399e269772661\""},
        {"export const code = (i) => i.a.toUpperCase() // \xc3\xa9", "\"X\""},
        {"throw new TypeError('top')", "TypeError: top"},
        {"export const code = ;", "SyntaxError"},
        {"import { none } from 'crypto'; export const code = 1", "SyntaxError"},
        {"export const other = 1", "TypeError: the code must export a function named code"},
        {"export function then() {} export const code = () => 5", "5"},
        {"import * as self from 'code.js'; export const code = () => Object.keys(self)",
         "[\"code\"]"},
    };
    for (int round = 0; round < 4; ++round) {
        for (const std::string& tenant :
             {std::string("tenant-a"), std::string("tenant-b"), std::string(200, 't')}) {
            for (const auto& [text, expected] : cases) {
                engine::CodeRequest request = code(text, R"({"a":"x"})");
                request.tenant = tenant;
                const SandboxResult result = run(std::move(request));
                const std::string shown =
                    result.status == SandboxStatus::ok ? result.value.dump() : result.error;
                EXPECT_EQ(shown.substr(0, std::string(expected).size()), expected)
                    << text << " " << round;
            }
        }
    }
    EXPECT_EQ(pool->counters().workers_started, 1u);
    std::set<std::string> randoms;
    for (int i = 0; i < 20; ++i) {
        randoms.insert(
            run("const first = Math.random(); export const code = () => first").value.dump());
    }
    EXPECT_EQ(randoms.size(), 20u) << "chance is new for every run, at the top as well";
}

TEST_F(JsboxRun, EveryRunIsFreshAndRandomnessIsItsOwn) {
    std::set<std::string> randoms;
    std::set<std::string> ids;
    constexpr int kRuns = 2'000;
    engine::SandboxResult result;
    int done = 0;
    for (int i = 0; i < kRuns; ++i) {
        pool->run_code(
            code("globalThis.n = (globalThis.n || 0) + 1; Symbol.for('k').x;\n"
                 "export const code = () => [globalThis.n, Math.random(), crypto.randomUUID()]"),
            [&](SandboxResult each) {
                ++done;
                EXPECT_EQ(each.status, SandboxStatus::ok) << each.error;
                EXPECT_EQ(each.value.at(0).integer_or(0), 1);
                randoms.insert(each.value.at(1).dump());
                ids.insert(std::string(each.value.at(2).text()));
            });
        if (i % 500 == 499) {  // below the queue's bound
            ASSERT_TRUE(loop.run_until([&] { return done == i + 1; }));
        }
    }
    EXPECT_EQ(randoms.size(), static_cast<std::size_t>(kRuns));
    EXPECT_EQ(ids.size(), static_cast<std::size_t>(kRuns));
    EXPECT_EQ(pool->counters().workers_started, 1u);
}

}  // namespace
}  // namespace sallyport::test
