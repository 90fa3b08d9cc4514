# SPDX-License-Identifier: ISC
# A client fills no more than its share of the log, whatever it does.
import contextlib
import http.client
import threading
import time

from testbed.api import KEY
from testbed.daemon import Restante
from testbed.smtp import Dialogue
from testbed.waiting import wait_until

GREEDY, OTHER = "127.9.9.9", "127.9.1.1"
SECONDS = 15
LIMIT = 1_000_000 * 1.1  # a minute: 1M, and the line that reaches it


def bytes_about(restante, address):
    return sum(len(line) for line in restante.log.find(f"ip={address}( |$)"))


def test_row61_requests_and_commands_without_end(reached):
    with Restante(client_log_limit="1M", smtp_tls="optional") as restante:
        over, asked = threading.Event(), [0]

        def ask():
            path = "/" + "%00" * 2000
            while not over.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    with contextlib.closing(restante.https(GREEDY)) as connection:
                        while not over.is_set():
                            connection.request("GET", path)
                            connection.getresponse().read()
                            asked[0] += 1

        def say():
            while not over.is_set():
                with contextlib.suppress(OSError, AssertionError):
                    with Dialogue(restante.smtp_port, GREEDY) as client:
                        client.greet()
                        while client.say("MAIL FROM:<" + "x" * 480 + "@example.org>"):
                            asked[0] += 1
        threads = [threading.Thread(target=work) for work in (ask, ask, say, say)]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS)
        over.set()
        for thread in threads:
            thread.join()
        used = bytes_about(restante, GREEDY)
        lines = restante.log.find(f"event=log_limited ip={GREEDY} ")
        assert restante.api("/emails/a", source=OTHER).status == 200
        wait_until(lambda: restante.log.find(f"event=api_request .*status=200 .*ip={OTHER}"),
                   "others have their lines")
        restante.send("a@example.com")
        line, = restante.log.wait_for(r"event=mail_stored .*to=a@example\.com")
        assert "ip=127.0.0.1" in line
        assert KEY not in restante.log.text()
        reached(f"{asked[0]} requests and commands in {SECONDS} s: {used} bytes of log, {len(lines)} line "
                "that says so")
        # Two windows may have been open, if a minute ended meanwhile.
        assert used <= LIMIT * len(lines) and len(lines) in (1, 2)
