// The step `run_jsonata_query`, behind JSONata (MIT licence, the JSONata authors).
const jsonata = module.exports;
const read = (given) => typeof given === 'string' ? JSON.parse(given) : given;
export const code = async (i) => {
    try {
        const found = await jsonata(String(i.query ?? '')).evaluate(read(i.json));
        // Lists that JSONata makes carry marks of its own; JSON has the list alone.
        return found === undefined ? null : JSON.parse(JSON.stringify(found) ?? 'null');
    } catch (error) {
        throw new Error('JSONata Execution Failed. Please check your query syntax. Details: ' + error?.message);
    }
};
