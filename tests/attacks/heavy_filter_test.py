# SPDX-License-Identifier: ISC
# A filter that nearly fits at each place of very long subjects keeps neither its asker nor others waiting.
import contextlib
import threading
import time

from testbed.api import ask
from testbed.daemon import Restante
from testbed.smtp import deliver
from testbed.waiting import p99

MAILS, SUBJECT = 100, 250_000
ASKER_MOST, OTHERS_MOST = 0.3, 0.05  # seconds


def test_row57_a_filter_over_long_subjects(reached):
    subject = "\r\n ".join(["a" * 900] * (SUBJECT // 900))
    with Restante(apid_workers=1) as restante:
        with restante.smtp() as client:
            for _ in range(MAILS):
                assert deliver(client, "long@example.com", f"Subject: {subject}\r\n\r\nx")[0] == 250
        restante.send("other@example.com")
        over, waits = threading.Event(), []

        def others():
            with contextlib.closing(restante.https()) as connection:
                while not over.is_set():
                    began = time.monotonic()
                    assert ask(connection, "/emails/other").status == 200
                    waits.append(time.monotonic() - began)
                    over.wait(0.005)
        thread = threading.Thread(target=others)
        thread.start()
        asked = []
        with contextlib.closing(restante.https()) as connection:
            for path in ["/emails/long?limit=100&subject=" + "a" * 299 + "b",
                         "/emails/long?limit=100&view=summary&subject=" + "a" * 299] * 100:
                began = time.monotonic()
                assert ask(connection, path).status == 200
                asked.append(time.monotonic() - began)
        over.set()
        thread.join()
        reached(f"{MAILS} subjects of 250 KB: the asker waits {1000 * max(asked):.0f} ms at most, others "
                f"{1000 * p99(waits):.0f} ms (p99 of {len(waits)})")
        assert max(asked) < ASKER_MOST and p99(waits) < OTHERS_MOST
