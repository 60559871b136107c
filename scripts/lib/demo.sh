# The main job, shown on real input: a flow made through the public API, a signed delivery, and everything
# that must be refused. Sourced by scripts/run; every request goes through the gateway over TLS.
# shellcheck shell=bash

demo_port() { cat "$data/sites/demo.port"; }
demo_email() { echo admin@sallyport.test; }

# Somebody for the flow's HTTP step to talk to.
write_demo_site() {
    [ -s "$data/sites/demo.port" ] || free_port >"$data/sites/demo.port"
    cat >"$data/sites/demo.conf" <<CONF
server {
    listen 127.0.0.1:$(demo_port);
    sallyport_decision_log off;
    location = /tickets { default_type application/json; return 200 '{"ticket":4711,"queue":"builds"}'; }
}
CONF
}

headline() { printf '\n\033[1m%s\033[0m\n' "$*"; }

gateway() { # METHOD PATH [CURL-ARGUMENT...]
    local method=$1 path=$2
    shift 2
    curl -sS --cacert "$data/tls/certificate.pem" -X "$method" "$@" "https://localhost:$https_port$path"
}

api() { # METHOD PATH [JSON]: with the account's token; fails on a refusal
    local method=$1 path=$2 body=${3:-}
    gateway "$method" "/api/v1$path" --fail-with-body -H "Authorization: Bearer ${token:-none}" \
        ${body:+-H 'Content-Type: application/json' --data-binary "$body"}
}

# The first "NAME":"text" of a JSON answer.
json_text() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }

sign_in() {
    local password body answer
    password="Sp1!$(cut -c1-40 "$data/secrets/account.key")"
    body="{\"email\":\"$(demo_email)\",\"password\":\"$password\""
    answer=$(api POST /authentication/sign-in "$body}" 2>/dev/null) ||
        answer=$(api POST /authentication/sign-up "$body,\"firstName\":\"Sally\",\"lastName\":\"Port\",\"trackEvents\":false,\"newsLetter\":false}")
    token=$(json_text token <<<"$answer")
    project=$(json_text projectId <<<"$answer")
    [ -n "$token" ] && [ -n "$project" ]
}

operation() { api POST "/flows/$flow" "{\"type\":\"$1\",\"request\":$2}" >/dev/null; }

piece() { # NAME DISPLAY-NAME PIECE VERSION ACTION INPUT
    printf '{"type":"PIECE","name":"%s","displayName":"%s","valid":true,"settings":{"pieceName":"@activepieces/piece-%s","pieceVersion":"%s","actionName":"%s","input":%s,"propertySettings":{},"errorHandlingOptions":{"continueOnFailure":{"value":false},"retryOnFailure":{"value":false}}}}' "$@"
}

add_after() { # PARENT ACTION
    operation ADD_ACTION "{\"parentStep\":\"$1\",\"stepLocationRelativeToParent\":\"AFTER\",\"action\":$2}"
}

make_flow() {
    local code='export const code = async (inputs) => ({ branch: inputs.ref.split(\"/\").pop(), commits: inputs.commits.length, authors: [...new Set(inputs.commits.map((c) => c.author.name))] });'
    flow=$(api POST /flows "{\"displayName\":\"Push to ticket\",\"projectId\":\"$project\"}" | json_text id)
    [ -n "$flow" ] || return 1
    operation UPDATE_TRIGGER '{"type":"PIECE_TRIGGER","name":"trigger","displayName":"GitHub push","valid":true,"settings":{"pieceName":"@activepieces/piece-webhook","pieceVersion":"0.1.29","triggerName":"catch_webhook","input":{"authType":"none","authFields":{}},"propertySettings":{}}}'
    add_after trigger "{\"type\":\"CODE\",\"name\":\"step_1\",\"displayName\":\"Summarise\",\"valid\":true,\"settings\":{\"sourceCode\":{\"code\":\"$code\",\"packageJson\":\"{}\"},\"input\":{\"ref\":\"{{trigger['output']['body']['ref']}}\",\"commits\":\"{{trigger['output']['body']['commits']}}\"},\"errorHandlingOptions\":{\"continueOnFailure\":{\"value\":false},\"retryOnFailure\":{\"value\":false}}}}"
    add_after step_1 "$(piece step_2 'Open a ticket' http 0.11.6 send_request "{\"method\":\"GET\",\"url\":\"http://127.0.0.1:$(demo_port)/tickets\",\"headers\":{},\"queryParams\":{},\"authType\":\"NONE\",\"body_type\":\"none\",\"body\":{},\"failsafe\":false}")"
    add_after step_2 "$(piece step_3 'Answer' webhook 0.1.29 return_response "{\"responseType\":\"json\",\"respond\":\"stop\",\"fields\":{\"status\":200,\"headers\":{},\"body\":{\"ticket\":\"{{step_2['output']['body']['ticket']}}\",\"branch\":\"{{step_1['output']['branch']}}\",\"commits\":\"{{step_1['output']['commits']}}\"}}}")"
    operation LOCK_AND_PUBLISH '{"status":"ENABLED"}'
}

# The flow of an earlier start, when there is one.
find_flow() {
    flow=$(api GET "/flows?projectId=$project&limit=10" | grep -o '"id":"[^"]*"[^{]*"status":"ENABLED"' |
        head -n 1 | cut -d'"' -f4) || true
    [ -n "$flow" ]
}

push_payload='{"ref":"refs/heads/main","commits":[{"id":"a1","author":{"name":"Ada"}},{"id":"b2","author":{"name":"Grace"}},{"id":"c3","author":{"name":"Ada"}}]}'

deliver() { # ID [CURL-ARGUMENT...]: a signed push
    local id=$1
    shift
    "$data/bin/sallyport" sign github --secret-file "$data/secrets/github.key" \
        --body "$data/temp/push.json" --id "$id" >"$data/temp/headers"
    gateway POST "/v1/webhooks/$flow/sync" -H "@$data/temp/headers" -H 'Content-Type: application/json' \
        --data-binary "@$data/temp/push.json" -w '\nHTTP %{http_code}\n' "$@"
}

decision() { # REASON: the latest decision line with that reason
    # nginx writes the line after the answer.
    wait_for grep -q "\"reason\":\"$1\"" "$data/logs/decisions.log" || return 1
    printf 'decision: '
    grep "\"reason\":\"$1\"" "$data/logs/decisions.log" | tail -n 1
}

expect() { # STATUS TEXT: the request's outcome is part of the demonstration's claim
    grep -q "HTTP $1" <<<"$2" || { echo "$2"; say "expected HTTP $1"; return 1; }
    echo "$2"
}

show_genuine() {
    local delivery answer run
    delivery=$("$data/bin/sallyport" secret 16)
    headline "1. A signed push from GitHub, over TLS, runs the flow"
    answer=$(deliver "$delivery") && expect 200 "$answer" || return 1
    decision none
    headline "   The run's record"
    run=$(api GET "/flow-runs?projectId=$project&limit=1" | json_text id)
    # A step a line.
    api GET "/flow-runs/$run" | sed -E 's/,"steps":\{/\n/; s/(^|[,{])"(trigger|step_[0-9]+)":\{"type"/\n  "\2":{"type"/g'
    echo
    headline "2. The same delivery again: acknowledged, not run twice"
    answer=$(deliver "$delivery" -D -) && expect 200 "$answer" || return 1
    decision webhook_duplicate
    [ "$(api GET "/flow-runs?projectId=$project&limit=1" | json_text id)" = "$run" ] ||
        { say "the duplicate ran"; return 1; }
}

show_forged() {
    local answer
    headline "3. A forged signature: 401"
    answer=$(gateway POST "/v1/webhooks/$flow/sync" -H 'X-GitHub-Delivery: forged' \
        -H "X-Hub-Signature-256: sha256=$(printf '0%.0s' {1..64})" --data-binary "$push_payload" \
        -w 'HTTP %{http_code}\n') && expect 401 "$answer" || return 1
    decision webhook_signature_invalid
}

show_burst() {
    local answer i
    headline "4. A burst: 429 with Retry-After and RateLimit fields"
    for i in $(seq 60); do
        answer=$(gateway POST "/v1/webhooks/$flow/sync" -D - -d '{}' -w 'HTTP %{http_code}\n')
        grep -q 'HTTP 429' <<<"$answer" && break
    done
    answer=$(tr -d '\r' <<<"$answer" | grep -iE '^(HTTP|retry-after|ratelimit|x-ratelimit|\{)') || true
    expect 429 "request $i of the burst:
$answer" || return 1
    decision rate_limited
}

show_denied() {
    local answer
    headline "5. A denied address: 403"
    answer=$(gateway GET /api/v1/flags --interface 127.0.0.66 -w 'HTTP %{http_code}\n') &&
        expect 403 "$answer" || return 1
    decision ip_denied
}

demo() {
    local token project flow
    install -m 600 /dev/null "$data/temp/push.json"
    printf '%s' "$push_payload" >"$data/temp/push.json"
    sign_in || { say "signing in failed"; return 1; }
    find_flow || make_flow || { say "making the flow failed"; return 1; }
    show_genuine && show_forged && show_burst && show_denied
}
