# SPDX-License-Identifier: ISC
# Schemathesis: reads /openapi.json, asks for all that it allows and forbids, and holds the answers
# against it.
import contextlib
import itertools
import pathlib
import re
import subprocess
import threading

import pytest

from testbed.api import KEY
from testbed.build import BUILD
from testbed.daemon import Restante
from testbed.machine import LOCAL, new_directory
from testbed.processes import run
from testbed.waiting import seconds

VERSION = "4.32.5"
HOOKS = pathlib.Path(__file__).with_name("schemathesis_hooks.py")
BOXES = ["alice", "bob"]
CONFIGURATION = f"""
seed = 1
hooks = "{HOOKS}"
tls-verify = false
headers = {{ X-API-KEY = "{KEY}" }}
request-timeout = 20
continue-on-failure = true
warnings = false

[generation]
max-examples = 120

[checks]
enabled = true
# What range there is depends on the message: a sound one may be 416.
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "416", "429", "5xx"]

[phases.coverage]
unexpected-methods = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY"]

[dictionaries.boxes]
values = {BOXES}

[parameters]
"path.user" = {{ dictionary = "boxes", probability = 0.7 }}

# DELETE takes the id of a message: with "latest" it is 400 and says so, and not 405. To the server
# both are one path.
[[operations]]
include-path = "/emails/{{user}}/latest"
checks.unsupported_method.enabled = false
checks.allow_header_conformance.enabled = false

# A mailbox that was cleared is an empty list, as one that never had mail: 200, not 404.
[[operations]]
include-path = "/emails/{{user}}"
checks.use_after_free.enabled = false
"""
MAIL = """Subject: Your code\r\nFrom: Bob <bob@example.org>\r\nMessage-ID: <{number}@example.org>\r
MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r
Content-Type: text/html\r\n\r\nYour code is <b>493817</b>, <a href="https://example.org/?x=1">x</a>\r
--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=terms.pdf\r\n\r
%PDF-\r\n--b--\r\n"""


@pytest.fixture(scope="module")
def schemathesis():
    """Its program, in a virtual environment that the build directory keeps."""
    directory = BUILD / f"schemathesis-{VERSION}"
    program = directory / "bin/schemathesis"
    if not program.exists():
        made = run("python3", "-m", "venv", directory)
        assert made.returncode == 0, made.stdout
        fetched = run(directory / "bin/pip", "install", "-q", f"schemathesis=={VERSION}")
        if fetched.returncode:
            pytest.skip(f"pip cannot fetch schemathesis: {fetched.stdout[-200:]}")
    return program


@contextlib.contextmanager
def mail_keeps_coming(restante):
    """Clients clear mailboxes, so that what was stored before is soon gone."""
    done = threading.Event()

    def send():
        for number in itertools.count():
            restante.send([f"{box}@example.com" for box in BOXES], MAIL.format(number=number))
            if done.wait(0.2):
                return
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
        assert sender.is_alive(), "the sender has failed"
    finally:
        done.set()
        sender.join()


def test_answers_are_what_the_description_says(schemathesis):
    directory = new_directory()
    file = directory / "schemathesis.toml"
    file.write_text(CONFIGURATION)
    with Restante(mta_sts="testing") as restante:
        with mail_keeps_coming(restante):
            # Events have no end, so no answer with them is ever whole.
            tested = subprocess.run(
                [schemathesis, "--no-color", "--config-file", file, "run", "--exclude-path-regex",
                 "/events$", f"https://{LOCAL}:{restante.https_port}/openapi.json"],
                cwd=directory, timeout=seconds(400), text=True, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
        print(tested.stdout)
        assert tested.returncode == 0, tested.stdout
        cases = int(re.search(r"(\d+) generated", tested.stdout)[1])
        assert cases > 1000
        assert not restante.log.find("event=redis_error")
