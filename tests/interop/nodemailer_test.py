# SPDX-License-Identifier: ISC
# nodemailer: npm's newest where there is npm, else Debian's; as Node's applications use it.
import base64
import json
import pathlib
import shutil
import subprocess

import pytest

from harness import certificate, environment, new_directory, run
from mails import KINDS, Mail

SCRIPT = pathlib.Path(__file__).with_name("nodemailer.js")
PACKAGE = "node-nodemailer"


def install(directory):
    """The folder of modules, or a pytest skip that says why there is none."""
    if shutil.which("npm"):
        fetched = run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                      directory, "nodemailer", cwd=directory)
        modules = directory / "node_modules"
    else:
        fetched = run("apt-get", "-q", "download", PACKAGE, cwd=directory)
        for package in directory.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
        modules = directory / "usr/share/nodejs"
    if fetched.returncode or not modules.exists():
        pytest.skip(f"nodemailer cannot be fetched: {fetched.stdout[-200:]}")
    return modules


@pytest.fixture(scope="module")
def nodemailer(restante):
    if not shutil.which("node"):
        pytest.skip("no node here")
    modules = install(new_directory())

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
