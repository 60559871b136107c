// The step `extract_from_html`, behind domino, which reads the page, and nwsapi, which finds elements (MIT licence, its
// author), as the published action does.
const domino = load('domino/index');
const nwsapi = load('nwsapi');
const selectors = { title: 'title', links: 'a[href]', images: 'img[src]', headings: 'h1, h2, h3', paragraphs: 'p' };
const empty = new Set(['area', 'base', 'basefont', 'bgsound', 'br', 'col', 'embed', 'frame', 'hr', 'img', 'input', 'keygen',
    'link', 'meta', 'param', 'source', 'track', 'wbr']);
const raw = new Set(['style', 'script', 'xmp', 'iframe', 'noembed', 'noframes', 'plaintext']);
const html_namespace = 'http://www.w3.org/1999/xhtml';
const marks = { '&': '&amp;', '\u00a0': '&nbsp;', '"': '&quot;', '<': '&lt;', '>': '&gt;' };
const escaped = (text, which) => text.replace(which, (mark) => marks[mark]);

// HTML as the standard writes it. domino escapes more in attributes.
const markup = (node) => {
    if (node.nodeType === 8) return '<!--' + node.data + '-->';
    if (node.nodeType === 3) {
        const parent = node.parentNode;
        return parent.namespaceURI === html_namespace && raw.has(parent.localName)
            ? node.data : escaped(node.data, /[&\u00a0<>]/g);
    }
    if (node.nodeType !== 1) return '';
    const attributes = Array.from(node.attributes)
        .map((a) => ' ' + a.name + '="' + escaped(a.value, /[&\u00a0"]/g) + '"').join('');
    const start = '<' + node.localName + attributes + '>';
    const ends = node.namespaceURI !== html_namespace || !empty.has(node.localName);
    return start + (ends ? inside(node) + '</' + node.localName + '>' : '');
};
const inside = (node) =>
    Array.from((node.localName === 'template' && node.content || node).childNodes).map(markup).join('');

// What nwsapi looks ids up in: an element, or a list of those that share one.
const by_id = (page) => {
    const found = Object.create(null);
    for (const element of Array.from(page.getElementsByTagName('*'))) {
        const id = element.getAttribute('id');
        if (id) (found[id] ??= []).push(element);
    }
    for (const id in found) if (found[id].length === 1) found[id] = found[id][0];
    return found;
};
const elements = (html, selector) => {
    const page = domino.createDocument(html, true);
    Object.defineProperty(page, 'all', { value: by_id(page) });
    const finder = nwsapi({ document: page, DOMException: Error });
    finder.configure({ LOGERRORS: false, IDS_DUPES: true, MIXEDCASE: true });
    try {
        return Array.from(finder.select(selector, page));
    } catch (error) {
        throw new Error('Invalid CSS selector: "' + selector + '". Error: ' + error.message);
    }
};
const readers = {
    textContent: (element) => element.textContent.trim(),
    innerHtml: inside,
    outerHtml: markup,
    attribute: (element, name) => {
        if (!name) throw new Error('You must provide an "Attribute Name" when the extraction type is Attribute.');
        return element.getAttribute(String(name)) ?? '';
    },
};
export const code = async (i) => {
    const custom = i.target === 'custom';
    if (custom && !i.selector) {
        throw new Error('You must provide a "Custom CSS Selector" when the target is set to Custom.');
    }
    if (!custom && !Object.hasOwn(selectors, i.target)) {
        const message = `Expected one of ${Object.keys(selectors).join(', ')} and custom, received: ${i.target}`;
        throw Object.assign(new Error(JSON.stringify({ target: [message] }, null, 2)), { name: '' });
    }
    const found = elements(String(i.html ?? ''), custom ? String(i.selector) : selectors[i.target]);
    const read = (element) =>
        Object.hasOwn(readers, i.extractionType) ? readers[i.extractionType](element, i.attributeName) : '';
    if (i.returnMultiple === true || i.returnMultiple === 'true') return found.map(read);
    return found.length === 0 ? null : read(found[0]);
};
