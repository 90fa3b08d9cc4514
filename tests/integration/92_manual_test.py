# SPDX-License-Identifier: ISC
# The examples of the manual: each is run as it stands there, and says what it is said to say.
import contextlib
import json
import os
import re
import shutil
import smtplib
import ssl
import subprocess
import threading

import pytest

from integration.manual import blocks_of_page, blocks_of_readme, examples_of, matches
from testbed.api import KEY
from testbed.build import SOURCE, programs, run_restante
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, close_to_others, free_ports, new_directory
from testbed.processes import Lines, environment, installed
from testbed.waiting import seconds

PAGES = sorted(path.name for path in (SOURCE / "man").iterdir())
HOST = "mail.example.com"

# What cannot be run here, and why. Each stands in a page, or the test fails.
NOT_RUN = {
    r"^restante --demo$": "it has fixed ports and runs until Ctrl-C; 90_demo_test.py starts it",
    r"^adduser ": "it changes this machine; the package makes the user, and tests/deb sees it",
    r"^echo \$API_KEY$": "its value is new each time",
    r"^restante$": "it binds ports 25, 80 and 443; every test starts it with others",
    r"^certbot ": "it needs an authority; 34_acme_test.py has the challenge",
    r"^RENEWED_LINEAGE=": "it writes to /etc/restante as root; tests/deb runs the hook",
    r"^apt install": "it changes this machine; tests/deb installs and upgrades",
    r"restante-demo": "the demo that it looks at does not run",
    r"mail-the-postmaster": "what follows is a program of the reader's own, and the DNS another",
}
# Blocks without a command, and why they are none of ours.
OTHER_BLOCKS = {
    r"^location / ": "nginx; 38_reverse_proxy_test.py has HAProxy",
    r"^backend restante": "HAProxy; 38_reverse_proxy_test.py does this",
    r"^http_api_listen": "a part of a configuration; 38_reverse_proxy_test.py does this",
    r"^tls_certificate = /etc/letsencrypt": "two settings; 19_certificates_test.py has such",
    r"^scrape_configs": "Prometheus; 75_metrics_test.py has the key as a bearer token",
    r"^chown root:restante": "of the machine",
    r"event=mail_stored": "a line of the log, shown again with its command",
    r"^smtp_connection_limit": "a part of a configuration; tests/attacks/memory_test.py runs with it",
    r"^user mail on ": "a line of redis.conf; 64_redis_address_test.py has this user",
}
HELLO = "Subject: Hello\r\n\r\nHello.\r\n"
CODE = ("Subject: Your code\r\nFrom: Bob <bob@example.org>\r\nTo: alice@example.com\r\n"
        "Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
        "Your code is 493817, or go to https://example.org/go?c=493817\r\n--b\r\n"
        "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=terms.txt\r\n\r\n"
        "Be kind.\r\n--b--\r\n")
# Of these commands the status is not 0, since it is the test that ends them.
FAILS = r"^curl -(sk)?N"

# Programs that a machine with restante has, as it would have them there.
STAND_INS = {
    # restante and restantectl read /etc/restante/restante.conf.
    "restante": 'case " $* " in *" -c "*) exec {programs}/restante "$@";; esac\n'
                'exec {programs}/restante -c {etc}/restante.conf "$@"\n',
    "restantectl": 'exec {programs}/restantectl -c {etc}/restante.conf "$@"\n',
    # In the journal a line begins behind time and level.
    "journalctl": "sed -E 's/^[^ ]+Z [a-z]+ +//' {journal}\n",
    # The unit's ExecReload is restantectl reload; it starts and stops as the unit does.
    "systemctl": 'case $1 in\nreload) {bin}/restantectl reload >/dev/null;;\n'
                 'stop) {bin}/restantectl stop >/dev/null;;\n'
                 'start) {programs}/restante -c {etc}/restante.conf >/dev/null 2>>{journal} &\n'
                 'for i in $(seq 200); do curl -sf https://{host}/readyz >/dev/null && exit\n'
                 'sleep 0.1; done; exit 1;;\nesac\n',
    # It has no option to take a name for another address.
    "swaks": 'exec {swaks} "$@" --server ' + LOCAL + " --port {smtp}\n",
    "openssl": 'for word; do shift; [ "$word" != {host}:25 ] || word=' + LOCAL + ":{smtp}\n"
               'set -- "$@" "$word"; done\nexec {openssl} "$@"\n',
}


class Machine:
    """One on which the lines of the manual are typed: mail.example.com, for example.com."""

    def __init__(self, stack, **settings):
        self.root = new_directory()
        self.etc, self.var, self.run, self.home = (
            self.root / name for name in ("etc/restante", "var", "run", "root"))
        for path in (self.etc / "tls", self.home, self.root / "bin"):
            path.mkdir(parents=True)
        self.smtp, self.http, self.https = free_ports(3)
        for source, name in zip(certificate(HOST), ("fullchain.pem", "privkey.pem")):
            for place in (self.etc / "tls", self.home):
                shutil.copy(source, place / name)
                close_to_others(place / name)
        if IS_ROOT:
            shutil.chown(self.root, UNPRIVILEGED)
        self.journal = self.root / "journal"
        self.restante = stack.enter_context(Restante(
            redis="private", hostname=HOST, api_key=KEY, redis_directory=self.var,
            runtime_dir=self.run, tls_certificate=self.etc / "tls/fullchain.pem",
            tls_key=self.etc / "tls/privkey.pem", smtp_listen=f"{LOCAL}:{self.smtp}",
            http_listen=f"{LOCAL}:{self.http}", https_listen=f"{LOCAL}:{self.https}",
            api_rate_limit=100, drain_timeout="1s",
            starter=("bash", "-c", f'exec "$@" 2> >(tee -a {self.journal} >&2)', "bash"),
            **settings))
        self._start_shell()
        stack.callback(self._end)
        # Where the unit has it; an edit of it is read at the next reload.
        conf = self.restante.directory / "restante.conf"
        (self.etc / "restante.conf").write_text("".join(
            line for line in conf.read_text().splitlines(keepends=True)
            if "_rate_limit" not in line))  # those have their defaults
        close_to_others(self.etc / "restante.conf")
        conf.unlink()
        conf.symlink_to(self.etc / "restante.conf")
        self._make_programs()

    def _make_programs(self):
        bin = self.root / "bin"
        for name, text in STAND_INS.items():
            text = text.format(programs=programs(), etc=self.etc, journal=self.journal, bin=bin,
                               host=HOST, smtp=self.smtp, swaks=installed("swaks"),
                               openssl=installed("openssl"))
            (bin / name).write_text(f"#!/bin/bash\n{text}")
            (bin / name).chmod(0o755)
        # Names lead here by curl's own file; that it checks certificates is seen elsewhere.
        lines = [f'connect-to = "{name}:{port}:{LOCAL}:{ours}"' for name, port, ours in (
            (HOST, 443, self.https), (HOST, 80, self.http),
            ("mta-sts.example.com", 443, self.https), ("example.org", 443, self.https))]
        (self.home / ".curlrc").write_text("\n".join([*lines, "insecure", "silent"]))

    def _start_shell(self):
        path = f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin:/sbin"
        self.shell = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(PATH=path, HOME=str(self.home), KEY=KEY, BOX="alice"))
        self.screen = Lines(self.shell.stdout)

    def _end(self):
        self.shell.kill()
        self.shell.wait()
        subprocess.run([programs() / "restantectl", "-r", self.run, "stop"],
                       capture_output=True, env=environment())

    def send(self, to, data):
        with smtplib.SMTP(LOCAL, self.smtp, timeout=seconds(20)) as client:
            client.starttls(context=ssl._create_unverified_context())
            client.ehlo("client.example.org")
            client.mail("bob@example.org")
            taken = client.docmd(f"RCPT TO:<{to}>")[0]
            return client.data(data)[0] if taken == 250 else taken

    def prepare(self, block):
        """The mailbox of alice as the example needs it; the id of its newest mail."""
        if "test mailing" in block:
            return ""  # what swaks has sent before
        redis = ["redis-cli", "-s", self.run / "redis.sock"]
        keys = subprocess.run([*redis, "--scan"], capture_output=True, check=True).stdout.split()
        subprocess.run([*redis, "unlink", "inbox:{}", *keys], capture_output=True, check=True)
        if re.search("curl -(sk)?N", block) and "claim" not in block:
            threading.Timer(1, self.send, ("alice@example.com", HELLO)).start()
            return ""
        if "swaks" in block:
            return ""
        mails = [CODE] if "claim?wait=30" in block else [HELLO]
        if "/emails/" in block and not "claim?wait=30" in block:
            mails = [HELLO, CODE]
        for mail in mails:
            assert self.send("alice@example.com", mail) == 250
        if "carol" in block:
            assert self.send("carol@example.net", HELLO) == 550
        listed = subprocess.run([self.root / "bin/restantectl", "inbox", "alice", "--json"],
                                capture_output=True, check=True, env=environment()).stdout
        return json.loads(listed)[0]["id"]

    def here(self, command, newest):
        """With the places of this machine."""
        owner = UNPRIVILEGED if IS_ROOT else str(os.getuid())
        for there, here in [
                ("/etc/restante", f"{self.etc}"), ("/var/lib/restante", f"{self.var}"),
                ("/run/restante", f"{self.run}"), ("/root/", f"{self.home}/"),
                ("tar -C / ", f"tar -C {self.root} "), ("restante:restante", owner),
                ("-o root -g restante -m 640", f"-o {owner} -m 640"),
                # Half a minute is long for a test.
                ("?wait=10\"", "?wait=1\""), ("wait=60", "wait=1"), ("curl -N", "curl -N -m 4"),
                # The demo of README.md.
                ("127.0.0.1:8443", f"{LOCAL}:{self.https}"), ("curl -skN", "curl -skN -m 4")]:
            command = command.replace(there, here)
        command = re.sub(r"\b[0-9a-f]{48}\b", KEY, command)
        return re.sub(r"\b\d{19}\b", newest, command)

    def type(self, command, newest=""):
        """Into the shell: what it says, and its status."""
        mark = f"--{os.urandom(8).hex()}"
        lines = f"{{ {self.here(command, newest)}\n}} </dev/null\nprintf '\\n%s %s\\n' {mark} $?\n"
        before = len(self.screen.find())
        self.shell.stdin.write(lines.encode())
        self.shell.stdin.flush()
        end, = self.screen.wait_for(f"^{mark} ", timeout=30)
        shown = self.screen.find()[before:]
        said = "\n".join(shown[:shown.index(end)])
        for here, there in [(f"{self.etc}", "/etc/restante"), (f"{HOST}:{self.https}", HOST)]:
            said = said.replace(here, there)
        return said, int(end.split()[1])


def reason_not_to_run(command):
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, command)), None)


def settings_for(page):
    return {"mta_sts": "enforce"} if page == "restante-api.7" else {}


# What a reader does between two blocks.
AFTERWARDS = {"api_key = $NEW": "KEY=$NEW", "BOX=test-": "BOX=alice"}


def check(machine, name, blocks, may_be_silent=False):
    for block in blocks:
        examples = [one for one in examples_of(block) if not reason_not_to_run(one.command)]
        if not examples:
            continue
        newest = machine.prepare(block)
        machine.type("cd")
        for command, output in examples:
            said, status = machine.type(command, newest)
            assert matches(output, said) or (may_be_silent and not output.strip()), (
                f"{name}: {command}\nis said to print\n{output}\nprints\n{said}")
            assert (status == 0) != bool(re.search(FAILS, command)), (command, status, said)
        for pattern, command in AFTERWARDS.items():
            if pattern in block:
                machine.type(command)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "restante.conf.5"])
def test_the_examples_say_what_they_are_said_to_say(page):
    blocks = blocks_of_page(page)
    assert any(examples_of(block) for block in blocks)
    with contextlib.ExitStack() as stack:
        check(Machine(stack, **settings_for(page)), page, blocks)


def test_so_do_those_of_the_readme():
    """Where it shows no output there is some all the same."""
    with contextlib.ExitStack() as stack:
        check(Machine(stack), "README.md", blocks_of_readme(), may_be_silent=True)


def test_every_page_has_examples_and_no_exception_is_left_over():
    commands = []
    for page in PAGES:
        for block in blocks_of_page(page):
            found = examples_of(block)
            commands += [example.command for example in found]
            if not found and not is_configuration(block):
                assert any(re.search(pattern, block) for pattern in OTHER_BLOCKS), (page, block)
    for pattern in NOT_RUN:
        assert any(re.search(pattern, command) for command in commands), pattern


# restante.conf(5)

def is_configuration(block):
    return block.startswith("domain = ")


CONFIGURATIONS = [block for block in blocks_of_page("restante.conf.5") if is_configuration(block)]


@pytest.mark.parametrize("block", CONFIGURATIONS)
def test_a_configuration_of_the_manual_is_good(block):
    directory = new_directory()
    for source, name in zip(certificate(), ("fullchain.pem", "privkey.pem")):
        shutil.copy(source, directory / name)
    (directory / "api_keys").write_text(f"{KEY}\n")
    file = directory / "restante.conf"
    file.write_text(re.sub("/etc/restante|/tmp/inbox", str(directory), block))
    done = run_restante("-t", "-c", file, "-o", f"tls_certificate={directory}/fullchain.pem",
                        "-o", f"tls_key={directory}/privkey.pem",
                        *(["-o", f"user={UNPRIVILEGED}"] if IS_ROOT else []))
    assert done.returncode == 0, done.stderr


def test_there_are_configurations_in_the_manual():
    assert len(CONFIGURATIONS) >= 3
