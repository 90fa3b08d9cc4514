# SPDX-License-Identifier: ISC
# The private Redis: what a worker that was taken over may do with it, its sandbox and its limit.
import contextlib
import errno
import os
import pathlib
import re
import signal
import socket

import pytest

from integration.denying import denying
from integration.inject import IS_KNOWN, Puppet
from testbed.build import has_sanitizer, programs
from testbed.daemon import Restante
from testbed.machine import IS_ROOT
from testbed.processes import environment, run
from testbed.smtp import deliver
from testbed.waiting import wait_until

AT_FDCWD, O_RDONLY, O_WRONLY_CREAT = -100, 0, 0o101
RENAMES = 2  # from which version of Landlock on a private Redis is in it
MIB = 2**20
can_inject = pytest.mark.skipif(not (IS_ROOT and IS_KNOWN),
                                reason="only root reaches into a process, and only on x86_64")
has_sandbox = pytest.mark.skipif(has_sanitizer(), reason="a build with a sanitizer has no sandbox")

# Each would undo durability, send mail away, stop Redis, see what others do, or empty it.
FORBIDDEN = """\
MIGRATE 127.0.0.1 9 inbox:{alice} 0 1000
REPLICAOF 127.0.0.1 9
SLAVEOF 127.0.0.1 9
CONFIG SET appendfsync no
CONFIG SET maxmemory 0
CONFIG REWRITE
CONFIG RESETSTAT
DEBUG SLEEP 0
MODULE LOAD /tmp/x.so
SHUTDOWN NOSAVE
FLUSHALL
FLUSHDB
SAVE
BGSAVE
BGREWRITEAOF
KEYS *
ACL SETUSER default +@all
ACL LIST
SCRIPT FLUSH
SCRIPT KILL
FUNCTION FLUSH
CLIENT LIST
CLIENT KILL TYPE normal
CLIENT PAUSE 100000
MONITOR
FAILOVER
CLUSTER MEET 127.0.0.1 9
SWAPDB 0 1
SELECT 1
DUMP inbox:{alice}
RESTORE inbox:{alice} 0 x
RENAME inbox:{alice} inbox:{bob}
DEL inbox:{alice}
XTRIM inbox:{alice} MAXLEN 0
GET anything
SET anything 1
PUBLISH anything 1
SUBSCRIBE anything""".splitlines()


def cli(restante, *words, **more):
    return run("redis-cli", "-s", restante.settings["runtime_dir"] / "redis.sock", *words,
               **more).stdout.strip()


def server(restante):
    """The pid of its redis-server."""
    pids = [int(pid) for pid in run("pgrep", "-P", restante.process.pid, "redis-server").stdout.split()]
    return pids[0] if pids else None


def tool(restante, *words):
    return run(programs() / "restantectl", "-c", restante.directory / "restante.conf", *words,
               env=environment()).stdout


@pytest.fixture(scope="module")
def private():
    with Restante(redis="private") as restante:
        yield restante


@pytest.mark.parametrize("command", FORBIDDEN)
def test_row65_a_worker_can_do_nothing_with_redis_but_its_work(private, command):
    """redis-server itself denies DEBUG and MODULE, before it looks at the user."""
    assert re.match("NOPERM|ERR (DEBUG|MODULE) command not allowed", cli(private, *command.split()))


def test_row65_durability_stays(private):
    before = server(private)
    private.send("dora@example.com")
    for command in FORBIDDEN:
        cli(private, *command.split())
    assert cli(private, "CONFIG", "GET", "append*").split()[1::2].count("always") == 1
    assert re.search("^role:master\r?$", cli(private, "INFO", "replication"), re.M)
    assert server(private) == before
    assert len(private.mails("dora")) == 1


def test_row65_a_script_can_do_no_more(private):
    """Scripts run with the rights of who calls them."""
    digest = cli(private, "SCRIPT", "LOAD", "return redis.call(unpack(ARGV))")
    assert len(digest) == 40
    assert cli(private, "EVALSHA", digest, "0", "PING") == "PONG"
    for command in ("FLUSHALL", "CONFIG SET appendfsync no", "GET anything", "KEYS *"):
        assert re.search("NOPERM|can't (run|access)|not allowed from script", cli(private, "EVALSHA", digest, "0", *command.split()))


def test_all_of_restante_works_with_these_rights():
    with Restante(redis="private", mailbox_limit=2, mailbox_size_limit="100M",
                  mailbox_full="drop_oldest") as restante:
        restante.send("alice@example.com", "Message-ID: <1@example.org>\r\nSubject: one\r\n\r\n")
        large = "Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 60_000
        restante.send("alice@example.com", large)
        with restante.smtp() as client:
            assert client.sendmail("bob@example.org", [f"user{n}@example.com" for n in range(5)],
                                   large) == {}
        assert [mail["subject"] for mail in restante.mails("alice")] == ["large", "one"]
        assert len(restante.api("/emails/user3/latest/raw").body) > 60_000 * 72
        assert restante.api("/emails/alice/claim", method="POST").json()["subject"] == "one"
        assert restante.api("/emails/nobody/latest?wait=1").status == 404  # subscribes
        assert "large" in tool(restante, "inbox", "alice")
        assert "in all: mailboxes 6, " in tool(restante, "mailboxes")
        for _ in range(3):  # makes room
            restante.send("user4@example.com", large)
        assert len(restante.mails("user4")) == 2
        assert tool(restante, "clear", "user4") == "removed 2 mails\n"
        number = restante.mails("user2")[0]["id"]
        assert restante.api(f"/emails/user2/{number}", method="DELETE").status == 200
        assert restante.api("/emails/alice", method="DELETE").status == 200
        assert "good     redis: maxmemory is " in tool(restante, "check")
        # What the manual has for a backup.
        backup = restante.directory / "mail.rdb"
        assert "finished with success" in run(
            "redis-cli", "-s", restante.settings["runtime_dir"] / "redis.sock", "--rdb", backup).stdout
        assert backup.read_bytes().startswith(b"REDIS")
        assert not restante.log.find("event=redis_")


# The sandbox

def status_of(pid):
    return dict(re.findall(r"^(\w+):\t(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))


def landlock(restante):
    line, = restante.log.find("event=sandbox")
    return int(re.search(r"landlock=(\d+)", line)[1])


def attempt(restante, *call):
    with Puppet(server(restante)) as puppet:
        value = puppet.call(*call)
    return errno.errorcode[-value] if value < 0 else "done"


@has_sandbox
def test_redis_is_in_the_sandbox_after_a_crash_too(private):
    private.send("erin@example.com")
    first = server(private)
    assert status_of(first)["Seccomp"] == "2"
    private.kill(first)
    wait_until(lambda: server(private) not in (None, first), "redis-server runs again")
    private.log.wait_for("event=redis_back", timeout=20)
    assert status_of(server(private))["Seccomp"] == "2"
    wait_until(lambda: private.api("/emails/erin").status == 200, "Redis answers")
    assert len(private.mails("erin")) == 1


@has_sandbox
@can_inject
def test_row65_redis_reaches_no_network_and_no_process(private):
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
        assert attempt(private, "socket", family, socket.SOCK_STREAM, 0) == "EAFNOSUPPORT"
    assert attempt(private, "io_uring_setup", 1, bytes(128)) == "EPERM"
    assert attempt(private, "ptrace", 16, private.process.pid, 0, 0) == "EPERM"


@has_sandbox
@can_inject
def test_row65_redis_opens_no_file_but_its_own(private):
    if landlock(private) < RENAMES:
        pytest.skip("this kernel has no Landlock, or an old one")
    home = private.settings["redis_directory"]
    place = os.fsencode(pathlib.Path(home).parent / "x")
    assert attempt(private, "openat", AT_FDCWD, b"/etc/passwd", O_RDONLY, 0) == "EACCES"
    assert attempt(private, "openat", AT_FDCWD, b"/tmp/restante-x", O_WRONLY_CREAT, 0o600) == "EACCES"
    assert attempt(private, "openat", AT_FDCWD, place, O_WRONLY_CREAT, 0o600) == "EACCES"
    segment = os.fsencode(private.settings["runtime_dir"] / "segment")
    assert attempt(private, "openat", AT_FDCWD, segment, O_RDONLY, 0) == "EACCES"
    own = os.fsencode(home / "redis-server.log")
    with Puppet(server(private)) as puppet:
        fd = puppet.call("openat", AT_FDCWD, own, O_RDONLY, 0)
        assert fd > 0 and puppet.call("close", fd) == 0


@has_sandbox
def test_the_append_only_file_is_rewritten_in_the_sandbox():
    """It is written beside its directory, and renamed into it."""
    with Restante(redis="private") as restante:
        restante.send("alice@example.com")
        for _ in range(6):  # past auto-aof-rewrite-min-size, 256 MB
            assert cli(restante, "-x", "SET", "seen:{x}:y", input="x" * 60 * MIB) == "OK"

        def is_rewritten():
            names = [path.name for path in
                     (restante.settings["redis_directory"] / "appendonlydir").iterdir()]
            return any(re.fullmatch(r"appendonly\.aof\.[2-9]\.base\.\w+", name) for name in names)
        wait_until(is_rewritten, "the file is rewritten", 60)
        assert "aof_last_bgrewrite_status:ok" in cli(restante, "INFO", "persistence")
        restante.send("alice@example.com")
        assert len(restante.mails("alice")) == 2


@has_sandbox
@pytest.mark.skipif(not IS_KNOWN, reason="the numbers are those of x86_64")
def test_without_landlock_it_starts_all_the_same():
    with Restante(redis="private", starter=denying(444, 445, 446)) as restante:
        assert landlock(restante) == 0
        restante.send("alice@example.com")
        assert len(restante.mails("alice")) == 1
        assert status_of(server(restante))["Seccomp"] == "2"
        if IS_ROOT:
            assert attempt(restante, "socket", socket.AF_INET, socket.SOCK_STREAM, 0) == "EAFNOSUPPORT"


def test_with_sandbox_no_it_has_none():
    with Restante(redis="private", sandbox="no") as restante:
        restante.send("alice@example.com")
        assert status_of(server(restante))["Seccomp"] == status_of(os.getpid())["Seccomp"]
        assert cli(restante, "FLUSHALL").startswith("NOPERM")


# The limit

def limit(restante):
    return int(cli(restante, "CONFIG", "GET", "maxmemory").split()[1])


def test_by_default_it_is_half_of_the_memory(private):
    total = int(re.search(r"MemTotal: +(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024
    assert 16 * MIB < limit(private) <= total // 2
    if not any(pathlib.Path("/sys/fs/cgroup").rglob("memory.max")):
        assert limit(private) > total // 2 - MIB


def test_a_full_redis_refuses_mail_and_throws_none_away():
    body = os.urandom(100_000).hex()
    mail = "Subject: x\r\n\r\n" + "\r\n".join(body[i:i + 70] for i in range(0, len(body), 70))
    with Restante(redis="private", redis_memory="32M") as restante:
        assert limit(restante) == 32 * MIB
        codes = []
        with contextlib.closing(restante.smtp()) as client:
            while not codes or (codes[-1] == 250 and len(codes) < 1000):
                codes.append(deliver(client, "alice@example.com", mail)[0])
        stored = codes.count(250)
        assert codes[-1] in (451, 452) and 100 < stored < 900
        info = cli(restante, "INFO")
        assert re.search("^evicted_keys:0\r?$", info, re.M)
        assert int(re.search(r"^used_memory:(\d+)", info, re.M)[1]) < 34 * MIB
        wait_until(lambda: refusal(restante) == 452, "mail is refused at MAIL")
        assert cli(restante, "XLEN", "inbox:{alice}") == str(stored)
        assert restante.api("/emails/alice").status == 200
        assert restante.api("/emails/alice", method="DELETE").status == 200
        wait_until(lambda: refusal(restante) == 250, "mail is taken again")


def refusal(restante):
    with restante.smtp() as client:
        return client.mail("bob@example.org")[0]


def test_a_reload_says_that_the_limit_needs_a_restart():
    with Restante(redis="private", redis_memory="32M") as restante:
        restante.settings["redis_memory"] = "64M"
        restante.write_settings()
        restante.process.send_signal(signal.SIGHUP)
        restante.log.wait_for("event=reload_partly .*needs_restart=redis_memory")
        assert limit(restante) == 32 * MIB
