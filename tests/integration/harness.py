# SPDX-License-Identifier: ISC
# Starts the real daemon with a Redis of its own, and talks to it as clients do.
"""RESTANTE_BUILD names the directory of the programs (default build/release);
RESTANTE_TEST_SLOW is a factor for every deadline (builds with sanitizers)."""
import collections
import contextlib
import functools
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import time

SLOW = float(os.environ.get("RESTANTE_TEST_SLOW", "1"))
SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RESTANTE_BUILD", SOURCE / "build/release")).resolve()
PROGRAMS = ("restante", "restantectl", "restante-smtpd", "restante-apid", "restante-mimed")
KEY = "integration-tests-know-this-key"
IS_ROOT = os.geteuid() == 0
UNPRIVILEGED = "nobody"
FIELDS = ["id", "from", "to", "subject", "body_text", "body_html", "attachments", "received_at"]
SANITIZER_REPORT = re.compile(r"ERROR: AddressSanitizer|runtime error:|LeakSanitizer")
LOCAL = "127.0.0.1"
NEW_KEY = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "rsa": ["-newkey", "rsa:2048"]}  # options of openssl req


def seconds(number):
    """A deadline that is long enough on this machine."""
    return number * SLOW


def wait_until(condition, what, timeout=10):
    """For states that announce themselves to nobody; returns what `condition` gave."""
    end = time.monotonic() + seconds(timeout)
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds(timeout)} s in vain until {what}"
        time.sleep(0.01)


def at_once(jobs):
    """Runs all jobs in threads of their own, started together; their results in order."""
    results = [None] * len(jobs)
    gate = threading.Barrier(len(jobs))

    def work(index, job):
        gate.wait()
        results[index] = job()
    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds(60)
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    assert None not in results, "a thread has failed or hangs"
    return results


@functools.cache
def scratch():
    """A directory that goes at the end of the run; any user can pass through it."""
    holder = tempfile.TemporaryDirectory(prefix="restante-test.", ignore_cleanup_errors=True)
    os.chmod(holder.name, 0o755)
    scratch.holder = holder
    return pathlib.Path(holder.name)


def new_directory():
    directory = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
    directory.chmod(0o755)
    return directory


@functools.cache
def programs():
    """The programs, where the user that the daemon becomes can start them."""
    if not IS_ROOT:
        return BUILD
    directory = new_directory()
    for program in PROGRAMS:
        shutil.copy(BUILD / program, directory)
    return directory


def has_sanitizer():
    program = (BUILD / "restante-mimed").read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def free_ports(count):
    """Ports of the loopback address, for programs that cannot pick one."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOCAL, 0))
        return [one.getsockname()[1] for one in sockets]


@functools.cache
def certificate(name="localhost", kind="ec"):
    """(certificate, key): paths of PEM files, self-signed."""
    directory = new_directory()
    files = directory / "fullchain.pem", directory / "privkey.pem"
    subprocess.run(
        ["openssl", "req", "-x509", *NEW_KEY[kind], "-nodes", "-batch", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:{LOCAL}",
         "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True)
    return files


class Files:
    """A certificate and its key, where they can be replaced as a deploy hook does it."""

    def __init__(self):
        self.directory = new_directory()
        self.certificate = self.directory / "fullchain.pem"
        self.key = self.directory / "privkey.pem"
        self.put(certificate())

    def put(self, pair, mode=0o644):
        for source, place in zip(pair, (self.certificate, self.key)):
            fresh = place.with_suffix(".new")
            shutil.copy(source, fresh)
            fresh.chmod(mode)
            fresh.replace(place)

    def settings(self):
        return {"tls_certificate": self.certificate, "tls_key": self.key}


@functools.cache
def tls():
    """For clients: trusts the tests' certificate alone."""
    return ssl.create_default_context(cafile=certificate()[0])


def environment(**extra):
    kept = ("PATH", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
    return {name: os.environ[name] for name in kept if name in os.environ} | extra


def installed(program):
    """Its path; without it the test fails and says what to do."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    assert path, f"{program} is missing: make check-deps"
    return path


def run(program, *arguments, **options):
    """A client program, with a time limit; its standard error is in stdout too."""
    command = [installed(program), *(str(word) for word in arguments)]
    return subprocess.run(command, text=True, errors="backslashreplace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds(60), **options)


def run_restante(*arguments, **variables):
    """The master, run to its end (it is expected not to serve); both outputs kept apart."""
    return subprocess.run([programs() / "restante", *(str(word) for word in arguments)], text=True,
                          capture_output=True, timeout=seconds(20), env=environment(**variables))


class Lines:
    """What a process writes, read by a thread, so that every line is an event to wait for."""

    def __init__(self, stream):
        self._lines = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def find(self, pattern=""):
        with self._changed:
            return [line for line in self._lines if re.search(pattern, line)]

    def text(self):
        return "\n".join(self.find())

    def wait_for(self, pattern, count=1, timeout=10):
        """The first `count` lines that `pattern` is found in."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self.find(pattern)) >= count,
                                   seconds(timeout))
            found = self.find(pattern)
        assert len(found) >= count, f"{len(found)} lines, not {count}: {pattern}\n{self.text()}"
        return found[:count]

    def wait_for_end(self, timeout=10):
        """Every process that could write has gone."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self._ended, seconds(timeout))
        assert ended, "some process still holds the log open:\n" + self.text()


# For scripts that put mail into an inbox as a delivery does: a frame that is not compressed.
LUA_FRAME = """local function frame(bodies, details)
  local content = bodies .. '\\n' .. (details or '') .. '\\n'
  return '\\40\\181\\47\\253\\160' .. struct.pack('<I4', #content) ..
      string.sub(struct.pack('<I4', #content * 8 + 1), 1, 3) .. content
end
"""


class Redis:
    """A Redis on a Unix socket that has every write on disk before it answers."""
    environment = None  # that of this process

    def __init__(self, appendfsync="always", options=()):
        self.directory = new_directory()
        self.path = self.directory / "redis.sock"
        self.appendfsync = appendfsync
        self.options = options
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--unixsocketperm", "777",
             "--dir", self.directory, "--appendonly", "yes", "--appendfsync", self.appendfsync,
             "--save", "", "--daemonize", "no", *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=self.environment)
        try:
            Lines(self.process.stdout).wait_for("(?i)ready to accept connections")
        except BaseException:
            self.kill()
            raise

    def cli(self, *words):
        return run("redis-cli", "-s", self.path, *words).stdout.strip()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Answer(collections.namedtuple("Answer", "status headers body")):
    def json(self):
        """Strictly: valid UTF-8, and none of what only Python takes for JSON."""
        assert self.headers["Content-Type"].startswith("application/json")

        def refuse(word):
            raise ValueError(f"{word} is no JSON")
        return json.loads(self.body.decode("utf-8"), parse_constant=refuse)


def ask(connection, path, method="GET", key=KEY, headers=()):
    """One request over an http.client connection."""
    fields = dict(headers)
    if key is not None:
        fields["X-API-KEY"] = key
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


def deliver(smtp, to, data="Subject: hello\r\n\r\nHello.\r\n", sender="bob@example.org"):
    """One transaction; the (code, text) that ended it."""
    answer = smtp.mail(sender)
    for recipient in [to] if isinstance(to, str) else to:
        if answer[0] == 250:
            answer = smtp.rcpt(recipient)
    if answer[0] == 250:
        try:
            answer = smtp.data(data)
        except smtplib.SMTPDataError as error:  # not even 354
            answer = error.smtp_code, error.smtp_error
    if answer[0] >= 400:
        smtp.rset()
    return answer[0], answer[1].decode()


class Dialogue:
    """An SMTP client that can do everything wrong: what is sent goes out as it is, at once."""

    def __init__(self, port, source=None, receive_buffer=None):
        self.source = source or LOCAL
        self.socket = socket.socket()
        self.socket.settimeout(seconds(20))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((self.source, 0))
        self.socket.connect((LOCAL, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def line(self):
        """The next line without its end; b"" when the server has closed."""
        while b"\r\n" not in self._input:
            try:
                more = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):  # any end will do
                more = b""
            if not more:
                return b""
            self._input += more
        line, self._input = self._input.split(b"\r\n", 1)
        return line

    def code(self):
        """The code of the next reply, which may have several lines; None when there is none."""
        line = self.line()
        while line[3:4] == b"-":
            line = self.line()
        return int(line[:3]) if line else None

    def say(self, text):
        self.send(text + "\r\n")
        return self.code()

    def greet(self):
        assert self.code() == 220
        assert self.say("EHLO client.example.org") == 250
        return self

    def secure(self):
        assert self.say("STARTTLS") == 220
        self.start_tls()
        assert self.say("EHLO client.example.org") == 250
        return self

    def start_tls(self):
        """After 220."""
        self.socket = tls().wrap_socket(self.socket, server_hostname="localhost")

    def start_mail(self, to, sender="bob@example.org"):
        """Up to and with 354."""
        codes = [self.say(f"MAIL FROM:<{sender}>"), self.say(f"RCPT TO:<{to}>"), self.say("DATA")]
        assert codes == [250, 250, 354]
        return self

    def finish_writing(self):
        """Half a close: whoever only wraps this socket notices nothing."""
        with socket.socket(fileno=os.dup(self.socket.fileno())) as same:
            same.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Restante:
    """The daemon, serving on ports that the system picked. Settings are those of restante.conf;
    `starter` is a command that becomes the one behind it."""
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
            "mimed_workers": 2, "smtp_rate_limit": 0, "api_rate_limit": 0,
        } | ({"user": UNPRIVILEGED} if IS_ROOT else {}) | settings
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
        """Where the programs are."""
        return programs()

    def write_settings(self):
        self.configuration.write_text(
            "".join(f"{name} = {value}\n" for name, value in self.settings.items()))

    def open_log(self):
        return Lines(self.process.stderr)

    def _port(self, name):
        line, = self.log.find(f"event=listening for={name} .*port=")
        return int(re.search(r"port=(\d+)", line)[1])

    # Processes

    def pids(self, role=None):
        """The pids of the workers of a role, or of all."""
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
        with contextlib.suppress(ProcessLookupError):  # killed before, and gone just now
            os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def only(self, pid, role):
        """Inside, no other worker of the role can take a new client."""
        others = self.pids(role) - {pid}
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    def wait_until_complete(self, timeout=20):
        """Every worker is there and serves: each is asked alone."""
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
        """An smtplib client behind STARTTLS and EHLO."""
        address = (source, 0) if source else None
        client = smtplib.SMTP(LOCAL, self.smtp_port, timeout=seconds(20), source_address=address)
        client.starttls(context=tls())
        client.ehlo("client.example.org")
        return client

    def smtp_by(self, pid):
        with self.only(pid, "smtpd"):
            return self.smtp()

    def send(self, to, data="Subject: hello\r\n\r\nHello.\r\n", sender="bob@example.org"):
        """One mail over a connection of its own; must be taken."""
        with self.smtp() as client:
            assert deliver(client, to, data, sender)[0] == 250

    def dialogue(self, source=None, port=None, receive_buffer=None):
        return Dialogue(port or self.smtp_port, source, receive_buffer)

    def closing_line(self, client, timeout=10):
        """What the log says of a client at its end; it should have a source of its own."""
        address = client.source
        return self.log.wait_for(rf"event=client_closed .*ip={re.escape(address)} ", 1, timeout)[-1]

    def https(self, source=None):
        """A kept-alive connection to the API."""
        connection = http.client.HTTPSConnection(
            LOCAL, self.https_port, timeout=seconds(20), context=tls(),
            source_address=(source, 0) if source else None)
        connection.connect()
        return connection

    def https_by(self, pid):
        with self.only(pid, "apid"):
            return self.https()

    def api(self, path, source=None, **request):
        """One request over a connection of its own."""
        with contextlib.closing(self.https(source)) as connection:
            return ask(connection, path, **request)

    def mails(self, user, source=None):
        answer = self.api(f"/emails/{user}", source)
        assert answer.status == 200, answer
        return answer.json()

    def details(self, user):
        """What the newest mail of a mailbox has besides what a list says of it."""
        mail = self.api(f"/emails/{user}/latest").json()
        names = list(mail)
        return {name: mail[name] for name in names[names.index("envelope"):-1]}

    def curl(self, path, *options):
        """The API through curl, certificate checked."""
        return run("curl", "-s", "--cacert", certificate()[0], "-H", f"X-API-KEY: {KEY}", *options,
                   f"https://localhost:{self.https_port}{path}")

    # The end

    def stop(self):
        """SIGTERM: ends well, leaves no process, and nothing bad is in the log."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(seconds(45))
        self.log.wait_for_end()
        assert status == 0, self.log.text()
        self.check_log()

    def check_log(self):
        """No sanitizer has spoken, and no worker has died but by our hand."""
        reports = self.log.find(SANITIZER_REPORT.pattern)
        assert not reports, self.log.text()
        died = {int(re.search(r"pid=(\d+)", line)[1])
                for line in self.log.find("event=process_died")}
        assert died <= self.killed, self.log.text()

    def _end(self):
        """What a test that failed has left running."""
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
