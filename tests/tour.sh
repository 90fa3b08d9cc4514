#!/bin/sh
# SPDX-License-Identifier: ISC
# Starts a demo and runs the very lines that it prints; then leaves it running, or ends it.
#
#   tests/tour.sh BUILD stay|leave
set -eu
build=$1
mode=$2
work=$(mktemp -d)
# A fifo would end the demo's output with the reader; a file can be followed and read again.
"$build/restante" --demo >"$work/out" 2>"$work/log" &
demo=$!
cleanup() {
  trap '' INT TERM
  kill -TERM "$demo" 2>/dev/null || :
  wait "$demo" || :
  rm -rf "$work"
}
trap 'cleanup; exit 130' INT TERM

fail() {
  echo "$1" >&2
  cat "$work/log" >&2
  cleanup
  exit 1
}

tries=0
until grep -q '^Ctrl-C' "$work/out"; do
  kill -0 "$demo" 2>/dev/null || fail "the demo did not start:"
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || fail "the demo is not ready after 30 seconds:"
  sleep 0.1
done
cat "$work/out"

send=$(sed -n 's/^  \(swaks .*\)/\1/p' "$work/out")
read_it=$(sed -n 's/^  \(curl .*\)/\1/p' "$work/out")
printf "$ %s\n" "$send"
eval "$send" >"$work/swaks" 2>&1 || { cat "$work/swaks"; fail "swaks could not deliver:"; }
sed -n '/^~> MAIL/,$p; /^ ~> MAIL/,$p' "$work/swaks"
printf "$ %s\n" "$read_it"
answer=$(eval "$read_it") || fail "curl got no answer:"
printf "%s\n" "$answer"
case $answer in
  *'"subject":"Hello"'*) ;;
  *) fail "the mail is not in the answer:" ;;
esac

if [ "$mode" = stay ]; then
  echo
  echo "The demo runs on; Ctrl-C ends it. Its log:"
  tail -f -n +1 "$work/log" &
  follower=$!
  trap 'kill "$follower"; cleanup; exit 0' INT TERM
  wait "$demo" || :
  kill "$follower" 2>/dev/null || :
fi
cleanup
echo "tour: the mail came in and went out"
