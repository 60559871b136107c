// setTimeout and its relatives: a binary heap ordered by due time, then by age. The host asks `tick`
// when no job is left.
const kTimerDelayMax = 2147483647;
const timer_heap = [];
const timers_by_id = new MapOf();
let timer_sequence = 0;

const timer_before = (a, b) => a.due < b.due || (a.due === b.due && a.id < b.id);

function timer_push(timer) {
    let at = timer_heap.length;
    timer_heap[at] = timer;
    while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!timer_before(timer, timer_heap[parent])) {
            break;
        }
        timer_heap[at] = timer_heap[parent];
        at = parent;
    }
    timer_heap[at] = timer;
}

function timer_pop() {
    const first = timer_heap[0];
    const last = timer_heap[timer_heap.length - 1];
    timer_heap.length -= 1;
    const size = timer_heap.length;
    if (size > 0) {
        let at = 0;
        for (;;) {
            let child = 2 * at + 1;
            if (child >= size) {
                break;
            }
            if (child + 1 < size && timer_before(timer_heap[child + 1], timer_heap[child])) {
                child += 1;
            }
            if (!timer_before(timer_heap[child], last)) {
                break;
            }
            timer_heap[at] = timer_heap[child];
            at = child;
        }
        timer_heap[at] = last;
    }
    return first;
}

function add_timer(callback, delay, values, repeats) {
    if (typeof callback !== 'function') {
        throw new TypeErrorOf('the callback of a timer must be a function');
    }
    let wait = NumberOf(delay);
    if (!(wait >= 1 && wait <= kTimerDelayMax)) {
        wait = wait > kTimerDelayMax ? kTimerDelayMax : 1;
    }
    timer_sequence += 1;
    const timer = { id: timer_sequence, due: now_ms() + wait, wait, callback, values, repeats, live: true };
    map_set(timers_by_id, timer.id, timer);
    timer_push(timer);
    return timer.id;
}

function clear_timer(id) {
    const timer = map_get(timers_by_id, typeof id === 'string' ? NumberOf(id) : id);
    if (timer !== undefined) {
        timer.live = false;
        map_delete(timers_by_id, timer.id);
    }
}

// Runs at most one due timer. Returns the milliseconds until the next one, -1 when there is none.
function tick() {
    while (timer_heap.length > 0 && !timer_heap[0].live) {
        timer_pop();
    }
    if (timer_heap.length === 0) {
        return -1;
    }
    const now = now_ms();
    if (timer_heap[0].due > now) {
        return timer_heap[0].due - now;
    }
    const timer = timer_pop();
    if (timer.repeats) {
        timer.due = now + timer.wait;
        timer_sequence += 1;
        timer_push(timer);
    } else {
        timer.live = false;
        map_delete(timers_by_id, timer.id);
    }
    try {
        apply(timer.callback, undefined, timer.values);
    } catch (thrown) {
        fail(thrown);
    }
    return 0;
}

define_global('setTimeout', function setTimeout(callback, delay, ...values) {
    return add_timer(callback, delay, values, false);
});
define_global('setInterval', function setInterval(callback, delay, ...values) {
    return add_timer(callback, delay, values, true);
});
define_global('setImmediate', function setImmediate(callback, ...values) {
    return add_timer(callback, 0, values, false);
});
define_global('clearTimeout', function clearTimeout(id) { clear_timer(id); });
define_global('clearInterval', function clearInterval(id) { clear_timer(id); });
define_global('clearImmediate', function clearImmediate(id) { clear_timer(id); });

const resolved = PromiseOf.resolve();
const promise_then = uncurry(PromiseOf.prototype.then);
define_global('queueMicrotask', function queueMicrotask(callback) {
    if (typeof callback !== 'function') {
        throw new TypeErrorOf('the argument of queueMicrotask must be a function');
    }
    promise_then(resolved, () => {
        try {
            callback();
        } catch (thrown) {
            fail(thrown);
        }
    });
});
