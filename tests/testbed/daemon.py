# SPDX-License-Identifier: ISC
"""Starts the real daemon, talks to it as its clients do, and checks how it ends."""
import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import smtplib
import subprocess

from testbed import build
from testbed.api import KEY, ask
from testbed.certificates import certificate, tls
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, close_to_others, new_directory
from testbed.processes import Lines, environment, run
from testbed.redis import Redis
from testbed.smtp import Dialogue, deliver
from testbed.waiting import seconds, wait_until


# Tests send more from one address than a client may: they have no limits by rate or by client.
UNLIMITED = dict.fromkeys([
    "smtp_rate_limit", "api_rate_limit", "smtp_client_connect_limit", "smtp_client_message_limit",
    "smtp_client_message_hour_limit", "smtp_client_recipient_limit",
    "smtp_client_recipient_hour_limit", "smtp_client_size_limit", "smtp_client_size_hour_limit",
    "client_log_limit", "client_store_share", "api_client_connection_limit",
    "api_client_connect_limit"], 0)


class Restante:
    """A running daemon that serves on ports which the system chose.

    `redis` is a Redis or a value of the setting; without it the daemon gets a Redis of its own.
    `variables` are added to its environment. `starter` is a command that executes the arguments
    behind it. `settings` are those of restante.conf."""
    ready_within = 20  # seconds

    def __init__(self, redis=None, variables=(), starter=(), **settings):
        self.directory = new_directory()
        self._own_redis = Redis() if redis is None else None
        self.redis = redis or self._own_redis
        self.killed = set()
        self.settings = {
            "domain": "example.com", "hostname": "localhost", "api_key": KEY,
            "redis": f"unix:{self.redis.path}" if isinstance(self.redis, Redis) else self.redis,
            "redis_directory": self.directory / "redis",
            "smtp_listen": f"{LOCAL}:0", "http_listen": f"{LOCAL}:0", "https_listen": f"{LOCAL}:0",
            "tls_certificate": certificate()[0], "tls_key": certificate()[1],
            "runtime_dir": self.directory / "run", "smtpd_workers": 2, "apid_workers": 2,
            "mimed_workers": 2,
        } | UNLIMITED | ({"user": UNPRIVILEGED} if IS_ROOT else {}) | settings
        self.configuration = self.directory / "restante.conf"
        self.command = [*starter, self.programs() / "restante", "-c", self.configuration]
        self.environment = environment(**dict(variables))
        self.start()

    def start(self):
        self.write_settings()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=self.environment)
        self.log = self.open_log()
        try:
            self.log.wait_for("event=ready ", timeout=self.ready_within)
            self.smtp_port, self.http_port, self.https_port = (
                self._port(name) for name in ("smtp", "http", "https"))
            if "smtp_proxy_listen" in self.settings:
                self.proxy_port = self._port("smtp_proxy")
            if LOCAL in str(self.settings.get("http_api_listen")):
                self.http_api_port = self._port("http_api")
        except BaseException:
            self._end()
            raise

    def programs(self):
        """The directory of the programs; subclasses choose another one."""
        return build.programs()

    def write_settings(self):
        self.configuration.write_text(
            "".join(f"{name} = {value}\n" for name, value in self.settings.items()))
        close_to_others(self.configuration)

    def open_log(self):
        return Lines(self.process.stderr)

    def _port(self, name):
        line, = self.log.find(f"event=listening for={name} .*port=")
        return int(re.search(r"port=(\d+)", line)[1])

    # Processes

    def pids(self, role=None):
        """The pids of all workers, or of those of one role: smtpd, apid or mimed."""
        found = set()
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                name, rest = re.search(r"\((.*)\) (.*)", (entry / "stat").read_text()).groups()
                state, parent = rest.split()[:2]
                wanted = f"restante-{role}" if role else "restante-"
                if int(parent) == self.process.pid and name.startswith(wanted) and state != "Z":
                    found.add(int(entry.name))
        return found

    def kill(self, pid):
        self.killed.add(pid)
        with contextlib.suppress(ProcessLookupError):  # an earlier signal has ended it
            os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def only(self, pid, role):
        """Within this context no other worker of the role can accept a client: they are stopped."""
        others = self.pids(role) - {pid}
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    def wait_until_complete(self, timeout=20):
        """Waits until every worker runs; checks that each one serves while the others are stopped."""
        for role in ("smtpd", "apid", "mimed"):
            count = int(self.settings[f"{role}_workers"])
            wait_until(lambda: len(self.pids(role)) == count, f"all {role} run", timeout)
        for pid in self.pids("smtpd"):
            with self.only(pid, "smtpd"), self.dialogue() as client:
                client.greet()
        for pid in self.pids("apid"):
            with self.only(pid, "apid"):
                assert self.api("/emails/anyone").status in (200, 429, 503)

    # Clients

    def smtp(self, source=None):
        """An smtplib client that has completed STARTTLS and EHLO."""
        address = (source, 0) if source else None
        client = smtplib.SMTP(LOCAL, self.smtp_port, timeout=seconds(20), source_address=address)
        client.starttls(context=tls())
        client.ehlo("client.example.org")
        return client

    def smtp_by(self, pid):
        """As `smtp()`, but served by the worker with this pid."""
        with self.only(pid, "smtpd"):
            return self.smtp()

    def send(self, to, data="Subject: hello\r\n\r\nHello.\r\n", sender="bob@example.org"):
        """Sends one mail over a connection of its own, and checks that it is accepted."""
        with self.smtp() as client:
            assert deliver(client, to, data, sender)[0] == 250

    def dialogue(self, source=None, port=None, receive_buffer=None):
        return Dialogue(port or self.smtp_port, source, receive_buffer)

    def closing_line(self, client, timeout=10):
        """Waits for the log line about the end of a Dialogue, and returns it. The client should have a
        source address of its own."""
        address = client.source
        return self.log.wait_for(rf"event=client_closed .*ip={re.escape(address)} ", 1, timeout)[-1]

    def https(self, source=None):
        """A connection to the API, which can carry several requests."""
        connection = http.client.HTTPSConnection(
            LOCAL, self.https_port, timeout=seconds(20), context=tls(),
            source_address=(source, 0) if source else None)
        connection.connect()
        return connection

    def https_by(self, pid):
        """As `https()`, but served by the worker with this pid."""
        with self.only(pid, "apid"):
            return self.https()

    def api(self, path, source=None, **request):
        """The Answer to one request over a connection of its own."""
        with contextlib.closing(self.https(source)) as connection:
            return ask(connection, path, **request)

    def mails(self, user, source=None):
        """The mails of a mailbox, as the API lists them."""
        answer = self.api(f"/emails/{user}", source)
        assert answer.status == 200, answer
        return answer.json()

    def details(self, user):
        """Those fields of the newest mail of a mailbox that a list does not have."""
        mail = self.api(f"/emails/{user}/latest").json()
        names = list(mail)
        return {name: mail[name] for name in names[names.index("envelope"):-1]}

    def curl(self, path, *options):
        """One request with curl, which verifies the certificate."""
        return run("curl", "-s", "--cacert", certificate()[0], "-H", f"X-API-KEY: {KEY}", *options,
                   f"https://localhost:{self.https_port}{path}")

    # The end

    def stop(self):
        """Sends SIGTERM; checks that all processes exit, that the status is 0, and the log."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(seconds(45))
        self.log.wait_for_end()
        assert status == 0, self.log.text()
        self.check_log()

    def check_log(self):
        """Checks that no sanitizer has reported, and that no worker has died except by `kill()`."""
        reports = self.log.find(build.SANITIZER_REPORT.pattern)
        assert not reports, self.log.text()
        died = {int(re.search(r"pid=(\d+)", line)[1])
                for line in self.log.find("event=process_died")}
        assert died <= self.killed, self.log.text()

    def _end(self):
        """Kills what a failed test has left running, and removes the directory."""
        if self.process.poll() is None:
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        if self._own_redis:
            self._own_redis.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process.returncode is None:
                self.stop()
        finally:
            self._end()
