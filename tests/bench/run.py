#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Measures restante beside its peers, all in one run, and writes RESULTS.md and growth.svg beside this
file. `make bench` calls it; numbers only: nothing passes or fails.

    make bench BENCH="--rounds 9 --only smtp"
"""
import argparse
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
import api_bench  # noqa: E402
import costs  # noqa: E402
import growth  # noqa: E402
import smtp_bench  # noqa: E402
from peers import Nginx, Postfix, SmtpSink, Subject  # noqa: E402

PARTS = ("smtp", "api", "costs", "growth")


def show(text):
    print(text, flush=True)
    return text


def ratios(rows):
    lines = ["| what / peer | restante | peer | | ratio (half of the pairs) | wanted |",
             "|---|---:|---:|---|---|---|"]
    print("\n".join(lines))
    for row in rows:
        wanted = "" if row.wanted is None else f"{row.wanted:g}"
        lines.append(show(f"| {row.name} | {row.ours:,.0f} | {row.theirs:,.0f} | {row.unit} | "
                          f"{row.text()} | {wanted} |"))
    return lines


def measure_smtp(options):
    with Subject() as subject, SmtpSink() as sink, Postfix() as postfix:
        yield from smtp_bench.against(subject, sink, "smtp-sink", smtp_bench.TO_SINK,
                                      options.rounds, options.scale)
        yield from smtp_bench.against(subject, postfix, "Postfix", smtp_bench.TO_POSTFIX,
                                      options.rounds, options.scale)


def measure_api(options):
    with Subject(apid_workers=1) as subject, Nginx(workers=1) as nginx:
        yield from api_bench.against(subject, nginx, options.rounds, options.seconds)


def top(calls, most=6):
    names = sorted(calls, key=calls.get, reverse=True)
    return ", ".join(f"{name} {calls[name]:.2f}" for name in names[:most])


def measure_costs(options):
    lines = ["| what | |", "|---|---|"]

    def row(what, value):
        lines.append(show(f"| {what} | {value} |"))

    row("READY after the start, with a Redis of its own", f"{costs.start_up(options.rounds) * 1000:.0f} ms")
    with Subject() as subject:
        for role in ("smtpd", "mimed"):
            calls = costs.calls_per_mail(subject, role)
            row(f"system calls of {role}, a mail of 2 KB",
                f"{sum(calls.values()):.1f} ({top(calls)})")
        calls = costs.calls_per_mail(subject, "smtpd", options=["-1"])
        row("the same of smtpd, one connection a mail", f"{sum(calls.values()):.1f} ({top(calls)})")
        api_bench.fill(subject)
        calls = costs.calls_per_request(subject, "/emails/ten")
        row("system calls of apid, an inbox of 10", f"{sum(calls.values()):.1f} ({top(calls)})")
        for size in (2048, 100_000):
            commands, sent, kept = costs.redis_per_mail(subject, size, mails=2000 if size < 10_000 else 200)
            row(f"Redis, a mail of {size:,} bytes",
                f"{commands:.2f} commands, {sent:,.0f} bytes sent, {kept:,.0f} bytes kept")
        for role in ("smtpd", "apid", "mimed"):
            pids = subject.pids(role)
            row(f"memory of a {role} that has done this",
                f"{sum(map(costs.resident, pids)) / len(pids) / 1024:.1f} MiB")
    return lines


def measure_growth(options):
    curves, lines = {}, ["| beside | time of a mail, of that in an empty Redis |", "|---|---|"]
    for kind, sizes in (("mails", (10, 100, 1000, 10_000, 100_000)),
                        ("boxes", (10, 100, 1000, 10_000, 100_000, 1_000_000))):
        with Subject() as subject:
            points = []
            for size, ratio in growth.curve(subject, kind, sizes, int(2000 * options.scale), options.rounds):
                points.append((size, ratio))
                what = "mails in its mailbox" if kind == "mails" else "mailboxes"
                lines.append(show(f"| {size:,} {what} | {ratio.text()} |"))
            curves["mails in its mailbox" if kind == "mails" else "mailboxes"] = points
    (HERE / "growth.svg").write_text(growth.svg(curves))
    return lines


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
             if line.startswith("model name")]
    return (f"{len(names)} CPUs ({names[0]}), Linux {platform.release()}. "
            f"{version('redis-server', '--version').split(' sha')[0]}, "
            f"{version('/usr/sbin/nginx', '-v')}, Postfix {version('/usr/sbin/postconf', '-h', 'mail_version')}, "
            f"{version('g++', '--version')}.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7, help="pairs of each comparison")
    parser.add_argument("--scale", type=float, default=1, help="of the mails in a turn")
    parser.add_argument("--seconds", type=int, default=2, help="of a turn of the API")
    parser.add_argument("--only", choices=PARTS, action="append")
    options = parser.parse_args()
    parts = options.only or PARTS
    load = os.getloadavg()[0]
    text = ["# Results", "",
            "Written by `make bench`, which says how: tests/bench. The same machine, the same run, in turn; each",
            "ratio is the middle of all pairs, between what half of them are.", "",
            f"{machine()} Load when it began: {load:.1f}.", ""]
    for part, title in (("smtp", "SMTP"), ("api", "API")):
        if part in parts:
            text += [f"## {title}", "", *ratios(globals()[f"measure_{part}"](options)), ""]
    for part, title in (("costs", "What it costs"), ("growth", "Growth")):
        if part in parts:
            text += [f"## {title}", "", *globals()[f"measure_{part}"](options), ""]
    if parts == PARTS:
        (HERE / "RESULTS.md").write_text("\n".join(text))


main()
