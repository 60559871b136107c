// Code steps: an ES module that exports `code`, with the packages of its package.json beside it.
const path = require('path');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');
const { SourceTextModule, runInThisContext } = require('vm');

// Where what erases types lies: engine/jsbox/types, the same as in tier js.
const kTypesFd = 4;

// `ahead`: empty when the run is there; else what to load before it comes, a package or what code steps need.
const [packages_folder, scratch_folder, ahead] = process.argv.slice(1);
const require_package = createRequire(path.join(packages_folder, 'package.json'));

function prepare_scratch() {
    try {
        fs.symlinkSync(path.join(packages_folder, 'node_modules'), path.join(scratch_folder, 'node_modules'));
    } catch {
        // No packages, or a second preparation.
    }
    globalThis.require = require_package;
}

async function import_text(text, name) {
    const file = path.join(scratch_folder, name);
    fs.writeFileSync(file, text);
    return import(pathToFileURL(file));
}

// Whether the code itself does not parse: then nothing of it was evaluated, and nothing that it imports.
function is_no_javascript(text) {
    try {
        new SourceTextModule(text);
        return false;
    } catch (problem) {
        return problem instanceof SyntaxError;
    }
}

// JavaScript with the same lines. Throws what is wrong with the code, or `problem` when that cannot be said.
function without_types(text, problem) {
    const script = `(() => {${fs.readFileSync(kTypesFd, 'utf8')}\nreturn erase_types;})()`;
    const answer = runInThisContext(script, { filename: 'types' })(text);
    if (answer[0] === '1') {
        return answer.slice(1);
    }
    if (answer !== '') {
        problem.message = answer.slice('0SyntaxError: '.length);
        problem.stack = '';
    }
    throw problem;
}

async function import_step(text) {
    try {
        return await import_text(text, 'step.mjs');
    } catch (problem) {
        if (!(problem instanceof SyntaxError) || !is_no_javascript(text)) {
            throw problem;
        }
        return import_text(without_types(text, problem), 'step_without_types.mjs');
    }
}

async function run_code(run) {
    const exported = await import_step(run.code);
    if (typeof exported.code !== 'function') {
        throw new TypeError('the code must export a function named code: export const code = async (inputs) => { … }');
    }
    // Awaited here: a step may have overwritten what a promise does with a promise.
    return await exported.code(json_parse(run.input));
}
