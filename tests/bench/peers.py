# SPDX-License-Identifier: ISC
"""What restante is measured against, each on a port of its own, all of them running at once."""
import socket
import subprocess

from testbed import postfix as an_instance
from testbed.certificates import certificate
from testbed.daemon import Restante
from testbed.machine import IS_ROOT, LOCAL, UNPRIVILEGED, free_ports, new_directory
from testbed.redis import Redis
from testbed.waiting import wait_until

NO_LIMITS = {"smtp_client_connection_limit": 0, "smtp_tls": "optional"}


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex((LOCAL, port)) == 0


class Subject(Restante):
    """restante as its package configures it, with a Redis like a private one, whose user may do all
    that a bench needs."""

    def __init__(self, fsync="always", **settings):
        self.server = Redis(fsync, ["--rdbcompression", "no", "--auto-aof-rewrite-min-size", "256mb"])
        try:
            super().__init__(self.server, **(NO_LIMITS | settings))
        except BaseException:
            self.server.kill()
            raise
        self.port = self.smtp_port

    def __exit__(self, *raised):
        try:
            super().__exit__(*raised)
        finally:
            self.server.kill()

    def redis_cli(self, *words):
        return self.server.cli(*words)

    def redis_pids(self):
        return [self.server.process.pid]


class Peer:
    """A program of others, which listens on `port`."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: listens(self.port), f"{command[0]} listens", 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class SmtpSink(Peer):
    """Postfix' test server: one process, which throws the mail away."""

    def __init__(self):
        self.port, = free_ports(1)
        user = ["-u", UNPRIVILEGED] if IS_ROOT else []
        super().__init__("/usr/sbin/smtp-sink", *user, f"{LOCAL}:{self.port}", "1000")


class Nginx(Peer):
    """One static file over HTTPS, by as many workers as there are API workers."""

    def __init__(self, workers):
        self.directory = new_directory()
        self.port, = free_ports(1)
        self.root = self.directory / "root"
        self.root.mkdir()
        self.directory.chmod(0o755)
        for directory in self.directory.parents:
            if "restante-test" in directory.name:
                directory.chmod(0o755)
        files = certificate()
        configuration = self.directory / "nginx.conf"
        configuration.write_text(f"""
            daemon off; worker_processes {workers}; pid {self.directory}/pid; error_log /dev/null;
            {f"user {UNPRIVILEGED} nogroup;" if IS_ROOT else ""}
            events {{ worker_connections 1024; }}
            http {{
              access_log off; keepalive_requests 100000000; default_type application/json;
              {"".join(f"{kind}_temp_path {self.directory}/{kind};"
                       for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))}
              server {{
                listen {LOCAL}:{self.port} ssl; root {self.root};
                ssl_certificate {files[0]}; ssl_certificate_key {files[1]};
                ssl_protocols TLSv1.2 TLSv1.3;
              }}
            }}""")
        super().__init__("/usr/sbin/nginx", "-c", configuration)

    def serve(self, name, content):
        """The path of a file with these bytes."""
        (self.root / name).write_bytes(content)
        return f"/{name}"


class Postfix(an_instance.Postfix):
    """Its own smtpd, queue and all; what is in the queue goes to the `discard` transport."""

    def __init__(self):
        files = certificate()
        super().__init__(
            myhostname="mx.example.com", relay_domains="example.com", default_transport="discard",
            relay_transport="discard", smtpd_tls_security_level="may", smtpd_tls_cert_file=files[0],
            smtpd_tls_key_file=files[1], smtpd_client_connection_count_limit="0")
