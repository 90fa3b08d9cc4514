# SPDX-License-Identifier: ISC
# `restante --demo`: what it prints works when it is pasted, and nothing of it is left behind.
import json
import os
import re
import signal
import subprocess

import pytest

from testbed.build import SANITIZER_REPORT, programs
from testbed.machine import LOCAL, new_directory
from testbed.processes import Lines, environment, run
from testbed.waiting import seconds, wait_until

FREE_PORTS = [word for name in ("smtp", "http", "https")
              for word in ("-o", f"{name}_listen={LOCAL}:0")]


class Demo:
    def __init__(self, *options):
        self.directory = new_directory()
        self.directory.chmod(0o1777)  # as /tmp has it
        self.process = subprocess.Popen(
            [programs() / "restante", "--demo", *FREE_PORTS, *options], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env=environment(TMPDIR=str(self.directory)))
        self.output, self.log = Lines(self.process.stdout), Lines(self.process.stderr)

    def line(self, pattern):
        found, = self.output.wait_for(pattern, timeout=20)
        return found.strip()

    def children(self):
        return run("ps", "-o", "pid=", "--ppid", self.process.pid).stdout.split()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        status = self.process.wait(seconds(40))
        self.log.wait_for_end()
        assert not self.log.find(SANITIZER_REPORT.pattern), self.log.text()
        assert status == 0, self.log.text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(seconds(40))


def test_the_printed_lines_work_when_pasted():
    with Demo() as demo:
        swaks, curl = demo.line(r"^\s*swaks "), demo.line(r"^\s*curl ")
        assert json.loads(run("sh", "-c", curl).stdout) == []
        sent = run("sh", "-c", swaks)
        assert sent.returncode == 0, sent.stdout
        assert re.search(r"^<~\s+250 2\.0\.0 ", sent.stdout, re.M), sent.stdout
        mail, = json.loads(run("sh", "-c", curl).stdout)
        assert mail["subject"] == "Hello"
        assert mail["to"] == re.search(r"--to (\S+)", swaks)[1]
        demo.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end_removes_everything(number):
    with Demo() as demo:
        demo.line("swaks ")
        made, = demo.directory.iterdir()
        assert made.stat().st_mode & 0o077 == 0
        children = demo.children()
        assert len(children) >= 4
        demo.stop(number)
        assert list(demo.directory.iterdir()) == []
        assert not any(os.path.exists(f"/proc/{pid}") for pid in children)


def test_a_demo_that_cannot_start_leaves_nothing():
    with Demo("-o", "retention=never") as demo:
        assert demo.process.wait(seconds(20)) == 78
        assert list(demo.directory.iterdir()) == []


def test_two_demos_run_beside_each_other_with_keys_of_their_own():
    with Demo() as first, Demo() as second:
        one, other = first.line(r"^\s*curl "), second.line(r"^\s*curl ")
        keys = [re.search(r'X-API-KEY: (\w{32,})"', line)[1] for line in (one, other)]
        assert keys[0] != keys[1]
        assert run("sh", "-c", one).stdout == run("sh", "-c", other).stdout == "[]"
        first.stop()
        second.stop()


def test_settings_can_be_changed():
    with Demo("-o", "domain=demo.example", "-o", "api_key=a-key-of-my-own-choice") as demo:
        assert "--to alice@demo.example" in demo.line("swaks ")
        assert "a-key-of-my-own-choice" in demo.line("curl ")
        demo.stop()


def test_killed_workers_of_a_demo_come_back():
    with Demo() as demo:
        curl = demo.line(r"^\s*curl ")
        children = demo.children()
        for pid in children:
            if run("ps", "-o", "comm=", "-p", pid).stdout.startswith("restante-"):
                os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: len(demo.children()) == len(children), "all run again")
        assert json.loads(run("sh", "-c", curl).stdout) == []
        demo.stop()


def test_a_demo_reloads_too_and_keeps_its_key():
    with Demo() as demo:
        curl = demo.line(r"^\s*curl ")
        for number in (1, 2):
            demo.process.send_signal(signal.SIGHUP)
            demo.log.wait_for("event=generation_ended", number, timeout=20)
        assert json.loads(run("sh", "-c", curl).stdout) == []
