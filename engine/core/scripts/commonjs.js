// What packages from npm that are no ES modules leave their exports in; stands before one.
const module = { exports: {} };
const exports = module.exports;
