# SPDX-License-Identifier: ISC
"""Whether a mail costs more the more mail there is: in its mailbox, and in all others."""
from pairs import compare
from smtp_bench import load

FILL = """local body = string.rep('x', 500)
for i = ARGV[1], ARGV[2] do
  local box = ARGV[3] == 'boxes' and '{filled' .. i .. '}' or '{u0}'
  redis.call('HSET', 'mail:' .. box .. ':t' .. i, 'r', body)
  redis.call('PEXPIRE', 'mail:' .. box .. ':t' .. i, 86400000)
  redis.call('XADD', 'inbox:' .. box, '*', 't', 't' .. i, 's',
    '"from":"a@example.org","to":"b@example.com","subject":"s"\\n"size":1,"snippet":"","attachments":0',
    'b', '"body_text":"","body_html":"","attachments":[]')
  redis.call('PEXPIRE', 'inbox:' .. box, 86400000)
end"""
STEP = 5000


def fill(subject, kind, first, last):
    for start in range(first, last + 1, STEP):
        subject.redis_cli("EVAL", FILL, "0", str(start), str(min(start + STEP - 1, last)), kind)


def curve(subject, kind, sizes, mails, rounds):
    """For each size the cost of a mail to a full mailbox (kind `mails`), or beside so many mailboxes
    (`boxes`), as a part of its cost in an empty Redis."""
    with type(subject)() as empty:
        filled = 0
        for size in sizes:
            fill(subject, kind, filled + 1, size)
            filled = size
            ratio = compare(f"{size} {kind}", "mails/s",
                            lambda: load(empty.port, mails, ["-m", "1"])["rate"],
                            lambda: load(subject.port, mails, ["-m", "1"])["rate"], rounds)
            yield size, ratio
            empty.redis_cli("FLUSHALL")
    subject.redis_cli("FLUSHALL")


def svg(curves):
    """A small picture: cost of a mail over the number of mails or mailboxes, which is logarithmic."""
    width, height, left, bottom = 640, 300, 60, 50
    sizes = sorted({size for points in curves.values() for size, _ in points})
    decades = len(str(sizes[-1])) - len(str(sizes[0]))

    def x(size):
        return left + (width - left - 20) * (len(str(size)) - len(str(sizes[0]))) / max(decades, 1)

    def y(value):
        return height - bottom - (height - bottom - 30) * min(value, 2) / 2

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for value in (0, 0.5, 1, 1.5, 2):
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(value):.0f}" y2="{y(value):.0f}" '
                     'stroke="#ddd"/>'
                     f'<text x="{left - 8}" y="{y(value) + 4:.0f}" text-anchor="end">{value:g}</text>')
    for size in sizes:
        parts.append(f'<text x="{x(size):.0f}" y="{height - bottom + 18}" '
                     f'text-anchor="middle">{size:,}</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 10}" text-anchor="middle">'
                 'mails in the mailbox, or mailboxes</text>'
                 f'<text x="{left}" y="18">time of a mail, as a multiple of that in an empty Redis</text>')
    for number, (name, points) in enumerate(curves.items()):
        colour = ("#0b6", "#06c")[number % 2]
        line = " ".join(f"{x(size):.0f},{y(ratio.middle):.0f}" for size, ratio in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for size, ratio in points:
            parts.append(f'<line x1="{x(size):.0f}" x2="{x(size):.0f}" y1="{y(ratio.low):.0f}" '
                         f'y2="{y(ratio.high):.0f}" stroke="{colour}"/>')
        parts.append(f'<text x="{width - 24}" y="{40 + 18 * number}" text-anchor="end" '
                     f'fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])
