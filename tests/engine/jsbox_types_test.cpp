// TypeScript in code steps of tier js.
#include "tests/engine/jsbox_fixture.hpp"
#include "tests/engine/typescript_cases.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sallyport::test {
namespace {

using engine::SandboxResult;
using engine::SandboxStatus;

class JsboxTypes : public JsboxFixture {
  protected:
    void SetUp() override { start(); }
    std::string outcome(const std::string& text, const std::string& input = "{}") {
        return outcome_of(run(text, 5'000, input));
    }
};

constexpr const char* kTyped = R"(import type { Nothing } from './nowhere';
import crypto from 'crypto';
interface Inputs<T extends object = {}> { a: number; b?: string; list: Array<{ id: T }> }
type Names = 'a' | 'b' | { [key: string]: unknown };
enum Color { Red, Green = 5, Blue = 'b' }
declare const elsewhere: number;
abstract class Base<T> {
    private readonly x: number = 1;
    constructor(public readonly name: string, protected t?: T) {}
    abstract foo(): void;
    get one(): number { return this.x!; }
}
class Whole extends Base<string> implements Inputs { a = 1; list = []; declare q: string; foo(): void {} }
function twice(x: string): string; function twice(x: number): number;
function twice(x: any): any { return x + x; }
const same = async <T,>(x: T): Promise<T> => x;
export const code = async (inputs: Inputs & { n: number }): Promise<Record<string, any>> => {
    const a = inputs.a as unknown as number;
    const any = <any>inputs;
    const length = (inputs.b ?? 'four')!.length satisfies number;
    const doubled: number[] = [1, 2].map((q: number): number => q * 2);
    return { a, n: any.n, length, doubled, color: [Color.Green, Color[0], Color.Blue], name: new Whole('w').name,
        one: new Whole('w').one, twice: twice(2), same: await same(4), md5: crypto.createHash('md5').update('a').digest('hex').length };
};
)";

TEST_F(JsboxTypes, AreErased) {
    constexpr const char* kAnswer =
        R"({"a":1,"n":2,"length":4,"doubled":[2,4],"color":[5,"Red","b"],"name":"w","one":1,)"
        R"("twice":4,"same":4,"md5":32})";
    for (int i = 0; i < 4; ++i) {  // compiled, and then kept
        EXPECT_EQ(outcome(kTyped, R"({"a":1,"n":2})"), kAnswer);
    }
}

TEST_F(JsboxTypes, LeaveNothingFromRunToRun) {
    std::set<std::string> ids;
    for (int i = 0; i < 5; ++i) {
        ids.insert(
            outcome("let n: number = 0; globalThis.seen = (globalThis.seen ?? 0) + 1;"
                    "export const code = (x: object): unknown[] => "
                    "[++n, globalThis.seen, typeof modules, typeof erase_types, "
                    "crypto.randomUUID()]"));
    }
    EXPECT_EQ(ids.size(), 5u);
    for (const std::string& id : ids) {
        EXPECT_EQ(id.rfind(R"([1,1,"undefined","undefined",")", 0), 0u) << id;
    }
}

TEST_F(JsboxTypes, MeanWhatTheyMeanInTierNode) {
    for (const TypeScriptCase& wanted : kTypeScriptCases) {
        expect_outcome(wanted, run(wanted.code, 5'000, kTypeScriptInput));
    }
}

TEST_F(JsboxTypes, AreBoundedAsTheCodeIs) {
    const auto many = [](const std::string& part) {
        std::string text;
        for (int i = 0; i < 100'000; ++i) {
            text += part;
        }
        return text;
    };
    for (const std::string& hostile :
         {"let x: " + many("A<"), "let x: " + many("("), many("enum A {} "),
          "type A = " + many("[]|"), many("(a: "), many("<T>(x: T) => ")}) {
        const SandboxResult result = run(hostile, 500);
        EXPECT_NE(result.status, SandboxStatus::ok);
        EXPECT_NE(result.status, SandboxStatus::crashed) << hostile.substr(0, 20);
    }
    EXPECT_EQ(outcome("export const code = (x: object): number => 1"), "1");
}

}  // namespace
}  // namespace sallyport::test
