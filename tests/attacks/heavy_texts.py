# SPDX-License-Identifier: ISC
"""Mails of 64 KB that a parser could read over and over."""
import itertools

SIZE = 64 * 1024
# Each piece is repeated up to SIZE, alone and between others.
PIECES = [
    "1\r\n", "1 ", "1\t", "12 ", "1234 ", "12-", "1234-", "A-", "ABC-", "AB1-CD2 ", "A1B2C ", "1.", "1,",
    "code ", "code: ", "code is ", "your code is 1234 ", "is ", "PIN ", "invoice ", "www.", "http://",
    "http://a", "https://a.b/", "a@b", "@", ":", "(", ")", "[", "]", "<", ">", "<a ", "<a href=", "<a href=x>",
    "</a>", "<!--", "-->", "<style>", "</style>", "<script>", "<table><tr><td>", "<p>", "<br>", "<b>",
    "&", "&amp;", "&#1;", "&#x41;", "&nbsp", "'", '"', "\\", "\r\n", "\n", "\r", " ", "\t", ">", "> ", ">>>> ",
    " \r\n", "-- \r\n", "--x\r\n", "--", "=", "=3D", "=\r\n", "=?utf-8?q?a?= ", "=?utf-8?b?YQ==?=", "=?",
    "?=", "%", "%41", ";", "; a=b", "\u00e9", "\u3042", "\u00a0", "\u2011", "$", "#", "_", "/", "x", "X",
    "xxxxxxxx ", "Subject: x\r\n", "Content-Type: text/plain\r\n\r\n", "\x1b$B", "\x1b(B", "+AGE-", "{", "}",
    "|", "*", "~", "0", "9" * 7 + " ", "000000 ",
]
TYPES = {
    "plain": "Content-Type: text/plain; charset=utf-8\r\n\r\n",
    "html": "Content-Type: text/html; charset=utf-8\r\n\r\n",
    "flowed": "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\n",
    "quoted": "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    "base64": "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    "utf-7": "Content-Type: text/plain; charset=utf-7\r\n\r\n",
    "multipart": "Content-Type: multipart/mixed; boundary=x\r\n\r\n",
    "broken": "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nfirst\r\n--x\r\n" * 2,
    "twice": "Content-Type: multipart/mixed; boundary=x; boundary=y\r\n\r\n--x\r\n\r\n",
    "subject": "Subject: ", "to": "To: ", "type": "Content-Type: text/plain; ",
    "disposition": "Content-Disposition: attachment; filename=",
}


def filled(head, piece):
    return (head + piece * (SIZE // len(piece.encode()))).encode()


def mails():
    """(name, mail) of every type with every piece, and of pairs of pieces in plain text and HTML."""
    for (name, head), piece in itertools.product(TYPES.items(), PIECES):
        yield f"{name} {piece!r}", filled(head, piece)
        yield f"{name} {piece!r} in words", filled(head, f"{piece}word {piece}")
    for name in ("plain", "html"):
        for one, other in itertools.combinations(PIECES, 2):
            yield f"{name} {one!r} {other!r}", filled(TYPES[name], one + other)
