# SPDX-License-Identifier: ISC
"""Measures restante beside its peers, all in one run. `make bench` calls it; numbers only: nothing
passes or fails. A whole run writes RESULTS.md and growth.svg beside this file.

    make bench BENCH="--rounds 9 --only smtp"
"""
import argparse
import datetime
import os
import pathlib
import platform
import re
import subprocess
import sys
import textwrap
import time

from bench import api_bench, costs, growth, memory, smtp_bench, waits

HERE = pathlib.Path(__file__).resolve().parent
# Each part: its title, what it is, and what gives its rows.
PARTS = {
    "smtp": ("SMTP", "Mails a second from 20 connections (10 MB: from 4). A mail to restante is parsed, "
             "compressed, and on Redis' disk before its 250; smtp-sink throws it away; Postfix writes it "
             "into its queue and gives it to its discard transport.", smtp_bench.rows),
    "scaling": ("Workers", "The same, of restante beside another restante.", smtp_bench.scaling),
    "api": ("API", "Requests a second over 20 kept HTTPS connections, one worker each. nginx serves the "
            "same bytes from a file.", api_bench.rows),
    "costs": ("What it costs", "Instructions and allocations are those of one worker that has one thing "
              "to do at a time, under valgrind; system calls those of all workers, with 20 connections "
              "at once.", costs.rows),
    "waits": ("Waiting", f"{waits.CLIENTS} clients wait, each for mail to a mailbox of its own.",
              waits.rows),
    "memory": ("Start and memory", "Shared pages are counted by their share.", memory.rows),
    "growth": ("Growth", "A mail to, and a list of, a mailbox with so many mails, or a mail beside so many "
               "mailboxes, beside the same with ten mails in all.", growth.rows),
}


def table(rows):
    """The lines of a table, each printed when its row is there."""
    lines = []

    def add(cells):
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)

    for row in rows:
        if not lines:
            add(row.HEAD)
            add(["---"] * len(row.HEAD))
        add(row.cells())
    return lines


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def machine():
    cpus = re.findall(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory_kib = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    debian = pathlib.Path("/etc/debian_version").read_text().strip()
    commit = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], text=True,
                            capture_output=True, check=False).stdout.strip()
    return [
        f"- {len(cpus) or os.cpu_count()} CPUs ({cpus[0] if cpus else platform.machine()}), "
        f"{memory_kib / 1024 / 1024:.0f} GiB, Linux {platform.release()}, Debian {debian}",
        f"- restante {commit}, {version('g++', '--version')}",
        f"- {version('redis-server', '--version').split(' sha')[0]}, "
        f"{version('/usr/sbin/nginx', '-v')}, Postfix "
        f"{version('/usr/sbin/postconf', '-h', 'mail_version')}, {version('valgrind', '--version')}",
    ]


def wrapped(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def head(options, before, minutes):
    command = "make bench" + (f' BENCH="{" ".join(sys.argv[1:])}"' if sys.argv[1:] else "")
    return ["# Results", "",
            wrapped(f"Written by `{command}` on {datetime.date.today()}, in {minutes:.0f} minutes. The figures "
                    "are those of this machine:"), "", *before, "",
            wrapped("Whatever else the machine does is in its rates and times. Ratios suffer less: the two take "
                    f"turns, {options.rounds} times each, and a ratio is the middle of those of all pairs, with "
                    "what half of them lie between. Counts of instructions, system calls and bytes are nearly "
                    "the same everywhere. What is wanted stands beside what was found, and says so where it "
                    "is missed."), "",
            wrapped("To repeat it: `make bench`, as root, on a machine to throw away, since apt installs and "
                    "starts Postfix and nginx there. `make bench BENCH=\"--only api\"` does one part, and "
                    f"writes nothing; the parts are {', '.join(PARTS)}."), ""]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7, help="pairs of each comparison")
    parser.add_argument("--scale", type=float, default=1, help="of the mails in a turn")
    parser.add_argument("--seconds", type=int, default=2, help="of a turn of the API")
    parser.add_argument("--only", choices=PARTS, action="append")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("make bench: as root, since only root can start Postfix and look into workers")
    before, begun = [*machine(), f"- load when it began: {os.getloadavg()[0]:.1f}"], time.monotonic()
    text, curves = [], {}
    for part, (title, what, rows) in PARTS.items():
        if part in (options.only or PARTS):
            print(f"\n{title}", flush=True)
            since = time.monotonic()
            made = table(rows(options, curves) if part == "growth" else rows(options))
            text += [f"## {title}", "", wrapped(what), "", *made, ""]
            print(f"({time.monotonic() - since:.0f} s)", flush=True)
    if not options.only:
        (HERE / "growth.svg").write_text(growth.svg(curves))
        text = head(options, before, (time.monotonic() - begun) / 60) + text
        (HERE / "RESULTS.md").write_text("\n".join(text))


main()
