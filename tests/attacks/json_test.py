# SPDX-License-Identifier: ISC
# Mails that were spoilt at random: what the API says of them is JSON to the strictest of readers.
"""JSON_MAILS is how many (default 3,000; the list of attacks asks for 1,000,000)."""
import contextlib
import json
import os
import random
import subprocess

from testbed.api import ask
from testbed.build import SOURCE
from testbed.daemon import Restante
from testbed.processes import installed

MAILS = int(os.environ.get("JSON_MAILS", "3000"))
BATCH, BOX = 20, 500  # mails of one write to the server, and of one mailbox
SEED = int(os.environ.get("JSON_SEED", "1"))
SEEDS = [path.read_bytes() for path in sorted((SOURCE / "tests/golden/mime").glob("*.eml"))
         if path.stat().st_size < 20_000]
NASTY = [b"\0", b"\x01", b"\x1f", b"\x7f", b"\x80", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xb0\x80",
         b"\xf4\x90\x80\x80", b"\xf0\x9f\x93", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xef\xbb\xbf",
         b"\\", b'"', b"\\u", b"\\ud800", b"\r", b"\n", b"\r\n", b"\r\n ", b"\r\n\r\n", b"</script>",
         b"=?utf-8?B?7aCA?=", b"=?utf-8?Q?=ED=A0=80=00?=", b"=?utf-16?B?2AA=?=", b"=?x?Q?=FF?=",
         b"=?iso-2022-jp?B?GyRC?=", b"charset=utf-7", b"charset=utf-16", b"+2AA-", b"=00", b"=ED=A0=80",
         b"filename*=utf-8''%ED%A0%80%00", b"filename*0*=x'y'%ff", b"name=\"\\", b"Content-Type: ",
         b"Content-Transfer-Encoding: base64", b"--b\r\n", b"NaN", b"1e999", b"\x1b$B", b"\x0e\x0f"]


def spoil(dice):
    mail = bytearray(dice.choice(SEEDS))
    for _ in range(dice.choice((1, 2, 4, 8, 30))):
        place = dice.randrange(len(mail) + 1)
        what = dice.random()
        if what < 0.45:
            mail[place:place] = dice.choice(NASTY)
        elif what < 0.65:
            mail[place:place + 1] = dice.randbytes(1)
        elif what < 0.8:
            del mail[place:place + dice.choice((1, 2, 10, 100))]
        elif what < 0.9:
            other = dice.choice(SEEDS)
            begin = dice.randrange(len(other) + 1)
            mail[place:place] = other[begin:begin + dice.choice((10, 200))]
        else:
            mail[place:place] = mail[place:place + 50]
    return bytes(mail)


def send(daemon, mails, box):
    """Those that were taken."""
    taken = []
    with daemon.dialogue() as client:
        client.greet()
        for begin in range(0, len(mails), BATCH):
            batch = mails[begin:begin + BATCH]
            for mail in batch:
                client.send(f"MAIL FROM:<{SEED}@example.org>\r\nRCPT TO:<{box}@example.com>\r\n"
                            f"BDAT {len(mail)} LAST\r\n".encode() + mail)
            for mail in batch:
                codes = [client.code() for _ in range(3)]
                assert codes[:2] == [250, 250] and codes[2] in (250, 552, 554), codes
                if codes[2] == 250:
                    taken.append(mail)
    return taken


def refuse(word):
    raise ValueError(f"{word} is no JSON")


def check(text):
    """By Python: UTF-8, and no half of a pair in any text; gives what it read."""
    value = json.loads(text.decode("utf-8"), parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    assert "\0" not in json.dumps(value, ensure_ascii=False)
    return value


class Reader:
    """Another program that reads one JSON text a line; it has to read as many as it was given."""

    def __init__(self, *command):
        self.process = subprocess.Popen([installed(command[0]), *command[1:]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.given = 0

    def give(self, text):
        assert b"\n" not in text
        self.process.stdin.write(text + b"\n")
        self.given += 1

    def end(self):
        output, _ = self.process.communicate(timeout=600)
        assert self.process.returncode == 0, output[-1000:]
        assert int(output) == self.given


NODE = """let count = 0; const { TextDecoder } = require('util');
const decoder = new TextDecoder('utf-8', { fatal: true }); let rest = Buffer.alloc(0);
process.stdin.on('data', (data) => { rest = Buffer.concat([rest, data]); let end;
  while ((end = rest.indexOf(10)) >= 0) {
    JSON.parse(decoder.decode(rest.subarray(0, end))); count++; rest = rest.subarray(end + 1); } });
process.stdin.on('end', () => console.log(count));"""


def readers():
    yield Reader("jq", "-n", "reduce inputs as $one (0; . + 1)")
    with contextlib.suppress(AssertionError):  # node is not among what `make check` needs
        yield Reader("node", "-e", NODE)


def test_row40_spoilt_mails_are_valid_json(reached):
    dice, stored = random.Random(SEED), 0
    others = list(readers())
    with Restante(smtp_tls="optional") as daemon:
        for number in range(0, MAILS, BOX):
            box = f"box{number}"
            mails = [spoil(dice) for _ in range(min(BOX, MAILS - number))]
            taken = send(daemon, mails, box)
            with contextlib.closing(daemon.https()) as connection:
                answer = ask(connection, f"/emails/{box}?limit=1000")
                texts, listed = [answer.body], check(answer.body)
                assert len(listed) == len(taken), box
                for index, mail in enumerate(listed):
                    answer = ask(connection, f"/emails/{box}/{mail['id']}")
                    assert answer.status == 200
                    assert check(answer.body)["id"] == mail["id"]
                    texts.append(answer.body)
                    if index % 20 == 0:
                        raw = ask(connection, f"/emails/{box}/{mail['id']}/raw").body
                        assert any(raw.endswith(sent) for sent in taken)
            stored += len(taken)
            for text in texts:
                for other in others:
                    other.give(text)
            assert daemon.api(f"/emails/{box}", method="DELETE").status == 200
    for other in others:
        other.end()
    told = f"{stored} of {MAILS} taken, {len(others) + 1} readers of {others[0].given} texts, 0 errors"
    reached(told)
    assert stored > MAILS * 0.9
