# SPDX-License-Identifier: ISC
# The API's routes of one message.
import time

import pytest

from harness import FIELDS, Restante

NO_ID = "1" * 19


def error_of(answer, status):
    """The text of an error, after a look at its form."""
    assert answer.status == status, answer
    content = answer.json()
    assert list(content) == ["error"]
    return content["error"]


def list_of(restante, user, query=""):
    answer = restante.api(f"/emails/{user}{query}")
    assert answer.status == 200, answer
    return answer.json()


def test_a_message_is_what_the_list_has_of_it(restante):
    for number in range(3):
        restante.send("one@example.com", f"Subject: {number}\r\n\r\nBody {number}.\r\n")
    restante.send("one@example.com", "Subject: large\r\n\r\n" + "0123456789 \r\n" * 4000)
    listed = list_of(restante, "one")
    assert [mail["subject"] for mail in listed] == ["large", "2", "1", "0"]
    for name, mail in [("latest", listed[0]), *((mail["id"], mail) for mail in listed)]:
        answer = restante.api(f"/emails/One@example.com/{name}")
        assert answer.status == 200
        content = answer.json()
        assert {field: content[field] for field in FIELDS} == mail
    head = restante.api("/emails/one/latest", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(restante.api("/emails/one/latest").body)


def test_details_are_in_the_message_when_they_are_stored(restante):
    restante.send("details@example.com")
    key, = restante.redis.cli("keys", "mail:{details}:*").split()
    restante.redis.cli("hset", key, "d", '"more":{"of":["it"]}')
    assert restante.api("/emails/details/latest").json()["more"] == {"of": ["it"]}
    restante.redis.cli("hdel", key, "d")
    assert "more" not in restante.api("/emails/details/latest").json()


@pytest.mark.parametrize("name", ["latest", NO_ID, "9" * 19])
def test_a_message_that_is_not_there_is_404(restante, name):
    assert error_of(restante.api(f"/emails/no-such/{name}"), 404) == "no such message"


def test_an_id_is_of_its_mailbox_and_exact(restante):
    restante.send("mine@example.com")
    mail, = list_of(restante, "mine")
    for path in (f"/emails/yours/{mail['id']}", f"/emails/mine/{int(mail['id']) + 1}",
                 f"/emails/mine/{int(mail['id']) - 1}"):
        assert error_of(restante.api(path), 404) == "no such message"


@pytest.mark.parametrize("name", ["1", "last", "1" * 20, "0x11111111111111111", "%31" + "1" * 18])
def test_what_is_no_id_is_400(restante, name):
    assert "19 digits" in error_of(restante.api(f"/emails/alice/{name}"), 400)


def test_a_message_past_its_age_is_not_shown():
    with Restante(retention="2s") as restante:
        restante.send("old@example.com")
        mail, = list_of(restante, "old")
        path = f"/emails/old/{mail['id']}"
        assert restante.api(path).status == 200
        # Redis keeps it, so that it is the age which hides it.
        restante.redis.cli("persist", "inbox:{old}")
        restante.redis.cli("persist", restante.redis.cli("keys", "mail:{old}:*"))
        time.sleep(2.1)
        for name in (mail["id"], "latest"):
            assert error_of(restante.api(f"/emails/old/{name}"), 404) == "no such message"
