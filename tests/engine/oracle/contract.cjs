// Answers questions about the contract, one JSON line each, from its published implementation:
//   {"do":"apply","steps":[{"version":…,"operation":{"type":…,"request":…}}, …]}
//       {"answers":[…]}, of each {"accepted":false}, {"accepted":true,"version":…} or
//       {"accepted":true,"error":{"code":…,"params":…}}; code is null when the implementation threw something
//       that is not an answer
//   {"do":"formulas","expressions":[…],"data":…}
//       {"answers":[{"value":…} or {"error":…}]}
//   {"do":"intl"}
//       {"same_data":…,"cases":[{"expression":…,"answer":…}]}: of Node.js itself (intl_cases.cjs)
//   {"do":"check","type":"PopulatedFlow","value":…}
//       {"problems":[…]}: where the value is not of the type
// The clock stands still, so that trees can be compared whole.
'use strict';
const { createRequire } = require('module');
const readline = require('readline');
const path = require('path');

process.env.TZ = 'UTC';
const kNow = Date.parse('2026-01-01T00:00:00.000Z');
const RealDate = Date;
globalThis.Date = class extends RealDate {
    constructor(...given) {
        super(...(given.length === 0 ? [kNow] : given));
    }
    static now() {
        return kNow;
    }
};

const load = createRequire(path.join(process.argv[2], 'package.json'));
const shared = load('@activepieces/shared');
const { z } = createRequire(load.resolve('@activepieces/shared'))('zod');

const { problems } = require('./types.cjs').from(shared, z);

// The union of operations parses with every member in turn and words what each has against the request: two fifths
// of this process's time. A request can only pass as the member that has its type, given that no two have the same.
const members = shared.FlowOperationRequest.options;
const memberOf = new Map(members.map((member) => [member.shape.type.value, member]));
if (memberOf.size !== members.length) {
    throw new Error('two operations have the same type');
}

function accepts(operation) {
    const member = memberOf.get(operation.type);
    return member !== undefined && member.safeParse(structuredClone(operation)).success;
}

function applyOne({ version, operation }) {
    if (!accepts(operation)) {
        return { accepted: false };
    }
    try {
        return { accepted: true, version: shared.flowOperations.apply(version, structuredClone(operation)) };
    } catch (thrown) {
        const error = thrown && thrown.error;
        const params = error ? error.params : String(thrown);
        return { accepted: true, error: { code: error ? error.code : null, params } };
    }
}

function apply(question) {
    return { answers: question.steps.map(applyOne) };
}

function check(question) {
    return { problems: problems(question.type, question.value) };
}

function formulas(question) {
    return {
        answers: question.expressions.map((expression) => {
            const { result, error } = shared.formulaEvaluator.evaluate({
                expression: shared.formulaEvaluator.wrap(expression),
                sampleData: question.data,
            });
            return error ? { error } : { value: result };
        }),
    };
}

const intl = require('./intl_cases.cjs');

const kinds = { apply, check, formulas, intl };
readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const question = JSON.parse(line);
    process.stdout.write(JSON.stringify(kinds[question.do](question)) + '\n');
});
