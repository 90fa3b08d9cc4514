# SPDX-License-Identifier: ISC
# What is counted: right after known traffic, well-formed, and never less than before.
import contextlib
import functools
import http.client
import math
import re
import shutil
import signal
import smtplib
import subprocess
import threading
import time

from testbed.api import KEY
from testbed.build import SOURCE
from testbed.daemon import Restante
from testbed.packages import unpack
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until

KILLS = 20
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


def parse(text):
    """Strictly what the text format 0.0.4 allows: {(name, ((label, value), …)): number}, types."""
    assert text.endswith("\n")
    samples, types, helps, family = {}, {}, set(), None
    for line in text.splitlines():
        if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            assert match[1] not in helps, line
            helps.add(match[1])
            family = match[1]
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            assert match[1] == family and match[1] not in types, line
            types[match[1]] = match[2]
        else:
            match = re.fullmatch(rf"({NAME})(?:\{{(.*)\}})? (\S+)", line)
            assert match, line
            suffix = r"(_bucket|_sum|_count)?" if types[family] == "histogram" else ""
            assert re.fullmatch(re.escape(family) + suffix, match[1]), line
            labels = LABEL.findall(match[2] or "")
            assert ",".join(f'{name}="{value}"' for name, value in labels) == (match[2] or ""), line
            key = match[1], tuple(labels)
            assert key not in samples, line
            samples[key] = float(match[3])
            assert math.isfinite(samples[key]) and samples[key] >= 0, line
    assert helps == set(types)
    return samples, types


def metrics(restante):
    answer = restante.api("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(answer.body.decode())


def grown(restante, before):
    """What has grown since, by how much; gauges left out."""
    now, types = metrics(restante)
    return {key: value - before.get(key, 0) for key, value in now.items()
            if value != before.get(key, 0) and types.get(key[0]) == "counter"}


def test_known_traffic_gives_known_counts(restante):
    before, _ = metrics(restante)
    data = "Subject: count me\r\n\r\n" + "x" * 70 + "\r\n"
    with restante.smtp() as client:
        assert deliver(client, ["one@example.com", "two@example.com"], data)[0] == 250
        assert deliver(client, "one@example.com", data, "other@example.org")[0] == 250
        assert client.mail("bob@example.org")[0] == 250
        assert client.rcpt("one@example.net")[0] == 550
        assert client.rcpt("one@example.net")[0] == 550
    with restante.dialogue() as client:
        client.greet()
        assert client.say("STARTTLS") == 220
        client.send("this is no TLS\r\n" * 10)
        client.line()
    assert restante.api("/emails/one").status == 200
    assert restante.api("/emails/one", key="wrong").status == 401
    assert restante.api("/emails/one/claim", method="POST").status == 200
    wait_until(lambda: grown(restante, before).get(("restante_mails_claimed_total", ())) == 1,
               "the claim is settled")
    found = grown(restante, before)
    requests = found.pop(("restante_api_requests_total", (("status", "2xx"),)))
    assert requests >= 4  # those of this test for metrics too
    assert found.pop(("restante_http_connections_total", (("result", "accepted"),))) >= 5
    assert found == {
        ("restante_mails_stored_total", ()): 2,
        ("restante_mail_recipients_total", ()): 3,
        ("restante_mail_received_bytes_total", ()): 2 * len(data),
        ("restante_smtp_refused_total", (("reply", "5xx"),)): 2,
        ("restante_smtp_connections_total", (("result", "accepted"),)): 2,
        ("restante_smtp_tls_handshakes_total", (("result", "ok"),)): 1,
        ("restante_smtp_tls_handshakes_total", (("result", "failed"),)): 1,
        ("restante_api_requests_total", (("status", "4xx"),)): 1,
        ("restante_mails_claimed_total", ()): 1,
    }
    now, _ = metrics(restante)
    count = "restante_delivery_duration_seconds_count", ()
    assert now[count] - before[count] == 2
    assert now["restante_delivery_duration_seconds_bucket", (("le", "+Inf"),)] == now[count]


def test_what_is_so_now_is_told(restante):
    with restante.smtp() as one, restante.smtp() as two:
        one.noop(), two.noop()
        now, types = metrics(restante)
        assert now["restante_connections", (("protocol", "smtp"),)] == 2
        assert now["restante_connections", (("protocol", "http"),)] >= 1
    wait_until(lambda: metrics(restante)[0]["restante_connections", (("protocol", "smtp"),)] == 0,
               "nobody is connected")
    for role in ("smtpd", "apid", "mimed"):
        assert now["restante_workers", (("role", role), ("state", "ready"))] == 2
    assert now["restante_redis_up", ()] == 1
    assert abs(now["restante_start_time_seconds", ()] - time.time()) < seconds(600)
    expiry = now["restante_certificate_expiry_timestamp_seconds", ()]
    assert 1.9 * 86400 < expiry - time.time() < 2.1 * 86400  # certificate() is valid for two days
    assert types["restante_delivery_duration_seconds"] == "histogram"


def test_waiting_requests_and_streams_are_counted_while_they_last(restante):
    def now(name):
        return metrics(restante)[0][name, ()]
    with contextlib.closing(restante.https()) as waiting, \
            contextlib.closing(restante.https()) as stream:
        waiting.request("GET", "/emails/slow?wait=60", headers={"X-API-KEY": KEY})
        stream.request("GET", "/emails/slow/events", headers={"X-API-KEY": KEY})
        wait_until(lambda: now("restante_api_waiting_requests") == 1, "the request waits")
        wait_until(lambda: now("restante_api_event_streams") == 1, "the stream is open")
    wait_until(lambda: now("restante_api_waiting_requests") == 0, "nobody waits")
    wait_until(lambda: now("restante_api_event_streams") == 0, "no stream is open")


def test_the_key_may_come_as_a_bearer_token(restante):
    for key, headers, status in [(KEY, {}, 200), (None, {}, 401), ("wrong", {}, 401),
                                 (None, {"Authorization": f"Bearer {KEY}"}, 200),
                                 (None, {"Authorization": "Bearer wrong"}, 401)]:
        assert restante.api("/metrics", key=key, headers=headers).status == status
    headers = {"Authorization": f"Bearer {KEY}"}
    assert restante.api("/emails/alice", key=None, headers=headers).status == 401


def test_limits_and_an_outage_are_counted():
    with Restante(smtp_rate_limit=1, api_rate_limit=0, redis_timeout="500ms") as restante:
        with restante.smtp() as client:
            assert deliver(client, "a@example.com", sender="s@example.org")[0] == 250
            assert deliver(client, "a@example.com", sender="s@example.org")[0] == 450
            restante.redis.signal(signal.SIGSTOP)
            assert deliver(client, "a@example.com", sender="other@example.org")[0] == 451
        now, _ = metrics(restante)
        assert now["restante_smtp_rate_limited_total", ()] == 1
        assert now["restante_smtp_refused_total", (("reply", "4xx"),)] == 2
        assert now["restante_mails_deferred_total", ()] == 1
        assert now["restante_redis_errors_total", ()] >= 1
        assert now["restante_redis_up", ()] == 0
        restante.redis.signal(signal.SIGCONT)
        wait_until(lambda: metrics(restante)[0]["restante_redis_up", ()] == 1, "Redis is back")


def load(restante, stopping, stored, number):
    count = 0
    while not stopping.is_set():
        with contextlib.suppress(OSError, smtplib.SMTPException):
            with restante.smtp() as client:
                while not stopping.is_set():
                    if deliver(client, f"load{number}@example.com")[0] == 250:
                        count += 1
    stored[number] = count


def test_no_counter_goes_back_when_workers_are_killed():
    with Restante() as restante:
        stopping, stored = threading.Event(), {}
        senders = [threading.Thread(target=load, args=(restante, stopping, stored, i))
                   for i in range(3)]
        for sender in senders:
            sender.start()
        last = {}

        def look():
            nonlocal last
            with contextlib.suppress(OSError, http.client.HTTPException):
                now, types = metrics(restante)
                for key, value in now.items():
                    family = re.sub("_(bucket|sum|count)$", "", key[0])
                    if types.get(key[0]) == "counter" or types.get(family) == "histogram":
                        assert value >= last.get(key, 0), key
                last = now
        try:
            for number in range(KILLS):
                role = ("smtpd", "apid")[number % 2]
                victims = wait_until(lambda: restante.pids(role), f"an {role} is there")
                restante.kill(min(victims))
                for _ in range(4):
                    look()
        finally:
            stopping.set()
            for sender in senders:
                sender.join()
        restante.wait_until_complete()
        look()
        assert last["restante_worker_deaths_total", ()] == KILLS
        # What the dead had open is closed, and they are on no list.
        for role in ("smtpd", "apid", "mimed"):
            assert last["restante_workers", (("role", role), ("state", "ready"))] == 2
        wait_until(lambda: metrics(restante)[0]["restante_connections", (("protocol", "smtp"),)]
                   == 0, "nobody is connected")
        # A mail whose 250 was on its way when its worker died may be counted and not be known.
        total = last["restante_mails_stored_total", ()]
        assert sum(stored.values()) <= total <= sum(stored.values()) + KILLS + len(senders)


@functools.cache
def promtool():
    """Debian starts a server when its package is installed, so it is unpacked."""
    return shutil.which("promtool") or unpack("prometheus") / "usr/bin/promtool"


def test_promtool_has_nothing_to_say(restante):
    text = restante.api("/metrics").body
    found = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True,
                           timeout=seconds(60))
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


def test_promtool_takes_the_rules():
    found = subprocess.run([promtool(), "check", "rules", SOURCE / "etc/prometheus/restante.rules.yml"],
                           capture_output=True, text=True, timeout=seconds(60))
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_rules_and_the_dashboard_ask_for_what_there_is(restante):
    known = set()
    for name, kind in metrics(restante)[1].items():
        known |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    for file in ("etc/prometheus/restante.rules.yml", "etc/grafana/restante.json"):
        asked = set(re.findall(r"restante_[a-z0-9_]+", (SOURCE / file).read_text()))
        assert asked and asked <= known, file
