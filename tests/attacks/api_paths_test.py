# SPDX-License-Identifier: ISC
# Names of mailboxes that look like paths, patterns and keys: whoever asks for them touches nothing
# that is another's.
import contextlib
import http.client
import re
import subprocess

import pytest

from testbed.api import KEY, ask
from testbed.daemon import Restante
from testbed.processes import installed
from testbed.smtp import deliver
from testbed.waiting import wait_until

VICTIMS = ["victim", "a", "b", "{victim}", "*", "inbox", "victim+tag"]
# %-encoded already; none is the name of a mailbox with mail.
GAMES = ["..%2fvictim", "%2e%2e", "victim%2f..", "victim%00", "%00victim", "victim%0d%0a", "victim%20",
         "%7bvictim", "victim%7d", "%7ba%7d%7bvictim%7d", "v*", "?ictim", "%3fictim", "%5bv%5dictim",
         "victim%5c", "%2A%2A", "victim:*", "victim%3a%2a", "inbox:%7bvictim%7d", "mail%3a%7bvictim%7d",
         "victim%25", "%25victim", "v%C4%B1ctim", "victim%E2%80%8B", "vi%EF%BD%83tim", "VICTIM%00",
         "victim@other.example", "victim@example.com.", "%22victim%22@example.com.evil.example",
         "victim%27%20or%201", "$(victim)", "%60victim%60", "victim;b", "victim,b", "victim%09",
         "%F0%9F%93%AB", "xn--victim", "%ED%A0%80", "%ff", "%", "%zz", "victim%", "a" * 65, "."]
SCRIPT = """local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  found[#found + 1] = key .. ' ' .. redis.sha1hex(redis.call('DUMP', key))
end
table.sort(found)
return found"""
KEY_FORM = re.compile(r"(inbox|mail|claimed|seen):\{[a-z0-9._+=%A-F-]*\}(:[0-9A-Za-z_:.@+=%-]*)?")


@pytest.fixture(scope="module")
def daemon():
    with Restante(apid_workers=1, api_key_failure_limit=0) as restante:
        with restante.smtp() as client:
            for victim in VICTIMS:
                for number in range(2):
                    data = f"Message-ID: <{number}@x>\r\nSubject: {victim}\r\n\r\nkept\r\n"
                    assert deliver(client, f'"{victim}"@example.com', data)[0] == 250
        wait_until(lambda: "seen:" not in restante.redis.cli("KEYS", "*"), "all is settled")
        yield restante


def everything(daemon):
    return daemon.redis.cli("EVAL", SCRIPT, "0").splitlines()


class Monitor:
    """What Redis is told meanwhile."""

    def __init__(self, daemon):
        self.process = subprocess.Popen(
            [installed("redis-cli"), "-s", daemon.redis.path, "MONITOR"], stdout=subprocess.PIPE,
            text=True)
        assert self.process.stdout.readline() == "OK\n"
        self.daemon = daemon

    def commands(self):
        """All until now."""
        self.daemon.redis.cli("ECHO", "that was all")
        lines = []
        for line in self.process.stdout:
            if "that was all" in line:
                break
            lines.append(line)
        self.process.kill()
        self.process.wait()
        return lines


def requests(name, foreign_id):
    yield from (("GET", f"/emails/{name}{rest}") for rest in (
        "", "?view=summary", "/latest", "/latest/raw", f"/{foreign_id}", f"/{foreign_id}/raw",
        f"/{foreign_id}/attachments/1", "/latest/attachments/1", "?after=0000000000000000000"))
    yield from (("DELETE", f"/emails/{name}{rest}") for rest in ("", f"/{foreign_id}", "/latest"))
    yield "POST", f"/emails/{name}/claim"


def test_row37_games_with_names_touch_no_foreign_key(daemon, reached):
    foreign_id = daemon.mails("victim")[0]["id"]
    before = everything(daemon)
    monitor = Monitor(daemon)
    asked = 0
    with contextlib.closing(daemon.https()) as connection:
        for name in GAMES:
            for method, path in requests(name, foreign_id):
                try:
                    answer = ask(connection, path, method)
                except http.client.HTTPException:
                    connection.close()
                    continue
                asked += 1
                assert answer.status < 500, (method, path, answer)
                assert b"kept" not in answer.body and b"victim\",\"subject" not in answer.body
    commands = monitor.commands()
    assert everything(daemon) == before
    reached(f"{asked:,} requests")
    touched = set()
    for line in commands:
        words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
        assert words and words[0].lower() not in ("keys", "scan", "flushall", "flushdb"), line
        touched |= {word for word in words if word.startswith(("inbox:", "mail:", "claimed:"))}
    assert len(commands) > len(GAMES) and touched
    assert all(KEY_FORM.fullmatch(key) for key in touched), touched
    assert "inbox:{victim}" not in touched


def test_row37_a_pattern_is_a_name_like_any_other(daemon):
    before = everything(daemon)
    assert daemon.api("/emails/%2A", method="DELETE").status == 200
    left = set(before) - set(everything(daemon))
    assert left and all("{%2a}" in line.lower() for line in left), left
    assert daemon.api("/emails/%7Bvictim%7D", method="DELETE").status == 200
    for victim in ("victim", "a", "b", "inbox", "victim%2btag"):
        assert len(daemon.mails(victim)) == 2


@pytest.mark.parametrize("path", [
    "/emails//victim", "/emails/victim//latest", "//emails/victim", "/emails/victim/../victim",
    "/emails/./victim", "/EMAILS/victim", "/emails/victim/", "/emails/victim/latest/raw/",
    "/emails/victim%2flatest/latest", "/emails%2fvictim", "/emails/victim;x=1/latest", "/..;/emails/victim",
    "/emails/victim/0", "/emails/victim/-1", "/emails/victim/99999999999999999999",
    "/emails/victim/1e18", "/emails/victim/latest/attachments/-1", "/emails/victim/0x10/raw",
    "/emails/victim/latest/attachments/99999999999999999999"])
def test_row37_a_path_has_one_spelling(daemon, path):
    answer = daemon.api(path)
    assert answer.status in (400, 404) and b"kept" not in answer.body
    assert daemon.api(path, key="wrong" + KEY).status == 401
