#!/usr/bin/env bash
# Builds the module the way nginx's own build does (--add-dynamic-module) and loads the result into the
# nginx that is installed. Keeps its tree between runs, so that only changed files are compiled again.
set -euo pipefail

root=$1 work=$2 nginx_source=/usr/share/nginx/src
[ -e "$nginx_source/conf_flags" ] || { echo "nginx-dev is not installed" >&2; exit 1; }

mkdir -p "$work"
rm -rf "$work/nginx/auto" "$work/nginx/src"
mkdir -p "$work/nginx"
cp -r "$nginx_source/." "$work/nginx/"
cd "$work/nginx"
# shellcheck source=/dev/null
. ./conf_flags
./configure "${NGX_CONF_FLAGS[@]}" --add-dynamic-module="$root/module" >configure.log 2>&1 ||
    { tail -n 20 configure.log; exit 1; }
make -f objs/Makefile modules >make.log 2>&1 || { tail -n 30 make.log; exit 1; }

cat >"$work/nginx.conf" <<CONF
load_module $work/nginx/objs/ngx_http_sallyport_module.so;
error_log stderr; pid $work/nginx.pid;
events {}
http { sallyport_mode report; access_log off; server { listen unix:$work/nginx.sock; } }
CONF
nginx -t -p "$work" -c "$work/nginx.conf" -e stderr
"$root/tests/repository/exports_test.sh" "$work/nginx/objs/ngx_http_sallyport_module.so"
