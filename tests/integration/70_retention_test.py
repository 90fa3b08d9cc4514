# SPDX-License-Identifier: ISC
# Mail older than the retention is not shown, to the millisecond, and Redis' memory goes back.
import contextlib
import random
import re
import time

from testbed.api import ask
from testbed.daemon import Restante
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import seconds, wait_until

RETENTION = 2.0  # seconds


def test_a_mail_is_shown_until_the_retention_ends_and_not_after():
    with Restante(retention="2s") as restante:
        with contextlib.closing(restante.https()) as connection, restante.smtp() as client:
            assert deliver(client, "alice@example.com", "Subject: first\r\n\r\n")[0] == 250
            first, = restante.mails("alice")
            gone_at = int(first["id"]) / 10**9 + RETENTION
            wait_until(lambda: time.time() > gone_at - 1, "the second may come")
            assert deliver(client, "alice@example.com", "Subject: second\r\n\r\n")[0] == 250
            end, shown = time.time() + seconds(10), True
            while shown and time.time() < end:
                asked = time.time()
                answer = ask(connection, "/emails/alice").json()
                answered = time.time()
                shown = first["id"] in [mail["id"] for mail in answer]
                assert asked < gone_at + 0.002 if shown else answered > gone_at - 0.002
            assert not shown
            assert [mail["subject"] for mail in answer] == ["second"]


def test_redis_is_empty_again_by_itself():
    noise = random.Random(3)
    with Redis() as redis, Restante(redis, retention="2s") as restante:
        def memory():
            # Redis 8 counts in used_memory what its Lua keeps.
            text = redis.cli("INFO", "memory")
            return int(re.search("used_memory:(\\d+)", text)[1]) - int(
                re.search("used_memory_overhead:(\\d+)", text)[1])
        before = memory()
        with restante.smtp() as client:
            for i in range(10):
                data = f"Subject: {i}\r\n\r\n" + noise.randbytes(500_000).hex("\n", 35)
                assert deliver(client, f"user{i}@example.com", data)[0] == 250
        assert int(redis.cli("DBSIZE")) >= 20
        assert memory() > before + 5_000_000
        wait_until(lambda: redis.cli("DBSIZE") == "0", "every key has expired", 15)
        assert memory() < before + 1_000_000
