#!/bin/sh
# SPDX-License-Identifier: ISC
# Prints the rows of the SMTP conformance list with their dialogues, each with the sentence at its
# top, and the rows that have none. All of it is read from the files: rowNN_what_it_shows.smtp.
#
#   rows.sh [LAST]     the number of the list's last row; 68 without it
set -eu
cd "$(dirname "$0")"
last=${1:-68}
none=
dialogues=0
for row in $(seq -f %02.0f "$last"); do
	found=
	for file in "row${row}_"*.smtp; do
		test -e "$file" || continue
		found=1
		dialogues=$((dialogues + 1))
		printf '%s  %-52s %s\n' "$row" "${file%.smtp}" "$(sed -n '1s/^# //p' "$file")"
	done
	test -n "$found" || none="$none $row"
done
printf '\n%d dialogues; rows without one:%s\n' "$dialogues" "${none:- none}"
