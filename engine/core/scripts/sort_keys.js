// The step `sort_csv_rows`: the order of the rows by the texts or dates of one column. Blank and unreadable ones go
// last. Texts are in the order of Intl.Collator with `numeric` and `sensitivity: 'base'`, as its root locale has it
// for ASCII and for letters with marks; each text becomes a key once, which code units then order.
const signs = '\t\n\v\f\r\x85\u2028\u2029 _-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~';
const [other_sign, money, digits, letters] = [1, 2, 3, 4].map((n) => String.fromCharCode(signs.length + n));
const sign_codes = new Map([...signs].map((sign, at) => [sign, String.fromCharCode(1 + at)]));
const two_letters = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ł: 'l', ħ: 'h', ð: 'd' };
const key_of_part = (part) => {
    if (part >= 'a' && part <= 'z') return letters + part;
    if (part >= '0' && part <= '9' || part.length > 1 && /^\d/.test(part)) {
        const number = part.replace(/^0+(?=\d)/, '');
        return digits + String.fromCharCode(Math.min(number.length, 0xffff)) + number;
    }
    const code = sign_codes.get(part);
    if (code !== undefined) return code;
    if (two_letters[part] !== undefined) return [...two_letters[part]].map((letter) => letters + letter).join('');
    if (/\p{Cc}/u.test(part)) return '';
    return (part === '$' || /\p{Sc}/u.test(part) ? money : /[\p{P}\p{S}]/u.test(part) ? other_sign : letters) + part;
};
const key_of_text = (text) => {
    const plain = /^[\x20-\x7e]*$/.test(text) ? text : text.normalize('NFD').replace(/\p{M}/gu, '');
    let key = '';
    for (const part of plain.toLowerCase().match(/\d+|./gsu) ?? []) key += key_of_part(part);
    return key;
};
const key_of_date = (text) => {
    const time = Date.parse(text);
    return Number.isNaN(time) ? null : time;
};
export const code = async ({ keys, compare_as, descending }) => {
    const key_of = compare_as === 'date' ? key_of_date : key_of_text;
    const values = keys.map((key) => key === null ? null : key_of(key));
    const order = [];
    const last = [];
    values.forEach((value, at) => (value === null ? last : order).push(at));
    const sign = descending ? -1 : 1;
    order.sort((a, b) => values[a] < values[b] ? -sign : values[a] > values[b] ? sign : a - b);
    return [...order, ...last];
};
