# SPDX-License-Identifier: ISC
# The API apart from reading mail: what is refused how, in which order, and the redirect.
import contextlib
import http.client
import signal

import pytest

from testbed.api import KEY, ask
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.processes import run
from testbed.redis import Redis
from testbed.waiting import wait_until


def error_of(answer, status):
    """The text of an error, after a look at its form."""
    assert answer.status == status, answer
    content = answer.json()
    assert list(content) == ["error"]
    return content["error"]


@pytest.mark.parametrize("key", [None, "", "wrong", "integration-tests-know-this-ke",
                                 "integration-tests-know-this-key2"])
def test_without_the_key_there_is_401(restante, key):
    told = "invalid API key" if key else "no API key; send it in the header field X-API-KEY"
    assert error_of(restante.api("/emails/alice", key=key), 401) == told


def test_an_empty_mailbox_is_an_empty_list(restante):
    answer = restante.api("/emails/nobody-ever")
    assert answer.status == 200
    assert answer.body == b"[]"


@pytest.mark.parametrize("path", ["/", "/emails", "/emails/", "/email/alice", "/emails/alice/1/2/3",
                                  "/emails/alice@example.net"])
def test_what_is_not_there_is_404(restante, path):
    error_of(restante.api(path), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "BREW"])
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
        expected = [(wrong, 404), (wrong, 404), (bad_method, 405), (bad_argument, 400),
                    ({"path": "/emails/alice"}, 200), ({"path": "/emails/alice"}, 429),
                    (wrong, 429), (wrong | {"key": "wrong"}, 401)]
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


@pytest.mark.parametrize("mode", ["testing", "enforce"])
def test_row65_anyone_gets_the_mta_sts_policy_by_curl(mode):
    name = "mta-sts.example.com"
    file, key_file = certificate(name)
    with Restante(mta_sts=mode, hostname="mail.example.com", api_rate_limit=2,
                  tls_certificate=file, tls_key=key_file) as restante:
        def curl(*options):
            place = f"{name}:{restante.https_port}"
            got = run("curl", "-s", "-i", "--http1.1", "--cacert", file, "--resolve",
                      f"{place}:{LOCAL}", *options, f"https://{place}/.well-known/mta-sts.txt")
            head, _, body = got.stdout.partition("\n\n")  # run() reads CRLF as line ends
            return head.splitlines(), body
        head, body = curl()
        assert (head[0], "Content-Type: text/plain" in head) == ("HTTP/1.1 200 OK", True)
        assert body == f"version: STSv1\nmode: {mode}\nmx: mail.example.com\nmax_age: 604800\n"
        head, body = curl("--head")
        assert (head[0], body) == ("HTTP/1.1 200 OK", "")
        assert curl()[0][0].startswith("HTTP/1.1 429 ")


@pytest.fixture(scope="module")
def policed():
    with Restante(mta_sts="testing") as daemon:
        yield daemon


@pytest.mark.parametrize("host", ["mta-sts.example.com", "localhost", "192.0.2.1"])
def test_row65_a_policy_has_crlf_and_is_the_same_by_any_name(policed, host):
    answer = policed.api("/.well-known/mta-sts.txt", key=None, headers={"Host": host})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
    assert answer.body == (
        b"version: STSv1\r\nmode: testing\r\nmx: localhost\r\nmax_age: 604800\r\n")


@pytest.mark.parametrize("key", [None, "wrong", KEY])
def test_row65_without_the_setting_there_is_no_policy(restante, key):
    error_of(restante.api("/.well-known/mta-sts.txt", key=key), 404)


def test_row65_a_policy_opens_nothing_else(policed):
    for path, method in [("/.well-known/", "GET"), ("/.well-known/mta-sts.txt/..", "GET"),
                         ("/.well-known/mta-sts.txt", "DELETE"), ("/emails/alice", "GET")]:
        error_of(policed.api(path, method=method, key=None), 401)


def test_the_description_needs_no_key_and_is_counted():
    with Restante(api_rate_limit=1) as restante:
        answer = restante.api("/openapi.json", key=None)
        assert answer.status == 200
        assert answer.json()["openapi"] == "3.1.0"
        assert restante.api("/openapi.json", key=None).status == 429


def test_health_and_readiness_need_no_key_and_are_not_counted():
    with Redis() as redis, Restante(redis, api_rate_limit=1, redis_timeout="1s") as restante:
        def ask_for(path, **more):
            return restante.api(path, key=None, **more)
        for path in ["/healthz", "/readyz"] * 3:
            answer = ask_for(path)
            assert (answer.status, answer.json()) == (200, {"status": "ok"})
            assert answer.headers["RateLimit-Limit"] is None
            head = ask_for(path, method="HEAD")
            assert (head.status, head.body) == (200, b"")
        assert ask_for("/healthz", method="DELETE").status == 401
        assert ask_for("/healthz", method="DELETE").status == 429
        redis.signal(signal.SIGSTOP)  # it is there, and does not answer
        error_of(ask_for("/readyz"), 503)
        assert ask_for("/healthz").status == 200
        redis.signal(signal.SIGCONT)
        wait_until(lambda: ask_for("/readyz").status == 200, "Redis is back")
        redis.kill()
        wait_until(lambda: ask_for("/readyz").status == 503, "it is noticed that Redis is away")
        assert ask_for("/healthz").status == 200


def test_one_of_several_keys_and_those_of_a_file_are_taken(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# of the staff\nkey-of-the-staff\nkey-of-the-tests\n")
    with Restante(api_key="first-key-of-all second-key-of-all", api_key_file=file) as restante:
        for key in ("first-key-of-all", "second-key-of-all", "key-of-the-staff",
                    "key-of-the-tests"):
            assert restante.api("/emails/alice", key=key).status == 200
        assert restante.api("/emails/alice", key="first-key-of-all second-key-of-all").status == 401


def test_browsers_are_told_to_come_by_https_alone(restante):
    assert restante.api("/healthz").headers["Strict-Transport-Security"] == "max-age=63072000"
    with contextlib.closing(http.client.HTTPConnection(LOCAL, restante.http_port)) as clear:
        assert "Strict-Transport-Security" not in ask(clear, "/healthz", key=None).headers


@pytest.mark.parametrize("ciphers, is_taken", [
    ("ECDHE+AESGCM:ECDHE+CHACHA20", True), ("ECDHE+AES+SHA1:ECDHE+AES+SHA256:!AESGCM", False),
    ("kRSA", False)])
def test_https_takes_suites_with_forward_secrecy_and_aead_alone(restante, ciphers, is_taken):
    result = run("openssl", "s_client", "-connect", f"{LOCAL}:{restante.https_port}", "-tls1_2", "-cipher",
                 f"{ciphers}:@SECLEVEL=0", check=False)
    assert ("Cipher is (NONE)" not in result.stdout) == is_taken, result.stdout
