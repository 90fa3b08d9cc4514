# SPDX-License-Identifier: ISC
# Mails as Python's own email package writes them: any structure, charset, encoding and name.
"""`mail(number)` gives the bytes of one, the same ones each time. Everything that varies comes from
its random numbers, so that one mail can be made without those before it."""
import functools
import random
import unicodedata
from email import charset as legacy_charset
from email import encoders, policy
from email.header import Header
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText

SEED = 2045
LEGACY = policy.compat32.clone(linesep="\r\n", mangle_from_=False)

# Left alone, the older interface would write what is given as these two in iso-2022-jp.
for name in ("shift_jis", "euc-jp"):
    legacy_charset.add_charset(name, legacy_charset.BASE64, legacy_charset.BASE64, name)

LATIN, GREEK, CYRILLIC = (0xA0, 0x180), (0x370, 0x400), (0x400, 0x500)
HEBREW, ARABIC, SIGNS = (0x5D0, 0x5EB), (0x620, 0x653), (0x2010, 0x2200)
KANA, HAN, HANGUL, WIDE = (0x3000, 0x30FF), (0x4E00, 0x9FA6), (0xAC00, 0xD7A4), (0xFF01, 0xFFE7)
SCRIPTS = {
    "us-ascii": [], "utf-8": [LATIN, GREEK, CYRILLIC, HEBREW, SIGNS, HAN, (0x1F300, 0x1F600)],
    "iso-8859-1": [LATIN], "iso-8859-2": [LATIN], "iso-8859-5": [CYRILLIC], "iso-8859-7": [GREEK],
    "iso-8859-9": [LATIN], "iso-8859-15": [LATIN, SIGNS], "windows-1250": [LATIN, SIGNS],
    "windows-1251": [CYRILLIC, SIGNS], "windows-1252": [LATIN, SIGNS], "windows-1253": [GREEK],
    "windows-1254": [LATIN], "windows-1255": [HEBREW], "windows-1256": [ARABIC],
    "windows-1257": [LATIN], "koi8-r": [CYRILLIC], "koi8-u": [CYRILLIC],
    "iso-2022-jp": [KANA, HAN], "shift_jis": [KANA, HAN, WIDE], "euc-jp": [KANA, HAN, WIDE],
    "euc-kr": [HANGUL, HAN, WIDE], "iso-2022-kr": [HANGUL], "big5": [HAN], "gb2312": [HAN, KANA],
    "gbk": [HAN, CYRILLIC], "gb18030": [HAN, LATIN, HANGUL, (0x1F300, 0x1F600)],
    "utf-16": [LATIN, HAN, (0x1F300, 0x1F600)], "utf-16le": [LATIN, HANGUL],
    "utf-16be": [LATIN, CYRILLIC]}
WIDE_UNITS = ("utf-16", "utf-16le", "utf-16be")  # in base64 alone, and never in headers
# What restante reads by the superset that writers of the label mean; Python goes by the label.
READ_OTHERWISE = {"shift_jis": "\u301c", "euc-jp": "\u301c", "gb2312": "\u30fb"}
WORDS = ("the", "code", "=", "=?", "?=", "a=20b", "100%", "it's", "(c)", "<b>", "a;b", "\\",
         "\"q\"", "x" * 70, "end.", "_", "mail@example.org")
LINES = ("", ".", "..", ".dot", "--", "-- ", "From here", ">From", "  two blanks", "\tTab", "=",
         "==", "blank at the end ", "x" * 900,
         "Subject: not a field")
TYPES = (("application", "pdf"), ("application", "octet-stream"), ("image", "png"),
         ("image", "jpeg"), ("audio", "mpeg"), ("application", "x-unknown"))
ENCODINGS = ("7bit", "8bit", "quoted-printable", "base64")


@functools.cache
def repertoire(charset):
    """The characters beside ASCII that a text of that charset is made of."""
    found = []
    for start, end in SCRIPTS[charset]:
        for code in range(start, end):
            try:
                size = len(chr(code).encode(charset))
            except UnicodeEncodeError:
                continue
            if charset == "euc-kr" and size > 2:  # in pieces, which is Python's idea
                continue
            is_hidden = unicodedata.category(chr(code)) in ("Cf", "Zl", "Zp")  # gone from a name
            if not is_hidden and chr(code) not in READ_OTHERWISE.get(charset, ""):
                found.append(chr(code))
    return found


class Maker(random.Random):
    """Makes one mail."""

    def __init__(self, number):
        super().__init__(f"{SEED} {number}")
        self.number = number

    def chance(self, share):
        return self.random() < share

    def charset(self, but=()):
        return self.choice([name for name in SCRIPTS if name not in but])

    # Texts

    def word(self, charset):
        letters = repertoire(charset)
        if not letters or self.chance(0.4):
            return self.choice(WORDS)
        return "".join(self.choices(letters, k=self.randint(1, 12)))

    def words(self, charset, most=8):
        return " ".join(self.word(charset) for _ in range(self.randint(1, most)))

    def text(self, charset):
        lines = [self.choice(LINES) if self.chance(0.2) else self.words(charset)
                 for _ in range(self.randint(0, 12))]
        return "\n".join(lines) + self.choice(("", "\n", "\n", "\n\n"))

    def html(self, charset):
        return f"<html><body>\n<p>{self.text(charset)}</p>\n</body></html>\n"

    def flowed(self, charset):
        """RFC 3676: lines that end in a blank go on."""
        lines = []
        for _ in range(self.randint(1, 6)):
            line = self.words(charset)
            if line.startswith((" ", ">", "From")):
                line = " " + line
            lines.append(line + self.choice(("", " ")))
        return "\n".join(lines) + "\n"

    def name(self, charset, ending):
        """Of a file; there is nothing in it that would have to be changed to make it safe."""
        letters = repertoire(charset) or "abc"
        stem = "".join(self.choices(letters, k=self.randint(1, self.choice((8, 60)))))
        stem = stem.encode()[:200].decode(errors="ignore")  # 255 is where restante cuts
        return self.choice(("", "my ", "it's ", "a;b=c, ")) + stem.strip() + ending

    # Parts, each written in the way of one of the two interfaces

    def raw_text(self, subtype, text, charset, **parameters):
        """A text part by hand: what no interface of Python's would write, others do."""
        part = MIMENonMultipart("text", subtype, charset=charset, **parameters)
        content = text.encode(charset)
        is_ascii = max(content, default=0) < 0x80 and charset not in WIDE_UNITS
        encoding = self.choice(ENCODINGS if is_ascii else ENCODINGS[1:])
        if charset in WIDE_UNITS:  # in others a line end would be made CRLF byte by byte
            encoding = "base64"
        part.set_payload(content.decode("ascii", "surrogateescape"))
        if encoding == "base64":
            part.set_payload(content)
            encoders.encode_base64(part)
        elif encoding == "quoted-printable":
            part.set_payload(content)
            encoders.encode_quopri(part)
        else:
            part["Content-Transfer-Encoding"] = encoding
        return part

    def legacy_text(self, subtype):
        charset = self.charset()
        if subtype == "plain" and charset not in WIDE_UNITS and self.chance(0.15):
            return self.raw_text("plain", self.flowed(charset), charset, format="flowed")
        text = self.text(charset) if subtype != "html" else self.html(charset)
        if charset in WIDE_UNITS or self.chance(0.5):
            return self.raw_text(subtype, text, charset)
        return MIMEText(text, subtype, charset)

    def legacy_name(self, part, ending):
        """Gives a part a name, in one of the ways in which they are written."""
        charset = self.charset(but=WIDE_UNITS)
        name = self.name(charset, ending)
        disposition = self.choice(("attachment", "attachment", "inline", "x-unknown"))
        way = self.choice(("2231", "2231", "2047", "type", "ascii"))
        if way == "2231":
            language = self.choice(("", "", "en", "de-AT"))
            part.add_header("Content-Disposition", disposition, filename=(charset, language, name))
        elif way == "2047":
            word = Header(name, charset, maxlinelen=self.choice((76, 998))).encode()
            word = word.replace("\n", "") if self.chance(0.5) else word
            part.add_header("Content-Disposition", disposition, filename=word)
        elif way == "type":
            part.set_param("name", Header(name, charset, maxlinelen=998).encode())
        else:
            part.add_header("Content-Disposition", disposition, filename="plain name" + ending)

    def legacy_attachment(self, depth):
        kind = self.choice(("bytes", "bytes", "text", "calendar", "message", "nameless"))
        if kind == "message" and depth < 3:
            inner = MIMEMessage(self.legacy(depth + 2))
            if self.chance(0.5):
                self.legacy_name(inner, ".eml")
            return inner
        if kind in ("text", "calendar"):
            part = self.legacy_text("csv" if kind == "text" else "calendar")
            self.legacy_name(part, ".txt" if kind == "text" else ".ics")
            return part
        maintype, subtype = self.choice(TYPES)
        encoder = self.choice((encoders.encode_base64, encoders.encode_base64,
                               encoders.encode_quopri))
        part = MIMEApplication(self.randbytes(self.randint(0, 3000)), subtype, encoder)
        part.replace_header("Content-Type", f"{maintype}/{subtype}")
        if kind == "bytes":
            self.legacy_name(part, self.choice((".pdf", ".tar.gz", "")))
        return part

    def legacy_tree(self, depth=0):
        """A part, and in a multipart what is below it."""
        kinds = ("plain", "html") if depth > 3 else (
            "plain", "plain", "html", "alternative", "alternative", "related", "mixed", "mixed",
            "x-own", "signed")
        kind = self.choice(kinds)
        if kind in ("plain", "html"):
            return self.legacy_text(kind)
        whole = MIMEMultipart(kind)
        if kind == "alternative":
            whole.attach(self.legacy_text("plain"))
            if self.chance(0.2):
                whole.attach(self.legacy_text("plain"))
            whole.attach(self.legacy_tree(depth + 1) if self.chance(0.3)
                         else self.legacy_text("html"))
            if self.chance(0.2):
                whole.attach(self.legacy_text("calendar"))
        elif kind == "related":
            whole.attach(self.legacy_text("html") if self.chance(0.8)
                         else self.legacy_tree(depth + 1))
            for count in range(self.randint(0, 2)):
                image = self.legacy_attachment(depth + 3)
                image["Content-ID"] = f"<{count}.{depth}@example.org>"
                whole.attach(image)
            if self.chance(0.2):
                whole.attach(self.legacy_text("html"))
                whole.get_payload()[-1]["Content-ID"] = "<root@example.org>"
                whole.set_param("start", "<root@example.org>")
        else:
            for _ in range(self.randint(1, 3)):
                whole.attach(self.legacy_tree(depth + 1) if self.chance(0.5)
                             else self.legacy_attachment(depth + 1))
        whole.preamble = self.choice((None, "A preamble.\n"))
        whole.epilogue = self.choice((None, "", "An epilogue.\n"))
        return whole

    def legacy(self, depth=0):
        """A mail by MIMEText, MIMEMultipart and Header."""
        mail = self.legacy_tree(depth)
        subject = Header(header_name="Subject")
        for _ in range(self.randint(1, 3)):
            charset = self.charset(but=WIDE_UNITS)
            subject.append(self.words(charset, 6), charset)
        if self.chance(0.95):
            mail["Subject"] = subject
        return mail

    def modern_attachment(self, mail, depth):
        add = self.choice((mail.add_attachment, mail.add_attachment, mail.add_related)) \
            if mail.get_content_subtype() == "related" else mail.add_attachment
        extra = {"cid": f"<{self.random()}@example.org>"} if add == mail.add_related else {}
        charset = self.charset(but=WIDE_UNITS)
        name = self.name(charset, self.choice((".pdf", ".txt", "")))
        if self.chance(0.15) and depth == 0:
            add(self.modern(1), **extra, **({"filename": name} if self.chance(0.5) else {}))
        elif self.chance(0.3):
            add(self.text(charset), subtype="csv", charset=charset, filename=name, **extra)
        else:
            maintype, subtype = self.choice(TYPES)
            add(self.randbytes(self.randint(0, 3000)), maintype, subtype, filename=name,
                cte=self.choice(("base64", "quoted-printable")), **extra)

    def modern(self, depth=0):
        """A mail by EmailMessage."""
        mail = EmailMessage(policy=policy.SMTP)
        if self.chance(0.95):
            mail["Subject"] = self.words(self.charset(but=WIDE_UNITS), 10)
        if self.chance(0.8):
            self.modern_text(mail.set_content, "plain")
            if self.chance(0.6):
                self.modern_text(mail.add_alternative, "html")
        else:
            self.modern_text(mail.set_content, "html")
        for _ in range(self.choice((0, 0, 1, 1, 2, 4))):
            self.modern_attachment(mail, depth)
        return mail

    def modern_text(self, add, subtype):
        charset = self.charset(but=WIDE_UNITS)
        text = self.html(charset) if subtype == "html" else self.text(charset)
        encoding = self.choice((None, *ENCODINGS))
        if encoding == "7bit" and max(text.encode(charset), default=0) >= 0x80:
            encoding = None
        add(text, subtype=subtype, charset=charset, cte=encoding)


def is_modern(number):
    return number % 2 == 0


def mail(number):
    """The bytes of mail `number`, as they go over the wire."""
    maker = Maker(number)
    made = maker.modern() if is_modern(number) else maker.legacy()
    made["X-Number"] = str(number)
    raw = made.as_bytes(policy=policy.SMTP if is_modern(number) else LEGACY)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"
