#!/bin/sh
# Holds what the engine's tests have been answered against the contract's types: PACKAGES ANSWERS
set -eu
exec "$(cat "$1/node")" "$(dirname "$0")/oracle/answers.cjs" "$1" "$2"
