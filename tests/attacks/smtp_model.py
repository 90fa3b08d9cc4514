# SPDX-License-Identifier: ISC
# What a client may expect of an SMTP session (RFC 5321, 1870, 2920, 3030, 3207), written down
# without a look at how the server does it: codes, mails, and when the conversation is over.
SIZE, RECIPIENTS, ERRORS, TALK, HEADER = 2048, 3, 20, 100, 1024
OFF, OFFERED, REQUIRED = "off", "offered", "required"

# What an argument is answered with, were everything else well; of RCPT also whose mailbox it is.
MAIL = {"FROM:<a@x.test>": 250, "FROM:<>": 250, "from:<a@x.test> size=10": 250,
        "FROM:<a@x.test> SIZE=9999": 552, "FROM:<a@x.test": 501, "FROM:<a@x.test> FOO": 555,
        "": 501, "FROM:<a@x.test> SIZE=1 SIZE=2": 501, "FROM:<\u00e9@x.test>": 553}
RCPT = {"TO:<a@example.com>": "a", "TO:<A@example.com>": "a", "TO:<b@example.com>": "b",
        "TO:<c@example.com>": "c", "TO:<d@example.com>": "d", "TO:<a@x.test>": 550,
        "TO:<a%b@example.com>": 553, "TO:<a@example.com": 501, "": 501,
        "TO:<a@example.com> X=1": 555}
# Lines that are no command, and what they are answered with.
ODD = {"FOO": 500, "EXPN": 502, "LONG": 500, "CONTROL": 501}
IDLE_TALK = ("HELO", "EHLO", "RSET", "NOOP", "VRFY", "HELP")
IN_CLEAR = ("HELO", "EHLO", "STARTTLS", "RSET", "NOOP", "QUIT", "HELP")
LAST_OF_GROUP = ("HELO", "EHLO", "STARTTLS", "DATA")
NO_ARGUMENT, NEEDS_ARGUMENT = ("RSET", "QUIT", "DATA", "STARTTLS"), ("HELO", "EHLO", "VRFY")
PLACES = {"MAIL": ("greeted",), "RCPT": ("mail", "rcpt"), "DATA": ("mail", "rcpt"),
          "BDAT": ("mail", "rcpt", "chunks"), "STARTTLS": ("greeted", "mail", "rcpt", "chunks")}


class Model:
    """Each method is something that comes, and gives the codes that it is answered with."""

    def __init__(self, tls):
        self.tls, self.secure, self.state = tls, False, "fresh"
        self.errors = self.talk = 0
        self.no_sender = self.no_message = self.no_delivery = False  # what the store says
        self.mails = []  # (sender, recipients, data), all that the store was asked to take
        self.reset()

    def reset(self):
        self.sender, self.recipients, self.chunks = None, [], b""
        if self.state != "fresh":
            self.state = "greeted"

    def say(self, code):
        self.errors += code >= 500
        return [code]

    def end(self, code):
        self.say(code)
        self.state = "closed"
        return [code]

    def out_of_patience(self):
        return self.errors >= ERRORS or self.talk >= TALK

    def objection(self, verb, argument=""):
        if self.tls == REQUIRED and not self.secure and verb not in IN_CLEAR:
            return 530
        if verb in PLACES and self.state not in PLACES[verb]:
            return 503
        return 501 if verb in (NO_ARGUMENT if argument else NEEDS_ARGUMENT) else None

    def command(self, verb, argument="", last=True):
        """A line; `last` says that nothing is behind it yet."""
        if self.state == "closed":
            return []
        if self.out_of_patience():
            return self.end(421)
        if verb == "GET":
            return self.end(421) if self.state == "fresh" else self.say(500)
        if verb == "BARE LF":
            return self.end(550)
        if verb in ODD:
            return self.say(ODD[verb])
        if verb in LAST_OF_GROUP and not last:
            return self.end(554)
        self.talk += verb in IDLE_TALK
        if objection := self.objection(verb, argument):
            return self.say(objection)
        return getattr(self, "take_" + verb.lower(), self.take_other)(verb, argument)

    def take_other(self, verb, _):
        if verb == "QUIT":
            return self.end(221)
        if verb in ("EHLO", "HELO"):
            self.state = "greeted"
        if verb in ("EHLO", "HELO", "RSET"):
            self.reset()
        return [{"VRFY": 252, "HELP": 214}.get(verb, 250)]

    def take_starttls(self, *_):
        if self.secure:
            return self.say(503)
        if self.tls == OFF:
            return self.say(454)
        self.secure, self.state = True, "fresh"
        self.reset()
        return [220]

    def take_mail(self, _, argument):
        if MAIL[argument] != 250:
            return self.say(MAIL[argument])
        if self.no_sender:
            return [451]
        self.sender, self.state = "a@x.test" if "a@" in argument else "", "mail"
        return [250]

    def take_rcpt(self, _, argument):
        whose = RCPT[argument]
        if isinstance(whose, int):
            return self.say(whose)
        if whose not in self.recipients:
            if len(self.recipients) == RECIPIENTS:
                return [452]
            self.recipients.append(whose)
        self.state = "rcpt"
        return [250]

    def take_data(self, *_):
        if self.state == "mail":
            return self.say(554)
        if self.no_message:
            return [451]
        self.state = "data"
        return [354]

    def message(self, data):
        """All of it behind a 354; its dots are not stuffed, and its end is not part of it."""
        return self.end(552) if len(data) > SIZE + SIZE // 2 else self.deliver(data)

    def chunk(self, size, last, octets):
        """BDAT and what it announces; a size of None is a malformed one."""
        if self.state == "closed":
            return []
        if self.out_of_patience():
            return self.end(421)
        if size is None:
            return self.end(501)
        self.talk += size == 0
        verdict = self.objection("BDAT")
        if not verdict and self.state == "mail":
            verdict = 554
        if not verdict and len(self.chunks) + size > SIZE:
            verdict = 552
        if verdict and size > SIZE + SIZE // 2:
            return self.end(verdict)
        if verdict == 552 or (not verdict and self.no_message and self.state == "rcpt"):
            self.reset()
            verdict = verdict or 451
        if verdict:
            return self.say(verdict)
        self.state = "chunks"
        self.chunks += octets
        return self.deliver(self.chunks) if last else [250]

    def deliver(self, data):
        mail, header = (self.sender, self.recipients, data), data.partition(b"\r\n\r\n")[0]
        self.reset()
        if len(data) > SIZE or len(header) > HEADER:
            return self.say(552)
        self.mails.append(mail)
        if self.no_delivery:
            return [451]
        self.errors = self.talk = 0
        return [250]
