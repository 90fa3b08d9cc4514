# SPDX-License-Identifier: ISC
# What restante reads out of mails that Python wrote is what Python reads out of them.
"""On a failure `generated_mails.mail(NUMBER)` gives the mail once more."""
import contextlib
import email
import email.policy
import hashlib
import re

import pytest

from integration import generated_mails
from integration.generated_mails import SEED
from testbed.api import FIELDS, ask
from testbed.daemon import Restante
from testbed.redis import Redis
from testbed.smtp import deliver
from testbed.waiting import SLOW

COUNT = 1000 if SLOW == 1 else 200
PAGE = 100  # mails of one connection, and of one list
MAIL = "x-mails/rfc822"  # stands for message/rfc822, which Python would take apart
ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "audio/mpeg": ".mp3", "text/plain": ".txt",
           "application/pdf": ".pdf", "text/html": ".html", "text/calendar": ".ics",
           MAIL: ".eml"}
DEFAULT = email.policy.default


# What restante(8) says of bodies and attachments, by the tree that Python's parser makes.


def is_attachment(part):
    disposition = part.get_content_disposition()
    if disposition is None:
        return part.get_param("name") is not None
    return disposition != "inline"


def kind_of(part):
    """plain or html for what may be a body, else None."""
    kind = part.get_content_type().removeprefix("text/")
    return kind if kind in ("plain", "html") and not is_attachment(part) else None


def root_of(related):
    start = related.get_param("start")
    return next((part for part in related.iter_parts() if start and part["Content-ID"] == start),
                next(related.iter_parts()))


def bodies_of(part, found):
    """Adds to `found` the part that is the body, by kind, where there is none yet."""
    if part.get_content_maintype() != "multipart":
        if kind_of(part):
            found.setdefault(kind_of(part), part)
    elif part.get_content_subtype() == "alternative":
        forms = list(part.iter_parts())[::-1]
        for form in sorted(forms, key=is_compound):
            bodies_of(form, found)
    elif part.get_content_subtype() == "related":
        bodies_of(root_of(part), found)
    else:
        for child in part.iter_parts():
            bodies_of(child, found)
    return found


def is_compound(part):
    """A multipart that puts parts beside each other."""
    return part.get_content_maintype() == "multipart" and part.get_content_subtype() not in (
        "alternative", "related")


def attachments_of(part, bodies, is_form=False):
    """The leaves that are listed, in their order."""
    if part.get_content_maintype() == "multipart":
        subtype = part.get_content_subtype()
        if subtype == "alternative":
            inside = {id(leaf) for leaf in part.walk()}
            is_form = is_form or any(id(body) in inside for body in bodies.values())
        for child in part.iter_parts():
            yield from attachments_of(child, bodies, is_form and (
                subtype == "alternative" or subtype == "related" and child is root_of(part)))
    elif not any(part is body for body in bodies.values()) and not (is_form and kind_of(part)):
        yield part


def text_of(part):
    if part is None:
        return ""
    text = part.get_content().replace("\r\n", "\n")
    if part.get_param("format") == "flowed":
        lines = re.sub("^ ", "", text, flags=re.MULTILINE)
        text = re.sub("(?<= )\n", "", lines.removesuffix("\n")) + "\n"
    return text


def name_of(part, number):
    if part.get_filename():
        return part.get_filename()
    if part.get_content_type() == MAIL:
        inner = email.message_from_bytes(part.get_payload(decode=True), policy=DEFAULT)
        subject = re.sub(r"[/\\]", "_", (inner["Subject"] or "").strip(" ")).encode()[:100]
        stem = subject.decode(errors="ignore").rstrip(" .")
        if stem:
            return stem + ".eml"
    return f"attachment-{number}" + ENDINGS.get(part.get_content_type(), (
        ".txt" if part.get_content_maintype() == "text" else ".bin"))


def expected(raw, is_modern):
    """What the API should give of a mail, by Python's parser."""
    # A mail in a mail is an attachment: a leaf, of which the bytes are wanted as they came.
    parsed = email.message_from_bytes(raw.replace(b"message/rfc822", MAIL.encode()), policy=DEFAULT)
    # Python's own choice is by another rule than ours in mails that EmailMessage does not write:
    # it takes the first form of a kind, and believes in no disposition but `attachment`.
    bodies = bodies_of(parsed, {})
    if is_modern:
        bodies = {kind: parsed.get_body((kind,)) for kind in ("plain", "html")}
    attachments = list(attachments_of(parsed, bodies))
    contents = [part.get_payload(decode=True) for part in attachments]
    types = [part.get_content_type().replace(MAIL, "message/rfc822") for part in attachments]
    return {
        # Blanks at the ends are of the fold behind the colon, and are not shown.
        "subject": (parsed["Subject"] or "").strip(" "),
        "body_text": text_of(bodies.get("plain")),
        "body_html": text_of(bodies.get("html")),
        "attachments": [name_of(part, number) for number, part in enumerate(attachments, 1)],
        "types": types,
        "sizes": [len(content) for content in contents],
        "sha256": [hashlib.sha256(content).hexdigest() for content in contents],
        "fields": list(parsed.keys()),
        "parse_error": False,
    }


def seen(message):
    """The same of an answer of the API."""
    details = message["attachment_details"]
    return {field: message[field] for field in ("subject", "body_text", "body_html",
                                                "attachments")} | {
        "types": [entry["type"] for entry in details],
        "sizes": [entry["size"] for entry in details],
        "sha256": [entry["sha256"] for entry in details],
        "fields": [field["name"] for field in message["headers"]],
        "parse_error": message.get("parse_error", False),
    }


def first_difference(got, wanted):
    """Where the two part, or None."""
    for field, value in wanted.items():
        seen_value = got[field]
        if seen_value == value:
            continue
        if isinstance(value, bool):
            return f"{field}: restante {seen_value}, Python {value}"
        at = next((at for at, pair in enumerate(zip(seen_value, value)) if pair[0] != pair[1]),
                  min(len(seen_value), len(value)))
        near = slice(at, at + 40) if isinstance(value, str) else slice(at, at + 1)
        return f"{field} from {at} on: restante {seen_value[near]!a}, Python {value[near]!a}"
    return None


@pytest.fixture(scope="module")
def daemon():
    with Redis(appendfsync="everysec") as redis, Restante(redis=redis) as restante:
        yield restante


def test_what_is_read_out_of_generated_mails_is_what_python_reads(daemon):
    differences = []
    with contextlib.closing(daemon.https()) as api:
        for start in range(0, COUNT, PAGE):
            numbers = range(start, start + PAGE)
            mails = [generated_mails.mail(number) for number in numbers]
            with daemon.smtp() as client:
                for number, raw in zip(numbers, mails):
                    assert deliver(client, f"page{start}@example.com", raw)[0] == 250, number
            listed = ask(api, f"/emails/page{start}?limit={PAGE}").json()[::-1]
            assert len(listed) == PAGE
            for number, raw, entry in zip(numbers, mails, listed):
                message = ask(api, f"/emails/page{start}/{entry['id']}").json()
                assert {field: message[field] for field in FIELDS} == entry, number
                wanted = expected(raw, generated_mails.is_modern(number))
                difference = first_difference(seen(message), wanted)
                if difference:
                    differences.append(f"mail {number} of seed {SEED}: {difference}")
    assert not differences, f"{len(differences)} of {COUNT}\n" + "\n".join(differences[:20])
