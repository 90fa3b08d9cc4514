# SPDX-License-Identifier: ISC
# restantectl: it sees a worker that hangs, shows mail, and says clearly what is wrong.
import base64
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import pytest

from testbed.api import KEY
from testbed.build import programs
from testbed.certificates import Files, certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, new_directory
from testbed.processes import environment
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until

FINE, PROBLEM, USAGE, NOT_RUNNING = range(4)


def ctl(*words, **options):
    return subprocess.run([programs() / "restantectl", *map(str, words)], text=True,
                          capture_output=True, timeout=seconds(60), env=environment(), **options)


def ctl_of(restante, *words, status=FINE):
    """Its output; by the configuration of that instance."""
    done = ctl("-c", restante.directory / "restante.conf", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == FINE or done.stdout else done.stderr


def status_of(restante, status=FINE):
    return json.loads(ctl_of(restante, "status", "--json", status=status))


def test_status_shows_every_process(restante):
    found = status_of(restante)
    assert found["pid"] == restante.process.pid
    assert {process["pid"] for process in found["processes"]} == restante.pids()
    assert {process["state"] for process in found["processes"]} == {"ready"}
    assert found["redis_up"] is True and found["generation"] == 1
    text = ctl("-r", restante.directory / "run", "status").stdout
    assert all(str(pid) in text for pid in restante.pids())
    assert "redis        there" in text


def test_status_shows_who_is_connected(restante):
    pid = min(restante.pids("smtpd"))
    with restante.smtp_by(pid):
        connections = {one["pid"]: one["connections"] for one in status_of(restante)["processes"]}
        assert connections[pid] == 1


def test_a_stopped_worker_is_seen_at_once_and_delays_nothing(restante):
    victim = min(restante.pids("smtpd"))
    times = []
    os.kill(victim, signal.SIGSTOP)
    try:
        def hanging():
            begun = time.monotonic()
            done = ctl("-r", restante.directory / "run", "status", "--json")
            times.append(time.monotonic() - begun)
            states = {one["pid"]: one["state"] for one in json.loads(done.stdout)["processes"]}
            assert (done.returncode == PROBLEM) == ("hangs" in states.values())
            return {pid for pid, state in states.items() if state == "hangs"}
        wait_until(hanging, "the stopped worker is called hanging", 10)
        assert hanging() == {victim}
        # A worker that was waited for would delay every look; what else runs on this machine, some.
        assert sorted(times)[len(times) // 2] < seconds(0.1), times
    finally:
        os.kill(victim, signal.SIGCONT)
    wait_until(lambda: not hanging(), "it goes on")


def test_top_shows_rates_and_ends(restante):
    text = ctl("-r", restante.directory / "run", "top", "-n", "2").stdout
    assert text.count("restante 0.") == 2


def test_a_mailbox_is_listed_shown_and_emptied(restante):
    restante.send("ctl@example.com", "From: Bob <bob@example.org>\r\nSubject: hello\r\n\r\nHi.\r\n")
    restante.send("ctl@example.com", "Subject: second\r\n\r\nYes.\r\n")
    first, second = ctl_of(restante, "inbox", "ctl").splitlines()
    assert "second" in first and "hello" in second and "bob@example.org" in second
    listed = json.loads(ctl_of(restante, "inbox", "--json", "Ctl@example.com"))
    assert [mail["subject"] for mail in listed] == ["second", "hello"]
    assert len(ctl_of(restante, "inbox", "-n", "1", "ctl").splitlines()) == 2  # and how to get more
    mail_id = second.split()[0]
    assert listed[1]["id"] == mail_id
    shown = ctl_of(restante, "show", "ctl", mail_id)
    assert "From: Bob <bob@example.org>\nSubject: hello\n\nHi.\n" in shown
    by_api = restante.api(f"/emails/ctl/{mail_id}").json()
    assert json.loads(ctl_of(restante, "show", "ctl", mail_id, "--json")) == by_api
    assert "second" in ctl_of(restante, "show", "ctl", "latest")
    assert ctl_of(restante, "rm", "ctl", mail_id) == f"removed {mail_id}\n"
    assert "no such mail" in ctl_of(restante, "rm", "ctl", mail_id, status=PROBLEM)
    assert "no such mail" in ctl_of(restante, "show", "ctl", mail_id, status=PROBLEM)
    assert [mail["subject"] for mail in restante.mails("ctl")] == ["second"]
    assert ctl_of(restante, "inbox", "nobody-ever") == ""
    assert "no id" in ctl_of(restante, "show", "ctl", "12", status=PROBLEM)


LARGE = "Subject: large\r\n\r\n" + random.Random(76).randbytes(100_000).hex("\n", 30) + "\r\n"


@contextlib.contextmanager
def empty_store(restante):
    """No mailbox but those of the test."""
    restante.redis.cli("FLUSHALL")
    yield
    restante.redis.cli("FLUSHALL")


def usage(restante, *words):
    """What `mailboxes` says, by mailbox in its order, and the total."""
    found = json.loads(ctl_of(restante, "mailboxes", "--json", *words))
    return {one["mailbox"]: one for one in found["mailboxes"]}, found["total"]


def memory(restante):
    """What Redis says of all its keys."""
    return sum(int(restante.redis.cli("MEMORY", "USAGE", key, "SAMPLES", "0"))
               for key in restante.redis.cli("KEYS", "*").split())


def test_mailboxes_are_listed_by_what_they_take(restante):
    with empty_store(restante):
        assert usage(restante) == ({}, {"mailboxes": 0, "count": 0, "bytes": 0})
        restante.send("large@example.com", LARGE)
        for number in range(3):
            restante.send("many@example.com", f"Subject: {number}\r\n\r\n")
        restante.send("newest@example.com")
        boxes, total = usage(restante)
        assert list(boxes) == ["large", "many", "newest"]
        assert [box["count"] for box in boxes.values()] == [1, 3, 1]
        assert boxes["large"]["bytes"] > 100_000 > boxes["many"]["bytes"] > 300
        assert sum(box["bytes"] for box in boxes.values()) == total["bytes"] == memory(restante)
        assert total["mailboxes"] == 3 and total["count"] == 5
        newest = restante.mails("newest")[0]["received_at"]
        assert boxes["newest"]["newest"] == newest
        assert list(usage(restante, "--sort", "count")[0])[0] == "many"
        times = [box["newest"] for box in usage(restante, "--sort", "newest")[0].values()]
        assert times == sorted(times, reverse=True)
        assert list(usage(restante, "--limit", "2")[0]) == ["large", "many"]
        head, first, more, last = ctl_of(restante, "mailboxes", "-n", "1").splitlines()
        assert head.split() == ["COUNT", "BYTES", "NEWEST", "MAILBOX"]
        assert first.split()[0] == "1" and first.split()[-1] == "large"
        assert more == "There is more: -n 2"
        assert last == f"in all: mailboxes 3, mails 5, bytes {total['bytes']}"


def test_each_recipient_has_its_share_of_a_mail_that_is_stored_once(restante):
    with empty_store(restante):
        with restante.smtp() as client:
            assert deliver(client, ["one@example.com", "two@example.com"], LARGE)[0] == 250
        boxes, total = usage(restante)
        assert boxes["one"]["bytes"] == boxes["two"]["bytes"] > 50_000
        assert total["bytes"] == memory(restante) == sum(box["bytes"] for box in boxes.values())


def test_a_mailbox_with_more_mail_than_is_looked_at_at_once_is_counted_as_a_whole(restante):
    with empty_store(restante):
        restante.redis.cli("EVAL", "for i = 1, 1234 do "
                           "redis.call('XADD', 'inbox:{much}', i .. '-0', 's', 'x', 'z', 'y') end",
                           "0")
        box = usage(restante)[0]["much"]
        assert (box["count"], box["newest"]) == (1234, 1)
        assert ctl_of(restante, "clear", "much") == "removed 1234 mails\n"
        assert restante.redis.cli("DBSIZE") == "0"


def test_what_is_listed_names_that_mailbox_and_no_other(restante):
    """Whoever fills mailboxes chooses their names: they neither command a shell or a terminal, nor are
    taken for another mailbox."""
    names = {'"$(reboot)"': "%24%28reboot%29", '"john doe"': "john%20doe", "a'b": "a%27b",
             '"victim@example.com"': "victim%40example.com", "dot.ted+x_y=z-": "dot.ted+x_y=z-",
             "j\u00fcrgen": "j\u00fcrgen", "x\u202ey": "x%E2%80%AEy", "-n": "%2Dn"}
    with empty_store(restante):
        restante.send("victim@example.com")
        for local in names:
            with restante.smtp() as client:
                client.ehlo()
                assert client.mail("b@example.org", ["SMTPUTF8"])[0] == 250
                client.command_encoding = "utf-8"
                assert client.docmd(f"RCPT TO:<{local}@example.com>")[0] == 250, local
                assert client.data("Subject: x\r\n\r\n")[0] == 250
        assert set(usage(restante)[0]) == {"victim", *names.values()}
        for shown in names.values():
            assert len(json.loads(ctl_of(restante, "inbox", "--json", shown))) == 1
            assert ctl_of(restante, "clear", shown) == "removed 1 mail\n"
        assert list(usage(restante)[0]) == ["victim"]
        assert "is no name" in ctl_of(restante, "clear", "50%", status=PROBLEM)


def test_mailboxes_of_several_domains_are_named_by_their_address():
    with Restante(domain="example.com example.net", mailbox_domains="separate") as restante:
        restante.send("alice@example.com")
        restante.send("alice@example.net")
        assert set(usage(restante)[0]) == {"alice@example.com", "alice@example.net"}
        assert ctl_of(restante, "clear", "alice@example.net") == "removed 1 mail\n"
        assert set(usage(restante)[0]) == {"alice@example.com"}


def test_a_mailbox_is_emptied(restante):
    with empty_store(restante):
        for number in range(3):
            restante.send("full@example.com", f"Subject: {number}\r\n\r\n")
        restante.send("other@example.com")
        claimed = restante.redis.cli("XRANGE", "inbox:{full}", "-", "+", "COUNT", "1").split()[0]
        restante.redis.cli("HSET", "claimed:{full}", claimed, "9999999999999")
        assert ctl_of(restante, "clear", "Full@example.com") == "removed 3 mails\n"
        assert restante.mails("full") == [] and len(restante.mails("other")) == 1
        assert ctl_of(restante, "clear", "full") == "removed 0 mails\n"


@pytest.mark.parametrize("command", [("clear",), ("rm", "first")])
def test_the_last_reference_to_a_mail_that_is_stored_once_takes_it_along(restante, command):
    with empty_store(restante):
        with restante.smtp() as client:
            assert deliver(client, ["one@example.com", "two@example.com"], LARGE)[0] == 250
        for user in ("one", "two"):
            mail_id = restante.mails(user)[0]["id"]
            words = [mail_id if word == "first" else word for word in command[1:]]
            assert restante.redis.cli("KEYS", "frame:*")
            ctl_of(restante, command[0], user, *words)
        assert restante.redis.cli("KEYS", "frame:*") == ""


def test_json_commands_no_terminal(restante):
    """It has the same text, in characters that a terminal shows."""
    subject = "\u202eevil\u202c \u0085 \u009b31m \u061c \u2066\x7f \u20ac"
    encoded = base64.b64encode(subject.encode()).decode()
    restante.send("terminal@example.com", f"Subject: =?utf-8?B?{encoded}?=\r\n"
                  f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64"
                  f"\r\n\r\n{encoded}\r\n")
    by_api = restante.mails("terminal")[0]
    for words in [("inbox", "terminal"), ("show", "terminal", "latest")]:
        shown = ctl_of(restante, "--json", *words)
        assert all(escape in shown for escape in ("\\u202e", "\\u009b", "\\u061c", "\u20ac"))
        assert not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]",
                             shown)
        found = json.loads(shown)
        assert (found[0] if "inbox" in words else found)["subject"] == by_api["subject"]


def test_a_reload_tells_what_came_of_it():
    with Restante(drain_timeout="8s", **Files().settings()) as restante, \
            restante.dialogue() as client:
        (restante.directory / "restante.conf").chmod(0o644)
        client.greet()  # so that the first generation stays for a while
        file = ("-c", restante.directory / "restante.conf")
        before = status_of(restante)
        assert ctl_of(restante, "reload") == "reloaded: generation 2 serves\n"
        after = status_of(restante)
        assert (after["generation"], after["reloads"], after["failed_reloads"]) == (2, 1, 0)
        old = {process["pid"] for process in before["processes"] if process["generation"] == 1}
        states = {(process["generation"], process["state"]) for process in after["processes"]}
        assert states == {(1, "draining"), (2, "ready")}
        assert {process["pid"] for process in after["processes"] if process["generation"] == 1} <= old
        assert after["pid"] == before["pid"]

        (restante.directory / "restante.conf").write_text("domain = example.com\nno_such = 1\n")
        wrong = ctl(*file, "reload")
        assert wrong.returncode == PROBLEM and "restante.conf:2" in wrong.stderr
        refused = ctl("-r", restante.directory / "run", "reload")  # it knows of no file
        assert refused.returncode == PROBLEM and "not reloaded" in refused.stderr
        last = json.loads(ctl("-r", restante.directory / "run", "status", "--json").stdout)
        assert (last["generation"], last["reloads"], last["failed_reloads"]) == (2, 1, 1)


def test_a_key_works_as_its_hash():
    printed = ctl("key").stdout
    key, configured = re.fullmatch(r"key {6}([0-9a-f]{48})\napi_key {2}(sha256:[0-9a-f]{64})\n",
                                   printed).groups()
    assert ctl("key").stdout != printed
    with Restante(api_key=f"{KEY} {configured}") as restante:
        for given, status in ((key, 200), (KEY, 200), (configured, 401), (key[:-1], 401)):
            assert restante.api("/emails/alice", key=given).status == status


def test_stop_waits_for_the_end():
    with Restante(drain_timeout="1s") as restante, restante.dialogue() as client:
        client.greet().secure().start_mail("alice@example.com")  # so that it takes its time
        begun = time.monotonic()
        assert ctl_of(restante, "stop") == "stopped\n"
        assert time.monotonic() - begun > 0.9
        assert restante.process.wait(seconds(5)) == 0
        restante.log.wait_for_end()
        assert "does not run" in ctl_of(restante, "status", status=NOT_RUNNING)


def test_an_instance_that_was_killed_does_not_run():
    with Restante() as restante:
        restante.process.kill()
        restante.process.wait()
        for command in ("status", "reload", "stop", "top"):
            assert "does not run" in ctl_of(restante, command, status=NOT_RUNNING)
        restante.log.wait_for_end()


def test_what_does_not_run_and_what_is_wrong_usage_are_told_apart():
    directory = new_directory()
    done = ctl("-r", directory, "status")
    assert done.returncode == NOT_RUNNING
    assert done.stderr == f"restantectl: restante does not run: no segment at {directory}/segment\n"
    for words in [(), ("frobnicate",), ("show", "alice"), ("inbox",), ("status", "now"), ("-x",),
                  ("-c",), ("top", "-n", "none"), ("clear",), ("mailboxes", "alice"),
                  ("mailboxes", "--sort", "size"), ("mailboxes", "--limit", "0")]:
        done = ctl(*words)
        assert done.returncode == USAGE and done.stderr.startswith("restantectl: "), words
    assert ctl("-h").returncode == FINE
    assert ctl("-V").stdout.startswith("restantectl 0.")


@pytest.mark.skipif(not IS_ROOT, reason="needs another user")
def test_who_may_not_look_hears_so(restante):
    done = ctl("-r", restante.directory / "run", "status", user=65500, group=65500)
    assert done.returncode == PROBLEM
    assert "Permission denied" in done.stderr


def test_a_redis_that_is_away_is_told(restante):
    for words in [("inbox", "alice"), ("show", "alice", "latest"), ("clear", "alice"), ("mailboxes",)]:
        done = ctl("-o", "redis=unix:/nowhere/redis.sock", *words)
        assert done.returncode == PROBLEM
        assert "Redis at /nowhere/redis.sock is away" in done.stderr


def check(restante, *words):
    done = ctl("-c", restante.directory / "restante.conf", "check", "--json", *words)
    findings = json.loads(done.stdout)
    bad = any(finding["grade"] == "bad" for finding in findings)
    assert done.returncode == (PROBLEM if bad else FINE)
    return [(one["grade"], one["subject"], one["text"]) for one in findings]


def test_check_names_what_could_lose_mail(restante):
    found = check(restante)
    assert found[0][:2] == ("good", "configuration")
    assert found[1][:2] == ("bad", "certificate")  # certificate() is valid for two days
    assert [grade for grade, subject, _ in found if subject == "redis"] == ["good"] * 4
    assert found[-1][1] == "dns example.com"  # whatever this machine's resolver says
    for name, value, word in [("appendfsync", "everysec", "appendfsync always"),
                              ("appendonly", "no", "appendonly yes")]:
        restante.redis.cli("CONFIG", "SET", name, value)
        texts = [text for grade, subject, text in check(restante) if grade != "good"]
        assert any(word in text for text in texts), texts
    restante.redis.cli("CONFIG", "SET", "appendonly", "yes")
    restante.redis.cli("CONFIG", "SET", "appendfsync", "always")


def test_check_finds_a_key_of_another_certificate(restante):
    other = certificate("other.example.com")[1]
    grade, subject, text = check(restante, "-o", f"tls_key={other}")[0]
    assert (grade, subject) == ("bad", "configuration") and "tls_key" in text


def test_dns_prints_the_records_to_set(restante):
    text = ctl_of(restante, "dns", "-o", "hostname=mail.example.com", "-o", "mta_sts=enforce")
    for record in ("example.com. IN MX 10 mail.example.com.", 'example.com. IN TXT "v=spf1 -all"',
                   '_dmarc.example.com. IN TXT "v=DMARC1; p=reject"',
                   '_mta-sts.example.com. IN TXT "v=STSv1; id=', "mail.example.com. IN A"):
        assert record in text
    assert "domain is not set" in ctl("-r", restante.directory / "run", "dns").stderr


def test_nothing_of_the_key_is_shown(restante):
    for words in [("status",), ("check",), ("dns",), ("status", "--json")]:
        done = ctl("-c", pathlib.Path(restante.directory) / "restante.conf", *words)
        assert KEY not in done.stdout + done.stderr
