#!/usr/bin/env bash
# What the runbooks tell operators to type exists: each command of the command line and each option of it, each
# reason word, and each page that is linked to.
#
#   runbooks_test.sh COMMAND_LINE SOURCE_FOLDER
set -euo pipefail
command_line=$(realpath "$1")
cd "$2/docs/runbooks"
failed=0
fail() {
    echo "$1" >&2
    failed=1
}

commands=0
while read -r file line; do
    read -ra words <<<"$line"
    path=("${words[1]}")
    case ${words[1]} in engine | list | ban | import) path+=("${words[2]}") ;; esac
    help=$("$command_line" "${path[@]}" --help 2>&1) || true
    grep -q "^Usage: .*sallyport ${path[*]} " <<<"$help" || { fail "$file: there is no '${path[*]}'"; continue; }
    for word in "${words[@]}"; do
        case $word in
            --*) grep -q -- "^ *\(-[a-zA-Z],\)\?$word\b" <<<"$help" || fail "$file: '${path[*]}' has no $word" ;;
        esac
    done
    commands=$((commands + 1))
done < <(grep -oE '(^ *|`)sallyport [a-z][^`]*' -- *.md | sed -E 's/^([^:]*):[ `]*/\1 /' | grep -v 'answers again')
[ "$commands" -ge 8 ] || fail "only $commands commands were found"

while read -r file word; do
    grep -q "^| \`$word\` |" ../reasons.md || fail "$file: $word is no reason"
done < <(grep -oE '`(webhook|rate_limit|body|ip|auth|client_address)_[a-z_]+`' -- *.md | sed -E 's/^([^:]*):`(.*)`$/\1 \2/' |
    grep -vE ' (ip_prefix|auth_request)$')

while read -r file link; do
    [ -e "${link%%#*}" ] || fail "$file: $link is not there"
done < <(grep -oE '\]\([^)#:]+(#[^)]*)?\)' -- *.md | sed -E 's/^([^:]*):\]\((.*)\)$/\1 \2/')

exit "$failed"
