// One run, then the end of the process. A process that was started ahead of its run loads the package of
// its kind of runs and waits.
const kKindCode = 0;
const kOk = 0;
const kError = 1;
const kOutputLimit = 5;

// A thrown value as [text, stack]. Reading it may run foreign code, under the run's clock.
function describe_thrown(thrown) {
    try {
        if (thrown instanceof Error) {
            const { name, message, stack } = thrown;
            const text = message === '' ? `${name}` : `${message}`;
            const named = name && name !== 'Error' && message !== '' ? `${name}: ${text}` : text;
            return [named, typeof stack === 'string' ? stack : ''];
        }
        if (thrown !== null && typeof thrown === 'object') {
            return [`thrown: ${json_stringify(thrown)}`, ''];
        }
        return [`thrown: ${String(thrown)}`, ''];
    } catch {
        return ['thrown: a value that cannot be described', ''];
    }
}

function fail(thrown) {
    const [text, stack] = describe_thrown(thrown);
    send_result(kError, '', text, stack);
}

function succeed(value, output_max) {
    const text = json_stringify(value);
    const bytes = buffer_from(typeof text === 'string' ? text : 'null', 'utf8');
    if (bytes.length > output_max) {
        send_result(kOutputLimit, '', `the result has ${bytes.length} bytes; the limit is ${output_max}`, '');
    } else {
        send_result(kOk, bytes, '', '');
    }
}

// What any run of this kind would begin with. A package is loaded once: the run finds it there, or meets the
// same error in its own time.
function get_ready_ahead() {
    if (ahead === '=code') {
        const name = 'ahead.mjs';
        import_text("import 'node:crypto';", name).then(() => fs.unlinkSync(path.join(scratch_folder, name)), () => {});
        return;
    }
    try {
        require_package(ahead);
    } catch {
        // The run says it.
    }
}

let early_problem;
function fail_when_there(thrown) {
    if (run_id === 0n) {
        early_problem = early_problem || { thrown };
    } else {
        fail(thrown);
    }
}

redirect_printing();
open_egress();
prepare_scratch();
for (const name of ['module', 'exports', '__filename', '__dirname']) {
    delete globalThis[name];
}
process.argv = process.argv.slice(0, 1);
process.execArgv = [];
process.env = {};
process.on('uncaughtException', fail_when_there);
process.on('unhandledRejection', () => {});
listen_to_engine(async (run) => {
    if (early_problem) {
        fail(early_problem.thrown);
        return;
    }
    if (calls.size === 0) {
        let_line_go();
    }
    process.on('beforeExit', () => send_result(kError, '', 'the code waits for something that never happens', ''));
    try {
        succeed(await (run.kind === kKindCode ? run_code(run) : run_piece(run)), run.output_max);
    } catch (thrown) {
        fail(thrown);
    }
});
if (ahead) {
    get_ready_ahead();
}
