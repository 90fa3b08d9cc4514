# SPDX-License-Identifier: ISC
# A mailbox that has reached its limit takes no mail, or makes room, and others do not notice.
import random

import pytest

from testbed.daemon import Restante
from testbed.smtp import deliver
from testbed.waiting import wait_until

LARGE = "Subject: large\r\n\r\n" + random.Random(52).randbytes(30_000).hex("\n", 30)


def subjects(restante, user):
    return [mail["subject"] for mail in restante.mails(user)]


def send(restante, to, count, data="Subject: {}\r\n\r\nx\r\n"):
    with restante.smtp() as client:
        return [deliver(client, f"{to}@example.com", data.replace("{}", str(number)))
                for number in range(count)]


def test_a_full_mailbox_refuses_its_recipient_alone():
    with Restante(mailbox_limit=3, smtp_tls="optional") as restante:
        assert [code for code, _ in send(restante, "full", 3)] == [250] * 3
        with restante.dialogue() as client:
            client.greet()
            assert client.say("MAIL FROM:<bob@example.org>") == 250
            assert client.say("RCPT TO:<other@example.com>") == 250
            client.send("RCPT TO:<full@example.com>\r\nRCPT TO:<third@example.com>\r\n")
            assert client.line() == b"452 4.2.2 The mailbox is full: try again later"
            assert client.code() == 250
            assert client.say("DATA") == 354
            assert client.say("Subject: x\r\n\r\nx\r\n.") == 250
            # Refused alone, it leaves no recipient.
            assert client.say("MAIL FROM:<bob@example.org>") == 250
            assert [client.say("RCPT TO:<full@example.com>") for _ in range(2)] == [452] * 2
            assert client.say("DATA") == 554
        restante.log.wait_for("event=mail_refused .*reply=mailbox_full", 3)
        assert [len(restante.mails(user)) for user in ("other", "third", "full")] == [1, 1, 3]
        mail = restante.mails("full")[1]
        assert restante.api(f"/emails/full/{mail['id']}", method="DELETE").status == 200
        assert [code for code, _ in send(restante, "full", 2)] == [250, 452]


def test_a_full_mailbox_drops_its_oldest():
    with Restante(mailbox_limit=3, mailbox_full="drop_oldest") as restante:
        assert [code for code, _ in send(restante, "full", 7)] == [250] * 7
        assert subjects(restante, "full") == ["6", "5", "4"]


@pytest.mark.parametrize("full, codes, left", [("refuse", [250] * 3 + [452] * 2, 3),
                                               ("drop_oldest", [250] * 5, 2)])
def test_the_size_of_a_mailbox_is_that_of_what_is_stored(full, codes, left):
    """Each of 60 KB takes half of that; large ones to several are in a frame that they share."""
    with Restante(mailbox_size_limit="1M", mailbox_full=full) as restante:
        # Fewer bytes than the least value of the setting would take many mails.
        restante.redis.cli("SET", "size:{full}", 1_048_576 - 85_000)
        with restante.smtp() as client:
            answers = [deliver(client, ["full@example.com", f"copy{number}@example.com"],
                               LARGE.replace("large", str(number)))[0] for number in range(5)]
        assert answers == codes
        assert len(restante.mails("full")) == left
        size = int(restante.redis.cli("GET", "size:{full}"))
        assert restante.api("/emails/full", method="DELETE").status == 200
        assert restante.redis.cli("EXISTS", "size:{full}") == "0"
        assert size > 0
        copies = {f"copy{number}" for number in range(5) if codes[number] == 250}
        for copy in copies:
            assert restante.api(f"/emails/{copy}", method="DELETE").status == 200
        wait_until(lambda: restante.redis.cli("KEYS", "frame:*") == "", "no frame is left")
        assert restante.redis.cli("KEYS", "size:*") == ""


def test_what_is_removed_does_not_count():
    with Restante(mailbox_size_limit="1M") as restante:
        send(restante, "one", 3)
        for mail in restante.mails("one")[:2]:
            assert restante.api(f"/emails/one/{mail['id']}", method="DELETE").status == 200
        one = int(restante.redis.cli("GET", "size:{one}"))
        assert 0 < one < 1000
        send(restante, "one", 1)
        assert int(restante.redis.cli("GET", "size:{one}")) == pytest.approx(2 * one, abs=20)
        for _ in range(2):
            assert restante.api("/emails/one/claim", method="POST").status == 200
        wait_until(lambda: restante.redis.cli("EXISTS", "size:{one}") == "0", "it is empty")
