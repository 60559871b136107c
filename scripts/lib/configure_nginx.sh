#!/usr/bin/env bash
# Configures a copy of nginx's sources, as Debian built its nginx, for the generated headers.
#
#   scripts/lib/configure_nginx.sh SOURCE COPY
set -euo pipefail
source_dir=$1 copy=$2
rm -rf "$copy"
cp -R "$source_dir" "$copy"
cd "$copy"
# shellcheck source=/dev/null
. ./conf_flags
./configure "${NGX_CONF_FLAGS[@]}" >configure.log 2>&1 || {
    cat configure.log >&2
    exit 1
}
