# SPDX-License-Identifier: ISC
# The log says in time, and once for all workers, that a certificate expires, and which of them.
import datetime
import json
import re
import signal
import subprocess

import pytest

from testbed.build import programs
from testbed.certificates import NEW_KEY
from testbed.daemon import Restante
from testbed.machine import new_directory
from testbed.processes import environment
from testbed.waiting import wait_until


def make_certificate(days, directory=None, kind="ec"):
    """(certificate, key) that ends that many days and an hour from now."""
    directory = directory or new_directory()
    files = directory / "fullchain.pem", directory / "privkey.pem"
    request = directory / "request.pem"
    subprocess.run(["openssl", "req", "-new", *NEW_KEY[kind], "-nodes", "-batch", "-subj",
                    "/CN=localhost", "-out", request, "-keyout", files[1]],
                   check=True, capture_output=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    begin = now - datetime.timedelta(days=100)
    end = now + datetime.timedelta(days=days, hours=1)
    (directory / "index").write_text("")
    (directory / "ca.conf").write_text(
        f"[ca]\ndefault_ca=ca_default\n[ca_default]\ndatabase={directory}/index\n"
        f"new_certs_dir={directory}\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n"
        "[any]\ncommonName=supplied\n")
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-notext", "-config",
                    directory / "ca.conf", "-keyfile", files[1], "-in", request, "-out", files[0],
                    "-startdate", f"{begin:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"],
                   check=True, capture_output=True)
    for file in files:
        file.chmod(0o644)  # for a reload
    return files


def serve(*pairs):
    return Restante(tls_certificate=" ".join(str(one) for one, _ in pairs),
                    tls_key=" ".join(str(key) for _, key in pairs))


def told(restante):
    """(level, days, file) of each such line."""
    return [re.search(r"(error|warning) +restante\[\d+\] event=certificate_\w+ days=(\d+) "
                      r"date=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ file=(\S+)$", line).groups()
            for line in restante.log.find("event=certificate_")]


def test_one_line_says_which_certificate_expires_first():
    later, first = make_certificate(30), make_certificate(10, kind="rsa")
    with serve(later, first) as restante:
        assert told(restante) == [("warning", "10", str(first[0]))]
        status = json.loads(subprocess.run(
            [programs() / "restantectl", "-c", restante.directory / "restante.conf", "status",
             "--json"], capture_output=True, env=environment()).stdout)
        left = status["certificate_expiry"] - datetime.datetime.now().timestamp()
        assert 10 < left / 86400 < 11


@pytest.mark.parametrize("days, lines", [(30, 0), (14, 0), (13, 1)])
def test_nothing_is_said_before_it_is_time(days, lines):
    with serve(make_certificate(days)) as restante:
        assert len(told(restante)) == lines


def test_an_expired_one_is_an_error_and_a_reload_tells_how_it_is_then():
    files = make_certificate(-3)
    with serve(files) as restante:
        assert told(restante) == [("error", "2", str(files[0]))]
        for days, lines in [(5, 2), (60, 2), (4, 3)]:
            make_certificate(days, files[0].parent)
            done = len(restante.log.find("event=reload_done"))
            restante.process.send_signal(signal.SIGHUP)
            restante.log.wait_for("event=reload_done", done + 1)
            assert len(told(restante)) == lines
        assert told(restante)[1:] == [("warning", "5", str(files[0])),
                                      ("warning", "4", str(files[0]))]
        wait_until(lambda: len(restante.log.find("event=generation_ended")) == 3, "the old ones go")
        assert len(told(restante)) == 3
