# Installing packages without starting the services that come with them.
# shellcheck shell=bash

policy_file=/usr/sbin/policy-rc.d
policy_is_ours=

# Debian's packages ask policy-rc.d before they start a service; 101 means "no". An operator's own
# policy stays as it is.
forbid_service_start() {
    [ -e "$policy_file" ] && return
    trap allow_service_start EXIT
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy_file" >/dev/null
    as_root chmod 755 "$policy_file"
}

allow_service_start() {
    [ -n "$policy_is_ours" ] || return 0
    as_root rm -f "$policy_file"
    policy_is_ours=
}

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
    local installed
    # dpkg-query fails when one name is unknown to it, which is what we are asking.
    installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/^\([^ :]*\)[^ ]* installed$/\1/p') || true
    printf '%s\n' "$@" | grep -vxF -f <(printf '%s\n' "$installed" "") || true
}

# install_packages NAME...: one apt-get run, and none when nothing is missing.
install_packages() {
    local missing log
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 ||
        die "apt-get is not here; install by hand: ${missing[*]}"
    say "installing ${missing[*]}"
    forbid_service_start
    log=$(mktemp)
    if ! { as_root apt-get update -qq >"$log" 2>&1 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" >>"$log" 2>&1; }; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: ${missing[*]}"
    fi
    rm -f "$log"
    allow_service_start
}
