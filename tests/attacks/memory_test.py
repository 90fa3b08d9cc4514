# SPDX-License-Identifier: ISC
# All that can fill memory at once, and what the processes take of it beside what MEMORY in
# restante(8) says that they can.
import contextlib
import pathlib
import re
import threading
import time

from attacks.crowd import Besieged
from testbed.api import KEY
from testbed.build import SOURCE, run_restante
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.smtp import deliver
from testbed.waiting import wait_until

KIB, MIB = 1024, 1024 * 1024
UNITS = {"": 1, "K": KIB, "M": MIB, "G": KIB * MIB}
SETTINGS = {"smtp_connection_limit": 4000, "data_memory_limit": "64M", "message_size_limit": "8M",
            "api_connection_limit": 1000, "download_memory_limit": "64M", "page_size_limit": "16M",
            "mime_memory_limit": "256M", "redis_timeout": "20s", "smtp_tls": "optional",
            "http_api_listen": f"{LOCAL}:0", "apid_workers": 1}
CONTROLS = b"Subject: controls\r\n\r\n" + (b"\x01" * 62 + b"\r\n") * (6 * MIB // 64)
PARTS = (b"Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
         + b"--b\r\n\r\n" * 700_000 + b"--b--\r\n")


def effective(file):
    """Settings that are numbers, as restante -T has them."""
    told = run_restante("-T", "-c", file).stdout
    found = re.findall(r"^(\w+) = (\d+)([KMG]?)$", told, re.M)
    return {name: int(number) * UNITS[unit] for name, number, unit in found}


def bounds(settings, ports):
    """By role, of one process: the formulas of restante(8), MEMORY."""
    size = settings["message_size_limit"]
    return {
        "smtpd": 48 * MIB + settings["smtp_connection_limit"] * 40 * KIB
        + 2 * settings["data_memory_limit"] + 26 * max(8 * MIB, size),
        "apid": 140 * MIB + ports * (settings["api_connection_limit"] + 64) * 128 * KIB
        + 2 * settings["download_memory_limit"] + 5 * max(settings["page_size_limit"], 6 * size),
        "mimed": settings["mime_memory_limit"],
    }


MASTER, SEGMENT = 8 * MIB, 18 * MIB


def field(pid, file, name):
    text = pathlib.Path(f"/proc/{pid}/{file}").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) * KIB


class Watch(threading.Thread):
    """The largest sum of what all processes take, and the largest peak of each role."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon, self.over = daemon, threading.Event()
        self.sum, self.peaks = 0, {}

    def run(self):
        while not self.over.wait(0.2):
            total = field(self.daemon.process.pid, "smaps_rollup", "Pss")
            for role in ("smtpd", "apid", "mimed"):
                for pid in self.daemon.pids(role):
                    with contextlib.suppress(OSError, TypeError):  # it has just died
                        total += field(pid, "smaps_rollup", "Pss")
                        peak = field(pid, "status", "VmHWM")
                        self.peaks[role] = max(peak, self.peaks.get(role, 0))
            self.sum = max(self.sum, total)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def in_background(stack, job, *arguments):
    thread = threading.Thread(target=job, args=arguments, daemon=True)
    thread.start()
    stack.callback(thread.join, 60)


def hoard(daemon, source, stack):
    """A message that never ends."""
    with contextlib.suppress(OSError, AssertionError):
        client = stack.enter_context(daemon.dialogue(source))
        client.greet().start_mail("hoard@example.com")
        client.send(CONTROLS[:-2])


def flood(daemon, data, count):
    for _ in range(count):
        with contextlib.suppress(Exception), daemon.smtp() as client:
            deliver(client, "controls@example.com", data, sender="")


def ask_unread(daemon, path, stack, number):
    client = stack.enter_context(daemon.dialogue(f"127.0.9.{number}", daemon.http_api_port, 4096))
    client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n\r\n")


def test_row19_memory_stays_below_the_bound_of_the_manual(reached):
    with Restante(**SETTINGS) as daemon, contextlib.ExitStack() as stack:
        daemon.killed = Anyone()  # parsers may die of what they are sent
        limit = bounds(effective(daemon.configuration), ports=3)
        whole = MASTER + SEGMENT + sum(bound * len(daemon.pids(role))
                                       for role, bound in limit.items())
        watch = stack.enter_context(Watch(daemon))
        crowds = [stack.enter_context(Besieged(*crowd)) for crowd in (
            ("smtp", daemon.smtp_port, 6000), ("smtp", daemon.smtp_port, 500, True),
            ("silent", daemon.https_port, 2500), ("reads", daemon.http_api_port, 1000))]
        for crowd in crowds:
            crowd.wait_until_all_came()
        for number in range(30):
            in_background(stack, hoard, daemon, f"127.0.8.{number + 1}", stack)
        for data in [CONTROLS] * 6 + [PARTS] * 2:
            in_background(stack, flood, daemon, data, 3)
        wait_until(lambda: daemon.log.find("event=mail_stored .*to=controls@"), "one is stored", 60)
        for number in range(40):
            path = ("", "/latest/raw", "/latest", "/events", "?wait=60&after=9999999999999999999")
            ask_unread(daemon, f"/emails/controls{path[number % 5]}", stack, number + 1)
        wait_until(lambda: len(daemon.log.find("event=mail_stored .*to=controls@")) >= 12,
                   "most are stored", 120)
        end = time.monotonic() + 2
        wait_until(lambda: time.monotonic() > end, "the watch has seen it")
        told = ", ".join(f"{role} {watch.peaks[role] / MIB:.0f} of {limit[role] / MIB:.0f}"
                         for role in limit)
        told += f" MiB each; all {watch.sum / MIB:.0f} of {whole / MIB:.0f} MiB"
        reached(told)
        assert all(watch.peaks[role] - SEGMENT <= limit[role] for role in limit), told
        assert watch.sum <= whole
        assert daemon.log.find("event=client_closed .*reason=data_memory_limit")
        assert daemon.log.find("event=client_closed .*reason=smtp_connection_limit") or \
            sum(crowd.last["held"] for crowd in crowds[:2]) >= 6000


class Anyone:
    """For Restante.killed: any process may die."""

    def __ge__(self, _):
        return True


def of_all(settings, smtpds, apids, mimeds):
    each = bounds(settings, ports=2)
    return each, (MASTER + SEGMENT + each["smtpd"] * smtpds + each["apid"] * apids
                  + each["mimed"] * mimeds)


def test_row19_the_manual_has_worked_it_out(tmp_path):
    manual = (SOURCE / "man/restante.8").read_text()
    manual = manual[manual.index(".Sh MEMORY"):manual.index(".Sh THE LOG")]
    small = re.search(r"^\.Bd.*?\n(.*?)\.Ed", manual, re.S | re.M)[1]
    numbers = []
    for block, counts in (("", (2, 1, 2)), (small, (1, 1, 1))):
        file = tmp_path / "restante.conf"
        file.write_text(f"domain = example.com\napi_key = {KEY}\n{block}")
        each, together = of_all(effective(file), *counts)
        numbers += [each["smtpd"], each["apid"], together] if not block else [together]
    for number in numbers:
        assert f"{number // MIB}M" in manual
