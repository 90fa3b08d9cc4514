# SPDX-License-Identifier: ISC
# A large mail to several mailboxes is stored once, and removed with the last entry that refers to it.
import base64
import random
import re

import pytest

from testbed.daemon import Restante
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import wait_until

SIZE = 200_000
NOISE = random.Random(51).randbytes(SIZE // 2).hex("\n", 30)  # compresses to about half
MAIL = f"Subject: large\r\nMessage-ID: <once@example.org>\r\n\r\n{NOISE}\r\n"


@pytest.fixture(scope="module")
def restante():
    with Restante() as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def nothing_stored(restante):
    yield
    restante.redis.cli("FLUSHALL")


def send(restante, users, mail=MAIL):
    with restante.smtp() as client:
        assert deliver(client, [f"{user}@example.com" for user in users], mail)[0] == 250


def frames(restante):
    return restante.redis.cli("KEYS", "frame:*").split()


def references(restante):
    key, = frames(restante)
    return int(restante.redis.cli("HGET", key, "refs"))


def has_none(restante):
    wait_until(lambda: not frames(restante), "the frame is gone")
    assert restante.redis.cli("DBSIZE") == "0"


def text_of(body):
    return re.sub(r"\s", "", body)


def test_a_hundred_recipients_take_the_memory_of_one(restante, record_property):
    """Random bytes in base64, which do not compress to less than they are."""
    def used():
        return int(re.search(r"used_memory_dataset:(\d+)", restante.redis.cli("INFO", "memory"))[1])

    content = base64.encodebytes(random.Random(1).randbytes(1_500_000)).decode()
    mail = f"Subject: 2 MB\r\nContent-Transfer-Encoding: base64\r\n\r\n{content}"
    before = used()
    send(restante, [f"many{i}" for i in range(100)], mail)
    factor = (used() - before) / len(mail)
    record_property("times the size", factor)
    print(f"{len(mail)} bytes to 100 mailboxes: {factor:.2f} times the size in Redis")
    assert factor < 3
    assert references(restante) == 100
    assert restante.redis.cli("KEYS", "mail:*") == ""


def test_each_mailbox_shows_it(restante):
    send(restante, ["ann", "ben"])
    for user in ("ann", "ben"):
        mail, = restante.mails(user)
        assert mail["to"] == f"{user}@example.com"
        assert text_of(mail["body_text"]) == text_of(NOISE)
        whole = restante.api(f"/emails/{user}/{mail['id']}").json()
        assert text_of(whole["body_text"]) == text_of(NOISE)
        raw = restante.api(f"/emails/{user}/{mail['id']}/raw").body
        assert raw.endswith(re.sub("\r?\n", "\r\n", MAIL).encode())


def test_the_last_that_is_removed_takes_it_along(restante):
    send(restante, ["one", "two", "three"])
    mail, = restante.mails("one")
    assert restante.api(f"/emails/one/{mail['id']}", method="DELETE").status == 200
    wait_until(lambda: references(restante) == 2, "one reference is given up")
    assert restante.api("/emails/two", method="DELETE").status == 200
    wait_until(lambda: references(restante) == 1, "another reference is given up")
    assert len(restante.mails("three")[0]["body_text"]) > SIZE / 2
    claimed = restante.api("/emails/three/claim", method="POST")
    assert claimed.status == 200
    assert text_of(claimed.json()["body_text"]) == text_of(NOISE)
    has_none(restante)


def test_a_claim_passes_by_a_frame_that_is_gone(restante):
    send(restante, ["carl", "dora"])
    restante.redis.cli("DEL", *frames(restante))
    restante.send("carl@example.com", "Subject: small\r\n\r\n")
    assert restante.api("/emails/carl/claim", method="POST").json()["subject"] == "small"


def test_a_small_mail_and_a_mail_to_one_have_none(restante):
    send(restante, ["ann", "ben"], "Subject: small\r\n\r\n")
    send(restante, ["ann"])
    assert frames(restante) == []
    assert len(restante.redis.cli("KEYS", "mail:{ann}:*").split()) == 1


def test_a_second_try_takes_what_the_first_has_stored(restante):
    """The first try stores the mail for two of three. Only the third may refer to a new frame."""
    users = ["one", "two", "three"]
    recipients = [f"{user}@example.com" for user in users]
    restante.redis.cli("SET", "inbox:{three}", "no stream")
    with restante.smtp() as client:
        assert deliver(client, recipients, MAIL)[0] == 451
        restante.redis.cli("DEL", "inbox:{three}")
        assert deliver(client, recipients, MAIL)[0] == 250
    wait_until(lambda: sorted(int(restante.redis.cli("HGET", key, "refs")) for key in frames(restante))
               == [1, 3], "the second frame has the reference of one")
    for user in users:
        mail, = restante.mails(user)
        assert text_of(mail["body_text"]) == text_of(NOISE)


def test_nothing_is_left_when_redis_is_full():
    with Redis() as redis, Restante(redis) as restante:
        used = int(re.search(r"used_memory:(\d+)", redis.cli("INFO", "memory"))[1])
        redis.cli("CONFIG", "SET", "maxmemory", used + SIZE * 3)
        with restante.smtp() as client:
            users = [f"full{i}@example.com" for i in range(10)]
            while deliver(client, users, MAIL)[0] == 250:
                pass
            assert deliver(client, users, MAIL)[0] == 452
        redis.cli("CONFIG", "SET", "maxmemory", 0)
        for i in range(10):
            assert restante.api(f"/emails/full{i}", method="DELETE").status == 200
        wait_until(lambda: redis.cli("KEYS", "frame:*") == "", "every frame is gone")
