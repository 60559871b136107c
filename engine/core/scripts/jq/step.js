// The step `run_jq_query`. As in the published piece, which runs the program jq: one output is what it is, several
// are their text, one after the other, none is null.
const read = (given) => typeof given === 'string' ? JSON.parse(given) : given;
const run_program = (text, input) => {
    const outputs = [];
    const program = compile(new Parser(text).program(), null);
    try {
        program(input, null, null, (x) => { outputs.push(x); });
    } catch (error) {
        if (!(error instanceof Halt) || error.message !== null) throw error;
    }
    return outputs;
};
const message_of = (error) => {
    if (error instanceof JqError) return typeof error.value === 'string' ? error.value : `${dump(error.value)} (not a string)`;
    if (/call stack/.test(error?.message)) return 'the program calls itself too often';
    return error?.message;
};
const plain = (outputs) => outputs.length === 0 ? null
    : outputs.length === 1 ? JSON.parse(dump(outputs[0])) : outputs.map((one) => pretty(one)).join('\n');
export const code = async (i) => {
    try {
        return plain(run_program(String(i.query ?? ''), read(i.json)));
    } catch (error) {
        if (error?.message === 'out of memory') throw error;  // not the program's to explain
        throw new Error(`JQ Execution Failed. Please check your query syntax. Details: ${message_of(error)}`);
    }
};
