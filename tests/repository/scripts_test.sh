#!/bin/sh
# Every script parses, can be run, and explains itself; what the Dockerfile copies is there.
# usage: scripts_test.sh SOURCE-FOLDER
set -eu
cd "$1"
failed=0
complain() {
    echo "$*"
    failed=1
}

for script in scripts/* scripts/lib/*.sh .ci/run; do
    [ -f "$script" ] || continue
    case "$(head -n 1 "$script")" in
        *bash* | "# "*) bash -n "$script" || complain "$script does not parse" ;;
        *sh) sh -n "$script" || complain "$script does not parse" ;;
    esac
    case "$script" in
        scripts/lib/* | .ci/run) continue ;;
    esac
    [ -x "$script" ] || complain "$script cannot be run"
    help=$("$script" --help 2>&1 </dev/null) || complain "$script --help fails"
    case "$help" in
        *"$script"*) ;;
        *) complain "$script --help does not say how to call it" ;;
    esac
done

[ "$(grep -v '^#' .ci/run | tail -n 1)" = 'exec scripts/test' ] ||
    complain ".ci/run does not end with the one command, scripts/test"

sed -n 's/^COPY \([^-][^ ]*\) .*/\1/p' Dockerfile >"${TMPDIR:-/tmp}/copied.$$"
while read -r path; do
    [ -e "$path" ] || complain "the Dockerfile copies $path, which is not there"
done <"${TMPDIR:-/tmp}/copied.$$"
rm -f "${TMPDIR:-/tmp}/copied.$$"
exit "$failed"
