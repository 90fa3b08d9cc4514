# SPDX-License-Identifier: ISC
# nodemailer: npm's newest where there is npm, else Debian's; as Node's applications use it.
import base64
import json
import pathlib
import shutil

import pytest

from interop.mails import KINDS, Mail
from testbed.certificates import certificate
from testbed.machine import new_directory
from testbed.packages import unpack
from testbed.processes import environment, run

SCRIPT = pathlib.Path(__file__).with_name("nodemailer.js")


def install():
    """The folder of modules, or a pytest skip that says why there is none."""
    if not shutil.which("npm"):
        return unpack("node-nodemailer") / "usr/share/nodejs"
    directory = new_directory()
    fetched = run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", directory,
                  "nodemailer", cwd=directory)
    if fetched.returncode:
        pytest.skip(f"npm cannot fetch nodemailer: {fetched.stdout[-200:]}")
    return directory / "node_modules"


@pytest.fixture(scope="module")
def nodemailer(restante):
    if not shutil.which("node"):
        pytest.skip("no node here")
    modules = install()

    def send(mail, **content):
        transport = {"host": "localhost", "port": restante.smtp_port, "requireTLS": True}
        content |= {"envelope": {"from": mail.sender, "to": mail.recipients}}
        sent = run("node", SCRIPT, input=json.dumps({"transport": transport, "mail": content}),
                   env=environment(NODE_PATH=str(modules),
                                   NODE_EXTRA_CA_CERTS=str(certificate()[0])))
        assert sent.returncode == 0, sent.stdout
        answer = json.loads(sent.stdout.splitlines()[-1])
        assert len(answer["accepted"]) == len(mail.recipients)
        assert not answer["rejected"]
    return send


@pytest.mark.parametrize("kind", KINDS)
def test_nodemailer_delivers_what_was_made_elsewhere(restante, nodemailer, kind):
    mail = Mail(kind)
    nodemailer(mail, raw=base64.b64encode(mail.data).decode())
    mail.check(restante)


@pytest.mark.parametrize("kind", KINDS)
def test_nodemailer_delivers_what_it_makes(restante, nodemailer, kind):
    mail = Mail(kind)
    nodemailer(mail, **{"from": mail.sender, "to": mail.recipients[0]}, subject=mail.subject,
               text=mail.text)
    mail.check(restante)


def test_nodemailer_delivers_html_and_attachments(restante, nodemailer):
    mail = Mail("plain")
    files = ["Übersicht für 東京, deren Name mehr als eine Zeile braucht.txt", "b.bin"]
    nodemailer(mail, **{"from": mail.sender, "to": mail.recipients[0]}, subject=mail.subject,
               text=mail.text, html="<p>Grüße</p>",
               attachments=[{"filename": file, "content": "x" * 100_000} for file in files])
    shown, = restante.mails(mail.users[0])
    assert shown["body_text"] == mail.text
    assert shown["body_html"] == "<p>Grüße</p>"
    assert shown["attachments"] == files
