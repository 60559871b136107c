# Sourced by bench/engine: Node-RED from npm (scripts/fetch-node-red), the flows F1 to F4 in one process. It keeps
# nothing on disk and runs code in its own process: what durability and isolation cost is what it does not pay.
# shellcheck shell=bash disable=SC2034,SC2154

start_node_red() { # FOLDER PORT STUB_PORT: sets peer_pid
    local folder=$1 port=$2 stub=$3 packages=$root/build/release/node-red
    "$root/scripts/fetch-node-red" "$packages"
    cat >"$folder/settings.js" <<CONF
module.exports = { uiHost: '127.0.0.1', uiPort: $port, flowFile: 'flows.json', httpAdminRoot: false,
    telemetry: { enabled: false }, logging: { console: { level: 'warn' } },
    externalModules: { autoInstall: false, palette: { allowInstall: false } } };
CONF
    # shellcheck disable=SC2016
    local normalise='const email = String(msg.payload.email).trim().toLowerCase(); let sum = 0; for (const n of msg.payload.numbers) sum += n; msg.found = { email, domain: email.split(\"@\")[1], sum, count: msg.payload.numbers.length };'
    local assess='msg.payload = { ticket: msg.payload.ticket, urgent: msg.found.sum > 1000 }; return msg;'
    cat >"$folder/flows.json" <<FLOWS
[{"id":"tab","type":"tab","label":"bench"},
 {"id":"f1","type":"http in","z":"tab","url":"/F1","method":"post","wires":[["f1a"]]},
 {"id":"f1a","type":"function","z":"tab","func":"msg.payload = { received: msg.payload.email }; return msg;","wires":[["out"]]},
 {"id":"f2","type":"http in","z":"tab","url":"/F2","method":"post","wires":[["f2a"]]},
 {"id":"f2a","type":"function","z":"tab","func":"$normalise msg.payload = { sum: msg.found.sum, email: msg.found.email }; return msg;","wires":[["out"]]},
 {"id":"f3","type":"http in","z":"tab","url":"/F3","method":"post","wires":[["f3a"]]},
 {"id":"f3a","type":"function","z":"tab","func":"$normalise return msg;","wires":[["f3b"]]},
 {"id":"f3b","type":"http request","z":"tab","method":"GET","ret":"obj","paytoqs":"ignore","url":"http://127.0.0.1:$stub/tickets","persist":true,"wires":[["f3c"]]},
 {"id":"f3c","type":"function","z":"tab","func":"$assess","wires":[["out"]]},
 {"id":"f4","type":"http in","z":"tab","url":"/F4","method":"post","wires":[["f4a"]]},
 {"id":"f4a","type":"function","z":"tab","outputs":2,"func":"$normalise return [{ req: msg.req, res: msg.res, payload: {}, statusCode: 202 }, { found: msg.found }];","wires":[["out"],["f4b"]]},
 {"id":"f4b","type":"http request","z":"tab","method":"GET","ret":"obj","paytoqs":"ignore","url":"http://127.0.0.1:$stub/tickets","persist":true,"wires":[["f4c"]]},
 {"id":"f4c","type":"function","z":"tab","func":"$assess","wires":[]},
 {"id":"out","type":"http response","z":"tab","wires":[]}]
FLOWS
    NODE_OPTIONS='' "$(cat "$packages/node")" "$packages/node_modules/node-red/red.js" --userDir "$folder" \
        --settings "$folder/settings.js" >"$folder/log" 2>&1 &
    peer_pid=$!
    peer_url=http://127.0.0.1:$port/
}
