// What `import` and `require` find. Everything else is refused by the host.
function promisify(callee) {
    return function promisified(...values) {
        return new PromiseOf((resolve, reject) => {
            apply(callee, this, [...values, (error, value) => (error ? reject(error) : resolve(value))]);
        });
    };
}
function is_deep_equal(a, b, seen = []) {
    if (Object.is(a, b)) {
        return true;
    }
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null ||
        getPrototypeOf(a) !== getPrototypeOf(b)) {
        return false;
    }
    if (seen.some(([x, y]) => x === a && y === b)) {
        return true;
    }
    const deeper = [...seen, [a, b]];
    if (a instanceof DateOf) {
        return a.getTime() === b.getTime();
    }
    if (a instanceof RegExp) {
        return `${a}` === `${b}`;
    }
    if (a instanceof MapOf || a instanceof SetOf) {
        return a.size === b.size && is_deep_equal([...a], [...b], deeper);
    }
    const keys = objectKeys(a);
    return keys.length === objectKeys(b).length &&
        keys.every((key) => has_own(b, key) && is_deep_equal(a[key], b[key], deeper));
}

const util_module = {
    format, inspect, promisify,
    inherits(child, parent) { setPrototypeOf(child.prototype, parent.prototype); },
    isDeepStrictEqual(a, b) { return is_deep_equal(a, b); },
    types: {
        isDate: (value) => value instanceof DateOf,
        isMap: (value) => value instanceof MapOf,
        isSet: (value) => value instanceof SetOf,
        isPromise: (value) => value instanceof PromiseOf,
        isRegExp: (value) => value instanceof RegExp,
        isTypedArray: (value) => is_view(value) && !(value instanceof DataView),
        isUint8Array: (value) => value instanceof Bytes,
    },
    TextEncoder, TextDecoder,
};
const url_module = {
    URL, URLSearchParams,
    fileURLToPath(url) { return decodeURIComponent(new URL(url).pathname); },
    pathToFileURL(path) { return new URL(`file://${path}`); },
};
const buffer_module = { Buffer, atob: globalThis.atob, btoa: globalThis.btoa, kMaxLength: 4294967296 };

const modules = { __proto__: null, crypto: crypto_module, buffer: buffer_module, util: util_module, url: url_module };
const plain_name = (name) => (name.startsWith('node:') ? name.slice(5) : name);

define_global('require', function require(name) {
    const found = modules[plain_name(`${name}`)];
    if (found === undefined) {
        const error = new ErrorOf(`Cannot find module '${name}': in a code step of tier js there are ${objectKeys(modules).join(', ')}`);
        error.code = 'MODULE_NOT_FOUND';
        throw error;
    }
    return found;
});

// While the world is built, the host evaluates one module for each name, which takes its exports from
// here; `finish` removes the way.
const kModulesKey = '__sallyport_modules';
define_hidden(globalThis, kModulesKey, modules);
function module_source(name) {
    const plain = plain_name(name);
    const names = objectKeys(modules[plain]).join(', ');
    return `const m = globalThis.${kModulesKey}.${plain};\nexport default m;\nexport const { ${names} } = m;\n`;
}
function finish() {
    delete globalThis[kModulesKey];
}
