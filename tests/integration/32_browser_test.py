# SPDX-License-Identifier: ISC
# What browsers are told: CORS by setting, and how an answer is to be taken.
import gzip
import json

import pytest

from testbed.daemon import Restante

APP = "https://app.example.com"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "x-api-key"}


def cors_of(answer):
    return {name: value for name, value in answer.headers.items()
            if name.startswith("Access-Control-")}


@pytest.fixture(scope="module")
def open_to_app():
    with Restante(api_cors_origin=f"{APP} http://localhost:3000") as daemon:
        yield daemon


def test_without_the_setting_there_is_no_cors(restante):
    for method in ("GET", "OPTIONS", "DELETE"):
        answer = restante.api("/emails/alice", method=method, headers=PREFLIGHT)
        assert (answer.status, cors_of(answer)) == (204 if method == "OPTIONS" else 200, {})
        assert answer.headers["Vary"] is None


def test_a_preflight_needs_no_key(open_to_app):
    answer = open_to_app.api("/emails/alice", method="OPTIONS", key=None, headers=PREFLIGHT)
    assert (answer.status, answer.body) == (204, b"")
    cors = cors_of(answer)
    assert cors["Access-Control-Allow-Origin"] == APP
    assert cors["Access-Control-Allow-Methods"] == "GET, HEAD, DELETE"
    assert "X-API-KEY" in cors["Access-Control-Allow-Headers"]
    assert int(cors["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in cors


def test_a_preflight_of_another_origin_or_path_is_not_allowed(open_to_app):
    for path, origin, status in (("/emails/alice", "https://evil.example", 204),
                                 ("/nothing", APP, 401)):
        answer = open_to_app.api(path, method="OPTIONS", key=None,
                                 headers=PREFLIGHT | {"Origin": origin})
        assert (answer.status, "Access-Control-Allow-Methods" in answer.headers) == (status, False)


@pytest.mark.parametrize("request_, status", [
    ({"path": "/emails/alice"}, 200), ({"path": "/emails/alice", "key": "wrong"}, 401),
    ({"path": "/nothing"}, 404), ({"path": "/emails/alice", "method": "PUT"}, 405),
    ({"path": "/emails/alice?limit=0"}, 400), ({"path": "/healthz", "key": None}, 200)])
def test_an_answer_may_be_read_by_the_app_alone(open_to_app, request_, status):
    for origin, allowed in ((APP, APP), ("http://localhost:3000", "http://localhost:3000"),
                            ("https://evil.example", None), ("null", None)):
        answer = open_to_app.api(headers={"Origin": origin}, **request_)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"],
                answer.headers["Vary"]) == (status, allowed, "Origin")


def test_the_rate_limit_can_be_read_too():
    with Restante(api_cors_origin="*", api_rate_limit=1) as restante:
        answers = [restante.api("/emails/alice", headers={"Origin": APP}) for _ in range(2)]
        for answer, status in zip(answers, (200, 429), strict=True):
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")
            assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


def test_options_tells_the_methods_of_a_path(restante):
    for path, allow in (("/emails/alice", "GET, HEAD, DELETE, OPTIONS"),
                        ("/healthz", "GET, HEAD, OPTIONS")):
        answer = restante.api(path, method="OPTIONS", key=None)
        assert (answer.status, answer.headers["Allow"], answer.body) == (204, allow, b"")
    assert restante.api("/nothing", method="OPTIONS", key=None).status == 401
    assert restante.api("/nothing", method="OPTIONS").status == 404


def test_json_is_never_a_page(restante):
    for answer in (restante.api("/emails/alice"), restante.api("/emails/alice", key=None),
                   restante.api("/nothing")):
        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; frame-ancestors 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def long_list(daemon, user):
    daemon.send(f"{user}@example.com", "Subject: long\r\n\r\n" + "All the same again.\r\n" * 500)
    return f"/emails/{user}"


def test_json_is_packed_for_who_asks(restante):
    path = long_list(restante, "packed")
    plain = restante.api(path, headers={"Accept-Encoding": "identity"})
    packed = restante.api(path, headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 5
    assert (packed.headers["Content-Encoding"], plain.headers["Content-Encoding"]) == ("gzip", None)
    for answer in (plain, packed):
        assert answer.headers["Vary"] == "Accept-Encoding"
    assert json.loads(restante.curl(path, "--compressed").stdout) == plain.json()


def test_head_has_the_fields_of_get(restante):
    path = long_list(restante, "headed")
    for encoding in ("identity", "gzip"):
        get, head = (restante.api(path, method=method, headers={"Accept-Encoding": encoding})
                     for method in ("GET", "HEAD"))
        assert head.body == b""
        for answer in (get, head):
            del answer.headers["Date"]
        assert head.headers.items() == get.headers.items()


def test_a_raw_message_and_a_small_answer_are_never_packed(restante):
    path = long_list(restante, "unpacked")
    for answer in (restante.api(f"{path}/latest/raw", headers={"Accept-Encoding": "gzip"}),
                   restante.api("/healthz", headers={"Accept-Encoding": "gzip"})):
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, None)
        assert answer.headers["Vary"] is None
