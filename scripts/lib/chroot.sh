# Throw-away Debian roots: making the cached base, and what a root needs mounted to be lived in.
# Everything here runs as root inside a private mount namespace, so that no mount outlives it.
# shellcheck shell=bash

chroot_dir=${SALLYPORT_CHROOT_DIR:-/var/tmp/sallyport-chroot}

# The archive the host itself installs from, so that a local mirror is used here too.
# apt_mirror PATTERN: the first URI in apt's sources that ends in PATTERN.
apt_mirror() {
    local sources
    sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
        2>/dev/null | grep -v '^#' || true)
    printf '%s\n' "$sources" | grep -oE "(https?|file)://[^ ]*$1/?( |\$)" | head -n 1 | tr -d ' '
}

# make_base SUITE: a minimal root with its package index, made once and never written to again.
make_base() {
    local suite=$1 base=$chroot_dir/$1 partial mirror security
    [ -e "$base/etc/debian_version" ] && return
    mirror=$(apt_mirror '/debian')
    mirror=${mirror:-http://deb.debian.org/debian}
    security=$(apt_mirror '/debian-security')
    security=${security:-http://deb.debian.org/debian-security}
    partial=$(mktemp -d "$chroot_dir/.$suite.XXXXXX")
    say "making the base root of $suite in $base"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$partial" "$mirror" \
        >"$partial.log" 2>&1 || {
        tail -n 20 "$partial.log" >&2
        die "debootstrap failed; its output is $partial.log"
    }
    chmod 755 "$partial"
    printf 'deb %s %s main\n' "$mirror" "$suite" "$mirror" "$suite-updates" \
        "$security" "$suite-security" >"$partial/etc/apt/sources.list"
    rm -rf "$partial/var/cache/apt/archives"/*.deb "$partial.log"
    mv "$partial" "$base"
}

# throw_away_copy BASE WORK: mounts a writable copy of BASE at WORK/root.
throw_away_copy() {
    local base=$1 work=$2
    mkdir -p "$work/upper" "$work/overlay" "$work/root"
    if mount -t overlay overlay \
        -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/overlay" "$work/root" 2>/dev/null; then
        return
    fi
    # No overlay here: a real copy, by reference where the file system can.
    cp -a --reflink=auto "$base/." "$work/root/"
}

# mount_system ROOT: the kernel's file systems, with a /dev of our own.
mount_system() {
    local root=$1 node
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs -o mode=755,size=1m tmpfs "$root/dev"
    for node in null zero full random urandom tty; do
        : >"$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    mkdir -p "$root/dev/shm" "$root/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s fd/0 "$root/dev/stdin"
    ln -s fd/1 "$root/dev/stdout"
    ln -s fd/2 "$root/dev/stderr"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
}

# bind_file FILE ROOT TARGET: makes the host's FILE readable in ROOT; FILE may be absent.
bind_file() {
    [ -f "$1" ] || return 0
    mkdir -p "$(dirname "$2$3")"
    [ -e "$2$3" ] || : >"$2$3"
    mount --bind "$1" "$2$3"
    mount -o remount,ro,bind "$2$3"
}

# What is thrown away need not survive a power cut: packages unpack several times faster.
hurry_dpkg() { echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/90throw-away"; }

# carry_network ROOT: how this host reaches its package archives: names, proxies, certificates, npm.
# All of it is bound or written into the throw-away copy only.
carry_network() {
    local root=$1 global
    cat /etc/resolv.conf >"$root/etc/resolv.conf"
    cat /etc/hosts >"$root/etc/hosts"
    if command -v apt-config >/dev/null 2>&1; then
        apt-config dump | grep -E '^Acquire::(https?::|Check-Valid-Until|Check-Date|Retries)' \
            >"$root/etc/apt/apt.conf.d/90host" || true
    fi
    if [ -n "$(ls /usr/local/share/ca-certificates 2>/dev/null)" ]; then
        cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
        chroot "$root" update-ca-certificates >/dev/null 2>&1
    fi
    bind_file "${NPM_CONFIG_USERCONFIG:-${npm_config_userconfig:-$HOME/.npmrc}}" "$root" /root/.npmrc
    if command -v npm >/dev/null 2>&1; then
        global=$(npm config get globalconfig 2>/dev/null) || return 0
        bind_file "$global" "$root" /etc/npmrc
    fi
}

# carry_caches ROOT SUITE: downloaded packages and compiled objects outlive the root, nothing else.
carry_caches() {
    local cache=$chroot_dir/cache-$2 archives_lock
    mkdir -p "$cache/archives/partial" "$cache/ccache" "$1/root/.cache/ccache"
    mount --bind "$cache/ccache" "$1/root/.cache/ccache"
    # apt wants its archive folder for itself: the first of several runs gets it, until it ends.
    exec {archives_lock}>"$cache/lock"
    flock --nonblock "$archives_lock" || return 0
    mount --bind "$cache/archives" "$1/var/cache/apt/archives"
    # The minimal root deletes what apt downloads; here it is kept for the next run.
    printf 'APT::Keep-Downloaded-Packages "true";\nBinary::apt-get::APT::Keep-Downloaded-Packages "true";\n' \
        >"$1/etc/apt/apt.conf.d/91keep"
}

# enter_chroot ROOT DIRECTORY COMMAND...: with a clean environment but for proxies, npm and our own.
# ROOT becomes the root of this mount namespace, because the kernel gives no user namespaces to those whose root
# is another: does not return.
enter_chroot() {
    local root=$1 directory=$2 name value carried=()
    shift 2
    while IFS='=' read -r -d '' name value; do
        case "$name" in
            http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY | CI | TERM | \
                NPM_CONFIG_REGISTRY | npm_config_registry | CMAKE_BUILD_PARALLEL_LEVEL | CTEST_* | \
                SALLYPORT_*) carried+=("$name=$value") ;;
        esac
    done < <(env -0)
    mountpoint -q "$root" || mount --bind "$root" "$root"
    mkdir "$root/.host"
    cd "$root"
    pivot_root . .host
    # shellcheck disable=SC2016  # expanded by the inner shell
    exec /usr/bin/env -i "${carried[@]}" HOME=/root USER=root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        NPM_CONFIG_GLOBALCONFIG=/etc/npmrc NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
        /bin/sh -c 'umount -l /.host && rmdir /.host && cd "$1" && shift && exec "$@"' sh "$directory" "$@"
}
