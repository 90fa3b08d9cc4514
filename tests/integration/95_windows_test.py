# SPDX-License-Identifier: ISC
# What a limited client is told to wait is what it has to wait. Last, since most of that has passed.
import re
import time

from testbed.smtp import deliver


def wait_for_clock(moment):
    time.sleep(max(0, moment - time.monotonic()))


def test_a_limited_sender_may_send_again_when_it_was_told(limited):
    free_at = min(when + int(re.search(r"in (\d+) seconds", text)[1])
                  for (code, text), when in limited.mail_answers if code == 450)
    wait_for_clock(free_at)
    with limited.daemon.smtp() as client:
        assert deliver(client, "limited@example.com", sender="limited@example.org")[0] == 250


def test_a_limited_client_is_answered_again_after_retry_after(limited):
    free_at = min(when + int(answer.headers["Retry-After"])
                  for answer, when in limited.api_answers if answer.status == 429)
    if free_at - time.monotonic() > 2:
        wait_for_clock(free_at - 2)
        assert limited.daemon.api("/emails/limited").status == 429
    wait_for_clock(free_at)
    answer = limited.daemon.api("/emails/limited")
    assert answer.status == 200
    assert answer.headers["RateLimit-Remaining"] == "99"
