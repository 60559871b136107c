// structuredClone, for the types that exist here.
function clone_value(value, done) {
    if (typeof value === 'function' || typeof value === 'symbol') {
        const error = new ErrorOf(`${StringOf(value)} could not be cloned.`);
        define_hidden(error, 'name', 'DataCloneError');
        throw error;
    }
    if (value === null || typeof value !== 'object') {
        return value;
    }
    if (done.has(value)) {
        return done.get(value);
    }
    const keep = (copy) => {
        done.set(value, copy);
        return copy;
    };
    if (value instanceof DateOf) {
        return keep(new DateOf(value.getTime()));
    }
    if (value instanceof RegExp) {
        return keep(new RegExp(value.source, value.flags));
    }
    if (value instanceof ArrayBufferOf) {
        return keep(buffer_slice(value, 0));
    }
    if (is_view(value)) {
        const buffer = clone_value(value.buffer, done);
        const length = value instanceof DataView ? value.byteLength : value.length;
        const type = value instanceof Buffer ? Bytes : value.constructor;
        return keep(new type(buffer, value.byteOffset, length));
    }
    if (value instanceof MapOf) {
        const copy = keep(new MapOf());
        value.forEach((item, key) => copy.set(clone_value(key, done), clone_value(item, done)));
        return copy;
    }
    if (value instanceof SetOf) {
        const copy = keep(new SetOf());
        value.forEach((item) => copy.add(clone_value(item, done)));
        return copy;
    }
    if (value instanceof ErrorOf) {
        const copy = keep(new ErrorOf(value.message));
        define_hidden(copy, 'name', value.name);
        define_hidden(copy, 'stack', value.stack);
        return copy;
    }
    if (value instanceof Boolean || value instanceof NumberOf || value instanceof StringOf) {
        return keep(Object(value.valueOf()));
    }
    const copy = keep(is_array(value) ? [] : {});
    if (is_array(value)) {
        copy.length = value.length;
    }
    for (const key of objectKeys(value)) {
        defineProperty(copy, key, {
            value: clone_value(value[key], done), writable: true, enumerable: true, configurable: true,
        });
    }
    return copy;
}
define_global('structuredClone', function structuredClone(value) {
    return clone_value(value, new MapOf());
});
