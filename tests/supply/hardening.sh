#!/bin/sh
# SPDX-License-Identifier: ISC
# Checks that programs are hardened: with hardening-check, and that every piece of them that was
# compiled here was compiled with the flags that leave nothing for it to find.
#
#   tests/supply/hardening.sh "FLAGS" PROGRAM...       FLAGS such as -fstack-clash-protection
#
# hardening-check finds no stack clash protection where no function has a frame of pages. It finds no
# control flow integrity where the C library's own start-up code has none, as in Debian 12: the linker
# marks a program only when all of it has. There the flags are what can be checked.
set -eu
flags=$1
shift
start=$(${CXX:-g++} -print-file-name=Scrt1.o)
skip=
readelf -n "$start" | grep -q 'x86 feature: IBT' || skip=--nocfprotection
for program in "$@"; do
  hardening-check $skip "$program" >"$program.hardening" || { cat "$program.hardening"; exit 1; }
  compiled=$(readelf -p .debug_str "$program" | grep -o 'GNU C[+0-9]* .*' || true)
  [ -n "$compiled" ] || { echo "$program: says not how it was compiled (-g)"; exit 1; }
  for flag in $flags; do
    if printf '%s\n' "$compiled" | grep -vE -e " $flag( |=|\$)"; then
      echo "$program: compiled in part without $flag"
      exit 1
    fi
  done
  printf '%-20s%s; %s\n' "${program##*/}" "$(sed -n 's/^ \(.*\): yes.*/\1/p' "$program.hardening" | paste -sd,)" "$flags"
done
