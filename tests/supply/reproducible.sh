#!/bin/sh
# SPDX-License-Identifier: ISC
# Builds the Debian package twice, with all different that should not matter: folder and its length,
# umask, time zone, locale, number of jobs, and the time of day. Then compares byte by byte.
#
#   tests/supply/reproducible.sh FOLDER
set -eu
to=$1
from=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$to"
mkdir -p "$to/sources"
# Once for both: what is changed meanwhile is changed in none.
(cd "$from" && tar -cf - --exclude=./build --exclude=./.git --exclude=__pycache__ .) | tar -xf - -C "$to/sources"
(
  umask 022
  TZ=UTC LC_ALL=C DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" "$to/sources/debian/build.sh" "$to/one"
) >"$to/one.log" 2>&1 || { tail -n 30 "$to/one.log"; exit 1; }
(
  umask 027
  TZ=Asia/Kathmandu LC_ALL=C.UTF-8 HOME=/nonexistent DEB_BUILD_OPTIONS="nocheck parallel=$(($(nproc) + 1))" \
    "$to/sources/debian/build.sh" "$to/another/of/a/longer/name"
) >"$to/another.log" 2>&1 || { tail -n 30 "$to/another.log"; exit 1; }
count=0
for package in "$to"/one/*.deb; do
  cmp "$package" "$to/another/of/a/longer/name/${package##*/}" || count=$((count + 1))
  sha256sum "$package"
done
[ "$count" = 0 ] || { echo "$count packages are not the same"; exit 1; }
echo "both builds are the same"
