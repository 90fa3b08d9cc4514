# SPDX-License-Identifier: ISC
# Attacks on the rate limit: forged senders, floods of distinct senders, keys chosen to collide.
import collections
import concurrent.futures
import subprocess

import pytest

from testbed.build import BUILD
from testbed.daemon import Restante
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import SLOW, seconds

KEYS = 5_000_000 if SLOW == 1 else 500_000
MICROSECOND = 1000  # ns
SENDERS, WATCHED, LIMIT, CLIENTS = 4000, 20, 5, 4
MAIL = "Subject: x\r\n\r\n"


def test_row36_flood_of_keys(reached):
    """In the memory that the daemon has for it, by four processes at once."""
    result = subprocess.run([BUILD / "attacks/rate_flood", str(KEYS)], text=True, check=True,
                            capture_output=True, timeout=seconds(120))
    got = {name: int(number) for name, number in map(str.split, result.stdout.splitlines())}
    reached(f"{got['keys']:,} distinct keys: {got['limited_passes']} extra passes of a limited one, "
            f"at most {got['most_granted']} of {got['limit']} for any; {got['ns_empty']} ns a check "
            f"of an empty table, {got['ns_full']} ns of a full one; a newcomer has "
            f"{got['left_for_newcomer']} of {got['limit']}",
            f"8 keys chosen for a victim's bucket leave it {got['victim_if_key_known']} of "
            f"{got['limit']} where the hash key is known, {got['victim_if_key_secret']} where not")
    assert got["limited_passes"] == 0
    assert got["most_granted"] == got["limit"]
    assert got["ns_full"] <= seconds(MICROSECOND)
    assert got["left_for_newcomer"] > got["limit"] / 2
    assert got["victim_if_key_known"] == 0 and got["victim_if_key_secret"] == got["limit"]


def send_as(client, senders):
    """The codes of mails from each of them, in one transaction after the other."""
    return [(sender, deliver(client, "flood@example.com", MAIL, sender)[0]) for sender in senders]


def test_row36_flood_of_senders(reached):
    """Between the senders of the flood others try again and again to send more than they may."""
    with Redis(appendfsync="no") as redis, Restante(redis, smtp_rate_limit=LIMIT) as restante:
        def share(number):
            senders = []
            for i in range(number, SENDERS, CLIENTS):
                senders += [f"flood{i}@example.org", f"watched{i // CLIENTS % WATCHED}@example.org"]
            with restante.smtp(f"127.6.0.{1 + number}") as client:
                return send_as(client, senders)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            answers = [one for part in pool.map(share, range(CLIENTS)) for one in part]
    taken = collections.Counter(sender for sender, code in answers if code == 250)
    watched = {sender: count for sender, count in taken.items() if sender.startswith("watched")}
    tried = len(answers) - SENDERS
    reached(f"{SENDERS:,} senders: {WATCHED} others had {sum(watched.values())} of {tried:,} tries "
            f"taken, {set(watched.values())} each, with a limit of {LIMIT}")
    assert {code for _, code in answers} == {250, 450}
    assert len(watched) == WATCHED and set(watched.values()) == {LIMIT}
    assert len(taken) == SENDERS + WATCHED


def test_row34_forged_sender(reached):
    """The limit is by sender and network of the client, so a forged one hurts its own network."""
    with Restante(smtp_rate_limit=LIMIT) as restante:
        with restante.smtp("127.6.1.1") as attacker, restante.smtp("127.6.2.2") as victim:
            forged = [deliver(attacker, "a@example.com", MAIL, "victim@example.org")[0]
                      for _ in range(LIMIT + 5)]
            assert forged == [250] * LIMIT + [450] * 5
            true = [deliver(victim, "a@example.com", MAIL, "victim@example.org")[0]
                    for _ in range(LIMIT)]
            reached(f"{forged.count(250)} forged mails: 0 of {len(true)} of the true sender put off")
            assert true == [250] * LIMIT


def test_row52_a_message_that_never_comes(reached):
    """A message is counted when it has come as a whole."""
    with Restante(smtp_rate_limit=LIMIT) as restante:
        with restante.smtp("127.6.1.1") as attacker, restante.smtp("127.6.1.2") as victim:
            for _ in range(4 * LIMIT):
                attacker.mail("victim@example.org")
                attacker.rcpt("a@example.com")
                assert attacker.docmd("BDAT 0")[0] == 250
                attacker.rset()
            true = [deliver(victim, "a@example.com", MAIL, "victim@example.org")[0]
                    for _ in range(LIMIT)]
            reached(f"{4 * LIMIT} begun: {true.count(250)} of {LIMIT} of the true sender taken")
            assert true == [250] * LIMIT


@pytest.mark.parametrize("recipient", ["postmaster", "bounces@example.com"])
def test_row34_null_sender_is_nobody_elses(recipient):
    """Nobody can use up another's bounces."""
    with Restante(smtp_rate_limit=LIMIT) as restante:
        with restante.smtp("127.6.2.1") as attacker, restante.smtp("127.6.2.2") as other:
            codes = [deliver(attacker, recipient, MAIL, "")[0] for _ in range(LIMIT + 5)]
            assert codes == [250] * LIMIT + [450] * 5
            assert deliver(other, recipient, MAIL, "")[0] == 250
