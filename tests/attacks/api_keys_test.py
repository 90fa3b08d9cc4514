# SPDX-License-Identifier: ISC
# Keys that are almost right, twice there, empty, or guessed by the time that a refusal takes.
"""KEY_TIMINGS is how often a key is refused in the measurement (default 1,000,000)."""
import contextlib
import hashlib
import os

import pytest

from testbed.api import KEY
from testbed.build import BUILD, run_restante
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.processes import run
from testbed.smtp import Dialogue

TIMINGS = os.environ.get("KEY_TIMINGS", "1000000")
HASH = "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()


@pytest.fixture(scope="module")
def daemon():
    with Restante(http_api_listen=f"{LOCAL}:0", api_key=f"{HASH} another-key-of-24-characters",
                  api_key_failure_limit=0) as restante:
        yield restante


def test_row39_the_time_of_a_refusal_tells_nothing(reached):
    program = BUILD / "attacks/key_timing"
    tries = [float(run(program, TIMINGS).stdout)]
    while min(tries) >= 4.5 and len(tries) < 3:  # others were at work; what is told stays told
        tries.append(float(run(program, TIMINGS).stdout))
    reached(f"|t| = {min(tries)} over {TIMINGS}")
    assert min(tries) < 4.5


def status(daemon, *fields):
    head = b"".join(field + b"\r\n" for field in fields)
    with contextlib.closing(Dialogue(daemon.http_api_port)) as client:
        client.send(b"GET /emails/a HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        return int(client.line().split()[1])


GOOD = b"X-API-KEY: " + KEY.encode()


@pytest.mark.parametrize("value", [
    KEY[:-1], KEY + "x", KEY.upper(), KEY + "," + KEY, KEY + " " + KEY, '"' + KEY + '"', HASH,
    HASH[7:], "another-key-of-24-character", "", " ", "*", "%00", KEY.replace("-", "%2d"),
    KEY + ", another-key-of-24-characters", "x" * 10_000])
def test_row39_what_is_almost_a_key_is_none(daemon, value):
    assert status(daemon, b"X-API-KEY: " + value.encode()) == 401


@pytest.mark.parametrize("fields", [
    (GOOD + b"\0z",), (GOOD, GOOD), (GOOD, b"x-api-key: wrong"), (b"X-API-KEY: wrong", GOOD),
    (GOOD + b"\r\n more",), (b"X-API-KEY : " + KEY.encode(),), (GOOD + b"\x0b",), (GOOD + b"\x7f",)])
def test_row39_a_key_that_can_be_read_in_two_ways_is_refused(daemon, fields):
    assert status(daemon, *fields) == 400


@pytest.mark.parametrize("fields", [
    (b"Authorization: Bearer " + KEY.encode(),), (b"Cookie: X-API-KEY=" + KEY.encode(),),
    (b"X_API_KEY: " + KEY.encode(),), (b"X-API-KEY-: " + KEY.encode(),),
    (b"X-Forwarded-X-API-KEY: " + KEY.encode(),)])
def test_row39_a_key_in_another_place_is_none(daemon, fields):
    assert status(daemon, *fields) == 401
    assert status(daemon, GOOD) == 200


@pytest.mark.parametrize("empty", ["", " ", "sha256:", "sha256:" + "0" * 63, "sha256:" + "g" * 64])
def test_row39_without_a_key_nothing_starts(empty):
    for given in ({"API_KEY": empty}, {}):
        options = () if given else ("-o", f"api_key={empty}")
        done = run_restante("-t", "-c", "/dev/null", "-o", "domain=example.com", *options, **given)
        assert done.returncode == 78 and "api_key" in done.stderr.lower(), done


def test_row39_a_file_of_empty_lines_is_no_key(tmp_path):
    file = tmp_path / "keys"
    file.write_text("\n  \n\t\n\n")
    done = run_restante("-t", "-c", "/dev/null", "-o", "domain=example.com", "-o",
                        f"api_key_file={file}")
    assert done.returncode == 78 and "api_key" in done.stderr
