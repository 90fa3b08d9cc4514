# SPDX-License-Identifier: ISC
# Processes die, stand still, and are replaced, in a storm of mail.
import contextlib
import os
import pwd
import re
import signal
import subprocess
import time

from faults.storm import Fault, storm
from testbed.machine import IS_ROOT, UNPRIVILEGED
from testbed.processes import installed
from testbed.waiting import seconds, wait_until


class Kill(Fault):
    """A worker of one role is killed; the master has to see to the rest."""
    role = ""
    hold, calm, from_inject = (0, 0), (0.05, 0.3), True
    refill = 1.0  # seconds until another one has its place

    def inject(self):
        pids = wait_until(lambda: sorted(self.service.pids(self.role)), f"a {self.role} runs")
        self.service.kill(self.dice.choice(pids))

    def during(self, load):
        count = int(self.service.settings[f"{self.role}_workers"])
        wait_until(lambda: len(self.service.pids(self.role)) == count,
                   f"all {self.role} run again", self.refill)


class KillSmtpd(Kill):
    name, role = "1 kill -9 smtpd", "smtpd"
    refused = 0


class KillMimed(Kill):
    name, role = "1 kill -9 mimed", "mimed"
    refused = unknown = 0


class KillApid(Kill):
    name, role = "1 kill -9 apid", "apid"
    refused = unknown = 0


def test_row01_kill_smtpd(service, table):
    storm(KillSmtpd(service), table)


def test_row01_kill_mimed(service, table):
    storm(KillMimed(service), table)


def test_row01_kill_apid(service, table):
    storm(KillApid(service), table)


class Stop(Fault):
    """A process stands still for a while, and goes on as if nothing had been."""
    role = ""
    hold = (0.5, 4)
    refused = unknown = 0  # the client of one that stands still waits

    def choose(self):
        return self.dice.choice(sorted(self.service.pids(self.role)))

    def inject(self):
        self.pid = self.choose()
        os.kill(self.pid, signal.SIGSTOP)

    def heal(self):
        os.kill(self.pid, signal.SIGCONT)


class StopSmtpd(Stop):
    """When it goes on it finds redis_timeout over, and the answers in its socket."""
    name, role = "1 SIGSTOP smtpd", "smtpd"


class StopMimed(Stop):
    name, role = "1 SIGSTOP mimed", "mimed"


class StopApid(Stop):
    name, role = "1 SIGSTOP apid", "apid"


class StopMaster(Stop):
    """Nobody replaces the worker that dies meanwhile."""
    name = "3 SIGSTOP master, kill -9 smtpd"
    unknown = None

    def choose(self):
        return self.service.process.pid

    def inject(self):
        super().inject()
        self.service.kill(self.dice.choice(sorted(self.service.pids("smtpd"))))


def test_row01_stop_smtpd(service, table):
    storm(StopSmtpd(service), table)


def test_row01_stop_mimed(service, table):
    storm(StopMimed(service), table)


def test_row01_stop_apid(service, table):
    storm(StopApid(service), table)


def test_row03_stop_master(service, table):
    storm(StopMaster(service), table)


class KillMaster(Fault):
    """systemd kills what is left in the group and starts another after RestartSec=; where nothing
    does, the workers have to go by themselves, since they have the ports."""
    name = "3 kill -9 master"
    hold, from_inject = (0, 0), True
    flows_within = 3.0
    refused = 0
    restart_after = 1.0  # RestartSec= of the unit

    def inject(self):
        workers = self.service.pids()
        died = time.monotonic()
        self.service.process.kill()
        self.service.process.wait()
        if self.count % 2 == 0:
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(is_worker(pid) for pid in workers), "no orphan is left", 10)
        time.sleep(max(0, died + self.restart_after - time.monotonic()))
        self.service.start()


def is_worker(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return "(restante-" in (text := file.read()) and ") Z " not in text
    return False


def test_row03_kill_master(service, table):
    storm(KillMaster(service), table)


class Reload(Fault):
    """New workers take over while the old ones have mail in hand."""
    name = "28 SIGHUP"
    hold, calm = (0, 0), (0, 0.2)
    refused = unknown = 0

    def inject(self):
        self.service.settings["log_level"] = ("info", "notice")[self.count % 2]
        self.service.write_settings()
        self.service.process.send_signal(signal.SIGHUP)
        self.service.log.wait_for("event=reload_done ", self.count + 1, timeout=30)


def test_row28_reload(service, table):
    storm(Reload(service), table)
    assert not service.log.find("event=reload_failed")


class ReloadAndKill(Kill):
    """A worker of whatever generation dies in the middle of a reload."""
    name, role = "28 SIGHUP, kill -9 smtpd", "smtpd"
    refused = None

    def inject(self):
        done = len(self.service.log.find("event=reload_(done|failed) "))
        self.service.process.send_signal(signal.SIGHUP)
        time.sleep(self.dice.uniform(0, 0.2))
        super().inject()
        self.service.log.wait_for("event=reload_(done|failed) ", done + 1, timeout=30)

    def during(self, load):
        pass


def test_row28_reload_and_kill(service, table):
    storm(ReloadAndKill(service), table)


class Restart(Fault):
    """systemctl restart: 421 to the idle, and mail in hand ends well."""
    name = "28 restart"
    hold, from_inject = (0, 0), True
    refused = unknown = 0

    def inject(self):
        self.service.process.terminate()
        assert self.service.process.wait(seconds(40)) == 0
        self.service.start()


def test_row28_restart(service, table):
    storm(Restart(service), table)


class Descriptors(Fault):
    """smtpd may open no more, and strangers take what there is."""
    name = "18 out of descriptors"
    hold = (0.5, 1.5)
    unknown = 0
    flows_within = 3.0
    busy = 0.6

    def inject(self):
        self.limits, self.clients = {}, []
        for pid in self.service.pids("smtpd"):
            count = len(os.listdir(f"/proc/{pid}/fd"))
            self.limits[pid] = limit_of_descriptors(pid)
            set_limit_of_descriptors(pid, count + self.dice.choice([-3, 0, 1, 30]))
        for _ in range(300):
            with contextlib.suppress(OSError):
                self.clients.append(self.service.dialogue())

    def heal(self):
        for pid, limit in self.limits.items():
            set_limit_of_descriptors(pid, limit)
        for client in self.clients:
            client.close()


def limit_of_descriptors(pid):
    with open(f"/proc/{pid}/limits", encoding="utf-8") as file:
        return int(re.search(r"Max open files +(\d+)", file.read())[1])


def set_limit_of_descriptors(pid, limit):
    """As the user of that process, who may; root may not in every container."""
    user = {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid} if IS_ROOT else {}
    subprocess.run([installed("prlimit"), f"--pid={pid}", f"--nofile={limit}:"], check=True, **user)


def test_row18_descriptors(service, table):
    storm(Descriptors(service), table)
