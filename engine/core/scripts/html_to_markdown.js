// The step `html_to_markdown`, behind Turndown and what it needs: `modules` has them by name (MIT licence, their
// authors; domino: BSD 2-clause), as functions of what Node would give them.
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
export const code = async (i) => {
    const Turndown = load('turndown');
    const service = new Turndown();
    service.remove('script');
    if (i.gfm === true || i.gfm === 'true') service.use(load('turndown-plugin-gfm').gfm);
    return service.turndown(String(i.html ?? ''));
};
