# SPDX-License-Identifier: ISC
# Redis behind Sentinels: the master dies, another takes over, and mail flows there.
import contextlib
import re
import subprocess
import time

import pytest

from integration.fake_redis import FakeRedis, bulk
from testbed.build import programs
from testbed.daemon import Restante
from testbed.machine import LOCAL, free_ports, new_directory
from testbed.processes import Lines, environment, run
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until

BACK_WITHIN = 15  # seconds, of which the Sentinels take one to believe that the master is down


class Server:
    """A redis-server on a port, or a Sentinel."""

    def __init__(self, port, *options, config=None):
        self.port, self.directory = port, new_directory()
        self.command = ["redis-server"]
        if config is not None:
            file = self.directory / "redis.conf"
            file.write_text(config)
            self.command.append(file)
        self.command += ["--port", str(port), "--bind", LOCAL, "--dir", self.directory,
                         *options]
        if config is None:
            self.command += ["--maxmemory", "8gb"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        Lines(self.process.stdout).wait_for("(?i)ready to accept connections|Sentinel ID is")

    def cli(self, *words):
        return run("redis-cli", "-h", LOCAL, "-p", self.port, *words).stdout.strip()

    def info(self, name):
        """None while it ends the connections of its clients."""
        found = re.search(rf"^{name}:(.*?)\r?$", self.cli("INFO", "replication"), re.M)
        return found and found[1]

    def kill(self):
        self.process.kill()
        self.process.wait()


class Group:
    """A master, a replica, and three Sentinels that know of both."""

    def __init__(self, password=None):
        ports = free_ports(5)
        options = ["--appendonly", "yes", "--appendfsync", "always", "--save", "",
                   "--repl-diskless-sync-delay", "0"]
        config = f"sentinel monitor mail {LOCAL} {ports[0]} 2\n" \
            "sentinel down-after-milliseconds mail 1000\nsentinel failover-timeout mail 2000\n"
        if password:
            options += ["--requirepass", password, "--masterauth", password]
            config += f"sentinel auth-pass mail {password}\n"
        self.servers = []
        try:
            self.master = self.add(Server(ports[0], *options, "--min-replicas-to-write", "1"))
            self.replica = self.add(Server(ports[1], *options, "--replicaof", LOCAL,
                                           str(ports[0])))
            self.sentinels = [self.add(Server(port, "--sentinel", config=config))
                              for port in ports[2:]]
            wait_until(self.is_complete, "the Sentinels know all", 30)
        except BaseException:
            self.kill()
            raise
        credentials = f":{password}@" if password else ""
        self.address = f"sentinel://{credentials}" + ",".join(
            f"{LOCAL}:{port}" for port in ports[2:]) + "/mail"

    def add(self, server):
        self.servers.append(server)
        return server

    def is_complete(self):
        return all("OK 3 usable" in one.cli("SENTINEL", "ckquorum", "mail")
                   and f"{LOCAL}:{self.replica.port}" in one.cli("SENTINEL", "replicas", "mail")
                   for one in self.sentinels)

    def is_replicated(self):
        return self.master.info("master_repl_offset") == self.replica.info("slave_repl_offset")

    def kill(self):
        for server in self.servers:
            server.kill()


@pytest.fixture
def group():
    group = Group()
    yield group
    group.kill()


def code_of(restante, subject="hello"):
    with restante.smtp() as client:
        return deliver(client, "alice@example.com", f"Subject: {subject}\r\n\r\n")[0]


def subjects(restante):
    answer = restante.api("/emails/alice?limit=1000&view=summary")
    return {mail["subject"] for mail in answer.json()} if answer.status == 200 else set()


def test_mail_flows_to_the_new_master_when_the_old_one_is_killed(group):
    with Restante(group.address) as restante:
        taken = {f"before {i}" for i in range(20)}
        assert {code_of(restante, subject) for subject in taken} == {250}
        assert not restante.log.find("event=redis_unsafe")
        wait_until(group.is_replicated, "the replica has it")
        group.master.kill()
        start = time.monotonic()
        restante.log.wait_for("event=redis_lost")
        codes, count = [], 0
        while (codes or [0])[-1] != 250:
            count += 1
            codes.append(code_of(restante, f"during {count}"))
            assert time.monotonic() - start < seconds(BACK_WITHIN), codes
        assert set(codes[:-1]) == {451}
        taken.add(f"during {count}")
        wait_until(lambda: subjects(restante) == taken, "the API has found it too")
        for pid in restante.pids("smtpd"):
            with restante.only(pid, "smtpd"):
                wait_until(lambda: code_of(restante, "after") == 250, "all have found it")
        assert len(restante.log.find("event=redis_(lost|back)")) == 2
        assert f"redis={LOCAL}:{group.replica.port}" in restante.log.find("event=redis_back")[0]
        # It is alone now, and takes mail all the same: that is told.
        restante.log.wait_for("event=redis_unsafe .*problem=no_replica")
        found = run(programs() / "restantectl", "-c", restante.directory / "restante.conf", "check",
                    env=environment()).stdout
        assert "min-replicas-to-write is 0" in found


def test_mail_flows_when_the_master_gives_its_office_to_another(group):
    with Restante(group.address) as restante:
        assert code_of(restante, "before") == 250
        wait_until(group.is_replicated, "the replica has it")
        assert group.sentinels[0].cli("SENTINEL", "failover", "mail") == "OK"
        wait_until(lambda: group.master.info("role") == "slave", "there is another", 20)
        for pid in restante.pids("smtpd"):
            with restante.only(pid, "smtpd"):
                wait_until(lambda: code_of(restante, "after") == 250, "mail is taken", BACK_WITHIN)
        assert group.replica.cli("XLEN", "inbox:{alice}") == "3"
        assert subjects(restante) == {"before", "after"}


def test_a_master_without_its_replica_takes_no_mail(group):
    with Restante(group.address) as restante:
        assert code_of(restante) == 250
        group.replica.kill()
        wait_until(lambda: group.master.info("connected_slaves") == "0", "the master has noticed")
        assert code_of(restante) == 451
        assert "NOREPLICAS" in restante.log.find("event=redis_error")[0]
        group.replica.start()
        wait_until(lambda: code_of(restante) == 250, "mail is taken again", BACK_WITHIN)


def test_the_password_is_that_of_redis():
    group = Group(password="secret")
    try:
        with Restante(group.address) as restante:
            assert code_of(restante) == 250
            assert "secret" not in restante.log.text()
    finally:
        group.kill()


# What real ones cannot be made to do at will.


def named(server):
    return "*2\r\n" + bulk(LOCAL) + bulk(str(server.server_address[1]))


@contextlib.contextmanager
def fakes(count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(FakeRedis()) for _ in range(count)]


def address_of(*sentinels):
    return "sentinel://" + ",".join(
        f"{LOCAL}:{one.server_address[1]}" for one in sentinels) + "/mail"


def test_a_master_that_refuses_writes_is_left_for_whom_the_sentinels_name_then():
    with fakes(3) as (sentinel, old, new):
        sentinel.faults = {"SENTINEL": named(old)}
        with Restante(address_of(sentinel), smtpd_workers=1) as restante:
            assert code_of(restante) == 250
            sentinel.faults = {"SENTINEL": named(new)}
            readonly = "-READONLY You can't write against a read only replica.\r\n"
            old.faults = {"EVAL": readonly, "EVALSHA": readonly}
            assert code_of(restante) == 451
            wait_until(lambda: code_of(restante) == 250, "mail is taken again", 5)
            assert "no master any more" in restante.log.find("event=redis_lost")[0]
            assert f":{new.server_address[1]}" in restante.log.find("event=redis_back")[0]


def test_who_says_that_it_is_a_replica_is_not_believed_to_be_the_master():
    with fakes(2) as (sentinel, server):
        sentinel.faults = {"SENTINEL": named(server)}
        server.faults = {"ROLE": "*1\r\n" + bulk("slave")}
        with Restante(address_of(sentinel)) as restante:
            assert code_of(restante) == 451
            assert "it is no master" in restante.log.wait_for("event=redis_lost")[0]
            server.faults = {}
            wait_until(lambda: code_of(restante) == 250, "mail is taken", 5)


@pytest.mark.parametrize("fault", [
    {"SENTINEL": "*-1\r\n"}, {"SENTINEL": "-ERR no\r\n"}, {"SENTINEL": "*2\r\n$1\r\nx\r\n$1\r\nx\r\n"},
    {"PING": "-NOAUTH Authentication required.\r\n"}, {"": "-ERR max number of clients reached\r\n"}],
    ids=lambda fault: str(*fault.values())[:12].strip())
def test_a_sentinel_that_does_not_help_is_passed_over(fault):
    with fakes(3) as (useless, sentinel, server):
        useless.faults = fault
        sentinel.faults = {"SENTINEL": named(server)}
        with Restante(address_of(useless, sentinel)) as restante:
            wait_until(lambda: code_of(restante) == 250, "mail is taken", 5)
            assert not restante.log.find("event=redis_")


def test_a_sentinel_that_knows_no_such_master_is_named_in_the_log():
    with fakes(1) as (sentinel,):
        sentinel.faults = {"SENTINEL": "*-1\r\n"}
        with Restante(address_of(sentinel)) as restante:
            line, = restante.log.wait_for("event=redis_lost")
            assert "redis=mail" in line and "knows no master mail" in line
            assert code_of(restante) == 451
