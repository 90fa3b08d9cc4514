# SPDX-License-Identifier: ISC
# The API key and the private key of TLS: wherever an operator, another user or a mail's reader could
# look, they are not.
import base64
import contextlib
import pathlib
import subprocess

import pytest

from testbed.api import KEY
from testbed.build import programs, run_restante
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL
from testbed.processes import environment, installed, run
from testbed.smtp import deliver

WRONG = "a-wrong-key-that-a-client-sent-in-vain"


@pytest.fixture(scope="module")
def daemon():
    """With a Redis that lets this test see all: a private one would not."""
    with Restante(log_level="debug", http_api_listen=f"{LOCAL}:0") as restante:
        restante.wait_until_complete()
        yield restante


@pytest.fixture(scope="module")
def private():
    with Restante(redis="private", log_level="debug", http_api_listen=f"{LOCAL}:0") as restante:
        restante.wait_until_complete()
        yield restante


def secrets():
    """Each in the forms in which it could show."""
    pem = pathlib.Path(certificate()[1]).read_text().splitlines()
    private = base64.b64decode("".join(line for line in pem if not line.startswith("-")))
    found = [KEY.encode(), WRONG.encode(), pem[1].encode(), private[36:60]]
    return found + [base64.b64encode(KEY.encode())[:-4], KEY.encode().hex().encode(), private.hex().encode()]


def leaks(data):
    return [secret[:12] for secret in secrets() if secret in data]


def redis_cli(daemon, *words):
    return subprocess.run([installed("redis-cli"), "-s", daemon.redis.path, *words],
                          capture_output=True, check=False, timeout=30).stdout


@contextlib.contextmanager
def monitored(daemon, lines):
    process = subprocess.Popen([installed("redis-cli"), "-s", daemon.redis.path, "MONITOR"],
                               stdout=subprocess.PIPE)
    process.stdout.readline()
    yield
    redis_cli(daemon, "ECHO", "the end")
    for line in process.stdout:
        lines.append(line)
        if b"the end" in line:
            break
    process.kill()
    process.wait()


def use(daemon):
    """Everything that has to do with a key, right and wrong; what clients are answered."""
    answers = []
    daemon.send("alice@example.com", "Subject: hello\r\n\r\nHello.\r\n")
    for key in (KEY, WRONG, None, KEY + "x"):
        for method, path in (("GET", "/emails/alice"), ("GET", "/metrics"), ("GET", "/nothing"),
                             ("DELETE", "/emails/nobody"), ("POST", "/emails/nobody/claim"),
                             ("GET", "/openapi.json"), ("GET", "/emails/alice/latest/raw"),
                             ("BREW", "/emails/alice"), ("GET", "/readyz")):
            answer = daemon.api(path, method=method, key=key)
            answers.append(answer.body + str(answer.headers).encode())
    for port, head in ((daemon.http_port, ""), (daemon.http_api_port, "X: \x01\r\n"),
                       (daemon.http_api_port, f"X-API-KEY: {WRONG}\r\n")):
        with daemon.dialogue(port=port) as client:
            client.send(f"GET /emails/alice HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\n{head}\r\n")
            client.finish_writing()
            while line := client.line():
                answers.append(line)
    with daemon.dialogue() as client:
        client.greet()
        client.say(f"X-API-KEY {WRONG[:5]}")
    with daemon.smtp() as client:
        deliver(client, "alice@example.net")
    return answers


def test_row49_no_secret_is_in_what_is_said_or_stored(daemon):
    commands = []
    with monitored(daemon, commands):
        answers = use(daemon)
    assert len(commands) > 10
    assert leaks(b"\n".join(commands)) == []
    assert leaks(b"\n".join(answers)) == []
    assert leaks(daemon.log.text().encode()) == []
    assert len(daemon.log.find("status=401")) > 10
    keys = redis_cli(daemon, "KEYS", "*").split()
    assert keys and leaks(b"".join(redis_cli(daemon, "DUMP", key) for key in keys)) == []
    assert leaks(redis_cli(daemon, "CLIENT", "LIST") + redis_cli(daemon, "SLOWLOG", "GET", "128")) == []


def test_row49_no_secret_is_in_arguments_environments_or_files(private):
    use(private)
    pids = private.pids() | {private.process.pid}
    pids |= {int(pid) for pid in run("pgrep", "-P", str(private.process.pid)).stdout.split()}
    assert len(pids) >= 8  # with redis-server
    for pid in pids:
        for file in ("cmdline", "environ", "comm", "status", "maps"):
            with contextlib.suppress(PermissionError):
                assert leaks(pathlib.Path(f"/proc/{pid}/{file}").read_bytes()) == [], (pid, file)
    files = [path for path in private.directory.rglob("*") if path.is_file()
             and path != private.configuration]
    assert any(path.name == "segment" for path in files)
    assert [path for path in files if leaks(path.read_bytes())] == []


def test_row49_no_secret_is_told_by_the_tools(daemon):
    told = run_restante("-T", "-c", daemon.configuration).stdout
    told += run_restante("-t", "-c", daemon.configuration).stdout
    for words in (("status",), ("check",), ("inbox", "alice"), ("dns",)):
        done = subprocess.run([programs() / "restantectl", "-c", daemon.configuration, *words],
                              capture_output=True, text=True, check=False, env=environment(), timeout=60)
        told += done.stdout + done.stderr
    assert "domain" in told and leaks(told.encode()) == []
    wrong = run_restante("-t", "-c", daemon.configuration, "-o", f"api_key={KEY}\x01", "-o", "nonsense=1")
    assert leaks((wrong.stdout + wrong.stderr).encode()) == []


@pytest.mark.skipif(not IS_ROOT, reason="only root reads the memory of others")
def test_row49_only_who_needs_it_has_the_api_key_in_memory(daemon):
    use(daemon)
    for role in ("smtpd", "mimed"):
        for pid in daemon.pids(role):
            assert KEY.encode() not in memory_of(pid), role
    for pid in daemon.pids("mimed"):
        assert leaks(memory_of(pid)) == []


def memory_of(pid):
    """All that the process can write to."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            place, rights = line.split()[:2]
            begin, end = (int(number, 16) for number in place.split("-"))
            if not rights.startswith("rw"):
                continue
            with contextlib.suppress(OSError, OverflowError, ValueError):
                memory.seek(begin)
                found.append(memory.read(end - begin))
    return b"".join(found)
