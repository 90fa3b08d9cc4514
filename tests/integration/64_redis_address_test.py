# SPDX-License-Identifier: ISC
# Redis over TCP with what an address may name: a password, a user of an ACL, a database.
import contextlib
import socket

import pytest

from harness import LOCAL, Redis, Restante, deliver, environment, programs, run

SECRET = "p:ss/w@rd"  # all that an address is cut at


@pytest.fixture(scope="module")
def redis():
    """On a port too; the user `mail` may do what it needs and see no key of others."""
    with Redis() as server, socket.socket() as probe:
        probe.bind((LOCAL, 0))
        server.port = probe.getsockname()[1]
        probe.close()
        server.cli("CONFIG", "SET", "port", server.port)
        server.cli("ACL", "SETUSER", "mail", "on", f">{SECRET}", "~inbox:*", "~mail:*", "~claimed:*",
                   "~seen:*", "&inbox:*", "&restante", "+@all", "-@dangerous", "+info", "+config|get")
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
