# SPDX-License-Identifier: ISC
# The API apart from reading mail: what is refused how, in which order, and the redirect.
import contextlib
import http.client
import json

import pytest

from harness import KEY, LOCAL, Restante, ask, certificate, run


def error_of(answer, status):
    """The text of an error, after a look at its form."""
    assert answer.status == status, answer
    content = answer.json()
    assert list(content) == ["error"]
    return content["error"]


@pytest.mark.parametrize("key", [None, "", "wrong", "integration-tests-know-this-ke",
                                 "integration-tests-know-this-key2"])
def test_without_the_key_there_is_401(restante, key):
    assert error_of(restante.api("/emails/alice", key=key), 401) == "invalid API key"


def test_an_empty_mailbox_is_an_empty_list(restante):
    answer = restante.api("/emails/nobody-ever")
    assert answer.status == 200
    assert answer.body == b"[]"


@pytest.mark.parametrize("path", ["/", "/emails", "/emails/", "/email/alice", "/emails/alice/1/2/3",
                                  "/emails/alice@example.net"])
def test_what_is_not_there_is_404(restante, path):
    error_of(restante.api(path), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS"])
def test_other_methods_are_405_and_hear_which_there_are(restante, method):
    answer = restante.api("/emails/alice", method=method)
    error_of(answer, 405)
    assert {word.strip() for word in answer.headers["Allow"].split(",")} >= {"GET", "DELETE"}


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=ten", "limit=", "limit=-1",
                                   "limit=1&limit=2", "before=1", "before=abc", "before=",
                                   "unknown=1", "limit=%zz"])
def test_bad_arguments_are_400(restante, query):
    error_of(restante.api(f"/emails/alice?{query}"), 400)


@pytest.mark.parametrize("query", ["limit=1", "limit=1000", "before=1000000000000000000"])
def test_good_arguments_are_200(restante, query):
    assert restante.api(f"/emails/alice?{query}").status == 200


def test_the_checks_are_made_in_their_order():
    with Restante(api_rate_limit=5) as restante:
        wrong = {"path": "/nothing?limit=0", "method": "PUT"}
        bad_method = {"path": "/emails/alice?limit=0", "method": "PUT"}
        bad_argument = {"path": "/emails/alice?limit=0"}
        expected = [(wrong | {"key": "wrong"}, 401), (wrong, 404), (bad_method, 405),
                    (bad_argument, 400), ({"path": "/emails/alice"}, 200),
                    ({"path": "/emails/alice"}, 429), (wrong | {"key": "wrong"}, 429)]
        assert [restante.api(**request).status for request, _ in expected] == [
            status for _, status in expected]


def test_a_connection_serves_many_requests(restante):
    restante.send("often@example.com")
    with contextlib.closing(restante.https()) as connection:
        socket = connection.sock
        for path, status in [("/emails/often", 200), ("/nothing", 404), ("/emails/often", 200),
                             ("/emails/often?limit=0", 400)] * 10:
            assert ask(connection, path).status == status
        assert ask(connection, "/emails/often", key="wrong").status == 401
        assert ask(connection, "/emails/often", "DELETE").status == 200
        assert ask(connection, "/emails/often").body == b"[]"
        assert connection.sock is socket


def test_head_is_a_get_without_its_body(restante):
    answer = restante.api("/emails/alice", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("host, name", [("mail.example.com", "mail.example.com"),
                                        ("mail.example.com:8080", "mail.example.com"),
                                        ("[::1]:80", "[::1]"), ("", "example.com")])
def test_http_leads_to_https(restante, host, name):
    connection = http.client.HTTPConnection(LOCAL, restante.http_port, timeout=10)
    with contextlib.closing(connection):
        answer = ask(connection, "/emails/alice?limit=3", key=None, headers={"Host": host})
    assert answer.status == 301
    assert answer.headers["Location"] == (
        f"https://{name}:{restante.https_port}/emails/alice?limit=3")


@pytest.mark.parametrize("key", [KEY, "wrong"])
def test_row65_a_key_sent_over_http_is_refused_and_led_nowhere(restante, key):
    connection = http.client.HTTPConnection(LOCAL, restante.http_port, timeout=10)
    with contextlib.closing(connection):
        answer = ask(connection, "/emails/alice", key=key)
        assert ask(connection, "/emails/alice", key=None).status == 301  # the connection is as good
    assert error_of(answer, 403) == (
        "the API key was sent over http, for all to read: replace it, and use https")
    assert answer.headers["Location"] is None


def test_row65_curl_with_a_key_does_not_get_from_http_to_the_mail(restante):
    restante.send("followed@example.com", "Subject: not found\r\n\r\n")
    got = run("curl", "-s", "-L", "--cacert", certificate()[0], "-H", f"X-API-KEY: {KEY}",
              "-w", "\n%{http_code} %{num_redirects}",
              f"http://localhost:{restante.http_port}/emails/followed")
    assert "not found" not in got.stdout
    assert got.stdout.endswith("\n403 0")


def test_one_of_several_keys_and_those_of_a_file_are_taken(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# of the staff\nkey-of-the-staff\nkey-of-the-tests\n")
    with Restante(api_key="first-key-of-all second-key-of-all", api_key_file=file) as restante:
        for key in ("first-key-of-all", "second-key-of-all", "key-of-the-staff",
                    "key-of-the-tests"):
            assert restante.api("/emails/alice", key=key).status == 200
        assert restante.api("/emails/alice", key="first-key-of-all second-key-of-all").status == 401
