# SPDX-License-Identifier: ISC
# The log in a file that is rotated under load, in syslog, on a full disk: no line torn, no mail held up.
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from testbed.api import KEY
from testbed.build import run_restante
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, new_directory
from testbed.processes import Lines
from testbed.waiting import seconds, wait_until

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error  |warning|notice |info   |debug  ) "
                  r"restante(-\w+)?\[\d+\] event=\w+( \w+=(\"[ -~]*\"|[!-~]*))*")
TWO_PARTS = ("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nthe words of it\r\n"
             "--b\r\n\r\ntwo\r\n--b--\r\n")
as_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")


def writable_directory():
    directory = new_directory()
    if IS_ROOT:
        shutil.chown(directory, UNPRIVILEGED)
    return directory


class ToFile(Restante):
    """What a reader that follows the path sees is its log."""

    def __init__(self, file, **settings):
        self.file = file
        super().__init__(log_to=file, **settings)

    def open_log(self):
        self.standard_error = Lines(self.process.stderr)
        tail = subprocess.Popen(["tail", "-s", "0.1", "-n", "+1", "-F", f"--pid={self.process.pid}",
                                 self.file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return Lines(tail.stdout)

    def signal(self, number):
        self.process.send_signal(number)


def whole_lines(file):
    text = file.read_text()
    assert text.endswith("\n")
    lines = text.splitlines()
    torn = [line for line in lines if not LINE.fullmatch(line)]
    assert not torn, torn
    return lines


def test_a_file_has_the_lines_of_all_processes_and_no_key():
    file = writable_directory() / "restante.log"
    with ToFile(file, log_level="debug", mime_part_limit=1) as restante:
        assert file.stat().st_mode & 0o7777 == 0o640
        restante.send("alice@example.com", TWO_PARTS)
        assert restante.mails("alice")
        restante.log.wait_for("event=api_request ")
    lines = whole_lines(file)
    for program in ("restante", "restante-smtpd", "restante-apid", "restante-mimed"):
        assert any(f" {program}[" in line for line in lines), program
    assert KEY not in file.read_text() and "the words of it" not in file.read_text()
    assert restante.standard_error.text() == ""


def test_rotation_under_load_loses_and_tears_no_line():
    file = writable_directory() / "restante.log"
    sent, stop = [], threading.Event()
    with ToFile(file, smtpd_workers=3) as restante:
        def load(number):
            while not stop.is_set():
                name = f"load-{number}-{len(sent)}"
                restante.send(f"{name}@example.com")
                sent.append(name)
        threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for turn in range(5):
            enough = len(sent) + 20
            wait_until(lambda: len(sent) >= enough, "mail flows", 60)
            file.rename(f"{file}.{turn}")
            restante.signal(signal.SIGHUP if turn == 3 else signal.SIGUSR1)
            wait_until(file.exists, "the file is made again")
            wait_until(lambda: "event=log_reopened" in file.read_text(), "it is told there")
        stop.set()
        for thread in threads:
            thread.join(seconds(60))
        restante.send("last@example.com")
        restante.log.wait_for("event=mail_stored .*to=last@")
        old = [file.with_name(f"{file.name}.{turn}") for turn in range(5)]
        sizes = [one.stat().st_size for one in old]
        restante.send("last@example.com")
        restante.log.wait_for("event=mail_stored .*to=last@", 2)
        assert sizes == [one.stat().st_size for one in old]
    lines = [line for one in [*old, file] for line in whole_lines(one)]
    stored = [found[1] for found in
              (re.search(r"event=mail_stored .*to=(load\S+)@example.com ", line) for line in lines)
              if found]
    assert sorted(stored) == sorted(sent)


def test_a_worker_that_was_silent_takes_the_file_that_is_there_now():
    file = writable_directory() / "restante.log"
    with ToFile(file, smtpd_workers=1, drain_timeout="1s") as restante:
        for turn in range(3):
            file.rename(f"{file}.{turn}")
            restante.signal(signal.SIGUSR1)
            wait_until(file.exists, "the file is made again")
        restante.send("alice@example.com")
        restante.log.wait_for("event=mail_stored ")
    assert "event=mail_stored" in file.read_text()
    assert not any("mail_stored" in file.with_name(f"{file.name}.{turn}").read_text()
                   for turn in range(3))


def test_a_signal_to_the_whole_group_hurts_no_worker():
    with ToFile(writable_directory() / "restante.log") as restante:
        before = restante.pids()
        for pid in before | {restante.process.pid}:
            os.kill(pid, signal.SIGUSR1)
        restante.send("alice@example.com")
        assert restante.pids() == before


@as_root
def test_a_directory_of_root_will_do_and_after_the_drop_who_rotates_makes_the_file():
    file = new_directory() / "restante.log"
    with ToFile(file) as restante:
        assert (file.owner(), file.stat().st_mode & 0o7777) == (UNPRIVILEGED, 0o640)
        moved = file.rename(f"{file}.1")
        restante.signal(signal.SIGUSR1)
        wait_until(lambda: "event=log_not_reopened" in moved.read_text(), "it is told there")
        restante.send("alice@example.com")
        wait_until(lambda: "event=mail_stored" in moved.read_text(), "lines go to the old file")
        restante.signal(signal.SIGHUP)  # a certificate must not expire because of that
        wait_until(lambda: "event=reload_done" in moved.read_text(), "reloaded")
        file.touch()
        shutil.chown(file, UNPRIVILEGED)
        restante.signal(signal.SIGUSR1)
        wait_until(lambda: "event=log_reopened" in file.read_text(), "the new file is used")


def test_a_reload_moves_the_log_or_says_why_not():
    directory = writable_directory()
    first, second = directory / "first.log", directory / "second.log"
    with ToFile(first) as restante:
        configuration = restante.directory / "restante.conf"
        text = configuration.read_text()
        configuration.write_text(text.replace(str(first), "/nowhere/restante.log"))
        restante.signal(signal.SIGHUP)
        restante.log.wait_for("event=reload_failed .*/nowhere/restante.log: No such file")
        configuration.write_text(text.replace(str(first), str(second)))
        restante.signal(signal.SIGHUP)
        wait_until(lambda: second.exists() and "reload_done" in second.read_text(), "reloaded")
        restante.send("alice@example.com")
        wait_until(lambda: "event=mail_stored" in second.read_text(), "workers write there")
        configuration.write_text(text.replace(str(first), "stderr"))
        restante.signal(signal.SIGHUP)
        restante.standard_error.wait_for("event=generation_ended")
        restante.process.terminate()
        restante.standard_error.wait_for("event=stopped")


def check(log_to, status=78):
    directory = new_directory()
    done = run_restante("-t", "-c", "/dev/null", "-o", "domain=example.com", "-o", f"api_key={KEY}",
                        "-o", f"tls_certificate={certificate()[0]}", "-o", f"log_to={log_to}",
                        "-o", f"tls_key={certificate()[1]}", "-o", f"runtime_dir={directory}",
                        *(["-o", f"user={UNPRIVILEGED}"] if IS_ROOT else []))
    assert done.returncode == status, done.stderr
    return done.stderr


def test_what_cannot_be_written_to_is_told_before_the_start():
    directory = new_directory()
    (directory / "link").symlink_to(directory / "restante.log")
    os.mkfifo(directory / "pipe")
    assert "none of stderr, syslog and the absolute path" in check("restante.log")
    assert "/nowhere/restante.log: No such file" in check("/nowhere/restante.log")
    assert "it is a symbolic link" in check(directory / "link")
    assert "log_to: cannot write to" in check(directory / "pipe")
    assert "it is no regular file" in check("/dev/null")
    assert check(directory / "restante.log", 0) == ""
    assert not (directory / "restante.log").exists()


# With a /dev of its own, in which /dev/log leads to where the test listens.
PRIVATE_DEV = """
mkdir "$0/dev" && mount -t tmpfs none "$0/dev"
for name in null zero full random urandom; do touch "$0/dev/$name"; mount --bind "/dev/$name" "$0/dev/$name"; done
ln -s "$0/log" "$0/dev/log"
mount --rbind "$0/dev" /dev
exec "$@"
"""


class Syslog:
    """A daemon that can be restarted."""

    def __init__(self, directory):
        self.path = directory / "log"

    def start(self):
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o666)
        self.socket.settimeout(seconds(20))

    def wait_for(self, pattern):
        while True:
            line = self.socket.recv(65536).decode()
            if re.search(pattern, line):
                return line


@as_root
def test_syslog_gets_all_lines_and_may_be_restarted_or_asleep():
    directory = new_directory()
    syslog = Syslog(directory)
    syslog.start()

    class ToSyslog(Restante):
        def open_log(self):
            self.standard_error = Lines(self.process.stderr)
            reader, writer = os.pipe()

            def copy():
                with os.fdopen(writer, "wb") as stream:
                    while b"event=ready" not in (line := syslog.socket.recv(65536)):
                        stream.write(line + b"\n")
                    stream.write(line + b"\n")
            threading.Thread(target=copy, daemon=True).start()
            return Lines(os.fdopen(reader, "rb"))

    starter = ["unshare", "-m", "sh", "-ec", PRIVATE_DEV, str(directory)]
    with ToSyslog(starter=starter, log_to="syslog", smtpd_workers=1) as restante:
        restante.send("alice@example.com")
        line = syslog.wait_for("event=mail_stored")
        assert re.match(r"<22>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d restante-smtpd\[\d+\]: event=", line)
        assert not line.endswith("\n")
        syslog.socket.close()
        restante.send("alice@example.com")
        syslog.start()
        restante.send("bob@example.com")
        assert re.match("<20>.*lines=", syslog.wait_for("restante-smtpd.*event=log_lines_lost"))
        syslog.wait_for("event=mail_stored .*to=bob@")
        for _ in range(40):  # nobody reads: the socket's queue, of 11 datagrams or so, is full
            restante.send("carol@example.com")
        assert len(restante.mails("carol")) == 40
        assert restante.standard_error.text() == ""


@as_root
def test_a_full_disk_holds_up_no_mail():
    directory = new_directory()
    disk = directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        file = disk / "restante.log"
        with ToFile(file, smtpd_workers=1) as restante:
            (disk / "filler").write_bytes(b"")
            with open(disk / "filler", "wb", buffering=0) as filler:
                try:
                    while filler.write(b"x" * 1024):
                        pass
                except OSError:
                    pass
            for _ in range(40):  # until the last page of the log is full too
                restante.send("alice@example.com")
            assert len(restante.mails("alice")) == 40
            (disk / "filler").unlink()
            restante.send("bob@example.com")
            assert int(restante.log.wait_for("restante-smtpd.*event=log_lines_lost lines=")[0]
                       .split("=")[-1]) > 0
            restante.log.wait_for("event=mail_stored .*to=bob@")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_long_value_is_cut_and_a_line_names_the_key():
    with Restante() as restante:
        restante.api("/" + "x" * 1000)
        line, = restante.log.wait_for("event=api_request ")
        name = hashlib.sha256(KEY.encode()).hexdigest()[:8]
        assert re.search(rf' path=/x{{255}}\.\.\. status=404 ms=\d+ key={name} ip={LOCAL}$', line)
        assert restante.api("/emails/a", key="wrong").status == 401
        assert restante.log.wait_for('event=api_request .*status=401 .*key="" ')
