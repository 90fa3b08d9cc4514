# SPDX-License-Identifier: ISC
# What of Redis could lose mail is said once, by name, and with redis_strict no mail is taken then.
import json
import re
import subprocess
import time

import pytest

from testbed.build import SOURCE, programs
from testbed.daemon import Restante
from testbed.machine import free_ports, new_directory
from testbed.processes import Lines, environment, run
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until

NOTICED_WITHIN = 5  # seconds


@pytest.fixture
def redis():
    with Redis() as server:
        yield server


def problems(restante):
    """Of all lines in their order: what came, and with a minus what went."""
    found = []
    for line in restante.log.find("event=redis_(unsafe|unknown|mended)"):
        names = re.search(r'problem=("[^"]*"|\S+)', line)[1].strip('"').split(", ")
        found += [("-" if "redis_mended" in line else "") + name for name in names]
    return found


def gauge(restante, name):
    text = restante.api("/metrics").body.decode()
    return float(re.search(rf"^{re.escape(name)} (.*)$", text, re.M)[1])


def status(restante, *options):
    return run(programs() / "restantectl", "-c", restante.directory / "restante.conf", "status",
               *options, env=environment()).stdout


def code_of(restante):
    with restante.smtp() as client:
        return deliver(client, "alice@example.com")[0]


def test_a_safe_redis_is_not_worth_a_line(redis):
    with Restante(redis) as restante:
        restante.send("alice@example.com")
        assert problems(restante) == []
        assert gauge(restante, 'restante_redis_unsafe{problem="no_log"}') == 0
        assert gauge(restante, "restante_redis_full") == 0
        assert "redis        there, 0 errors\n" in status(restante)
        assert json.loads(status(restante, "--json"))["redis_risks"] == []


def test_each_problem_is_one_line_and_so_is_its_end(redis):
    redis.cli("CONFIG", "SET", "appendonly", "no")
    with Restante(redis, smtpd_workers=3) as restante:
        restante.send("alice@example.com")  # it is said, not refused
        line, = restante.log.wait_for("event=redis_unsafe .*problem=no_log")
        assert "appendonly yes and appendfsync always" in line and "mail=taken" in line
        redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        restante.log.wait_for("problem=eviction", timeout=NOTICED_WITHIN)
        assert gauge(restante, 'restante_redis_unsafe{problem="no_log"}') == 1
        assert gauge(restante, 'restante_redis_unsafe{problem="eviction"}') == 1
        assert "COULD LOSE MAIL (restantectl check): eviction, no_log\n" in status(restante)
        assert json.loads(status(restante, "--json"))["redis_risks"] == ["eviction", "no_log"]
        redis.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
        restante.log.wait_for("event=redis_mended .*problem=eviction", timeout=NOTICED_WITHIN)
        redis.cli("CONFIG", "SET", "appendonly", "yes")
        restante.log.wait_for("event=redis_mended .*problem=no_log", timeout=NOTICED_WITHIN)
        assert problems(restante) == ["no_log", "eviction", "-eviction", "-no_log"]
        restante.send("alice@example.com")


def test_a_redis_without_maxmemory_is_named_and_takes_mail(redis):
    """Nothing is lost by that, so that redis_strict does not refuse mail for it."""
    with Restante(redis, redis_strict="yes") as restante:
        redis.cli("CONFIG", "SET", "maxmemory", "0")
        line, = restante.log.wait_for("event=redis_unsafe .*problem=no_limit", timeout=NOTICED_WITHIN)
        assert "mail=taken" in line and "set maxmemory" in line
        restante.send("alice@example.com")
        assert gauge(restante, 'restante_redis_unsafe{problem="no_limit"}') == 1
        assert "; MAY FILL THE MACHINE (restantectl check): no_limit\n" in status(restante)
        assert "LOSE" not in status(restante)
        checked = run(programs() / "restantectl", "-c", restante.directory / "restante.conf", "check",
                      env=environment()).stdout
        assert re.search("^warning +redis: maxmemory is 0: ", checked, re.M)
        redis.cli("CONFIG", "SET", "maxmemory", "8gb")
        restante.log.wait_for("event=redis_mended .*problem=no_limit", timeout=NOTICED_WITHIN)


def test_a_reconnect_says_nothing_twice(redis):
    redis.appendfsync = "everysec"
    redis.kill()
    redis.start()
    with Restante(redis, smtpd_workers=3) as restante:
        restante.log.wait_for("problem=log_late")
        for count in range(1, 3):
            redis.kill()
            restante.log.wait_for("event=redis_lost", count)
            redis.start()
            restante.log.wait_for("event=redis_back", count)
        wait_until(lambda: code_of(restante) == 250, "mail is taken again")
        assert problems(restante) == ["log_late"]


def test_keys_that_are_thrown_away_are_noticed(redis):
    with Restante(redis) as restante:
        redis.cli("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        redis.cli("SET", "big", "x" * 100_000, "EX", "1000")
        redis.cli("CONFIG", "SET", "maxmemory", "1")
        redis.cli("PING")
        line = restante.log.wait_for("problem=evicting", timeout=NOTICED_WITHIN)[0]
        assert re.search(r"[1-9]\d* keys were thrown away", line)
        redis.cli("CONFIG", "SET", "maxmemory", "8gb")


@pytest.mark.parametrize("name, bad, good", [
    ("appendonly", "no", "yes"), ("appendfsync", "everysec", "always"),
    ("appendfsync", "no", "always"), ("maxmemory-policy", "allkeys-lru", "noeviction")])
def test_with_redis_strict_no_mail_is_taken_that_could_be_lost(redis, name, bad, good):
    with Restante(redis, redis_strict="yes") as restante:
        restante.send("alice@example.com", "Subject: before\r\n\r\n")
        with restante.dialogue().greet().secure() as waiting:
            waiting.start_mail("alice@example.com")
            redis.cli("CONFIG", "SET", name, bad)
            restante.log.wait_for("event=redis_unsafe .*mail=deferred", timeout=NOTICED_WITHIN)
            for pid in restante.pids("smtpd"):
                with restante.smtp_by(pid) as client:
                    code, text = deliver(client, "alice@example.com")
                    assert (code, text.split()[0]) == (451, "4.3.0")
            waiting.send("Subject: under way\r\n\r\n.\r\n")
            assert waiting.code() == 451
        restante.log.wait_for("event=mail_refused .*reply=store_unsafe")
        restante.log.wait_for("event=mail_deferred .*reply=store_unsafe .*redis_strict")
        assert [mail["subject"] for mail in restante.mails("alice")] == ["before"]
        assert restante.api("/emails/alice", method="DELETE").status == 200
        redis.cli("CONFIG", "SET", name, good)
        wait_until(lambda: code_of(restante) == 250, "mail is taken again", NOTICED_WITHIN)


def test_with_redis_strict_a_redis_that_came_back_is_asked_first(redis):
    with Restante(redis, redis_strict="yes") as restante:
        restante.send("alice@example.com")
        redis.kill()
        restante.log.wait_for("event=redis_lost")
        redis.appendfsync = "everysec"
        redis.start()
        restante.log.wait_for("event=redis_back")
        end = time.monotonic() + seconds(1)
        while time.monotonic() < end:
            assert code_of(restante) == 451


def test_with_redis_strict_a_replica_takes_no_mail(redis):
    with Redis() as other, Restante(redis, redis_strict="yes") as restante:
        other.cli("CONFIG", "SET", "port", "0")
        redis.cli("REPLICAOF", "127.0.0.1", "1")
        restante.log.wait_for("problem=replica", timeout=NOTICED_WITHIN)
        assert code_of(restante) == 451
        redis.cli("REPLICAOF", "NO", "ONE")
        wait_until(lambda: code_of(restante) == 250, "mail is taken again", NOTICED_WITHIN)


@pytest.mark.parametrize("denied", [("-config",), ("-config", "-info")])
@pytest.mark.parametrize("strict, code", [("no", 250), ("yes", 451)])
def test_a_user_that_may_not_ask_is_told_once(redis, denied, strict, code):
    redis.cli("ACL", "SETUSER", "mail", "on", ">secret", "~*", "&*", "+@all", *denied)
    redis.cli("CONFIG", "SET", "port", "0")
    with RedisPort(redis) as port, Restante(
            f"redis://mail:secret@127.0.0.1:{port}", redis_strict=strict,
            smtpd_workers=3) as restante:
        line, = restante.log.wait_for("event=redis_unknown")
        assert "is refused" in line and "ACL SETUSER" in line and "secret" not in line
        assert [code_of(restante) for _ in range(4)] == [code] * 4
        time.sleep(3)
        assert problems(restante) == ["unknown"]
        assert gauge(restante, "restante_redis_errors_total") == 0
        assert not restante.log.find("event=redis_error")


class RedisPort:
    """A free port, on which that Redis listens too."""

    def __init__(self, redis):
        self.redis = redis

    def __enter__(self):
        port, = free_ports(1)
        self.redis.cli("CONFIG", "SET", "port", str(port))
        return port

    def __exit__(self, *_):
        self.redis.cli("CONFIG", "SET", "port", "0")


def test_the_configuration_that_is_shipped_loses_nothing():
    directory = new_directory()
    socket_file = directory / "redis.sock"
    server = subprocess.Popen(
        ["redis-server", SOURCE / "etc/redis/restante-redis.conf", "--port", "0", "--unixsocket",
         socket_file, "--unixsocketperm", "777", "--dir", directory], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        Lines(server.stdout).wait_for("(?i)ready to accept connections")
        with Restante(f"unix:{socket_file}", redis_strict="yes") as restante:
            restante.send("alice@example.com")
            assert problems(restante) == []
            found = run(programs() / "restantectl", "-c", restante.directory / "restante.conf",
                        "check", env=environment()).stdout
            assert len(re.findall("^good +redis: ", found, re.M)) == 4
    finally:
        server.kill()
        server.wait()


def used_memory(redis):
    return int(re.search(r"used_memory:(\d+)", redis.cli("INFO", "memory"))[1])


def test_a_nearly_full_redis_takes_no_mail_and_gives_out_what_it_has(redis):
    with Restante(redis, smtpd_workers=3) as restante:
        for subject in ("first", "second", "third"):
            restante.send("alice@example.com", f"Subject: {subject}\r\n\r\n")
        # So much that the buffers of clients do not count.
        redis.cli("EVAL", "return redis.call('SETRANGE', 'filler', 30000000, 'x')", 0)
        redis.cli("CONFIG", "SET", "maxmemory", used_memory(redis) * 100 // 93)
        wait_until(lambda: gauge(restante, "restante_redis_full") == 1, "it is seen", NOTICED_WITHIN)
        assert "; FULL" in status(restante)
        for pid in restante.pids("smtpd"):
            with restante.smtp_by(pid) as client:
                code, text = client.mail("bob@example.org")  # not after the whole message
                assert (code, text.split()[0]) == (452, b"4.3.1")
        assert [mail["subject"] for mail in restante.mails("alice")] == ["third", "second", "first"]
        claimed = restante.api("/emails/alice/claim", method="POST")
        assert (claimed.status, claimed.json()["subject"]) == (200, "first")
        assert restante.api("/emails/alice", method="DELETE").status == 200
        redis.cli("CONFIG", "SET", "maxmemory", used_memory(redis) * 2)
        start = time.monotonic()
        wait_until(lambda: code_of(restante) == 250, "mail is taken again")
        assert time.monotonic() - start < seconds(1)
        assert not restante.log.find("event=redis_(unsafe|error)")


def test_a_redis_that_is_full_to_the_brim_is_told_once(redis):
    """Faster than anybody asks: Redis itself refuses the write."""
    with Restante(redis, smtpd_workers=3) as restante:
        restante.send("alice@example.com", "Subject: before\r\n\r\n")
        clients = [restante.smtp_by(pid) for pid in restante.pids("smtpd")]
        for client in clients:
            assert client.mail("bob@example.org")[0] == 250
            assert client.rcpt("alice@example.com")[0] == 250
        redis.cli("CONFIG", "SET", "maxmemory", "1")
        for client in clients:
            code, text = client.data("Subject: too much\r\n\r\n")
            assert (code, text.split()[0]) == (452, b"4.3.1")
            client.close()
        assert len(restante.log.find("event=redis_error .*OOM")) == 1
        assert [mail["subject"] for mail in restante.mails("alice")] == ["before"]
        assert restante.api("/emails/alice", method="DELETE").status == 200
        redis.cli("CONFIG", "SET", "maxmemory", "0")
        start = time.monotonic()
        wait_until(lambda: code_of(restante) == 250, "mail is taken again")
        assert time.monotonic() - start < seconds(1)
        restante.log.wait_for("event=redis_works")
