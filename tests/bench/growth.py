# SPDX-License-Identifier: ISC
"""Whether a mail, or a list of ten, costs more the more mail there is: in the mailbox, and in others."""
import contextlib

from bench.costs import time_of
from bench.pairs import compare
from bench.peers import Subject
from bench.smtp_bench import load
from testbed.api import ask

BOX = "u0"  # the only mailbox of smtp_load -m 1
# More mails like the newest one of BOX, whatever it consists of: into BOX, or one into each of as
# many mailboxes.
FILL = """local entry = redis.call('XREVRANGE', 'inbox:{u0}', '+', '-', 'COUNT', 1)[1][2]
for i = ARGV[1], ARGV[2] do
  local inbox = 'inbox:{' .. (ARGV[3] == 'boxes' and 'filled' .. i or 'u0') .. '}'
  redis.call('XADD', inbox, '*', unpack(entry))
  redis.call('PEXPIRE', inbox, 86400000)
end"""
STEP = 5000
TURNS = 4  # short ones, and many, since what disturbs one pair is not in the next


def fill(subject, kind, first, last):
    for start in range(first, last + 1, STEP):
        subject.redis_cli("EVAL", FILL, "0", str(start), str(min(start + STEP - 1, last)), kind)


def new_subject():
    subject = Subject()
    load(subject.port, 1, ["-m", "1", "-s", "500"])
    return subject


class Mailbox:
    """BOX of a restante, which is as large before each turn. What is measured is the time of a
    processor that restante and its Redis take, in µs."""

    def __init__(self, subject, size):
        self.subject, self.size = subject, size
        self.pids = [*subject.pids(), *subject.redis_pids()]

    def trim(self):
        self.subject.redis_cli("XTRIM", f"inbox:{{{BOX}}}", "MAXLEN", str(self.size))

    def mail(self, count):
        self.trim()
        before = time_of(self.pids)
        load(self.subject.port, count, ["-m", "1"])
        return (time_of(self.pids) - before) / count / 1000

    def list_of_ten(self, count):
        self.trim()
        with contextlib.closing(self.subject.https()) as connection:
            before = time_of(self.pids)
            for _ in range(count):
                assert len(ask(connection, f"/emails/{BOX}?limit=10").json()) == 10
            return (time_of(self.pids) - before) / count / 1000


def rows(options, curves):
    """For each size the cost of a mail to a full mailbox, or beside so many mailboxes, and of a list,
    beside that with ten mails. The rows are in `curves` too, by size and by what is counted."""
    for kind, (where, sizes, measured) in KINDS.items():
        with new_subject() as small, new_subject() as large:
            for one in (small, large):
                fill(one, "mails", 2, 10)
            filled = 10 if kind == "mails" else 0
            for size in sizes:
                if size > max(sizes) * options.scale:
                    break
                fill(large, kind, filled + 1, size)
                filled = size
                ours, theirs = Mailbox(large, size if kind == "mails" else 10), Mailbox(small, 10)
                for what, measure, count in measured:
                    turn = max(100, int(count * options.scale))
                    row = compare(f"{what}, {size:,} {where} / 10", "µs", lambda: measure(ours, turn),
                                  lambda: measure(theirs, turn), TURNS * options.rounds,
                                  at_most=AT_MOST)
                    curves.setdefault(f"{what}, by {where}", []).append((size, row))
                    yield row


MAIL, LIST = ("a mail", Mailbox.mail, 500), ("a list of 10", Mailbox.list_of_ten, 500)
# What grows: its name, how far, and what is measured then: how often in a turn.
KINDS = {"mails": ("mails in its mailbox", (10, 100, 1000, 10_000, 100_000), (LIST, MAIL)),
         "boxes": ("mailboxes", (10, 100, 1000, 10_000, 100_000, 1_000_000), (MAIL,))}
AT_MOST = 1.1  # of the cost with ten

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 320, 50, 20, 76, 50
COLOURS = ("#0a7d4f", "#1f5fbf", "#b35900")


def svg(curves):
    """A small picture: time of a mail or of a list over the number of mails or mailboxes, which is
    logarithmic, as a multiple of that with ten."""
    sizes = sorted({size for points in curves.values() for size, _ in points})
    places = {size: LEFT + 20 + (WIDTH - LEFT - RIGHT - 60) * number / max(len(sizes) - 1, 1)
              for number, size in enumerate(sizes)}

    def y(value):
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value, 2) / 2)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
             f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             "<title>Cost of a mail and of a list, with more and more mail</title>",
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             f'<text x="{LEFT - 30}" y="20">time of a processor, as a multiple of that with ten; bars: half of the '
             "pairs</text>"]
    for value in (0, 0.5, 1, 1.5, 2):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.0f}" y2="{y(value):.0f}" '
                     f'stroke="{"#888" if value == 1 else "#ddd"}"/>'
                     f'<text x="{LEFT - 8}" y="{y(value) + 4:.0f}" text-anchor="end">{value:g}</text>')
    for size, x in places.items():
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
                     f"{size:,}</text>")
    parts.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
                 "mails in the mailbox, or mailboxes</text>")
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        shift = 5 * (number - 1)  # so that bars stand beside each other
        line = " ".join(f"{places[size] + shift:.0f},{y(row.middle):.1f}" for size, row in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for size, row in points:
            x = places[size] + shift
            parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{y(row.low):.1f}" '
                         f'y2="{y(row.high):.1f}" stroke="{colour}"/>'
                         f'<circle cx="{x:.0f}" cy="{y(row.middle):.1f}" r="3" fill="{colour}"/>')
        parts.append(f'<rect x="{LEFT - 30 + 245 * number}" y="36" width="14" height="4" fill="{colour}"/>'
                     f'<text x="{LEFT - 10 + 245 * number}" y="43">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])
