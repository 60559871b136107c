# Sourced by the scripts that fetch what the engine is made of from npm: one build of a package, known by digests.
# shellcheck shell=bash

pinned_are_right() { # FOLDER DIGEST FILE [DIGEST FILE...]
    local folder=$1
    shift
    (cd "$folder" 2>/dev/null && printf '%s  %s\n' "$@" | sha256sum --check --status 2>/dev/null)
}

# fetch_pinned PACKAGE@VERSION FOLDER INSIDE DIGEST FILE [DIGEST FILE...]: leaves the files of INSIDE, a folder of
# the package's archive (`package/...`; `.`: the archive itself), in FOLDER and prints that path. Does nothing
# when all are there and right; runs nothing of the package.
fetch_pinned() {
    local package=$1 folder=$2 inside=$3 cache work at
    shift 3
    cache=$(dirname "$folder")
    if pinned_are_right "$folder" "$@"; then
        printf '%s\n' "$folder"
        return
    fi
    command -v npm >/dev/null 2>&1 ||
        die "npm is needed once to fetch $package: apt-get install npm, or put the package's files into $folder"
    mkdir -p "$folder"
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    # shellcheck disable=SC2064  # the path is known now
    trap "rm -rf '$work'" EXIT
    (cd "$work" && npm pack --silent --ignore-scripts "$package" >npm.log 2>&1) || {
        cat "$work/npm.log" >&2
        die "npm could not fetch $package"
    }
    [ "$inside" = . ] || tar -xzf "$work"/*.tgz -C "$work" "$inside"
    pinned_are_right "$work/$inside" "$@" ||
        die "$package does not have the pinned digests: it was changed on the way, refusing it"
    for ((at = 2; at <= $#; at += 2)); do
        mv "$work/$inside/${!at}" "$folder/"
    done
    printf '%s\n' "$folder"
}
