#!/bin/sh
# The module exports exactly what nginx looks up; anything more could clash inside the worker.
# usage: exports_test.sh MODULE.so
set -eu
expected='ngx_module_names ngx_module_order ngx_modules'
actual=$(nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sort | tr '\n' ' ' | sed 's/ $//')
if [ "$actual" != "$expected" ]; then
    echo "exported: $actual"
    echo "expected: $expected"
    exit 1
fi
