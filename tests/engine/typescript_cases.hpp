// TypeScript that both tiers accept, and what they make of it: one table, so that a step means the
// same wherever it runs.
#pragma once

#include "engine/ports/sandbox.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::test {

inline constexpr const char* kTypeScriptInput = R"({"a":1,"list":[3,1,2]})";

// A module that exports `code`, called with that: its result as JSON, or "error:
// " and how the message begins. `line`: where the stack of an error points to, or the message
// itself when the code does not parse; 0: nowhere.
struct TypeScriptCase {
    const char* name;
    const char* code;
    const char* outcome;
    int line = 0;
};

inline constexpr TypeScriptCase kTypeScriptCases[] = {
    {"annotations",
     "interface Inputs { a: number; list?: number[] }\n"
     "type Pair<A, B = A> = [A, B] | { [key: string]: unknown };\n"
     "export const code = async (inputs: Inputs): Promise<Pair<number>> => [inputs.a, 2];",
     "[1,2]"},
    {"enums",
     "enum Color { Red, Green = 5, Blue = 'b', Next = Green + 1 }\n"
     "export const code = () => [Color.Red, Color.Green, Color.Blue, Color.Next, Color[5]];",
     R"([0,5,"b",6,"Green"])"},
    {"const enums",
     "const enum Size { Small = 1, Large = Small << 4 }\n"
     "export const code = () => Size.Large;",
     "16"},
    {"classes",
     "abstract class Base<T> {\n"
     "  private readonly x: number = 1;\n"
     "  static count?: number;\n"
     "  declare absent: string;\n"
     "  constructor(public readonly name: string, protected t?: T) {}\n"
     "  abstract shout(): string;\n"
     "  get one(): number { return this.x!; }\n"
     "}\n"
     "class Whole extends Base<string> implements Object {\n"
     "  override shout(this: Whole): string { return this.name.toUpperCase(); }\n"
     "}\n"
     "const w = new Whole('w');\n"
     "export const code = () => [w.shout(), w.one, 'absent' in w, Object.keys(w)];",
     R"(["W",1,false,["x","name","t"]])"},
    {"imports of types",
     "import type { Nothing } from './nowhere';\n"
     "import { type Nobody } from './nowhere.js';\n"
     "import { Unused } from 'not-installed';\n"
     "import crypto, { createHash } from 'crypto';\n"
     "export type { Nothing };\n"
     "export const code = (x: Nothing | Nobody | Unused): unknown[] =>\n"
     "    [createHash('md5').update('a').digest('hex').length, typeof crypto.createHmac];",
     R"([32,"function"])"},
    {"generic arrows",
     "const same = <T,>(x: T): T => x;\n"
     "const later = async <T extends object = {}>(x: T): Promise<T> => x;\n"
     "export const code = async () => [same<number>(4), await later({ b: 5 })];",
     R"([4,{"b":5}])"},
    {"satisfies, as, !",
     "const config = { a: 1 } satisfies Record<string, number>;\n"
     "export const code = (inputs: any) => {\n"
     "  const a = inputs.a as unknown as number;\n"
     "  const b = <number>inputs.a;\n"
     "  const fixed = ['x', 'y'] as const;\n"
     "  return [a + b, config!.a, inputs.none?.deep!.er ?? null, fixed.length];\n"
     "};",
     "[2,1,null,2]"},
    {"overloads and assertions",
     "function twice(x: string): string;\n"
     "function twice(x: number): number;\n"
     "function twice(x: any): any { return x + x; }\n"
     "function sure(x: unknown): asserts x is number { if (typeof x !== 'number') throw x; }\n"
     "const is_text = (x: unknown): x is string => typeof x === 'string';\n"
     "export const code = () => { sure(1); return [twice('a'), twice(2), is_text('')]; };",
     R"(["aa",4,true])"},
    {"exports and top-level await",
     "const n: number = await Promise.resolve(6);\n"
     "export default interface Shape { n: number }\n"
     "export async function code<T>(this: void, inputs: { list: T[] }): Promise<T[]> {\n"
     "  return [...inputs.list].sort(), [...inputs.list, n as any];\n"
     "}",
     "[3,1,2,6]"},
    {"JavaScript is not read as anything else",
     "export const code = () => { const [a, b, c] = [1, 2, 0]; return a < b > (c); };", "true"},
    {"a type alone", "interface A {}",
     "error: TypeError: the code must export a function named code"},
    {"an error in typed code",
     "interface A {\n"
     "  b: string;\n"
     "}\n"
     "enum E { X }\n"
     "export const code = (a: A): never => {\n"
     "  throw new RangeError('here');\n"
     "};",
     "error: RangeError: here", 6},
    {"no TypeScript either", "export const code = (a: string) => a;\nconst x: = 1;",
     "error: SyntaxError: Unexpected token (2:10)", 2},
    {"no JavaScript", "export const code = () => {\n  return 1 +;\n};",
     "error: SyntaxError: Unexpected token (2:13)", 2},
    {"a mistake in the body of a typed function",
     "export const code = async (inputs: { a: number }): Promise<number> => {\n"
     "  const b: number = inputs.a;\n"
     "  return b +;\n"
     "};",
     "error: SyntaxError: Unexpected token (3:13)", 3},
    {"an error that is one after its types are gone",
     "let a: number = 1;\n"
     "\n"
     "let a: number = 2;\n"
     "export const code = () => a;",
     "error: SyntaxError"},
    {"an error of parsing that the code throws is its own, and nothing is done twice",
     "globalThis.times = (globalThis.times ?? 0) + 1;\n"
     "if (globalThis.times === 1) throw new SyntaxError('first');\n"
     "export const code = () => 'second';",
     "error: SyntaxError: first", 2},
};

inline std::string outcome_of(const engine::SandboxResult& result) {
    return result.status == engine::SandboxStatus::ok
               ? result.value.dump()
               : std::string(to_string(result.status)) + ": " + result.error;
}

// Checks one result of a case.
inline void expect_outcome(const TypeScriptCase& wanted, const engine::SandboxResult& result) {
    const std::string outcome = outcome_of(result);
    if (result.status == engine::SandboxStatus::ok) {
        EXPECT_EQ(outcome, wanted.outcome) << wanted.name;
    } else {
        EXPECT_TRUE(outcome.starts_with(wanted.outcome)) << wanted.name << ": " << outcome;
    }
    if (wanted.line != 0) {
        const std::string line = std::to_string(wanted.line) + ":";
        EXPECT_TRUE(result.stack.find("js:" + line) != std::string::npos ||
                    result.error.find("(" + line) != std::string::npos)
            << wanted.name << ": " << outcome << "\n"
            << result.stack;
    }
}

}  // namespace sallyport::test
