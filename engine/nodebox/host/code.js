// Code steps: an ES module that exports `code`, with the packages of its package.json beside it.
const path = require('path');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');
const node_module = require('module');

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

async function import_step(text) {
    try {
        return await import_text(text, 'step.mjs');
    } catch (problem) {
        const strip = node_module.stripTypeScriptTypes;
        if (!(problem instanceof SyntaxError) || typeof strip !== 'function') {
            throw problem;
        }
        return import_text(strip(text, { mode: 'transform' }), 'step_without_types.mjs');
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
