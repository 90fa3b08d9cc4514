#!/bin/sh
# SPDX-License-Identifier: ISC
# Builds the Debian package in a fresh root of each release, and tries it in that root, booted with
# systemd: install, configure, mail in and out, upgrade, purge. Needs root, a mirror, debootstrap and
# systemd-nspawn; all else is in a temporary folder, which goes at the end.
#
#   tests/deb/run.sh RELEASE…        KEEP=/some/folder keeps packages and logs there
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || { echo "deb-test: has to be root" >&2; exit 1; }
for program in debootstrap systemd-nspawn; do
  command -v $program >/dev/null || {
    echo "deb-test: $program is missing: apt install debootstrap systemd-container" >&2
    exit 1
  }
done
# shellcheck disable=SC2016  # apt's own variable
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | head -1)
mirror=${mirror:-http://deb.debian.org/debian}
work=$(mktemp -d /var/tmp/restante-deb.XXXXXX)

# debootstrap leaves /proc and /sys mounted when it is interrupted, and sometimes when it is not.
unmount() {
  awk -v "under=$work/" 'index($2, under) == 1 { print $2 }' /proc/self/mounts | sort -r |
    while read -r place; do umount "$place" || umount -l "$place"; done
}
clean_up() {
  unmount
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

nspawn() {
  root=$1
  shift
  systemd-nspawn --quiet --register=no --keep-unit --link-journal=no -D "$root" "$@" </dev/null 2>&1
}

try() {
  release=$1
  root=$work/$release
  echo "== $release: a fresh root from $mirror"
  debootstrap --variant=minbase "$release" "$root" "$mirror" >"$work/$release.debootstrap" 2>&1 || {
    tail -n 20 "$work/$release.debootstrap"
    return 1
  }
  unmount
  mkdir -p "$root/try/restante"
  (cd "$source" && tar -cf - --exclude=./build --exclude=./.git --exclude=__pycache__ .) |
    tar -xf - -C "$root/try/restante"
  cp "$source"/tests/deb/*.sh "$root/try/"
  cp "$source/debian/tests/send-and-read" "$root/try/"

  echo "== $release: build"
  nspawn "$root" --resolv-conf=replace-host --pipe sh /try/build.sh || return 1

  # Without the machine's network, so that its ports are no matter. The last word is for a systemd
  # newer than 255 on a machine with the old cgroups; others do not know it.
  echo "== $release: boot, and try it"
  nspawn "$root" --private-network -b SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 >"$work/$release.boot" || :
  cat "$root/try/log" 2>/dev/null || tail -n 30 "$work/$release.boot"
  if [ -n "${KEEP:-}" ]; then
    mkdir -p "$KEEP/$release"
    cp "$root"/try/*.deb "$root"/try/log "$KEEP/$release/" || :
  fi
  [ -e "$root/try/good" ]
}

for release in "$@"; do
  try "$release" || { echo "deb-test: failed on $release" >&2; exit 1; }
  unmount
  rm -rf --one-file-system "${work:?}/$release"
done
echo "deb-test: good on $*"
