// `RegExp.$1` to `$9`, which showdown reads after a test: what was found last. JavaScript's oldest engines and the
// browsers have them, ours does not.
const exec = RegExp.prototype.exec;
RegExp.prototype.test = function (text) {
    const found = exec.call(this, text);
    for (let at = 1; found && at <= 9; at++) RegExp[`$${at}`] = found[at] ?? '';
    return found !== null;
};
