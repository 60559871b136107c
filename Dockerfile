# Three images from one build, on Debian 13: `docker build --target gateway .`, `--target engine`, and
# `--target engine-node`, which is the engine with Node.js for pieces from npm.
# Packages come from scripts/lib/packages.sh, as everywhere; nothing else is downloaded but the
# JavaScript engine and what steps run in it (TypeScript's eraser, JSONata, showdown, SheetJS, Turndown, nwsapi, OpenPGP.js), whose digests
# scripts/fetch-* pin.
#
# All run as the same unprivileged user and meet in one volume, /var/lib/sallyport: secrets,
# certificate, logs, the engine's data and its socket.

FROM debian:trixie-slim AS toolchain
WORKDIR /src
COPY scripts/setup scripts/setup
COPY scripts/lib scripts/lib
RUN scripts/setup build && rm -rf /var/lib/apt/lists/*

FROM toolchain AS build
COPY . .
RUN scripts/build release \
    && install -D -m 755 build/release/sallyport /out/sallyport \
    && install -D -m 755 build/release/sallyport-engine /out/sallyport-engine \
    && install -D -m 755 build/release/sallyport-jsbox /out/sallyport-jsbox \
    && install -D -m 755 build/release/sallyport-nodebox /out/sallyport-nodebox \
    && install -D -m 644 build/release/ngx_http_sallyport_module.so /out/ngx_http_sallyport_module.so \
    && strip --strip-unneeded /out/* \
    && scripts/third-party-licences /out/licences

# What the images share: the user and the volume.
FROM debian:trixie-slim AS base
RUN useradd --system --uid 10001 --home-dir /var/lib/sallyport --shell /usr/sbin/nologin sallyport \
    && for folder in . logs temp tls secrets; do \
        install -d -o sallyport -g sallyport -m 700 "/var/lib/sallyport/$folder"; \
    done \
    && install -o sallyport -g sallyport -m 600 /dev/null /var/lib/sallyport/blocked.txt
COPY scripts/setup /setup/scripts/setup
COPY scripts/lib /setup/scripts/lib

# The outer door: Debian's own nginx with our module.
FROM base AS gateway
RUN /setup/scripts/setup gateway && rm -rf /setup /var/lib/apt/lists/*
COPY --from=build /out/ngx_http_sallyport_module.so /usr/lib/nginx/modules/
COPY --from=build /out/sallyport /usr/bin/
COPY config/nginx.conf /etc/sallyport/nginx.conf
# Inside a container the network is the container's own: listen on all of its addresses.
RUN sed -i 's/listen 127\.0\.0\.1:/listen /' /etc/sallyport/nginx.conf
COPY conf.d /etc/sallyport/conf.d
USER sallyport
VOLUME /var/lib/sallyport
EXPOSE 8080 8443
STOPSIGNAL SIGQUIT
ENTRYPOINT ["nginx", "-c", "/etc/sallyport/nginx.conf", "-g", "daemon off;"]

# The inner room.
FROM base AS engine
RUN /setup/scripts/setup engine && rm -rf /setup /var/lib/apt/lists/*
COPY --from=build /out/sallyport-engine /out/sallyport-jsbox /out/sallyport-nodebox /out/sallyport \
    /usr/bin/
COPY --from=build /out/licences /usr/share/doc/sallyport/licences
USER sallyport
VOLUME /var/lib/sallyport
ENTRYPOINT ["sallyport-engine"]

# The inner room, with Node.js and npm: for AP_EXECUTION_MODE other than SANDBOX_CODE_ONLY. The mode is
# still to be asked for, since its walls need name spaces, which a container gets when it is run with
# `--security-opt seccomp=unconfined` or `--cap-add SYS_ADMIN`.
FROM engine AS engine-node
USER root
COPY scripts/setup /setup/scripts/setup
COPY scripts/lib /setup/scripts/lib
RUN /setup/scripts/setup engine-node && rm -rf /setup /var/lib/apt/lists/*
USER sallyport
