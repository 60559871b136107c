// Behind the package's files: what is done with them. `modules` has a function for each, by its path; the ones
// that nothing here needs (Flow, JSX, CommonJS) are left out and come as empty objects.
const loaded = {};
function load(name) {
    const path = name in modules || !(`${name}/index` in modules) ? name : `${name}/index`;
    if (loaded[path] === undefined) {
        loaded[path] = {};
        const folders = path.split('/').slice(0, -1);
        modules[path]?.(loaded[path], (other) => {
            const at = [...folders];
            for (const part of other.split('/')) {
                part === '..' ? at.pop() : part === '.' || at.push(part);
            }
            return load(at.join('/'));
        });
    }
    return loaded[path];
}

// JavaScript with the same lines. Enumerations, parameter properties and the like become code, imports of types go.
function erase(code) {
    const options = { transforms: ['typescript'], disableESTransforms: true, preserveDynamicImport: true };
    const { tokens, scopes } = load('parser/index').parse(code, false, true, false);
    const nameManager = new (load('NameManager').default)(code, tokens);
    const helperManager = new (load('HelperManager').HelperManager)(nameManager);
    const tokenProcessor = new (load('TokenProcessor').default)(code, tokens, false, true, helperManager);
    const imported = load('util/getTSImportedNames').default(tokenProcessor);
    load('identifyShadowedGlobals').default(tokenProcessor, scopes, imported);
    const context = { tokenProcessor, scopes, nameManager, importProcessor: null, helperManager };
    const transformer = new (load('transformers/RootTransformer').default)(context, options.transforms, false, options);
    return transformer.transform().code;
}

// The parser reads what may be an arrow function both ways, and for a mistake inside of one blames its arrow in
// the end. The place that it got to on either way is where the mistake is.
let furthest = null;
Object.defineProperty(load('parser/tokenizer/state').default.prototype, 'error', {
    get() {
        return this.problem;
    },
    set(problem) {
        this.problem = problem;
        if (problem && (furthest === null || problem.pos > furthest.pos)) {
            furthest = problem;
        }
    },
});

function what_is_wrong(problem) {
    if (furthest !== null && furthest.pos > problem.pos) {
        load('parser/traverser/base').augmentError(furthest);
        return furthest.message;
    }
    return problem.message;
}

// The code behind a 1, or what is wrong with it behind a 0; nothing when that cannot be said.
function erase_types(code) {
    furthest = null;
    try {
        return `1${erase(code)}`;
    } catch (problem) {
        return problem instanceof SyntaxError ? `0SyntaxError: ${what_is_wrong(problem)}` : '';
    }
}
erase_types;
