# SPDX-License-Identifier: ISC
# SMTP smuggling: whatever stands where, however it is cut, only CRLF.CRLF ends a mail and nothing
# behind a limit or in a mail is ever a command. What should come of it is told by a few lines of
# Python that know nothing of how the server reads.
import contextlib
import itertools
import pathlib
import re

import pytest

from attacks import session
from testbed.daemon import Restante
from testbed.waiting import SLOW

LONGEST = 6 if SLOW == 1 else 4  # of what stands between the two mails
ALPHABET = (b"\r", b"\n", b".", b"\0", b" ")
END = b"\r\n.\r\n"
HELLO = b"EHLO c\r\n"
ENVELOPE = b"MAIL FROM:<good@example.org>\r\nRCPT TO:<good@example.com>\r\n"
EVIL = (b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n"
        b"Subject: evil\r\n\r\nevil\r\n.\r\n")
AT_ONCE = 4000  # conversations a process


def sequences(longest):
    for length in range(1, longest + 1):
        yield from map(b"".join, itertools.product(ALPHABET, repeat=length))


def mails_in(stream):
    """RFC 5321 section 4.5.2, and nothing else: (the mail that is in its front, what is behind)."""
    mail, _, rest = (b"\r\n" + stream).partition(END)
    lines = (mail + b"\r\n")[2:].split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines), rest


def outcome(reports):
    """What a conversation gave: all that was said, whether it was ended, what was delivered."""
    return (b"".join(one.output for one in reports), any(one.closed for one in reports),
            [mail for one in reports for mail in one.mails])


def conversations(scripts):
    """The outcome of each list of reads, each a conversation; the session alone, in process."""
    scripts = iter(scripts)
    while batch := list(itertools.islice(scripts, AT_ONCE)):
        reports = session.play(b"".join(
            session.new() + b"".join(map(session.read, reads)) for reads in batch))
        for reads in batch:
            yield reads, outcome([next(reports) for _ in range(len(reads) + 1)])


def cuts_of(stream, first, last):
    """The stream as it is and cut at every place from `first` to `last`."""
    yield [stream]
    for at in range(first, min(last, len(stream) - 1) + 1):
        yield [stream[:at], stream[at:]]


def test_row31_what_ends_a_mail(reached):
    """Every sequence of the alphabet in front of a second mail, cut everywhere around it."""
    def scripts():
        for between in sequences(LONGEST):
            stream = b"hi" + between + EVIL
            for reads in cuts_of(stream, 1, 2 + len(between) + 1):
                yield [HELLO, ENVELOPE + b"DATA\r\n", *reads]
    count = smuggled = 0
    for reads, (_, _, mails) in conversations(scripts()):
        count += 1
        stream = b"".join(reads[2:])
        expected, rest = mails_in(stream)
        assert mails[0] == (b"good@example.org good@example.com", expected), reads
        # Where the sequence has a true end, what follows it are commands, and rightly so.
        smuggled += not rest and len(mails) > 1
    reached(f"{count:,} conversations, all sequences of up to {LONGEST} of CR LF . NUL blank, every "
            f"cut: {smuggled} smuggled")
    assert smuggled == 0


def test_row31_what_ends_a_mail_over_sockets(restante, reached):
    """The same on the wire, with a later segment, for the shorter sequences."""
    count = 0
    with restante.dialogue().greet() as client:
        for between in sequences(4):
            if END in between:
                continue
            client.start_mail("good@example.com", "good@example.org")
            client.send(b"hi" + between)
            client.send(EVIL[:-5])
            client.send(END)
            assert client.code() == 250
            count += 1
            assert client.say("NOOP") == 250  # and no other reply was there
    assert restante.mails("evil") == []
    reached(f"{count} sequences over a socket, in three segments each: 0 smuggled")


@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\n\r", b"\r\r\n", b"\0\r\n", b"\x0b", b"\xc2\x85"])
def test_row31_what_ends_a_command(newline):
    """Only CRLF: with anything else in their place the commands of a mail store nothing."""
    stream = HELLO + (ENVELOPE + b"DATA\r\nhi").replace(b"\r\n", newline) + END
    for reads, (output, _, mails) in conversations(cuts_of(stream, 1, len(stream))):
        assert mails == [], reads
        assert b"354" not in output and b"2.1.0" not in output, reads


def lengths():
    """Around every limit and buffer."""
    for middle in (512, 1000, 1024, 2048, 4096, 8192, 16384, 32768, 65536):
        yield from range(middle - 24, middle + 3)


def test_row31_tail_of_a_long_line(reached):
    """Row 39 of the conformance list: it never is a command, wherever line or segment ends."""
    tail = b"MAIL FROM:<evil@example.org>"

    def scripts():
        for length in lengths():
            line = b"NOOP " + b"x" * (length - 5)
            yield [HELLO, line + tail + b"\r\n"]
            yield [HELLO, line, tail + b"\r\n"]
            yield [HELLO, line[:-1], line[-1:] + tail, b"\r\n"]
            yield [HELLO, line, b"\r", b"x\n", tail + b"\r\n"]
    count = 0
    for reads, (output, _, _) in conversations(scripts()):
        count += 1
        assert b"2.1.0" not in output, [len(one) for one in reads]
    reached(f"{count} lines of up to 64 KiB: 0 tails were taken for commands")


@pytest.mark.parametrize("stream, code", [
    (ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nx" + END, 554),
    (b"EHLO d\r\n" + ENVELOPE, 554), (b"STARTTLS\r\n" + ENVELOPE, 554)])
def test_row31_what_may_not_follow_in_a_segment(stream, code):
    """Rows 45 and 60: what was sent before the answer that it depends on ends the conversation."""
    for reads, (output, closed, mails) in conversations([[HELLO, stream]]):
        assert session.codes(output)[-1] == code and closed and mails == [], reads


def test_row31_octets_of_a_chunk(reached):
    """Rows 57 and 58: those of a BDAT that is refused, for whatever reason, are no commands."""
    inner = ENVELOPE.replace(b"good", b"evil") + b"BDAT 4 LAST\r\nevil"
    padded = inner + b"x" * (2500 - len(inner))
    count = 0
    for before, payload in itertools.product(
            [b"", b"MAIL FROM:<good@example.org>\r\n", ENVELOPE],
            [inner, padded, b"x" * 9_000 + inner]):
        chunk = b"BDAT %d LAST\r\n" % len(payload) + payload
        command = chunk.index(b"\n") + 1
        for reads, (output, closed, mails) in conversations(
                [HELLO, before, *reads, b"NOOP\r\n"] if before else [HELLO, *reads, b"NOOP\r\n"]
                for reads in cuts_of(chunk, 1, command + len(inner))):
            count += 1
            good = before == ENVELOPE and payload == inner
            assert [mail.envelope for mail in mails] == (
                [b"good@example.org good@example.com"] if good else []), reads
            replies = session.codes(output)
            assert closed or replies[-1] == 250, reads
            assert len(replies) <= 2 + before.count(b"\n") + 2, reads
    reached(f"{count:,} cuts of a chunk that holds a mail: 0 smuggled")


def resident(pid):
    """KiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def test_row31_endless_lines(reached):
    """A command line without end is cut at 64 KiB, and none of it is kept."""
    clients, longest = 30, 2 << 20
    with Restante(smtpd_workers=1, smtp_tls="optional") as restante:
        pid, = restante.pids("smtpd")
        restante.send("before@example.com")
        before, most = resident(pid), 0
        for number in range(clients):
            with restante.dialogue("127.7.0.1").greet() as client:
                begin = [b"", b"MAIL FROM:<", b"RCPT TO:<", b"BDAT "][number % 4]
                with contextlib.suppress(OSError):
                    client.send(begin + b"1" * longest)
                    client.finish_writing()
                most = max(most, resident(pid) - before)
                assert client.code() in (500, None)
                assert client.code() is None
        lines = restante.log.wait_for("event=client_closed .*ip=127.7.0.1 ", clients)
        assert all("reason=line_endless " in line for line in lines)
        reached(f"{clients} lines of {longest >> 20} MiB: all cut, RSS + {most} KiB")
        assert most <= 1024 or SLOW != 1  # a sanitizer takes memory of its own
