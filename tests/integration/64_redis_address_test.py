# SPDX-License-Identifier: ISC
# Redis over TCP with what an address may name: a password, a user of an ACL, a database.
import contextlib

import pytest

from testbed.build import programs, run_restante
from testbed.certificates import Files, certificate
from testbed.daemon import Restante
from testbed.machine import LOCAL, free_ports, new_directory
from testbed.processes import environment, run
from testbed.redis import Redis
from testbed.smtp import deliver

STRANGE = "127.0.0.2"  # no certificate is for it
SECRET = "p:ss/w@rd"  # all that an address is cut at


@pytest.fixture(scope="module")
def redis():
    """On a port too; the user `mail` may do what it needs and see no key of others."""
    with Redis() as server:
        server.port, = free_ports(1)
        server.cli("CONFIG", "SET", "port", server.port)
        server.cli("ACL", "SETUSER", "mail", "on", f">{SECRET}", "~inbox:*", "~mail:*", "~frame:*", "~size:*",
                   "~claimed:*", "~seen:*", "&inbox:*", "&restante", "+@all", "-@dangerous", "+info",
                   "+config|get")
        yield server


@contextlib.contextmanager
def protected(redis):
    redis.cli("CONFIG", "SET", "requirepass", SECRET)
    try:
        yield
    finally:
        run("redis-cli", "-s", redis.path, "-a", SECRET, "CONFIG", "SET", "requirepass", "")


def uses_all_of_it(restante):
    restante.send("alice@example.com", "Message-ID: <1@example.org>\r\nSubject: one\r\n\r\n")
    restante.send("alice@example.com", "Subject: two\r\n\r\n")
    assert [mail["subject"] for mail in restante.mails("alice")] == ["two", "one"]
    assert restante.api("/emails/alice/latest/raw").status == 200
    assert restante.api("/emails/alice/claim", method="POST").json()["subject"] == "one"
    assert restante.api("/emails/bob/latest?wait=1").status == 404  # subscribes
    sizes = run(programs() / "restantectl", "-c", restante.directory / "restante.conf", "mailboxes",
                env=environment()).stdout
    assert "  alice\n" in sizes
    listed = run(programs() / "restantectl", "-c", restante.directory / "restante.conf", "inbox",
                 "alice", env=environment()).stdout
    assert "two" in listed
    assert restante.api("/emails/alice", method="DELETE").status == 200
    assert not restante.log.find("event=redis_")
    assert SECRET not in restante.log.text()


def test_a_password(redis):
    with protected(redis), Restante(f"redis://:{SECRET}@{LOCAL}:{redis.port}") as restante:
        uses_all_of_it(restante)


def test_a_user_of_an_acl_and_a_database(redis):
    with Restante(f"redis://mail:{SECRET}@{LOCAL}:{redis.port}/3") as restante:
        restante.send("carol@example.com")
        assert redis.cli("-n", "3", "EXISTS", "inbox:{carol}") == "1"
        assert redis.cli("EXISTS", "inbox:{carol}") == "0"
        uses_all_of_it(restante)


def test_a_socket(redis):
    with Restante(f"unix:{redis.path}") as restante:
        uses_all_of_it(restante)


@pytest.mark.parametrize("credentials, word", [("mail:wrong@", "WRONGPASS"), ("", "NOAUTH")])
def test_a_wrong_password_is_an_outage(redis, credentials, word):
    with protected(redis), Restante(f"redis://{credentials}{LOCAL}:{redis.port}") as restante:
        line, = restante.log.wait_for("event=redis_lost")
        assert word in line and "wrong" not in line
        with restante.smtp() as client:
            assert deliver(client, "alice@example.com")[0] == 451


def test_a_database_that_is_not_there_is_an_outage(redis):
    with Restante(f"redis://{LOCAL}:{redis.port}/99") as restante:
        line, = restante.log.wait_for("event=redis_lost")
        assert "DB index is out of range" in line


class TlsRedis(Redis):
    """On a port where it shows a certificate and wants to see one."""

    def __init__(self):
        self.files = Files()  # of both; and it has signed itself
        self.tls_port, = free_ports(1)
        super().__init__(options=[
            "--bind", f"{LOCAL} {STRANGE}", "--tls-port", str(self.tls_port),
            "--tls-ca-cert-file", self.files.certificate,
            "--tls-cert-file", self.files.certificate, "--tls-key-file", self.files.key])

    def url(self, host=LOCAL):
        return f"rediss://{host}:{self.tls_port}"

    def settings(self):
        return {"redis_tls_ca": self.files.certificate,
                "redis_tls_certificate": self.files.certificate, "redis_tls_key": self.files.key}


def configured(*options):
    """What the check of a configuration says with these."""
    return run_restante("-c", "/dev/null", "-t", "-o", "domain=example.com", "-o",
                        "api_key=" + "k" * 32, *options)


HAS_TLS = "rediss://), which takes" not in configured("-o", "redis=rediss://localhost").stderr
needs_tls = pytest.mark.skipif(not HAS_TLS, reason="this hiredis has no TLS")


@pytest.fixture(scope="module")
def tls_redis():
    with TlsRedis() as server:
        yield server


@pytest.mark.skipif(HAS_TLS, reason="this hiredis has TLS")
def test_tls_that_this_build_has_not_is_a_clear_error():
    checked = configured("-o", "redis=rediss://localhost")
    assert checked.returncode == 78
    assert "asks for TLS (rediss://), which takes hiredis 1.1 or newer: use host:port" in checked.stderr


def test_a_certificate_without_its_key_is_an_error():
    checked = configured("-o", "redis_tls_key=/k.pem")
    assert checked.returncode == 78
    assert "redis_tls_certificate and redis_tls_key belong together" in checked.stderr


@needs_tls
@pytest.mark.parametrize("host", [LOCAL, "localhost"])
def test_tls(tls_redis, host):
    with Restante(tls_redis.url(host), **tls_redis.settings()) as restante:
        uses_all_of_it(restante)
        body = "x" * 70 + "\r\n"
        restante.send("large@example.com", "Subject: large\r\n\r\n" + body * 100_000)
        assert restante.api("/emails/large/latest/raw").body.endswith(body.encode() * 100_000)


@needs_tls
def test_a_handshake_of_a_client_that_fails_is_none_of_redis(tls_redis):
    with Restante(tls_redis.url(), smtpd_workers=1, **tls_redis.settings()) as restante:
        for _ in range(20):
            with restante.dialogue() as client:
                client.greet()
                assert client.say("STARTTLS") == 220
                client.send(b"this is no TLS at all\r\n" * 20)
                while client.line():
                    pass
            restante.send("alice@example.com")
        assert not restante.log.find("event=redis_lost")


@needs_tls
@pytest.mark.parametrize("host, changed, word", [
    (LOCAL, {"redis_tls_ca": "another"}, "certificate verify failed"),
    # What Redis says of it is lost when it closes first.
    (LOCAL, {"redis_tls_certificate": "", "redis_tls_key": ""}, "(certificate required|closed|reset)"),
    (STRANGE, {}, "certificate verify failed"),
])
def test_a_stranger_is_an_outage(tls_redis, host, changed, word):
    settings = tls_redis.settings() | changed
    if settings["redis_tls_ca"] == "another":
        settings["redis_tls_ca"] = certificate("another.example.com")[0]
    with Restante(tls_redis.url(host), **settings) as restante:
        restante.log.wait_for(f"event=redis_lost .*{word}")
        with restante.smtp() as client:
            assert deliver(client, "alice@example.com")[0] == 451


@needs_tls
@pytest.mark.parametrize("name", ["redis_tls_ca", "redis_tls_certificate", "redis_tls_key"])
def test_a_file_that_is_not_there_is_named(tls_redis, name):
    missing = new_directory() / "none.pem"
    settings = tls_redis.settings() | {name: missing}
    with pytest.raises(AssertionError, match=f"{name}: {missing}: "):  # the log, with no ready in it
        Restante(tls_redis.url(), **settings)
