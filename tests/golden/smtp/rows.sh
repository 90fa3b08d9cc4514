#!/bin/sh
# SPDX-License-Identifier: ISC
# Prints the rows of the SMTP conformance list with their dialogues, each with the sentence at its
# top, and the rows that have none. All of it is read from the files: rowNN_what_it_shows.smtp. What
# a dialogue cannot show, since it is about HTTP or time, has a test_rowNN_… of the whole daemon.
#
#   rows.sh [LAST]     the number of the list's last row; 68 without it
set -eu
cd "$(dirname "$0")"
last=${1:-68}
none=
dialogues=0
daemon_tests=0
for row in $(seq -f %02.0f "$last"); do
	found=
	for file in "row${row}_"*.smtp; do
		test -e "$file" || continue
		found=1
		dialogues=$((dialogues + 1))
		printf '%s  %-52s %s\n' "$row" "${file%.smtp}" "$(sed -n '1s/^# //p' "$file")"
	done
	for name in $(sed -n "s/^def \(test_row${row}_[a-z0-9_]*\).*/\1/p" ../../integration/*_test.py); do
		found=1
		daemon_tests=$((daemon_tests + 1))
		printf '%s  %s\n' "$row" "$name"
	done
	test -n "$found" || none="$none $row"
done
printf '\n%d dialogues, %d tests of the daemon; rows without one: %s\n' \
	"$dialogues" "$daemon_tests" "${none:-none}"
