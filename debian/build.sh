#!/bin/sh
# SPDX-License-Identifier: ISC
# Builds the Debian package from a copy of the sources, so that nothing is left in the checkout.
#
#   debian/build.sh FOLDER      where the package goes; the copy is in FOLDER/source
set -eu
to=$1
from=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^VERSION := //p' "$from/Makefile")
packaged=$(sed -n '1s/.*(\([^)]*\)).*/\1/p' "$from/debian/changelog")
[ "$version" = "$packaged" ] || {
  echo "debian/changelog has $packaged, the Makefile $version" >&2
  exit 1
}
rm -rf "$to"
mkdir -p "$to/source"
(cd "$from" && tar -cf - --exclude=./build --exclude=./.git --exclude=__pycache__ .) | tar -xf - -C "$to/source"
cd "$to/source"
dpkg-buildpackage -us -uc -b
echo "built:"
ls "$to"/*.deb
