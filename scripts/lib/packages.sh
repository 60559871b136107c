# Which Debian packages each purpose needs, on Debian 12 (bookworm) and 13 (trixie).
# Sourced by scripts/setup; read also by the Dockerfile through it. One list a purpose, one line a reason.
# shellcheck shell=bash

# packages_for PURPOSE SUITE: prints the package names, one a line.
packages_for() {
    case "$1" in
        build) packages_build "$2" ;;
        run) packages_run ;;
        test) packages_test ;;
        bench) packages_bench ;;
        chroot) packages_chroot ;;
        gateway) packages_gateway "$2" ;;
        engine) packages_engine "$2" ;;
        engine-node) packages_engine_node ;;
        tidy) packages_tidy ;;
        *) die "no package list is called '$1'" ;;
    esac
}

packages_build() {
    # Compiler and build tools; binutils for nm and objcopy.
    printf '%s\n' g++ cmake ninja-build pkg-config ccache binutils
    # The nginx we build against is the nginx we load into.
    printf '%s\n' nginx nginx-dev libpcre2-dev zlib1g-dev
    # Both doors.
    printf '%s\n' libssl-dev libjansson-dev
    # Redis's protocol, for both doors.
    printf '%s\n' libhiredis-dev
    # The engine: store, egress, passwords, sandbox (wasm2c and its seccomp filter).
    printf '%s\n' libsqlite3-dev libpq-dev libcurl4-openssl-dev libargon2-dev libseccomp-dev wabt \
        libmimalloc-dev
    # Journals and files are kept packed.
    printf '%s\n' libzstd-dev
    # Pieces that come as an archive.
    printf '%s\n' libarchive-dev
    # Time zones of schedules.
    printf '%s\n' libhowardhinnant-date-dev
    # The command line.
    printf '%s\n' libcli11-dev libyaml-cpp-dev
    # The engine's HTTP server needs Boost 1.81 or later; bookworm's default is older.
    case "$1" in
        bookworm) printf '%s\n' libboost1.81-dev ;;
        *) printf '%s\n' libboost-dev ;;
    esac
    # Every build tree knows the tests, so CMake looks for their libraries.
    printf '%s\n' libgtest-dev libgmock-dev libcmocka-dev
    # npm fetches the JavaScript engine and what the tests need of it; another npm than Debian's will
    # do as well.
    command -v npm >/dev/null 2>&1 || printf '%s\n' npm
    printf '%s\n' ca-certificates
}

packages_run() {
    # openssl makes the self-signed certificate and the secrets; curl speaks to the doors.
    printf '%s\n' nginx openssl curl ca-certificates procps
}

packages_test() {
    printf '%s\n' redis-server openssl curl procps
    # A proxy that requests go through; its program alone, which nothing starts.
    printf '%s\n' tinyproxy-bin
    # They judge the TLS settings of the shipped configurations.
    printf '%s\n' testssl.sh sslscan
    # Its programs are enough: the tests start a server of their own as an unprivileged user.
    printf '%s\n' postgresql
}

packages_bench() {
    printf '%s\n' wrk curl
    # Peers: Lua and njs that verify webhooks, Lua and HAProxy that limit.
    printf '%s\n' libnginx-mod-http-lua libnginx-mod-http-js haproxy lua-resty-core
}

# What the built programs load, where nothing is built: the container images, a server. Library
# packages carry their version in their name.
packages_gateway() {
    printf '%s\n' nginx ca-certificates libjansson4
    case "$1" in
        # libcurl is for the command line, which asks the control location.
        bookworm) printf '%s\n' libssl3 libhiredis0.14 libcurl4 libyaml-cpp0.7 ;;
        *) printf '%s\n' libssl3t64 libhiredis1.1.0 libcurl4t64 libyaml-cpp0.8 ;;
    esac
}

packages_engine() {
    printf '%s\n' ca-certificates libjansson4 libsqlite3-0 libpq5 libdate-tz3 tzdata libargon2-1 libseccomp2 \
        libzstd1
    case "$1" in
        bookworm) printf '%s\n' libssl3 libcurl4 libmimalloc2.0 libhiredis0.14 libarchive13 ;;
        *) printf '%s\n' libssl3t64 libcurl4t64 libmimalloc3 libhiredis1.1.0 libarchive13t64 ;;
    esac
}

# Tier node asks for Node.js 18 or later: Debian 12 has 18, Debian 13 has 20. npm fetches the pieces
# and the packages of code steps; another npm than Debian's will do as well.
packages_engine_node() {
    printf '%s\n' nodejs
    command -v npm >/dev/null 2>&1 || printf '%s\n' npm
}

packages_chroot() {
    printf '%s\n' debootstrap git
}

packages_tidy() {
    printf '%s\n' clang clang-format clang-tidy
}
