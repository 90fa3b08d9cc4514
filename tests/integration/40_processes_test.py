# SPDX-License-Identifier: ISC
# The processes as the system sees them: names, rights, and who holds which secret.
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import ssl

import pytest

from testbed.api import KEY
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, new_directory
from testbed.processes import run

ROLES = {"smtpd": 3, "apid": 2, "mimed": 2}
LARGEST_REGION = 64 * 2**20  # the sanitizers' own are larger


@pytest.fixture(scope="module")
def private():
    """With a Redis of its own, so that this process is looked at too."""
    with Restante(redis="private", variables={"API_KEY": "the-key-in-the-environment"},
                  **{f"{role}_workers": count for role, count in ROLES.items()}) as daemon:
        yield daemon


def children(restante):
    return [int(pid) for pid in
            run("ps", "-o", "pid=", "--ppid", restante.process.pid).stdout.split()]


def test_ps_shows_every_process_under_its_own_name(private):
    names = run("ps", "-o", "comm=", "--ppid", private.process.pid, "-p",
                private.process.pid).stdout.split()
    assert sorted(names) == sorted(
        ["restante", "redis-server"]
        + [f"restante-{role}" for role, count in ROLES.items() for _ in range(count)])


@pytest.mark.skipif(not IS_ROOT, reason="redis-server is closed to its own user")
def test_a_private_redis_is_on_no_port(private):
    """Of all processes only those have sockets of a network that serve it."""
    there = {line.split()[9] for name in ("tcp", "tcp6", "udp", "udp6")
             for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]}
    for role in ("redis-server", "restante-mimed", "restante-smtpd"):
        for pid in children(private):
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() != role:
                continue
            links = (str(link.readlink()) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir())
            sockets = {link[8:-1] for link in links if link.startswith("socket:")}
            assert bool(sockets & there) == (role == "restante-smtpd"), role


@pytest.mark.skipif(not IS_ROOT, reason="not started as root: there is nothing to drop")
def test_no_process_can_become_root_again(private):
    assert private.log.find(f"event=privileges_dropped user={UNPRIVILEGED} ")
    expect_no_privilege(private)


def expect_no_privilege(restante):
    user = pwd.getpwnam(UNPRIVILEGED)
    pids = [restante.process.pid, *children(restante)]
    assert len(pids) == 2 + sum(ROLES.values())
    for pid in pids:
        status = dict(re.findall(r"^(\w+):\t(.*)$",
                                 pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))
        assert status["Uid"].split() == [str(user.pw_uid)] * 4
        assert status["Gid"].split() == [str(user.pw_gid)] * 4
        assert status["Groups"].split() == []
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[capabilities], 16) == 0, capabilities
        assert status["NoNewPrivs"] == "1"


def free_low_port():
    for port in range(1023, 600, -1):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOCAL, port))
            return port
    raise AssertionError("no port below 1024 is free")


@pytest.mark.skipif(not IS_ROOT, reason="not started as root: there is no capability to hand over")
def test_started_as_a_user_that_may_bind_low_ports_it_gives_that_up():
    """As its systemd unit starts it: AmbientCapabilities=CAP_NET_BIND_SERVICE."""
    user = pwd.getpwnam(UNPRIVILEGED)
    home, port = new_directory(), free_low_port()
    key = shutil.copy(certificate()[1], home)
    for path in (home, key):
        os.chown(path, user.pw_uid, user.pw_gid)
    starter = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
               "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
    with Restante(redis="private", starter=starter, tls_key=key, runtime_dir=home / "run",
                  redis_directory=home / "redis", smtp_listen=f"{LOCAL}:{port}",
                  **{f"{role}_workers": count for role, count in ROLES.items()}) as daemon:
        assert daemon.smtp_port == port
        assert daemon.log.find(f"event=privileges_dropped user={UNPRIVILEGED} ")
        expect_no_privilege(daemon)
        daemon.send("alice@example.com")
        assert len(daemon.mails("alice")) == 1


@pytest.mark.skipif(not IS_ROOT, reason="the processes are closed to their own user")
def test_no_secret_is_in_an_argument_or_a_variable(private):
    for pid in children(private):
        process = pathlib.Path(f"/proc/{pid}")
        words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert b"key-in-the-environment" not in words
        assert KEY.encode() not in words
        assert b"PRIVATE KEY" not in words


def test_a_key_of_the_api_that_a_client_has_sent_is_known_to_apid_alone(restante):
    restante.send("alice@example.com")
    assert len(restante.mails("alice")) == 1
    assert holds(restante.process.pid, KEY.encode())
    for role in ("smtpd", "mimed"):
        for pid in restante.pids(role):
            assert not holds(pid, KEY.encode()), role


def test_no_worker_keeps_the_text_of_a_secret_that_it_was_handed():
    """It keeps what it has made of it: hashes of keys, and the libraries' own form of a TLS key."""
    with Restante() as restante:
        tls_key = restante.settings["tls_key"].read_bytes().splitlines()[1]
        for secret in (KEY.encode(), tls_key):
            assert holds(restante.process.pid, secret)  # for the workers to come
            for role in ROLES:
                for pid in restante.pids(role):
                    assert not holds(pid, secret), (role, secret)


def test_apid_knows_the_first_certificate_alone_and_mimed_none():
    pairs = certificate(), certificate(kind="rsa")
    # Of their signatures: libraries do not keep all of a certificate in one piece.
    first, second = (ssl.PEM_cert_to_DER_cert(pair[0].read_text())[-60:] for pair in pairs)
    with Restante(tls_certificate=" ".join(str(pair[0]) for pair in pairs),
                  tls_key=" ".join(str(pair[1]) for pair in pairs)) as restante:
        for role, known in (("smtpd", {first, second}), ("apid", {first}), ("mimed", set())):
            for pid in restante.pids(role):
                assert {one for one in (first, second) if holds(pid, one)} == known, role


def holds(pid, secret):
    """Whether the bytes are anywhere in the process' memory, or in a file that it has open."""
    try:
        memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
    except PermissionError:
        pytest.skip("this system does not let us look into the processes that we have started")
    with memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if "r" not in line.split()[1] or end - start > LARGEST_REGION:
                continue
            try:
                memory.seek(start)
                if secret in memory.read(end - start):
                    return True
            except (OSError, OverflowError, ValueError):  # [vvar] and [vsyscall]
                continue
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        if "memfd:" in str(link.readlink()) and secret in link.read_bytes():
            return True
    return False


def test_runtime_files_are_closed_to_others(restante):
    for path in (restante.directory / "run").rglob("*"):
        assert path.lstat().st_mode & 0o077 == 0 or path.is_socket(), path
    assert (restante.directory / "run").stat().st_mode & 0o077 == 0
