# Sourced by what starts servers on loopback: a port that nobody listens on now, below those that the
# system gives to clients, whose connections would be in a server's way.
# shellcheck shell=bash

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}
