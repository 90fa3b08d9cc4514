# SPDX-License-Identifier: ISC
# What is wrong in the configuration or on the machine is said in one clear line, with a fit status.
import contextlib
import pathlib
import re
import socket
import subprocess
import tempfile

import pytest

from testbed.api import KEY
from testbed.build import programs, run_restante
from testbed.certificates import certificate
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, new_directory
from testbed.processes import environment
from testbed.waiting import seconds

OK, FAILURE, USAGE, CONFIG = 0, 1, 64, 78


def settings(**changes):
    """As -o options: all that is needed to serve, with changes; None leaves one out."""
    directory = new_directory()
    values = {"domain": "example.com", "api_key": KEY, "redis": f"unix:{directory}/none.sock",
              "smtp_listen": f"{LOCAL}:0", "http_listen": f"{LOCAL}:0",
              "https_listen": f"{LOCAL}:0",
              "tls_certificate": certificate()[0], "tls_key": certificate()[1],
              "runtime_dir": directory / "run", "redis_directory": directory / "redis",
              "user": UNPRIVILEGED if IS_ROOT else None} | changes
    options = []
    for name, value in values.items():
        if value is not None:
            options += ["-o", f"{name}={value}"]
    return options


def complaints(result):
    """What is on standard error, without what the log only notes."""
    return [line for line in result.stderr.splitlines()
            if not re.match(r"\S+Z (notice|info) ", line)]


def expect(result, status, *words):
    """One line, with all these words in it."""
    assert result.returncode == status, result
    line, = complaints(result)
    for word in words:
        assert str(word) in line
    assert KEY not in result.stderr


@pytest.mark.parametrize("arguments, word", [
    (["--nonsense"], "--nonsense"), (["-x"], "-x"), (["-c"], "-c needs a value"),
    (["-o"], "-o needs a value"), (["restante.conf"], "restante.conf"),
])
def test_an_unknown_option_is_a_usage_error(arguments, word):
    result = run_restante(*arguments)
    expect(result, USAGE, word, "restante -h")


@pytest.mark.parametrize("line, words", [
    ("smpt_tls = optional", ["smpt_tls", "no setting"]),
    ("smtp_tls = maybe", ["smtp_tls", "maybe", "required", "optional"]),
    ("retention = soon", ["retention", "soon", "1s"]),
    ("recipient_limit = 0", ["recipient_limit", "1", "10000"]),
    ("message_size_limit = 25X", ["message_size_limit", "25X"]),
    ("smtp_listen = here:25", ["smtp_listen", "here:25"]),
    ("domain = exa mple..com", ["domain", "mple..com"]),
    ("just words", ["name = value"]),
    ("api_key = a-second-one-of-them", ["api_key", "line 2"]),
])
def test_an_error_in_the_file_is_shown_with_its_line(tmp_path, line, words):
    file = tmp_path / "restante.conf"
    file.write_text(f"# a comment\napi_key = {KEY}\n\n{line}\n")
    expect(run_restante("-t", "-c", file), CONFIG, f"{file}:4:", *words)


def test_errors_in_options_and_environment_name_their_place():
    expect(run_restante(*settings(retention="10ms")), CONFIG, "-o", "retention", "10ms", "1s")
    expect(run_restante(*settings(nonsense=1)), CONFIG, "-o", "nonsense", "no setting")
    expect(run_restante(*settings(), GIN_MODE="loud"), CONFIG, "GIN_MODE", "debug", "release")
    expect(run_restante(*settings(), RESTANTE_RETENTION="x"), CONFIG, "RESTANTE_RETENTION")
    expect(run_restante(*settings(), RESTANTE_NONSENSE="x"), CONFIG, "RESTANTE_NONSENSE")


def test_what_is_required_and_missing_is_named_with_the_way_to_set_it():
    expect(run_restante(*settings(domain=None)), CONFIG, "domain", "DOMAIN")
    expect(run_restante(*settings(api_key=None)), CONFIG, "api_key", "API_KEY")
    expect(run_restante("-c", "/nonexistent/restante.conf"), CONFIG, "/nonexistent/restante.conf")


def test_a_port_that_is_taken_is_named():
    with socket.create_server((LOCAL, 0)) as other:
        address = f"{LOCAL}:{other.getsockname()[1]}"
        for name in ("smtp_listen", "http_listen", "https_listen"):
            result = run_restante(*settings(**{name: address}))
            expect(result, FAILURE, name, address, "Address already in use")


def test_an_address_that_is_not_ours_is_named():
    expect(run_restante(*settings(smtp_listen="192.0.2.1:0")), FAILURE, "smtp_listen", "192.0.2.1")


def test_a_certificate_that_cannot_be_used_is_named(tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    for name in ("tls_certificate", "tls_key"):
        missing = tmp_path / "missing.pem"
        for options in (settings(**{name: missing}), ["-t", *settings(**{name: missing})]):
            expect(run_restante(*options), CONFIG, name, missing, "No such file")
        expect(run_restante(*settings(**{name: "/dev/null"})), CONFIG, name, "PEM")
        expect(run_restante(*settings(**{name: broken})), CONFIG, name)


def test_a_key_that_is_another_certificates_is_named():
    options = settings(tls_key=certificate("other.example.com")[1])
    result = run_restante("-t", *options)
    assert result.returncode == CONFIG
    assert "tls_key" in complaints(result)[0]
    expect(run_restante(*options), CONFIG, "tls_key", "does not belong")


def pairs(*pairs_of_paths):
    """Several certificates and their keys, as settings."""
    return {name: " ".join(str(pair[index]) for pair in pairs_of_paths)
            for index, name in enumerate(("tls_certificate", "tls_key"))}


def test_of_several_certificates_the_one_at_fault_is_named(tmp_path):
    ec, rsa = certificate(), certificate(kind="rsa")
    broken, missing = tmp_path / "broken.pem", tmp_path / "missing.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    for files, words in (
            (pairs(ec, (rsa[0], missing)), ["tls_key", missing, "No such file"]),
            (pairs(ec, (broken, rsa[1])), ["tls_certificate (2 of 2)"]),
            (pairs(ec, (rsa[0], broken)), ["tls_key (2 of 2)"]),
            (pairs((ec[0], rsa[1]), (rsa[0], ec[1])), ["tls_key (1 of 2)", "does not belong"]),
            (pairs(ec, (rsa[0], certificate("other.example.com", kind="rsa")[1])),
             ["tls_key (2 of 2)", "does not belong"]),
            ({"tls_certificate": f"{ec[0]} {rsa[0]}"}, ["tls_certificate", "2", "tls_key", "1"])):
        for options in (settings(**files), ["-t", *settings(**files)]):
            expect(run_restante(*options), CONFIG, *words)


def test_two_certificates_of_one_type_are_refused():
    for kind, name in (("ec", "EC"), ("rsa", "RSA")):
        files = pairs(certificate(kind=kind), certificate("other.example.com", kind=kind))
        for options in (settings(**files), ["-t", *settings(**files)]):
            expect(run_restante(*options), CONFIG, "tls_certificate (2 of 2)", f"type {name}",
                   "1 of 2")


@pytest.mark.parametrize("address", ["*:8080", "8080", "192.0.2.1:8080", "[::]:8080", "0.0.0.0:1"])
def test_the_api_in_clear_is_for_this_machine_alone(address):
    for options in (settings(http_api_listen=address), ["-t", *settings(http_api_listen=address)]):
        expect(run_restante(*options), CONFIG, "http_api_listen", address, "loopback", "in clear")


def test_a_unix_socket_that_cannot_be_had_is_named(tmp_path):
    tmp_path.chmod(0o755)
    file = tmp_path / "file"
    file.write_text("dear")
    taken = tmp_path / "taken"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(taken))
        other.listen()
        expect(run_restante(*settings(http_api_listen=f"unix:{taken}")), FAILURE,
               "http_api_listen", taken, "another program")
    expect(run_restante(*settings(http_api_listen=f"unix:{file}")), CONFIG, "http_api_listen",
           file, "no socket")
    assert file.read_text() == "dear"
    expect(run_restante(*settings(http_api_listen="unix:/nonexistent/api.sock")), FAILURE,
           "http_api_listen", "/nonexistent/api.sock", "No such file")


@pytest.mark.skipif(IS_ROOT, reason="root can read every file")
def test_a_certificate_that_may_not_be_read_is_named(tmp_path):
    closed = tmp_path / "closed.pem"
    closed.write_text("")
    closed.chmod(0)
    expect(run_restante(*settings(tls_key=closed)), CONFIG, "tls_key", closed, "Permission denied")


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes another user")
def test_a_user_that_is_not_there_is_named():
    expect(run_restante(*settings(user="no-such-user")), CONFIG, "no-such-user", "adduser")


@pytest.mark.parametrize("check", [[], ["-t"]])
def test_a_missing_redis_server_is_named(check):
    result = run_restante(*check, *settings(redis="private"), PATH=str(new_directory()))
    expect(result, CONFIG, "redis: private", "apt install redis-server")


def test_a_runtime_directory_that_cannot_be_made_is_named():
    result = run_restante(*settings(runtime_dir="/nonexistent/run"))
    expect(result, FAILURE, "runtime_dir", "/nonexistent/run")


def test_t_checks_and_V_tells_the_version_and_h_the_usage():
    for arguments, text in ((["-t", *settings()], "good"), (["-V"], "restante "),
                            (["--version"], "restante "), (["-h"], "usage: restante"),
                            (["--help"], "usage: restante")):
        result = run_restante(*arguments)
        assert (result.returncode, result.stderr) == (OK, "")
        assert text in result.stdout


def shown_by_T(*arguments, **variables):
    result = run_restante("-T", *arguments, **variables)
    assert (result.returncode, result.stderr) == (OK, "")
    return dict(line.split(" = ", 1) for line in result.stdout.splitlines())


def test_T_shows_every_setting_but_no_secret(tmp_path):
    file = tmp_path / "keys"
    file.write_text("hush-in-a-file-of-keys\n")
    options = settings(redis="redis://:hush-hush@localhost:1/2", api_key_file=file)
    result = run_restante("-T", *options)
    assert result.returncode == OK
    assert KEY not in result.stdout
    assert "hush" not in result.stdout
    shown = dict(line.split(" = ", 1) for line in result.stdout.splitlines())
    assert shown["domain"] == "example.com"
    assert shown["smtp_tls"] == "required"
    assert shown["retention"] in ("24h", "1d")
    assert int(shown["smtpd_workers"]) > 0


def test_the_environment_of_the_original_system_works():
    shown = shown_by_T(DOMAIN="one.example two.example", API_KEY=KEY, REDIS_ADDR="redis:6380",
                       GIN_MODE="debug")
    assert shown["domain"] == "one.example two.example"
    assert shown["redis"] == "redis:6380"
    assert shown["log_level"] == "debug"
    assert shown_by_T(DOMAIN="a.example", API_KEY=KEY, GIN_MODE="release")["log_level"] == "info"


def test_options_go_over_environment_over_file_over_defaults(tmp_path):
    file = tmp_path / "restante.conf"
    file.write_text(f"domain = file.example\napi_key = {KEY}\n"
                    "retention = 1h\nrecipient_limit = 7\n")
    shown = shown_by_T("-c", file, "-o", "retention=3h", DOMAIN="environment.example",
                       RESTANTE_RETENTION="2h")
    assert (shown["domain"], shown["retention"], shown["recipient_limit"], shown["smtp_rate_limit"]
            ) == ("environment.example", "3h", "7", "50")


def lines_until_ready(*arguments):
    with subprocess.Popen([programs() / "restante", *arguments], stderr=subprocess.PIPE, text=True,
                          env=environment()) as daemon:
        with contextlib.closing(daemon.stderr):
            lines = []
            for line in daemon.stderr:
                lines.append(line)
                if "event=ready " in line:
                    break
            daemon.terminate()
            assert daemon.wait(seconds(20)) == OK
    return lines


def test_a_weak_key_is_warned_of_but_taken():
    lines = lines_until_ready(*settings(api_key="short"))
    assert any("event=weak_api_key" in line for line in lines)
    assert not any("short" in line for line in lines)


@pytest.mark.parametrize("mode, secret, is_warned_of", [
    (0o644, f"api_key = {KEY}", True), (0o640, f"api_key = {KEY}", False),
    (0o644, "redis = redis://user:secret@127.0.0.1:1", True),
    (0o644, "api_key = sha256:" + 64 * "0", False),
])
def test_a_secret_that_all_may_read_is_warned_of(mode, secret, is_warned_of):
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory).chmod(0o755)
        file = pathlib.Path(directory, "restante.conf")
        file.write_text(secret + "\n")
        file.chmod(mode)
        result = run_restante("-t", "-c", file, *settings(api_key=None, redis=None),
                              API_KEY=f"sha256:{64 * '1'}")
    found = [line for line in complaints(result) if "event=secrets_readable_by_all" in line]
    assert len(found) == is_warned_of
    assert all(f"file={file}" in line for line in found)
    assert result.returncode == OK, result
