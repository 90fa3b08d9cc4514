# SPDX-License-Identifier: ISC
# The Python lines of README.md, run against a web application that sends a code by mail.
import contextlib
import http.server
import json
import sys
import threading

import pytest

from testbed.api import KEY
from testbed.certificates import certificate
from testbed.machine import LOCAL, new_directory
from testbed.processes import environment, run
from testbed.readme import code_block

CODE = "493817"
MAIL = "Subject: Your code\r\n\r\nYour code is {}. It is good for ten minutes.\r\n"


class SignUp(http.server.BaseHTTPRequestHandler):
    """POST /sign-up {"address": ...} sends a code later; POST /confirm {"code": ...} takes it."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/sign-up":
            mail = threading.Timer(0.5, self.server.restante.send,
                                   (asked["address"], MAIL.format(self.server.code)))
            mail.start()
            self.server.mails.append(mail)
        is_good = self.path == "/sign-up" or asked["code"] == CODE
        self.send_response(200 if is_good else 403)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def application(restante, code):
    server = http.server.HTTPServer((LOCAL, 0), SignUp)
    server.restante, server.code, server.mails = restante, code, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOCAL}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        for mail in server.mails:
            mail.join()


@pytest.mark.parametrize("code, status", [(CODE, 0), ("271828", 1)])
def test_python_signs_up_and_confirms_with_the_code_of_the_mail(restante, code, status):
    file = new_directory() / "sign_up.py"
    file.write_text(code_block("python"))
    with application(restante, code) as app:
        ran = run(sys.executable, file, env=environment(
            API=f"https://localhost:{restante.https_port}", APP=app, KEY=KEY,
            SSL_CERT_FILE=str(certificate()[0])))
    assert ran.returncode == status, ran.stdout
