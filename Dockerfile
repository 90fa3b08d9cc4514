# SPDX-License-Identifier: ISC
# restante in a container; compose.yaml starts it with its Redis.
ARG BASE=debian:12-slim

FROM $BASE AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      g++ make pkg-config libcjson-dev libevent-dev libfmt-dev libgmime-3.0-dev libgnutls28-dev libhiredis-dev libidn2-dev \
      libmicrohttpd-dev libseccomp-dev libssl-dev libsystemd-dev libunistring-dev libzstd-dev zlib1g-dev
WORKDIR /src
COPY Makefile ./
COPY make make
COPY src src
COPY etc etc
COPY man man
RUN make -j"$(nproc)" all && make install DESTDIR=/out UNITDIR= SYSUSERSDIR= && \
    strip /out/usr/sbin/* /out/usr/lib/restante/*

FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends \
      curl libcjson1 libevent-2.1-7 libevent-openssl-2.1-7 libfmt9 libgmime-3.0-0 libgnutls30 libhiredis0.14 libidn2-0 \
      libmicrohttpd12 libseccomp2 libssl3 libsystemd0 libunistring2 libzstd1 zlib1g && \
    rm -rf /var/lib/apt/lists/* && \
    groupadd -g 1000 restante && \
    useradd -u 1000 -g 1000 -M -d /nonexistent -s /usr/sbin/nologin restante && \
    install -d -o restante -g restante -m 0700 /run/restante
COPY --from=build /out/ /
# Any user could read it, should the container run as another one; there is no key in it.
RUN chmod 644 /etc/restante/restante.conf
USER restante
EXPOSE 25 80 443
# Redis away is no reason to start it again: /healthz is about restante alone.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["curl", "-fsk", "-o", "/dev/null", "https://127.0.0.1/healthz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/sbin/restante"]
