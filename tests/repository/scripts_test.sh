#!/bin/sh
# Every script parses, can be run, and explains itself; what the Dockerfile copies and installs is
# there, each of its images runs as its unprivileged user, and what is fetched is listed.
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

# packages_of PURPOSE: what Debian 13, which the images are made of, needs for it when nothing is there.
packages_of() {
    bash -c 'die() { exit 1; }; PATH=; . ./scripts/lib/packages.sh; packages_for "$1" trixie' - "$1"
}

sed -n 's/^RUN [a-z/]*scripts\/setup \([a-z-]*\).*/\1/p' Dockerfile >"${TMPDIR:-/tmp}/purposes.$$"
while read -r purpose; do
    packages_of "$purpose" >/dev/null || complain "the Dockerfile installs '$purpose', which has no packages"
    grep -q " $purpose\( |.*\)\?)" scripts/setup || complain "scripts/setup does not know '$purpose'"
done <"${TMPDIR:-/tmp}/purposes.$$"
rm -f "${TMPDIR:-/tmp}/purposes.$$"
packages_of engine-node | grep -qx nodejs || complain "the image engine-node has no Node.js"
packages_of engine-node | grep -qx npm || complain "the image engine-node cannot fetch packages"

# Of every image that is run: what it is made from, its last user, and whether it starts something.
awk '
    $1 == "FROM" { image = $4; from[image] = $2; user[image] = user[$2]; starts[image] = starts[$2]; next }
    $1 == "USER" { user[image] = $2 }
    $1 == "ENTRYPOINT" { starts[image] = $2 }
    END { for (image in from) print image, from[image], user[image] "-", starts[image] "-" }
' Dockerfile >"${TMPDIR:-/tmp}/images.$$"
for image in "gateway base sallyport-" "engine base sallyport-" "engine-node engine sallyport-"; do
    grep -q "^$image \[" "${TMPDIR:-/tmp}/images.$$" || complain "the Dockerfile has no image '$image'"
done
rm -f "${TMPDIR:-/tmp}/images.$$"

# What the build takes from npm is what docs/third-party.md lists, in the same versions.
for script in $(sed -n 's/^sallyport_fetch(\(fetch-[a-z-]*\) .*/\1/p' cmake/*.cmake); do
    version=$(sed -n 's/^version=//p' "scripts/$script")
    sed -n -e "s/.*fetch_pinned \"\([a-z@/-]*\)@\$version\".*/\1@$version/p" \
        -e 's/^ *\([@a-z][a-z@/-]*@[0-9.]*\) .*\.tgz$/\1/p' "scripts/$script"
done | sort >"${TMPDIR:-/tmp}/fetched.$$"
sed -n 's/^| `\([^`]*@[0-9][^`]*\)`.*/\1/p' docs/third-party.md | sort >"${TMPDIR:-/tmp}/listed.$$"
[ -s "${TMPDIR:-/tmp}/fetched.$$" ] || complain "no package is fetched"
diff "${TMPDIR:-/tmp}/fetched.$$" "${TMPDIR:-/tmp}/listed.$$" ||
    complain "docs/third-party.md lists other packages than the build fetches"
rm -f "${TMPDIR:-/tmp}/fetched.$$" "${TMPDIR:-/tmp}/listed.$$"
exit "$failed"
