# SPDX-License-Identifier: ISC
"""An instance of Postfix for tests, separate from one that the machine may run."""
import os
import shutil
import subprocess

from testbed.machine import LOCAL, free_ports, new_directory
from testbed.processes import run
from testbed.smtp import greets
from testbed.waiting import wait_until

# The rows of master.cf. No service runs in a chroot, so no file has to be copied into one.
SERVICES = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A running Postfix that accepts mail on `port`. The settings, those of main.cf, say where the mail
    goes. Only root can start it."""

    def __init__(self, **settings):
        self.directory = new_directory()
        self.port, = free_ports(1)
        self.log = self.directory / "log"
        config, queue, data = (self.directory / name for name in ("config", "queue", "data"))
        for directory in (config, queue, data):
            directory.mkdir()
        shutil.chown(data, "postfix")
        settings = {
            "compatibility_level": "3.6", "queue_directory": queue, "data_directory": data,
            "inet_interfaces": "loopback-only", "inet_protocols": "ipv4", "mynetworks": f"{LOCAL}/32",
            "mydestination": "", "alias_maps": "", "alias_database": "", "maillog_file": self.log,
            "maillog_file_prefixes": self.directory, "message_size_limit": "0",
            "mailbox_size_limit": "0", "queue_minfree": "0",
        } | settings
        (config / "main.cf").write_text("".join(f"{name} = {value}\n"
                                                for name, value in settings.items()))
        (config / "master.cf").write_text(SERVICES.format(port=f"{LOCAL}:{self.port}"))
        self.config = config
        started = self.command("postfix", "start")
        assert started.returncode == 0, started.stdout + self.text()
        try:
            wait_until(lambda: greets(self.port), "Postfix listens")
        except BaseException:
            self.stop()
            raise

    def command(self, program, *arguments):
        """Runs a program of Postfix on this instance."""
        return run(f"/usr/sbin/{program}", "-c", self.config, *arguments,
                   stdin=subprocess.DEVNULL)

    def text(self):
        """The log so far."""
        return self.log.read_text() if self.log.exists() else ""

    def stop(self):
        self.command("postfix", "stop")
        pid = (self.directory / "queue/pid/master.pid").read_text().strip()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "Postfix has exited")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
