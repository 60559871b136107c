// The step `markdown_to_html`, behind showdown (MIT licence, the showdown authors).
// As the engine words what is wrong with an input; without the name of an error in front.
const wrong = (name, message) => Object.assign(new Error(JSON.stringify({ [name]: [message] }, null, 2)), { name: '' });
const flag = (given, otherwise) => given === undefined || given === null ? otherwise : given === true || given === 'true';
const level_of = (given) => {
    const level = given === undefined || given === null ? 1 : typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
    if (typeof level === 'number' && level >= 1 && level <= 6) return level;
    const shown = typeof given === 'object' ? JSON.stringify(given) : given;
    throw wrong('headerLevelStart', `Expected a number from 1 to 6, received: ${shown}`);
};
const flavor_of = (given) => {
    const flavor = given ?? 'github';
    if (['vanilla', 'original', 'github'].includes(flavor)) return flavor;
    throw wrong('flavor', `Expected vanilla, original or github, received: ${flavor}`);
};
export const code = async (i) => {
    const converter = new module.exports.Converter({
        headerLevelStart: level_of(i.headerLevelStart),
        omitExtraWLInCodeBlocks: true,
        noHeaderId: flag(i.noHeaderId, false),
        tables: flag(i.tables, true),
        simpleLineBreaks: flag(i.simpleLineBreaks, false),
        openLinksInNewWindow: flag(i.openLinksInNewWindow, false),
    });
    converter.setFlavor(flavor_of(i.flavor));
    return converter.makeHtml(String(i.markdown ?? ''));
};
