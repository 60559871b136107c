// Choices from a seed, the same on every machine.
'use strict';

class Random {
    constructor(seed) {
        this.state = seed & 0x7fffffff;
    }
    number() { // at least 0, below 1
        this.state = (Math.imul(this.state, 1103515245) + 12345) & 0x7fffffff;
        return this.state / 0x80000000;
    }
    of(list) {
        return list[Math.floor(this.number() * list.length)];
    }
    some(list, most) { // 1 to `most` different ones
        const out = new Set();
        const count = 1 + Math.floor(this.number() * most);
        while (out.size < count) {
            out.add(this.of(list));
        }
        return [...out];
    }
}

module.exports = { Random };
