# SPDX-License-Identifier: ISC
# The HTTP port gives out a certificate authority's challenges, and nothing else.
import contextlib
import http.client

import pytest

from testbed.api import KEY, ask
from testbed.daemon import Restante
from testbed.machine import LOCAL, new_directory
from testbed.processes import run
from testbed.waiting import seconds

WELL_KNOWN = "/.well-known/acme-challenge/"


@pytest.fixture(scope="module")
def served():
    directory = new_directory()
    (directory / "challenges").mkdir()
    (directory / "secret").write_text("secret")
    with Restante(acme_directory=directory / "challenges") as restante:
        restante.challenges = directory / "challenges"
        yield restante


def over_http(restante, path, key=None, method="GET"):
    with contextlib.closing(http.client.HTTPConnection(
            LOCAL, restante.http_port, timeout=seconds(20))) as connection:
        return ask(connection, path, method, key)


def test_a_challenge_is_there_as_soon_as_its_file_is(served):
    assert over_http(served, WELL_KNOWN + "the-token_1").status == 404
    (served.challenges / "the-token_1").write_text("the-token_1.thumbprint")
    answer = over_http(served, WELL_KNOWN + "the-token_1")
    assert (answer.status, answer.body) == (200, b"the-token_1.thumbprint")
    assert answer.headers["Content-Type"] == "text/plain"
    assert over_http(served, WELL_KNOWN + "the-token_1?x=1").body == answer.body
    head = over_http(served, WELL_KNOWN + "the-token_1", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "22")


def test_certbots_webroot_will_do(served):
    webroot = served.challenges / ".well-known/acme-challenge"
    webroot.mkdir(parents=True)
    (webroot / "of-certbot").write_text("thumbprint")
    assert over_http(served, WELL_KNOWN + "of-certbot").body == b"thumbprint"


def test_nothing_else_is_given_out(served):
    (served.challenges / "link").symlink_to("../secret")
    (served.challenges / "large").write_bytes(bytes(16 * 1024 + 1))
    (served.challenges / "closed").write_text("x")
    (served.challenges / "closed").chmod(0)
    for name in ("link", "large", "..", "../secret", "%2e%2e/secret", ".well-known", "", "no"):
        said = run("curl", "-s", "--path-as-is", "-w", "%{http_code}",
                   f"http://{LOCAL}:{served.http_port}{WELL_KNOWN}{name}").stdout
        assert said.endswith("404") and "secret" not in said, name
    for path in ("/", "/secret", "/.well-known/other", "/.well-known/acme-challenge"):
        assert over_http(served, path).status == 301
    assert over_http(served, WELL_KNOWN + "no", method="POST").status == 301
    # Whoever has a key must learn that it is burnt, whatever he asks for.
    assert over_http(served, WELL_KNOWN + "link", key=KEY).status == 403


def test_it_is_not_part_of_the_api(served):
    (served.challenges / "token").write_text("x")
    assert served.api(WELL_KNOWN + "token").status == 404
