# SPDX-License-Identifier: ISC
# SIGHUP: new settings, certificates and programs, and no client notices but by what is new.
import contextlib
import http.client
import itertools
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import threading
import time

import pytest

from testbed import build
from testbed.api import KEY, ask
from testbed.build import PROGRAMS
from testbed.certificates import Files, certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, new_directory
from testbed.smtp import deliver
from testbed.waiting import SLOW, seconds, wait_until

RELOADS = int(os.environ.get("RELOADS", 20 if SLOW == 1 else 8))


def unchecked():
    """For clients who come before and after a change of certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def write_settings(restante, **changes):
    restante.settings |= changes
    file = restante.directory / "restante.conf"
    file.write_text("".join(f"{name} = {value}\n" for name, value in restante.settings.items()))


def hang_up(restante):
    restante.process.send_signal(signal.SIGHUP)


def reload(restante, **changes):
    """With these settings; returns once the new generation serves alone."""
    write_settings(restante, **changes)
    before = len(restante.log.find("event=reload_done "))
    ended = len(restante.log.find("event=generation_ended "))
    hang_up(restante)
    line = restante.log.wait_for("event=reload_done ", before + 1, timeout=30)[-1]
    restante.log.wait_for("event=generation_ended ", ended + 1, timeout=40)
    return int(re.search(r"generation=(\d+)", line)[1])


def failed_reload(restante, *words, **changes):
    """Nothing but one line comes of it."""
    pids = restante.pids()
    before = len(restante.log.find("event=reload_failed "))
    write_settings(restante, **changes)
    hang_up(restante)
    line = restante.log.wait_for("event=reload_failed ", before + 1, timeout=40)[-1]
    for word in words:
        assert str(word) in line
    wait_until(lambda: restante.pids() == pids, "the old workers are alone again")
    restante.send("alice@example.com")
    assert restante.mails("alice")
    return line


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def shown_by_smtp(restante):
    with smtplib.SMTP(LOCAL, restante.smtp_port, timeout=seconds(20)) as client:
        client.starttls(context=unchecked())
        return client.sock.getpeercert(binary_form=True)


def shown_by_https(restante):
    with socket.create_connection((LOCAL, restante.https_port), seconds(20)) as plain, \
            unchecked().wrap_socket(plain) as client:
        return client.getpeercert(binary_form=True)


def other_client(restante):
    """Of the API, whatever the certificate is now."""
    return http.client.HTTPSConnection(LOCAL, restante.https_port, timeout=seconds(20),
                                       context=unchecked())


def descriptors(restante):
    if not IS_ROOT:
        return 0  # the master is closed to its own user
    return len(list(pathlib.Path(f"/proc/{restante.process.pid}/fd").iterdir()))


class Load:
    """Clients in threads of their own; each says what has gone wrong for it."""

    def __init__(self, restante):
        self.restante = restante
        self.faults, self.taken, self.requests = [], [], 0
        self._over = threading.Event()
        jobs = [lambda i=i: self._send_mails(i, 1 + i) for i in range(3)] + [
            self._read_kept_alive, self._read_kept_alive, self._read_afresh, self._knock]
        self._threads = [threading.Thread(target=self._guard, args=(job,), daemon=True)
                         for job in jobs]
        for thread in self._threads:
            thread.start()

    def _guard(self, job):
        try:
            job()
        except Exception as fault:  # whatever it is, it is what the test is about
            self.faults.append(repr(fault))

    def _send_mails(self, number, mails_of_connection):
        numbers = itertools.count()
        while not self._over.is_set():
            with smtplib.SMTP(LOCAL, self.restante.smtp_port, timeout=seconds(20)) as client:
                client.starttls(context=unchecked())
                client.ehlo()
                for _ in range(mails_of_connection):
                    subject = f"load-{number}-{next(numbers)}"
                    answer = deliver(client, "load@example.com", f"Subject: {subject}\r\n\r\n")
                    assert answer[0] == 250, answer
                    self.taken.append(subject)

    def _read_kept_alive(self):
        connection, last = other_client(self.restante), None
        while not self._over.is_set():
            try:
                answer = ask(connection, "/emails/nobody")
            except http.client.RemoteDisconnected:
                # RFC 9112 section 9.3.1: it may close what has been idle (here for half a second).
                assert last and time.monotonic() - last > 0.4
                connection.close()
                continue
            assert answer.status == 200, answer
            self.requests += 1
            last = time.monotonic()
            if answer.headers["Connection"] == "close":
                connection.close()

    def _read_afresh(self):
        while not self._over.is_set():
            with contextlib.closing(other_client(self.restante)) as connection:
                assert ask(connection, "/emails/nobody").status == 200
            self.requests += 1

    def _knock(self):
        """Clients in clear: one that only says hello, and one who is to be sent to HTTPS."""
        while not self._over.is_set():
            with self.restante.dialogue() as client:
                client.greet()
                assert client.say("QUIT") == 221
            with contextlib.closing(http.client.HTTPConnection(
                    LOCAL, self.restante.http_port, timeout=seconds(20))) as connection:
                assert ask(connection, "/", key=None).status == 301

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join(seconds(60))
            assert not thread.is_alive()
        assert not self.faults, self.faults


def copy_programs():
    directory = new_directory()
    for program in PROGRAMS:
        shutil.copy(build.BUILD / program, directory)
    return directory


def replace(directory, program, content=None):
    """As a package manager does it: the old file lives on where it runs."""
    fresh = directory / f"{program}.new"
    if content is None:
        shutil.copy(directory / program, fresh)
    else:
        fresh.write_text(content)
        fresh.chmod(0o755 if content else 0o644)
    fresh.replace(directory / program)


@pytest.mark.parametrize("renewed", ["certificates", "certificates and programs"])
def test_many_reloads_under_load_lose_nothing(monkeypatch, renewed):
    directory = copy_programs()
    monkeypatch.setattr(build, "programs", lambda: directory)
    files = Files()
    pairs = [certificate(), certificate("other.example.com")]
    with Restante(**files.settings()) as restante:
        resting = descriptors(restante)
        load = Load(restante)
        for number in range(RELOADS):
            pair = pairs[(number + 1) % 2]
            files.put(pair)
            for program in PROGRAMS if "programs" in renewed else ():
                replace(directory, program)
            hang_up(restante)
            restante.log.wait_for("event=reload_done ", number + 1, timeout=30)
            # An old worker may have one more client in the moment in which it hears of the new.
            for shown in (shown_by_smtp, shown_by_https):
                wait_until(lambda shown=shown, pair=pair: shown(restante) == der(pair[0]),
                           "the new certificate is shown", 3)
            assert not load.faults, load.faults
        load.stop()
        restante.log.wait_for("event=generation_ended ", RELOADS, timeout=40)
        assert not restante.log.find("event=reload_failed|event=process_died")
        assert len(restante.pids()) == 6
        assert descriptors(restante) == resting
        assert [path.name for path in (restante.directory / "run").iterdir() if path.is_dir()] == [
            str(RELOADS + 1)]
        stored = re.findall(r'"subject":"(load-\d+-\d+)"',
                            restante.redis.cli("XRANGE", "inbox:{load}", "-", "+"))
        assert sorted(stored) == sorted(load.taken)
        assert len(load.taken) > RELOADS and load.requests > RELOADS
        print(f"{RELOADS} reloads, {len(load.taken)} mails, {load.requests} requests")


def test_settings_change_with_the_next_generation():
    with Restante(**Files().settings()) as restante:
        with restante.smtp() as client:
            assert int(client.esmtp_features["size"]) == 25 * 2**20
        reload(restante, message_size_limit="1M", api_key="another-key-for-the-api", log_level="debug",
               smtpd_workers=3, mimed_workers=1, hostname="mx.example.com")
        with restante.smtp() as client:
            assert int(client.esmtp_features["size"]) == 2**20
        assert restante.api("/emails/alice").status == 401
        assert restante.api("/emails/alice", key="another-key-for-the-api").status == 200
        assert restante.log.find("debug .*restante-smtpd.* event=client_connected")
        assert [len(restante.pids(role)) for role in ("smtpd", "apid", "mimed")] == [3, 2, 1]
        # The master's own level too: it says nothing of its success any more.
        write_settings(restante, log_level="warning")
        hang_up(restante)
        wait_until(lambda: [path.name for path in (restante.directory / "run").glob("[0-9]*")] == [
            "3"], "the second reload is done and the generation before has gone")
        assert not restante.log.find("event=reload_done generation=3")


def test_what_needs_a_restart_is_kept_and_named():
    with Restante(**Files().settings()) as restante:
        reload(restante, smtp_listen=f"{LOCAL}:2", redis_directory="/nonexistent", user="someone",
               runtime_dir="/nonexistent", message_size_limit="1M")
        line, = restante.log.find("event=reload_partly")
        assert 'needs_restart="runtime_dir smtp_listen user"' in line
        with restante.smtp() as client:
            assert int(client.esmtp_features["size"]) == 2**20


def test_a_bad_configuration_changes_nothing_but_the_log(tmp_path):
    files = Files()
    with Restante(**files.settings()) as restante:
        mine = dict(restante.settings)
        failed_reload(restante, "restante.conf", "recipient_limit", "many", recipient_limit="many")
        restante.settings = dict(mine)
        failed_reload(restante, "domain is not set", domain="")
        restante.settings = dict(mine)
        failed_reload(restante, "tls_key", "/nonexistent", tls_key="/nonexistent")
        restante.settings = dict(mine)
        files.put((certificate()[0], certificate("other.example.com")[1]))
        failed_reload(restante, "tls_key", "does not belong")
        files.put((files.certificate, "/dev/null"))
        failed_reload(restante, "tls_key", "is no PEM file")
        files.put(certificate())
        keys = restante.directory / "keys"
        keys.write_text("# none\n")
        failed_reload(restante, "api_key_file", "holds no key", api_key_file=keys, api_key="")
        restante.settings = dict(mine)
        assert shown_by_smtp(restante) == shown_by_https(restante) == der(certificate()[0])
        reload(restante)
        assert len(restante.log.find("event=reload_failed")) == 6


def close_to_all_but_root(file):
    shutil.chown(file, "root")
    file.chmod(0o600)


@pytest.mark.skipif(not IS_ROOT, reason="not started as root: the files are the user's own")
def test_a_file_that_only_root_can_read_is_named_with_the_way_out():
    files = Files()
    close_to_all_but_root(files.key)
    with Restante(**files.settings()) as restante:  # at start it is read as root
        line = failed_reload(restante, "tls_key", files.key, "runs as nobody",
                             f"chown root:nogroup {files.key}", "640", "deploy hook")
        assert "Permission denied" in line
        close_to_all_but_root(restante.directory / "restante.conf")
        failed_reload(restante, "restante.conf", "runs as nobody", "chown root:nogroup")


@pytest.mark.skipif(not IS_ROOT, reason="the processes are closed to their own user")
def test_programs_that_were_replaced_run_after_a_reload(monkeypatch):
    directory = copy_programs()
    monkeypatch.setattr(build, "programs", lambda: directory)
    with Restante(**Files().settings()) as restante:
        def running():
            return {os.readlink(f"/proc/{pid}/exe") for pid in restante.pids()}

        for program in PROGRAMS:
            replace(directory, program)
        assert all(name.endswith(" (deleted)") for name in running())
        reload(restante)
        assert running() == {f"{directory}/restante-{role}" for role in ("smtpd", "apid", "mimed")}
        restante.wait_until_complete()
        restante.send("alice@example.com")
        assert restante.mails("alice")


@pytest.mark.parametrize("role, content, words", [
    ("smtpd", "#!/bin/sh\nexit 3\n", ["--check ended with status 3"]),
    ("apid", "#!/bin/sh\nexit 3\n", ["the new apid", "status 3 before it was ready"]),
    ("mimed", "#!/bin/sh\nkill -s SYS $$\n", ["the new mimed", "signal 31 before it was ready"]),
    ("mimed", "", ["cannot start", "restante-mimed", "Permission denied"]),
    ("mimed", "#!/bin/sh\nexec sleep 100\n", ["not all of the new workers were ready within 1"]),
])
def test_a_new_program_that_does_not_work_changes_nothing(monkeypatch, role, content, words):
    directory = copy_programs()
    monkeypatch.setattr(build, "programs", lambda: directory)
    with Restante(drain_timeout="1s", redis_timeout="100ms", **Files().settings()) as restante:
        shutil.copy(directory / f"restante-{role}", directory / "good")
        replace(directory, f"restante-{role}", content)
        failed_reload(restante, *words)
        (directory / "good").replace(directory / f"restante-{role}")
        reload(restante)
        restante.wait_until_complete()


def test_clients_of_the_old_generation_are_not_hurried():
    files = Files()
    with Restante(**files.settings()) as restante:
        parsers = restante.pids("mimed")
        idle = restante.dialogue().greet()
        busy = restante.dialogue().greet().secure().start_mail("alice@example.com")
        asked, held = restante.https(), restante.https()
        held.request("GET", "/emails/held?wait=30", headers={"X-API-KEY": KEY})
        assert ask(asked, "/emails/alice").status == 200
        files.put(certificate("other.example.com"))
        hang_up(restante)
        restante.log.wait_for("event=reload_done generation=2")
        # What was held is answered by a whole answer, as if its time had passed.
        answer = held.getresponse()
        assert (answer.status, answer.read()) == (200, b"[]")
        # Between two mails as well as in one, a conversation goes on, and with TLS yet to come.
        busy.send("Subject: across\r\n\r\n.\r\n")
        assert busy.code() == 250
        busy.start_mail("alice@example.com").send("Subject: the second\r\n\r\n.\r\n")
        assert busy.code() == 250
        idle.secure()
        assert parsers <= restante.pids("mimed")
        for client in (idle, busy):
            assert client.say("QUIT") == 221
        restante.log.wait_for("event=generation_ended generation=1")
        assert not parsers & restante.pids("mimed")
        for connection in (asked, held):
            connection.close()
        mails = ask(other_client(restante), "/emails/alice").json()
        assert [mail["subject"] for mail in mails] == ["the second", "across"]


def test_a_client_that_stays_is_told_so_within_drain_timeout():
    with Restante(drain_timeout="2s", **Files().settings()) as restante:
        idle = restante.dialogue().greet()
        busy = restante.dialogue().greet().secure().start_mail("alice@example.com")
        hang_up(restante)
        restante.log.wait_for("event=reload_done")
        assert idle.code() == 421  # half-way
        assert busy.code() in (421, None)
        restante.log.wait_for("event=generation_ended")


def test_a_stop_does_not_wait_for_the_clients_of_an_old_generation():
    with Restante(**Files().settings()) as restante:
        idle = restante.dialogue().greet()
        hang_up(restante)
        restante.log.wait_for("event=reload_done")
        begun = time.monotonic()
        restante.process.terminate()
        assert idle.code() == 421
        restante.stop()
        assert time.monotonic() - begun < seconds(4)


def test_rates_and_tickets_go_on():
    with Restante(smtp_rate_limit=2, smtpd_workers=1, **Files().settings()) as restante:
        context = unchecked()
        with smtplib.SMTP(LOCAL, restante.smtp_port, timeout=seconds(20)) as client:
            client.starttls(context=context)
            client.ehlo()
            assert deliver(client, "alice@example.com")[0] == 250
            assert deliver(client, "alice@example.com")[0] == 250
            session = client.sock.session
        reload(restante)
        with smtplib.SMTP(LOCAL, restante.smtp_port, timeout=seconds(20)) as client:
            client.ehlo()
            assert client.docmd("STARTTLS")[0] == 220
            secure = context.wrap_socket(client.sock, session=session)
            client.sock, client.file = secure, secure.makefile("rb")
            assert secure.session_reused
            client.ehlo_resp = client.helo_resp = None
            client.ehlo()
            assert deliver(client, "alice@example.com")[0] == 450
        reload(restante, smtp_rate_limit=3)
        restante.send("alice@example.com")


def test_a_storm_of_signals_is_one_reload_or_a_few():
    with Restante(**Files().settings()) as restante:
        for _ in range(20):
            hang_up(restante)
        wait_until(lambda: len(restante.log.find("event=reload_done")) == len(
            restante.log.find("event=reload_started")) > 0, "the reloads are done", 40)
        time.sleep(seconds(0.3))
        count = len(restante.log.find("event=reload_started"))
        assert 1 <= count <= 3
        restante.log.wait_for("event=generation_ended", count)
        assert len(restante.pids()) == 6
        restante.wait_until_complete()


def test_a_signal_that_comes_too_early_is_kept(monkeypatch):
    directory = copy_programs()
    directory.chmod(0o755)
    (directory / "real").mkdir()
    smtpd = (directory / "restante-smtpd").rename(directory / "real" / "restante-smtpd")
    # The first to be started, before there is anything to be reloaded.
    replace(directory, "restante-smtpd", f"""#!/bin/sh
if [ "$1" = --check ] && mkdir {directory}/done 2>/dev/null; then kill -HUP $PPID; fi
exec {smtpd} "$@"
""")
    monkeypatch.setattr(build, "programs", lambda: directory)
    with Restante(**Files().settings()) as restante:
        assert (directory / "done").is_dir()
        restante.log.wait_for("event=generation_ended generation=1")


def test_workers_that_are_killed_in_a_reload_are_replaced_where_they_are_needed():
    with Restante(**Files().settings()) as restante:
        old = restante.pids()
        kept = restante.dialogue().greet()
        hang_up(restante)
        # Not an smtpd: the first of those tries the certificate.
        fresh = wait_until(lambda: restante.pids("mimed") - old, "a new mimed is there")
        for pid in fresh:
            restante.kill(pid)
        restante.log.wait_for("event=reload_done", timeout=30)
        # One that leaves is not replaced, though it still had a client.
        for pid in old & restante.pids("mimed"):
            restante.kill(pid)
            line, = restante.log.wait_for(f"event=process_died .*pid={pid} ")
            assert "restart_in_ms" not in line
        assert len(restante.pids("mimed")) == 2
        assert kept.say("QUIT") == 221
        restante.log.wait_for("event=generation_ended")
        restante.wait_until_complete()
        assert len(restante.pids()) == 6
        assert not old & restante.pids()
