// The step `openpgpEncrypt`, behind OpenPGP.js (LGPL-3.0-or-later, its authors).
const not_a_file = (value) => {
    const shown = String(typeof value === 'object' ? JSON.stringify(value) : value).slice(0, 100);
    const message = `Expected file url or base64 with mimeType, received: ${shown}`;
    return Object.assign(new Error(JSON.stringify({ file: [message] }, null, 2)), { name: '' });
};
const bytes_of = (base64, value) => {
    const bytes = Buffer.from(base64, 'base64');
    const size = base64.replace(/=+$/, '').length;
    if (bytes.length !== Math.floor(size * 3 / 4) || size % 4 === 1) throw not_a_file(value);
    return bytes;
};
// unknown.txt, unknown.pdf
const unnamed = (type) => {
    const ending = type === 'text/plain' ? 'txt' : type.slice(type.indexOf('/') + 1);
    return 'unknown.' + (/^[a-z0-9]{1,5}$/.test(ending) ? ending : 'bin');
};
const decoded = (text) => {
    try {
        return decodeURIComponent(text);
    } catch {
        return '';
    }
};
const from_web = async (address) => {
    const response = await fetch(address);
    if (!response.ok) throw not_a_file(address);
    const name = decoded(new URL(address).pathname.split('/').pop());
    return { name: name || 'unknown', data: Buffer.from(await response.arrayBuffer()) };
};
const file_of = async (value) => {
    if (typeof value === 'string' && /^https?:\/\//.test(value)) return from_web(value);
    if (typeof value === 'string' && value.startsWith('data:')) {
        const comma = value.indexOf(',');
        const [type, ...parameters] = value.slice(5, comma).split(';');
        if (comma < 0 || parameters.pop() !== 'base64') throw not_a_file(value);
        const name = parameters.find((parameter) => parameter.startsWith('name='));
        return { name: name && decoded(name.slice(5)) || unnamed(type), data: bytes_of(value.slice(comma + 1), value) };
    }
    const base64 = typeof value?.base64 === 'string' ? value.base64 : value?.data;
    if (typeof base64 !== 'string') throw not_a_file(value);
    return { name: String(value.filename || 'unknown'), data: bytes_of(base64, value) };
};
export const code = async (i) => {
    const file = await file_of(i.file);
    try {
        if (!i.publicKey) throw new Error('Public key is required');
        const key = await openpgp.readKey({ armoredKey: i.publicKey });
        const message = await openpgp.createMessage({ binary: new Uint8Array(file.data) });
        const text = await openpgp.encrypt({ message, encryptionKeys: key, format: 'armored' });
        const filename = file.name + '.pgp';
        const address = 'data:application/octet-stream;name=' + encodeURIComponent(filename.toWellFormed()) + ';base64,';
        return { success: true, filename, file: address + Buffer.from(text).toString('base64') };
    } catch (error) {
        return { success: false, error: error instanceof Error ? error.message : 'Encryption failed' };
    }
};
