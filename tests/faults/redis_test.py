# SPDX-License-Identifier: ISC
# Redis dies, hangs, is full, or takes no writes, in a storm of mail.
import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

from faults.storm import Fault, Service, storm
from testbed.machine import IS_ROOT, new_directory
from testbed.processes import environment, run
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import SLOW, seconds, wait_until

RSS_LIMIT = 256 * 1024  # KiB of one smtpd
ROOM = 1 << 30  # more than the mail of a storm


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


class RedisFault(Fault):
    """Meanwhile a command that needs no Redis is answered at once, and memory stays bounded."""
    flows_within = 2.5  # of that 0.3 s are the senders' own
    busy = 0.6

    def during(self, load):
        with self.service.dialogue() as client:
            client.greet()
            start = time.monotonic()
            assert client.say("NOOP") == 250
            assert time.monotonic() - start < seconds(0.1) + 0.2  # other tests' load
        if SLOW == 1:  # no sanitizer
            for pid in self.service.pids("smtpd"):
                with contextlib.suppress(FileNotFoundError):
                    assert resident(pid) < RSS_LIMIT


class KillRedis(RedisFault):
    name = "2 kill -9 Redis (AOF always)"
    hold, calm = (0, 0.5), (0.1, 0.5)

    def inject(self):
        self.redis.kill()

    def heal(self):
        self.redis.start()


def test_row02_kill_redis(service, redis, table):
    storm(KillRedis(service, redis), table)


class StopRedis(RedisFault):
    name = "5 SIGSTOP Redis"
    hold = (0.5, 6)

    def inject(self):
        self.redis.signal(signal.SIGSTOP)

    def heal(self):
        self.redis.signal(signal.SIGCONT)


def test_row05_stop_redis(service, redis, table):
    storm(StopRedis(service, redis), table)


class PauseWrites(RedisFault):
    """Redis answers PING and reads, and no write."""
    name = "5 CLIENT PAUSE WRITE"
    hold = (0.5, 6)

    def inject(self):
        assert self.redis.cli("CLIENT", "PAUSE", "60000", "WRITE") == "OK"

    def heal(self):
        assert self.redis.cli("CLIENT", "UNPAUSE") == "OK"


def test_row05_pause_writes(service, redis, table):
    storm(PauseWrites(service, redis), table)


class Full(RedisFault):
    """Senders hear 452; mail can be read and removed."""
    name = "7 maxmemory, noeviction"
    unknown = 0
    flows_within = 1.5

    def inject(self):
        self.service.send(f"full{self.count}@example.com", "Subject: to be removed\r\n\r\n")
        used = re.search(r"used_memory:(\d+)", self.redis.cli("INFO", "memory"))[1]
        self.limit = self.dice.choice(["1mb", used])
        assert self.redis.cli("CONFIG", "SET", "maxmemory", self.limit) == "OK"

    def during(self, load):
        super().during(load)
        box = f"/emails/full{self.count - 1}"
        if self.limit == "1mb":
            with self.service.smtp() as client:
                assert deliver(client, "full@example.com")[0] == 452
        assert len(self.service.api(box).json()) == 1
        assert self.service.api(box, method="DELETE").status == 200
        assert self.service.api(box).json() == []

    def heal(self):
        assert self.redis.cli("CONFIG", "SET", "maxmemory", "8gb") == "OK"


def test_row07_full(service, redis, table):
    storm(Full(service, redis), table)


class NearlyFull(RedisFault):
    """The last tenth is kept for mail that is under way: 452 at MAIL already."""
    name = "7 nine tenths of maxmemory"
    hold = (0, 0.5)
    unknown = 0
    BALLAST = 128 << 20

    def inject(self):
        self.redis.cli("SETRANGE", "ballast", self.BALLAST, "x")
        used = int(re.search(r"used_memory:(\d+)", self.redis.cli("INFO", "memory"))[1])
        assert self.redis.cli("CONFIG", "SET", "maxmemory", used * 100 // 91) == "OK"

    def during(self, load):
        super().during(load)
        wait_until(lambda: self.greeted("MAIL FROM:<bob@example.org>") == 452, "MAIL is refused", 5)

    def greeted(self, command):
        with self.service.dialogue() as client:
            client.greet()
            return client.say(command)

    def heal(self):
        assert self.redis.cli("CONFIG", "SET", "maxmemory", "8gb") == "OK"
        self.redis.cli("DEL", "ballast")


def test_row07_nearly_full(service, redis, table):
    storm(NearlyFull(service, redis), table)


class Evicting(RedisFault):
    """A Redis that throws mail away once it is full: with redis_strict nothing is acknowledged any
    more soon after it was told to."""
    name = "8 allkeys-lru, redis_strict"
    hold = (0, 0.5)
    unknown = 0
    noticed_within = 5.0
    noticed = 0.0

    def inject(self):
        used = int(re.search(r"used_memory:(\d+)", self.redis.cli("INFO", "memory"))[1])
        for name, value in (("maxmemory", used + ROOM), ("maxmemory-policy", "allkeys-lru")):
            assert self.redis.cli("CONFIG", "SET", name, value) == "OK"
        self.since = time.monotonic()

    def during(self, load):
        super().during(load)
        box = f"evicting{self.count}@example.com"
        with self.service.smtp() as client:
            wait_until(lambda: deliver(client, box)[0] == 451, "mail is deferred")
        self.noticed = max(self.noticed, time.monotonic() - self.since)
        assert self.noticed <= seconds(self.noticed_within)
        found = run(str(self.service.programs() / "restantectl"), "-c", self.service.configuration, "check",
                    env=environment())
        assert re.search("maxmemory-policy is allkeys-lru: mail is thrown away", found.stdout)

    def heal(self):
        for name, value in (("maxmemory", "8gb"), ("maxmemory-policy", "noeviction")):
            assert self.redis.cli("CONFIG", "SET", name, value) == "OK"

    def notes(self):
        return f"deferred {self.noticed:.2f} s after Redis was told to evict, at the latest"


def test_row08_evicting(redis, table):
    with Service(redis, redis_strict="yes") as service:
        storm(Evicting(service, redis), table)


class Replica(RedisFault):
    """What was a master is a replica of one that is not there: READONLY."""
    name = "10 REPLICAOF (READONLY)"
    unknown = 0

    def inject(self):
        assert self.redis.cli("REPLICAOF", "127.0.0.1", "1") == "OK"

    def heal(self):
        assert self.redis.cli("REPLICAOF", "NO", "ONE") == "OK"


def test_row10_replica(service, redis, table):
    storm(Replica(service, redis), table)


def unmount(place):
    """A child of Redis that writes its append-only file anew outlives it for a moment."""
    wait_until(lambda: subprocess.run(["umount", place], capture_output=True,
                                      check=False).returncode == 0, f"{place} is unmounted")


class SmallDisk(Redis):
    """The append-only file is on a file system that can be made full: a mount of this process."""
    LARGE = 4 << 30

    def __init__(self):
        self.disk = new_directory()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.LARGE}", "none", self.disk],
                       check=True)
        super().__init__(options=["--dir", self.disk])

    def resize(self, size):
        """False: more than that is used."""
        return subprocess.run(["mount", "-o", f"remount,size={size}", self.disk],
                              capture_output=True, check=False).returncode == 0

    def used(self):
        at = os.statvfs(self.disk)
        return (at.f_blocks - at.f_bfree) * at.f_frsize

    def __exit__(self, *_):
        self.kill()
        unmount(self.disk)


class CutDisk(Redis):
    """The append-only file is on a disk of its own, of which a power cut leaves what has reached it:
    no memory of a process, and nothing of the file system's that waits to be written."""

    def __init__(self, **options):
        self.shelf, self.disk, self.cuts = new_directory(), new_directory(), 0
        shelf = self.make_image(new_directory() / "shelf", "4G", "xfs")  # its files share blocks
        subprocess.run(["mount", "-o", "loop", shelf, self.shelf], check=True)
        self.image = self.make_image(self.shelf / "0", "2G", "ext4")
        subprocess.run(["mount", "-o", "loop", self.image, self.disk], check=True)
        super().__init__(options=["--dir", self.disk], **options)

    @staticmethod
    def make_image(path, size, kind):
        for command in (["truncate", "-s", size, path], [f"mkfs.{kind}", "-q", path]):
            subprocess.run(command, check=True)
        return path

    def cut(self):
        """Redis has answered what it has answered, the disk is as it is, and all else is gone."""
        self.signal(signal.SIGSTOP)
        self.cuts += 1
        left = self.shelf / str(self.cuts)
        subprocess.run(["cp", "--reflink=always", self.image, left], check=True)
        self.kill()
        unmount(self.disk)
        self.image.unlink()
        self.image = left
        subprocess.run(["mount", "-o", "loop", self.image, self.disk], check=True)

    def __exit__(self, *_):
        self.kill()
        for place in (self.disk, self.shelf):
            unmount(place)


class PowerCut(RedisFault):
    name = "4 power cut of Redis' machine"
    hold, calm = (0, 0.5), (0.1, 1.0)

    def inject(self):
        self.redis.cut()

    def heal(self):
        self.redis.kill()
        self.redis.start()


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount disks")
def test_row04_power_cut(table):
    with CutDisk() as redis, Service(redis) as service:
        storm(PowerCut(service, redis), table)


class DiskFull(RedisFault):
    """With appendfsync always Redis ends when it cannot write; systemd starts it again and again,
    which helps once there is room."""
    name = "9 disk full (Redis ends)"

    def inject(self):
        slack = 200_000
        while not self.redis.resize(self.redis.used() + slack):
            slack *= 2  # more was written meanwhile
        wait_until(lambda: self.redis.process.poll() is not None, "Redis has ended", 30)

    def heal(self):
        assert self.redis.resize(self.redis.LARGE)
        self.redis.kill()
        self.redis.start()


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount a small disk")
def test_row09_disk_full(table):
    with SmallDisk() as redis, Service(redis) as service:
        storm(DiskFull(service, redis), table)
