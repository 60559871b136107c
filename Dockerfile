# Two images from one build, on Debian 13: `docker build --target gateway .` and `--target engine`.
# Packages come from scripts/lib/packages.sh, as everywhere; nothing else is downloaded but the
# JavaScript engine, whose digest scripts/fetch-quickjs pins.

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
    && install -D -m 644 build/release/ngx_http_sallyport_module.so /out/ngx_http_sallyport_module.so \
    && strip --strip-unneeded /out/*

# The outer door: Debian's own nginx with our module.
FROM debian:trixie-slim AS gateway
COPY scripts/setup /setup/scripts/setup
COPY scripts/lib /setup/scripts/lib
RUN /setup/scripts/setup gateway \
    && rm -rf /setup /var/lib/apt/lists/* /etc/nginx/sites-enabled /etc/nginx/conf.d \
    && install -d -o www-data -g www-data -m 700 /var/lib/sallyport \
    && chown -R www-data:www-data /var/lib/nginx /var/log/nginx
COPY --from=build /out/ngx_http_sallyport_module.so /usr/lib/nginx/modules/
COPY --from=build /out/sallyport /usr/bin/
COPY config /etc/sallyport/config
COPY conf.d /etc/sallyport/conf.d
USER www-data
EXPOSE 8080 8443
STOPSIGNAL SIGQUIT
ENTRYPOINT ["nginx", "-c", "/etc/sallyport/config/nginx.conf", "-g", "daemon off;"]

# The inner room.
FROM debian:trixie-slim AS engine
COPY scripts/setup /setup/scripts/setup
COPY scripts/lib /setup/scripts/lib
RUN /setup/scripts/setup engine \
    && rm -rf /setup /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/sallyport --shell /usr/sbin/nologin sallyport \
    && install -d -o sallyport -g sallyport -m 700 /var/lib/sallyport
COPY --from=build /out/sallyport-engine /out/sallyport /usr/bin/
USER sallyport
VOLUME /var/lib/sallyport
EXPOSE 3000
ENTRYPOINT ["sallyport-engine"]
