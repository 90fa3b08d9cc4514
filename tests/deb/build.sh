#!/bin/sh
# SPDX-License-Identifier: ISC
# Inside the fresh root, with network: two versions of the package, lintian, and what the trial needs.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
get() { apt-get -qq -y --no-install-recommends "$@" >/try/apt.log 2>&1 || { tail -n 30 /try/apt.log; exit 1; }; }

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
echo "deb http://deb.debian.org/debian-security $release-security main" >/etc/apt/sources.list.d/security.list
get update
get dist-upgrade
get install build-essential debhelper lintian systemd systemd-sysv dbus procps swaks libnet-ssleay-perl \
  curl openssl ca-certificates adduser
cd /try/restante
get build-dep ./

build() { dpkg-buildpackage -us -uc -b "$@" >/try/build.log 2>&1 || { tail -n 40 /try/build.log; exit 1; }; }
build
echo "$(grep -cE '_test +.*PASSED' /try/build.log) unit test programs passed"
lintian --allow-root --color never --fail-on error,warning -EviIL +pedantic ../restante_*.changes
mkdir -p /try/old
mv ../restante_*.deb ../restante-dbgsym_*.deb /try/old/

# A higher version, whose configuration file is another one; nothing has to be compiled again.
sed -i '1s/(\(.*\))/(\1+next)/' debian/changelog
echo '# A line of the next version.' >>etc/restante.conf
rm -rf debian/restante debian/debhelper-build-stamp
build -nc

apt-get -qq -y --download-only install /try/old/restante_*.deb >/dev/null

cat >/etc/systemd/system/try.service <<END
[Unit]
Description=Tries the package
[Service]
Type=oneshot
ExecStart=/try/inside.sh
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
END
systemctl enable try.service 2>/dev/null
