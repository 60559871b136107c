#!/usr/bin/env bash
# scripts/run as a newcomer runs it, twice with the same folder: the demonstration itself checks each
# outcome, and this checks what it leaves behind.
set -euo pipefail

root=$1
# shellcheck source=scripts/lib/ports.sh
. "$root/scripts/lib/ports.sh"
data=$(mktemp -d /var/tmp/sallyport-run.XXXXXX)
chmod 755 "$data"
data=$data/data

cleanup() {
    "$root/scripts/run" --stop --data "$data" >/dev/null 2>&1 || true
    rm -rf "${data%/data}"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

run() {
    "$root/scripts/run" --detach --data "$data" --http "$http" --https "$https" "$@"
}

http=$(free_port)
https=$(free_port)
while [ "$https" = "$http" ]; do https=$(free_port); done

first=$(run) || { echo "$first"; fail "the first start"; }
echo "$first"
for piece in 'HTTP 200' 'HTTP 401' 'HTTP 429' 'HTTP 403' '"ticket":4711' '"branch":"main"' \
    '"reason":"webhook_duplicate"' '"reason":"webhook_signature_invalid"' '"reason":"rate_limited"' \
    '"reason":"ip_denied"' '[Rr]etry-[Aa]fter: ' '[Rr]ate[Ll]imit: ' '"step_1"' '"step_2"' '"step_3"'; do
    grep -q "$piece" <<<"$first" || fail "the demonstration does not show $piece"
done
[ "$(stat -c %a "$data")" = 700 ] || fail "$data is open"
for secret in "$data"/secrets/*; do
    [ "$(stat -c %a "$secret")" = 600 ] || fail "$secret is open"
    grep -rqF "$(cut -c1-32 "$secret" | head -n 1)" "$data/logs" && fail "a secret of $secret is in a log"
done
grep -rE '\[(alert|emerg)\]|Sanitizer' "$data/logs" && fail "a log holds an alert"

if "$root/scripts/run" --detach --data "$data" --http "$http" --https "$https" >/dev/null 2>&1; then
    fail "a second start beside the first was not refused"
fi
keys=$(sha256sum "$data"/secrets/*.key)
"$root/scripts/run" --stop --data "$data"
second=$(run) || { echo "$second"; fail "the second start"; }
[ "$keys" = "$(sha256sum "$data"/secrets/*.key)" ] || fail "the second start made new secrets"
flows=$(grep -o '"flowId":"[^"]*"' <<<"$first$second" | sort -u | wc -l)
[ "$flows" = 1 ] || fail "the second start did not find its flow again ($flows flows)"
"$root/scripts/run" --stop --data "$data"
if (exec 3<>"/dev/tcp/127.0.0.1/$https") 2>/dev/null; then
    fail "port $https is still served after --stop"
fi
echo "run_demo_test: all as promised"
