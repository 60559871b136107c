// The step `html_to_markdown`, behind Turndown and what it needs (MIT licence, their authors; domino: BSD 2-clause).
export const code = async (i) => {
    const Turndown = load('turndown');
    const service = new Turndown();
    service.remove('script');
    if (i.gfm === true || i.gfm === 'true') service.use(load('turndown-plugin-gfm').gfm);
    return service.turndown(String(i.html ?? ''));
};
