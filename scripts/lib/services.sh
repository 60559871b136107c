# Starting and stopping the two doors from one data folder. Sourced by scripts/run, which sets data,
# http_port and https_port.
#
# The folder holds everything, also copies of the programs, so that it can belong to a user who cannot
# read the checkout: when root runs us, both doors run as www-data.
# shellcheck shell=bash

# How long a door may take to open or close.
service_deadline_s=20

service_user() {
    if [ "$(id -u)" -eq 0 ]; then echo www-data; else id -un; fi
}

# Becomes the services' user with nothing of our environment, in a session of its own, and runs the
# command; does not return.
exec_as_service() {
    local clean=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin)
    if [ "$(id -u)" -eq 0 ]; then
        exec setsid setpriv --reuid=www-data --regid=www-data --clear-groups --no-new-privs -- \
            "${clean[@]}" "$@"
    fi
    exec setsid "${clean[@]}" "$@"
}

spawn_service() { # NAME COMMAND...
    local name=$1
    shift
    (exec_as_service "$@") >>"$data/logs/$name.out" 2>&1 </dev/null &
    remember "$name" $!
}

new_secret() { # FILE: written once, kept afterwards
    [ -s "$1" ] || "$data/bin/sallyport" secret >"$1"
}

new_certificate() {
    [ -s "$data/tls/certificate.pem" ] && return
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
        -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -keyout "$data/tls/key.pem" -out "$data/tls/certificate.pem" 2>/dev/null ||
        die "openssl could not make a certificate"
}

# The shipped configuration with this folder and these ports in place of the packaged ones.
write_nginx_configuration() {
    local address_text='127\.0\.0\.1'
    sed -e "s|/usr/lib/nginx/modules/|$data/bin/|" \
        -e "s|/var/lib/sallyport|$data|g" \
        -e "s|$address_text:8080|127.0.0.1:$http_port|; s|$address_text:8443|127.0.0.1:$https_port|" \
        -e "s|port=8443|port=$https_port|" \
        "$root_dir/config/nginx.conf" >"$data/nginx.conf"
}

prepare_data() {
    umask 077
    mkdir -p "$data" || die "cannot make $data"
    [ -O "$data" ] || [ "$(id -u)" -eq 0 ] || die "$data belongs to somebody else; use --data"
    chmod 700 "$data"
    mkdir -p "$data"/{bin,engine,logs,secrets,sites,temp,tls}
    if services_running; then
        die "both doors are running from $data already; stop them with: scripts/run --stop --data $data"
    fi
    local program
    for program in sallyport sallyport-engine sallyport-jsbox sallyport-nodebox ngx_http_sallyport_module.so; do
        install -m 755 "$root_dir/build/release/$program" "$data/bin/$program"
    done
    local name
    for name in verdict github jwt encryption account; do
        new_secret "$data/secrets/$name.key"
    done
    new_certificate
    [ -e "$data/blocked.txt" ] || printf '# One CIDR block a line; never served.\n127.0.0.66\n' >"$data/blocked.txt"
    write_nginx_configuration
    write_demo_site
    write_engine_environment
    if [ "$(id -u)" -eq 0 ]; then
        chown -R www-data:www-data "$data"
        check_reachable
    fi
}

# www-data must be able to walk to the folder; root's home usually says no.
check_reachable() {
    (exec_as_service test -x "$data") ||
        die "the user www-data cannot reach $data, because a folder above it is closed; use --data, for example --data /var/lib/sallyport"
}

# The engine's settings, in a file rather than on a command line, where everybody could read them.
write_engine_environment() {
    printf '%s\n' \
        "SALLYPORT_VERDICT_SECRET_FILE=$data/secrets/verdict.key" \
        "AP_JWT_SECRET=$(cat "$data/secrets/jwt.key")" \
        "AP_ENCRYPTION_KEY=$(cut -c1-32 "$data/secrets/encryption.key")" \
        "AP_FRONTEND_URL=https://localhost:$https_port" \
        "SALLYPORT_EGRESS_ALLOW=127.0.0.1:$(demo_port)" >"$data/secrets/engine.env"
}

# pid files hold "pid start-time", so that a recycled pid is never taken for a service.
start_time_of() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

remember() { echo "$2 $(start_time_of "$2")" >"$data/$1.pid"; }

pid_of() { # NAME: the pid of that running service, or nothing
    local pid start
    [ -s "$data/$1.pid" ] || return 1
    read -r pid start <"$data/$1.pid" || return 1
    [ -n "$pid" ] && [ "$(start_time_of "$pid")" = "$start" ] && echo "$pid"
}

services_running() { pid_of engine >/dev/null && pid_of gateway >/dev/null; }

check_port_free() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        die "port $1 is taken; choose another with $2"
    fi
}

wait_for() { # COMMAND...: until it succeeds
    local tries=$((service_deadline_s * 20))
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}

engine_answers() { curl -sf --unix-socket "$data/engine.sock" http://localhost/api/v1/health; }
gateway_answers() { curl -s --cacert "$data/tls/certificate.pem" "https://localhost:$https_port/"; }

start_services() {
    check_port_free "$http_port" --http
    check_port_free "$https_port" --https
    rm -f "$data/engine.sock"
    spawn_service engine "$data/bin/sallyport-engine" --data "$data/engine" \
        --listen "unix:$data/engine.sock" --env-file "$data/secrets/engine.env"
    wait_for engine_answers ||
        { tail -n 5 "$data/logs/engine.out" >&2; stop_services; die "the engine did not start"; }
    spawn_service gateway nginx -p "$data" -c "$data/nginx.conf" -e "$data/logs/error.log" -g 'daemon off;'
    wait_for gateway_answers ||
        { tail -n 5 "$data/logs/error.log" "$data/logs/gateway.out" >&2; stop_services; die "nginx did not start"; }
}

gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"; }

stop_one() { # NAME SIGNAL
    local pid
    pid=$(pid_of "$1") || return 0
    kill "-$2" "$pid" 2>/dev/null || true
    wait_for gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    rm -f "$data/$1.pid"
}

# The gateway closes first, so that nothing new reaches an engine that drains.
stop_services() {
    stop_one gateway QUIT
    stop_one engine TERM
    say "stopped"
}
