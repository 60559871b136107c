// Behind `modules`, packages from npm by name, as functions of what Node would give them: what `require` gives.
const packages = { '@mixmark-io/domino': 'domino/index', 'html-entities': 'html-entities/index' };
const loaded = new Map();
const load = (name) => {
    if (!loaded.has(name)) {
        const module = { exports: {} };
        loaded.set(name, module);
        const folder = name.slice(0, name.lastIndexOf('/') + 1);
        modules[name](module, module.exports, (wanted) => load(packages[wanted] ??
            (wanted.startsWith('./') ? folder + wanted.slice(2).replace(/\.js$/, '') : wanted)));
    }
    return loaded.get(name).exports;
};
