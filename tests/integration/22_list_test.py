# SPDX-License-Identifier: ISC
# What a list can be asked for: bounds, filters and summaries, over pages.
import re
import urllib.parse

import pytest

from testbed.redis import LUA_FRAME

# Puts ARGV[2] mails with a subject into an inbox, as a delivery would but for the raw mail.
FILL = LUA_FRAME + """for i = 1, ARGV[2] do redis.call('XADD', KEYS[1], '*', 's',
  '"from":"a@example.org","to":"b@example.com","subject":"' .. ARGV[1] .. '"\\n"size":1,' ..
  '"snippet":"","attachments":0', 'z', frame('"body_text":"","body_html":"","attachments":[]')) end
return redis.call('XLEN', KEYS[1])"""


def pages(restante, path):
    """The lists of all pages, by following the links."""
    found = []
    while path:
        answer = restante.api(path)
        assert answer.status == 200, answer
        found.append(answer.json())
        link = answer.headers["Link"]
        path = link and re.fullmatch(r'<(.*)>; rel="next"', link)[1]
    return found


def subjects(restante, user, **query):
    listed, = pages(restante, f"/emails/{user}?{urllib.parse.urlencode(query)}")
    return [mail["subject"] for mail in listed]


@pytest.fixture(scope="module")
def five(restante):
    for number, sender in enumerate(["ann@example.org", "Bob@example.org", "", "ann@example.net",
                                     "bob@example.org"]):
        data = f'Subject: =?utf-8?Q?Code_"{number}"_f=C3=BCr_\\?=\r\n\r\n{"text " * 5000}\r\n'
        restante.send("five@example.com", data, sender)
    listed, = pages(restante, "/emails/five")
    return listed[::-1]


def test_after_and_since_and_before_bound_a_list(restante, five):
    ids = [mail["id"] for mail in five]

    def listed(**query):
        got, = pages(restante, f"/emails/five?{urllib.parse.urlencode(query)}")
        return [ids.index(mail["id"]) for mail in got]
    assert listed(after=ids[1]) == [4, 3, 2]
    assert listed(after=ids[4]) == []
    assert listed(after=ids[1], before=ids[3]) == [2]
    assert listed(after=ids[3], before=ids[1]) == []
    assert listed(before="0" * 19) == listed(before="9" * 19, after="9" * 19) == []
    assert listed(after="0" * 19) == listed(since=0) == [4, 3, 2, 1, 0]
    assert listed(since=five[2]["received_at"]) == [
        number for number in (4, 3, 2, 1, 0)
        if five[number]["received_at"] >= five[2]["received_at"]]
    assert listed(since=five[4]["received_at"] + 1) == listed(since=9999999999) == []


@pytest.mark.parametrize("query, numbers", [
    ({"from": "bob"}, [4, 1]), ({"from": "@EXAMPLE.ORG"}, [4, 1, 0]), ({"from": "five"}, []),
    ({"subject": 'code "3" F\u00fcr \\'}, [3]), ({"subject": "3\\"}, []), ({"subject": '"3"'}, [3]),
    ({"subject": "code", "from": "ann"}, [3, 0]), ({"subject": "text"}, []),
    ({"subject": "f\u00dcr"}, [])])
def test_filters_look_into_sender_and_subject(restante, five, query, numbers):
    assert subjects(restante, "five", **query) == [five[number]["subject"] for number in numbers]


def test_the_latest_takes_filters(restante, five):
    def latest(query, form=""):
        return restante.api(f"/emails/five/latest{form}?{urllib.parse.urlencode(query)}")
    assert latest({"from": "ANN"}).json()["id"] == five[3]["id"]
    assert latest({"from": "ann@example.org"}).json()["subject"] == five[0]["subject"]
    assert latest({"subject": '"1"'}).json()["body_text"] == five[1]["body_text"]
    assert latest({"after": five[2]["id"], "from": "bob"}).json()["id"] == five[4]["id"]
    assert b"Return-Path: <ann@example.net>" in latest({"from": "ann"}, "/raw").body
    for none in ({"after": five[4]["id"]}, {"subject": "none"}):
        assert latest(none).status == latest(none, "/raw").status == 404
    assert latest({"limit": 1}).status == latest({"view": "summary"}, "/raw").status == 400


def test_a_summary_is_without_bodies(restante, five):
    listed, = pages(restante, "/emails/five?view=summary&from=ann")
    assert [list(mail) for mail in listed] == [
        ["id", "from", "to", "subject", "size", "snippet", "attachments", "received_at"]] * 2
    assert listed[0]["snippet"].startswith("text text")
    assert (listed[0]["attachments"], listed[0]["id"]) == (0, five[3]["id"])
    assert listed[0]["size"] > 25000


def test_the_pages_of_a_filtered_list_have_each_mail_once(restante):
    for number in range(150):
        restante.redis.cli("eval", FILL, 1, "inbox:{paged}", f"{number} {'ab'[number % 2]}&c", 1)
    got = pages(restante, "/emails/paged?subject=A%26C&limit=20&view=summary")
    assert [len(page) for page in got] == [20, 20, 20, 15]
    assert [mail["subject"] for page in got for mail in page] == [
        f"{number} a&c" for number in range(148, -1, -2)]
    one, = pages(restante, "/emails/paged?subject=A%26C&limit=1000&view=summary")  # two batches
    assert one == [mail for page in got for mail in page]


def test_a_scan_is_bounded_and_goes_on_where_it_ended(restante):
    restante.redis.cli("eval", FILL, 1, "inbox:{many}", "needle", 2)
    assert restante.redis.cli("eval", FILL, 1, "inbox:{many}", "hay", 10050) == "10052"
    got = pages(restante, "/emails/many?subject=needle")
    assert [len(page) for page in got] == [0, 2]
    assert [len(page) for page in pages(restante, "/emails/many?subject=none")] == [0, 0]


@pytest.mark.parametrize("query", ["after=1", "since=-1", "since=x", "from=", "subject=",
                                   "view=all", "subject=%00", "subject=%ff", "from=a&from=b"])
def test_bad_bounds_and_filters_are_400(restante, query):
    answer = restante.api(f"/emails/five?{query}")
    assert (answer.status, list(answer.json())) == (400, ["error"])


def test_the_longest_filters_fit_into_the_link_of_the_next_page(restante):
    """A character of four bytes takes twelve there."""
    text = "\U0001f4a1" * 300
    assert restante.redis.cli("EVAL", FILL, 1, "inbox:{link}", text, 2) == "2"
    escaped = urllib.parse.quote(text)
    answer = restante.api(f"/emails/link?limit=1&subject={escaped}&from=a&view=summary")
    assert (answer.status, len(answer.json())) == (200, 1)
    assert f"subject={escaped}&" in answer.headers["Link"]
    assert restante.redis.cli("EVAL", FILL, 1, "inbox:{blank}", " " * 5000, 2) == "2"
    for name in ("from", "subject"):
        answer = restante.api(f"/emails/blank?limit=1&{name}={'+' * 5000}")
        assert answer.status == 400 and "at most 300" in answer.json()["error"]
