# SPDX-License-Identifier: ISC
# The sandbox: real workers of a real daemon try what an attacker in them would.
import ctypes
import errno
import os
import pathlib
import pwd
import re
import signal
import socket
import struct

import pytest

from integration.denying import denying
from integration.inject import IS_KNOWN, Killed, Puppet
from integration.redis_on_port import redis_on_a_port
from testbed.build import has_sanitizer, programs
from testbed.certificates import Files
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED
from testbed.processes import environment, run

ROLES = ("smtpd", "apid", "mimed")
PASSWORDS = b"/etc/passwd"
AT_FDCWD = -100
O_RDONLY, O_WRONLY, O_CREAT = 0, 1, 0o100
CREATE_RULESET, TELL_VERSION = 444, 1
FILES, PORTS = 1, 4  # from which version on Landlock has rules for them

can_inject = pytest.mark.skipif(not (IS_ROOT and IS_KNOWN),
                                reason="only root reaches into a worker, and only on x86_64")


def landlock():
    return max(0, ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, TELL_VERSION))


pytestmark = pytest.mark.skipif(has_sanitizer(), reason="a build with a sanitizer has no sandbox")


@pytest.fixture(scope="module")
def by_port():
    """Redis by TCP, by name: the default, and the widest that a worker on one machine may be."""
    with redis_on_a_port() as port, Restante(redis=f"localhost:{port}") as daemon:
        daemon.redis_port = port
        yield daemon


def attempt(restante, role, name, *arguments):
    """What a call gives in a worker of that role: an error's name, "done" or the signal that it was
    killed by. The worker is replaced then, and all serve."""
    pid = min(restante.pids(role) - restante.killed)
    with Puppet(pid) as puppet:
        try:
            value = puppet.call(name, *arguments)
        except Killed as killed:
            restante.killed.add(pid)
            restante.log.wait_for(f"event=process_died .*pid={pid} signal={killed.signal:d} ")
            return killed.signal.name
    return errno.errorcode[-value] if value < 0 else "done"


def address(port, host=LOCAL):
    return struct.pack("!2s H 4s 8x", struct.pack("=H", socket.AF_INET), port,
                       socket.inet_aton(host))


def connect_from(restante, role, port):
    """What a worker gets that connects to a port of this machine."""
    pid = min(restante.pids(role) - restante.killed)
    with Puppet(pid) as puppet:
        fd = puppet.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        assert fd >= 0
        value = puppet.call("connect", fd, address(port), 16)
        assert puppet.call("close", fd) == 0
    return errno.errorcode[-value] if value < 0 else "done"


# What each worker is in

def status_of(pid):
    return dict(re.findall(r"^(\w+):\t(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))


def test_every_worker_is_in_the_sandbox(restante):
    for pid in restante.pids():
        status = status_of(pid)
        assert (status["Seccomp"], status["NoNewPrivs"], status["Threads"]) == ("2", "1", "1")
    line, = restante.log.find("event=sandbox ")
    assert f"landlock={landlock()} " in line


def test_no_process_leaves_a_core_dump_or_is_open_to_its_own_user(restante):
    for pid in [restante.process.pid, *restante.pids()]:
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
        # An undumpable process' files in /proc are root's.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    if IS_ROOT:
        user = pwd.getpwnam(UNPRIVILEGED)
        for pid in [restante.process.pid, *restante.pids()]:
            tried = run("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                        "--clear-groups", "cat", f"/proc/{pid}/environ")
            assert tried.returncode != 0 and "Permission denied" in tried.stdout


def test_the_keys_of_tickets_are_locked_in_memory(restante):
    for pid in restante.pids("smtpd"):
        assert int(status_of(pid)["VmLck"].split()[0]) > 0


# What they cannot do

@can_inject
@pytest.mark.parametrize("role", ROLES)
def test_a_worker_cannot_open_etc_passwd(by_port, role):
    assert os.access(PASSWORDS, os.R_OK)
    if landlock() < FILES and role != "mimed":
        pytest.skip("this kernel has no Landlock")
    assert attempt(by_port, role, "openat", AT_FDCWD, PASSWORDS, O_RDONLY, 0) == "EACCES"
    assert attempt(by_port, role, "openat", AT_FDCWD, b"/proc/self/mem", O_RDONLY, 0) == "EACCES"
    assert attempt(by_port, role, "openat2", AT_FDCWD, PASSWORDS, bytes(24), 24) == "ENOSYS"


@can_inject
@pytest.mark.parametrize("role", ROLES)
def test_without_a_need_no_file_is_opened_whatever_the_kernel(restante, role):
    """With Redis at a Unix socket: it is the filter of system calls that says no."""
    if role != "apid":  # which has acme_directory
        assert attempt(restante, role, "openat", AT_FDCWD, b"/etc/hosts", O_RDONLY, 0) == "EACCES"


@can_inject
@pytest.mark.parametrize("role", ROLES)
def test_a_worker_cannot_start_a_program(by_port, role):
    assert attempt(by_port, role, "execve", b"/bin/true", 0, 0) == "SIGSYS"
    assert attempt(by_port, role, "fork") == "SIGSYS"


@can_inject
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("call", [
    ("openat", AT_FDCWD, b"/tmp/restante-was-here", O_WRONLY | O_CREAT, 0o600),
    ("unlink", b"/tmp/restante-was-here"), ("chmod", b"/tmp", 0), ("ptrace", 16, 1),
    ("process_vm_readv", 1, 0, 0, 0, 0), ("kill", 1, 0), ("bind", 0, address(0), 16),
    ("listen", 0, 1), ("setrlimit", 7, bytes(16)), ("io_uring_setup", 1, bytes(120)),
    ("mount", b"none", b"/tmp", b"tmpfs", 0, 0), ("bpf", 0, 0, 0), ("keyctl", 0, 0)],
    ids=lambda call: call[0])
def test_a_worker_that_tries_more_is_killed(by_port, role, call):
    assert attempt(by_port, role, *call) == "SIGSYS"


@can_inject
@pytest.mark.parametrize("role", ROLES)
def test_a_worker_cannot_make_memory_executable(by_port, role):
    anonymous = (0, 4096, 5, 0x22, -1, 0)  # PROT_READ and PROT_EXEC
    assert attempt(by_port, role, "mmap", *anonymous) == "EACCES"


@can_inject
@pytest.mark.parametrize("role", ("smtpd", "apid"))
@pytest.mark.skipif(landlock() < PORTS, reason="this kernel has no rules for ports")
def test_a_worker_cannot_connect_anywhere_but_to_redis(by_port, role):
    assert connect_from(by_port, role, by_port.redis_port) == "done"
    for port in (by_port.smtp_port, by_port.https_port):
        assert connect_from(by_port, role, port) == "EACCES"
    for kind, expected in ((socket.SOCK_DGRAM, "EACCES"), (socket.SOCK_RAW, "SIGSYS")):
        assert attempt(by_port, role, "socket", socket.AF_INET, kind, 0) == expected


@can_inject
@pytest.mark.parametrize("role", ("smtpd", "apid"))
def test_with_redis_at_a_unix_socket_a_worker_has_no_network(restante, role):
    for family in (socket.AF_INET, socket.AF_INET6):
        assert attempt(restante, role, "socket", family, socket.SOCK_STREAM, 0) == "SIGSYS"


@can_inject
def test_a_parser_makes_no_socket_at_all(restante):
    for family in (socket.AF_UNIX, socket.AF_INET):
        assert attempt(restante, "mimed", "socket", family, socket.SOCK_STREAM, 0) == "SIGSYS"


@can_inject
def test_an_abstract_socket_of_others_is_out_of_reach(by_port):
    if landlock() < 6:
        pytest.skip("this kernel has no rules for abstract sockets")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("\0restante-test")
        other.listen()
        with Puppet(min(by_port.pids("smtpd") - by_port.killed)) as puppet:
            fd = puppet.call("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0)
            name = struct.pack("=H", socket.AF_UNIX) + b"\0restante-test"
            assert puppet.call("connect", fd, name, len(name)) == -errno.EPERM
            assert puppet.call("close", fd) == 0


# What becomes of one that tries

@can_inject
def test_a_worker_that_breaks_out_is_logged_and_replaced_and_mail_flows(restante):
    for role in ROLES:
        before = restante.pids(role)
        pid = min(before)
        with Puppet(pid) as puppet, pytest.raises(Killed):
            puppet.call("execve", b"/bin/sh", 0, 0)
        restante.killed.add(pid)
        line, = restante.log.wait_for(f"event=sandbox_broken role={role} .*pid={pid} ")
        assert "SECURITY in restante(8)" in line
        restante.log.wait_for(f"event=process_died role={role} .*pid={pid} signal={signal.SIGSYS:d} ")
        restante.wait_until_complete()
        assert pid not in restante.pids(role)
        box = f"after-{role}"
        restante.send(f"{box}@example.com")
        assert "parse_error" not in restante.mails(box)[0]


# The setting

def test_switched_off_the_log_and_restantectl_say_so():
    with Restante(sandbox="no", **Files().settings()) as restante:
        assert restante.log.find("warning .*event=sandbox_off ")
        for pid in restante.pids():
            assert status_of(pid)["Seccomp"] == status_of(os.getpid())["Seccomp"]
        assert re.search("^sandbox +OFF$", status_text(restante), re.M)
        restante.settings["sandbox"] = "yes"
        restante.write_settings()
        restante.process.send_signal(signal.SIGHUP)
        restante.log.wait_for("event=reload_done", timeout=20)
        restante.log.wait_for("event=sandbox ")
        restante.log.wait_for("event=generation_ended", timeout=60)
        for pid in restante.pids():
            assert status_of(pid)["Seccomp"] == "2"
        assert re.search("^sandbox +on", status_text(restante), re.M)


def test_without_landlock_it_is_weaker_and_says_so():
    starter = denying(*range(CREATE_RULESET, CREATE_RULESET + 3))
    with redis_on_a_port() as port, Restante(redis=f"localhost:{port}", starter=starter) as restante:
        assert restante.log.find("warning .*event=sandbox_weak landlock=0 open=\"files to read, ")
        assert re.search("^sandbox +on; this kernel leaves open: files to read, ",
                         status_text(restante), re.M)
        mail_flows(restante, "alice")
        if IS_ROOT and IS_KNOWN:
            assert attempt(restante, "smtpd", "execve", b"/bin/true", 0, 0) == "SIGSYS"
            # Which has no file to read, and so needs no Landlock to have none.
            assert attempt(restante, "mimed", "openat", AT_FDCWD, PASSWORDS, O_RDONLY, 0) == "EACCES"


@pytest.mark.skipif(not IS_KNOWN, reason="the number of seccomp(2) is that of x86_64")
def test_where_seccomp_is_denied_the_start_says_so():
    with pytest.raises(AssertionError, match="start_failed .*cannot enter the sandbox: .*seccomp.2.; "
                       "sandbox = no does without"):
        Restante(starter=denying(317))


def status_text(restante):
    return run(programs() / "restantectl", "-r", restante.settings["runtime_dir"], "status",
               env=environment()).stdout


# Every way to a Redis

def mail_flows(restante, box):
    restante.send(f"{box}@example.com", "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n"
                  "\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Disposition: attachment; filename=a\r\n"
                  "\r\n" + "attached\r\n" * 20000 + "--b--\r\n")
    mail, = restante.mails(box)
    assert mail["body_text"].strip() == "text"
    path = f"/emails/{box}/{mail['id']}"
    assert restante.api(f"{path}/attachments/1").body == b"attached\r\n" * 19999 + b"attached"
    assert restante.api(f"{path}/raw").status == 200


@pytest.mark.parametrize("form", ["localhost:{}", "127.0.0.1:{}", "redis://127.0.0.1:{}/3"])
def test_mail_flows_with_a_redis_on_a_port(form):
    with redis_on_a_port() as port, Restante(redis=form.format(port)) as restante:
        mail_flows(restante, "alice")


def test_mail_flows_with_a_redis_at_an_ipv6_address():
    with redis_on_a_port("::1") as port, Restante(redis=f"[::1]:{port}") as restante:
        mail_flows(restante, "alice")


def test_mail_flows_with_a_private_redis():
    with Restante(redis="private") as restante:
        mail_flows(restante, "alice")


def test_a_worker_finds_redis_again_by_its_name():
    """The name is resolved anew, from inside of the sandbox."""
    with redis_on_a_port() as port, Restante(redis=f"localhost:{port}") as restante:
        run("redis-cli", "-p", port, "CLIENT", "KILL", "TYPE", "normal")
        restante.log.wait_for("event=redis_back", timeout=20)
        restante.wait_until_complete()
        mail_flows(restante, "alice")
