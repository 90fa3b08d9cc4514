# SPDX-License-Identifier: ISC
# Mail of one client that is heavy or large does not hold up that of others.
import contextlib
import threading
import time

from testbed.daemon import Restante
from testbed.smtp import deliver
from testbed.waiting import p99

GREEDY, OTHERS = "127.8.1.1", [f"127.8.{2 + n}.1" for n in range(5)]
MOST = 0.3  # seconds that others wait for their 250
MAILS = 40  # of each of the others
# Costs its parser more than most, for 64 KB.
HEAVY = "Content-Type: text/html\r\n\r\n" + "AB1-CD2 &amp; <a href=x>" * 2600 + "\r\n"


@contextlib.contextmanager
def in_threads(work, count):
    """Each of the threads repeats `work(number)` while the block lasts."""
    over = threading.Event()

    def run(number):
        while not over.is_set():
            with contextlib.suppress(OSError):
                work(number)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def waits_of_others(restante):
    """How long each of the others waited for each 250, in seconds."""
    took = []

    def send(source):
        with restante.smtp(source) as client:
            for number in range(MAILS):
                began = time.monotonic()
                code, text = deliver(client, "other@example.com", f"Subject: {number}\r\n\r\nx\r\n")
                took.append(time.monotonic() - began)
                assert code == 250, text
    threads = [threading.Thread(target=send, args=(source,)) for source in OTHERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == MAILS * len(OTHERS)
    return took


def measure(recipients, data, clients, reached, what):
    with Restante(smtpd_workers=1, smtp_client_connection_limit=0,
                  recipient_size_limit="2G") as restante:
        def send(_):
            with restante.smtp(GREEDY) as client:
                client.mail("greedy@example.org")
                for number in range(recipients):
                    client.rcpt(f"greedy{number}@example.com")
                client.data(data)
        with in_threads(send, clients):
            restante.log.wait_for("event=mail_stored .*from=greedy@", timeout=60)
            took = waits_of_others(restante)
    reached(f"{what}: others wait {1000 * p99(took):.0f} ms (p99), {1000 * max(took):.0f} at most")
    assert p99(took) < MOST


def test_row55_heavy_mails_of_one_client(reached):
    measure(1, HEAVY, 20, reached, "20 heavy mails at once")


def test_row56_a_large_mail_to_many(reached):
    measure(100, "Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 125_000, 2, reached,
            "two mails of 9 MB to 100 at once")
