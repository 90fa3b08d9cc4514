# SPDX-License-Identifier: ISC
# The JavaScript lines of README.md, run against a web application that sends a code by nodemailer.
import contextlib
import shutil
import subprocess

import pytest

from interop.nodemailer_test import install
from testbed.api import KEY
from testbed.build import SOURCE
from testbed.certificates import certificate
from testbed.machine import new_directory
from testbed.processes import Lines, environment, run
from testbed.readme import code_block


@pytest.fixture(scope="module")
def modules():
    if not shutil.which("node"):
        pytest.skip("no node here")
    return install()


@contextlib.contextmanager
def application(restante, modules, code):
    variables = {"NODE_PATH": str(modules), "NODE_EXTRA_CA_CERTS": str(certificate()[0]),
                 "SMTP_PORT": str(restante.smtp_port), "CODE": code}
    with subprocess.Popen(["node", SOURCE / "tests/interop/sign_up_app.js"], text=False,
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          env=environment(**variables)) as process:
        try:
            line, = Lines(process.stdout).wait_for("^http://")
            yield line
        finally:
            process.kill()


@pytest.mark.parametrize("code, status", [("493817", 0), ("271828", 1)])
def test_node_signs_up_and_confirms_with_the_code_of_the_mail(restante, modules, code, status):
    file = new_directory() / "sign_up.mjs"
    file.write_text(code_block("js"))
    with application(restante, modules, code) as app:
        ran = run("node", file, env=environment(
            API=f"https://localhost:{restante.https_port}", APP=app, KEY=KEY,
            NODE_EXTRA_CA_CERTS=str(certificate()[0])))
    assert ran.returncode == status, ran.stdout
